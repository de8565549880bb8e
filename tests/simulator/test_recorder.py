"""What a run keeps for its report: bounded, whole, and the same after JSON."""

from dataclasses import replace

import pytest

from firmware.journal import ReadingDropped, ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost
from simulator.fault import Fault, FaultKind
from simulator.happenings import (
    CommandGiven,
    DatagramDropped,
    FaultBegan,
    GatewayEnded,
    LightSet,
    NodeBooted,
    NodeSaid,
    NodeStopped,
    ReadingDelivered,
    Sampled,
)
from simulator.record import (
    LIT,
    NO_POWER,
    OUT_OF_TOUCH,
    REGISTERED,
    FailureRecord,
    Outcome,
    Record,
    Span,
)
from simulator.recording import recorder as recorder_module
from simulator.recording import waiting
from simulator.recording.node_life import HISTORY_MAX, NodeLife
from simulator.recording.recorder import Recorder
from simulator.recording.series import BUCKETS_MAX, Buckets, Count, Gauge, Quantiles
from simulator.result import Check, FirstFailure, Result, Score, Tally
from tests.simulator import made_up_run
from tests.simulator.made_up_run import GATEWAY, MadeUpRun, Night

S = 1_000_000
NIGHT = Night()
LAMP = made_up_run.node_facts(1)


def recorded(night: Night) -> Record:
    run = MadeUpRun(night)
    recorder = Recorder(made_up_run.facts(night))
    for happening in run.happenings():
        recorder.take(happening)
    return recorder.finish(round(night.end_s + 90) * S, made_up_run.outcome(run))


@pytest.fixture(scope="module")
def bad_night() -> Record:
    return recorded(NIGHT)


def told(*happenings, end_s=1000) -> Record:
    recorder = Recorder(made_up_run.facts(Night(nodes=3, hours=1)))
    for happening in happenings:
        recorder.take(happening)
    return recorder.finish(end_s * S, made_up_run.outcome(MadeUpRun(Night(nodes=3))))


def taken(time_s, sequence):
    return NodeSaid(time_s * S, LAMP.endpoint,
                    ReadingTaken(1, sequence, (3416, 0, 3), 100, time_s * 1000))


def delivered(time_s, sequence):
    return ReadingDelivered(time_s * S, GATEWAY, LAMP.endpoint, 1, sequence, "readings", "", "",
                            0)


def of(record, facts):
    return next(node for node in record.nodes if node.facts == facts)


def test_record_is_the_same_after_json(bad_night):
    assert Record.from_json(bad_night.to_json()) == bad_night


def test_readings_that_never_arrived_are_named_with_when_the_gateway_had_them(bad_night):
    (lost,) = bad_night.lost
    robbed = next(node for node in bad_night.nodes if node.missing)
    assert robbed.facts.name == made_up_run.ROBBED_BIN
    assert (lost.endpoint, lost.path) == (robbed.facts.endpoint, "/3435/0/2")
    assert lost.taken_us < lost.acknowledged_us < NIGHT.killed[0] * S


def test_faults_have_their_times(bad_night):
    blackout = next(each for each in bad_night.faults if each.kind == FaultKind.BLACKOUT)
    assert (blackout.begin_us, blackout.end_us) == tuple(s * S for s in NIGHT.blackout)
    (outage,) = bad_night.outages
    assert (outage.cause, outage.span) == ("kill", Span(*(s * S for s in NIGHT.killed)))


def test_figures_show_the_blackout_and_the_broker_that_was_away(bad_night):
    registered = bad_night.named("registered")
    queue = bad_night.named(f"uplink_depth_city/{GATEWAY}")
    at = round(NIGHT.blackout[0] + 120) * S // bad_night.bucket_us
    assert registered.values[at - 10] == 60 and registered.values[at] == 30
    assert max(queue.highs) == queue.highs[NIGHT.broker_down[1] * S // bad_night.bucket_us]


def test_commands_that_were_not_done_are_kept(bad_night):
    assert bad_night.commands == {"given": 2, "done": 1, "expired": 1}
    assert [each.outcome for each in bad_night.commands_not_done] == ["expired"]


def test_command_that_nobody_answered_is_told_at_the_end():
    record = told(CommandGiven(5 * S, GATEWAY, LAMP.endpoint, "c9", "write", "/3416/0/1", 1, 60))
    assert record.commands == {"given": 1, "unanswered": 1}
    assert record.commands_not_done[0].answered_us is None


def test_history_of_a_node_says_when_it_had_power_registration_and_light():
    record = told(
        NodeBooted(1 * S, LAMP.endpoint, "power"), LightSet(2 * S, LAMP.endpoint, 1000),
        NodeSaid(9 * S, LAMP.endpoint, Registered("/rd/1")),
        NodeSaid(50 * S, LAMP.endpoint, RegistrationLost("timeout")),
        NodeStopped(80 * S, LAMP.endpoint, "power"), LightSet(80 * S, LAMP.endpoint, 0))
    node = of(record, LAMP)
    assert node.history == ((1, OUT_OF_TOUCH), (2, OUT_OF_TOUCH + LIT), (9, REGISTERED + LIT),
                            (50, OUT_OF_TOUCH + LIT), (80, NO_POWER))
    assert node.out_of_touch == Span(50 * S, 80 * S)
    assert (node.registrations, node.registered_us, node.lost) == (1, 9 * S, {"timeout": 1})


def test_reading_that_waits_long_holds_its_node_up():
    record = told(taken(10, 1), delivered(900, 1))
    assert of(record, LAMP).held_up == (Span(610 * S, 900 * S),)
    assert record.named("latency").values[-1] == pytest.approx(890, rel=0.1)


def test_copy_of_a_reading_counts_once():
    record = told(taken(10, 1), delivered(11, 1), delivered(12, 1))
    assert (of(record, LAMP).delivered, sum(record.named("delivered").values)) == (1, 1)


def test_reading_that_its_node_gave_up_is_not_missing():
    record = told(taken(10, 1), taken(11, 2),
                  NodeSaid(20 * S, LAMP.endpoint, ReadingDropped(1, 1, "full")))
    assert of(record, LAMP).dropped == {"full": 1}
    assert [each.sequence for each in record.lost] == [2]


def test_what_never_ended_ends_with_the_run():
    fault = Fault(10, FaultKind.DISK_FULL, GATEWAY, 60)
    record = told(FaultBegan(10 * S, fault), GatewayEnded(30 * S, GATEWAY, "stop"))
    assert record.faults[0].end_us == 1000 * S
    assert record.outages[0].span == Span(30 * S, 1000 * S)


def test_what_is_beyond_the_bounds_is_counted(monkeypatch):
    monkeypatch.setattr(recorder_module, "FAULTS_MAX", 2)
    monkeypatch.setattr(waiting, "LOST_MAX", 2)
    faults = [FaultBegan(n * S, Fault(n, FaultKind.NODE_RESET, "lamp 2")) for n in range(5)]
    record = told(*faults, *(taken(20, sequence) for sequence in range(5)))
    assert (len(record.faults), record.faults_left_out) == (2, 3)
    assert (len(record.lost), of(record, LAMP).missing) == (2, 5)


def test_happenings_of_unknown_nodes_and_lost_datagrams_are_no_trouble():
    stranger = ("10.9.9.9", 1)
    record = told(NodeBooted(1, "urn:x", "power"), LightSet(1, "urn:x", 5),
                  NodeSaid(1, "urn:x", Registered("/rd")),
                  DatagramDropped(1, stranger, stranger, b"", "mtu"))
    assert record.datagrams == {"mtu": 1}


def test_history_is_bounded_and_keeps_the_long_states():
    node = NodeLife(LAMP)
    node.boot(0, "power")
    node.register(100 * S)
    for number in range(200):
        node.lose_registration((10_000 + 10 * number) * S, "timeout")
        node.register((10_001 + 10 * number) * S)
    node.stop(50_000 * S)
    history = node.record(60_000 * S).history
    assert len(history) <= HISTORY_MAX
    assert history[:2] == ((0, OUT_OF_TOUCH), (100, REGISTERED))
    assert history[-1] == (50_000, NO_POWER)


def test_run_that_goes_on_for_years_keeps_its_number_of_buckets():
    buckets = Buckets(3600)
    count, gauge, times = (kind(buckets, "x", "") for kind in (Count, Gauge, Quantiles))
    for hour in range(24 * 800):
        count.add(hour * 3600 * S)
        gauge.set(hour * 3600 * S, hour % 24)
        times.add(hour * 3600 * S, 5)
    end_us = 24 * 800 * 3600 * S
    for figure in (count, gauge, times):
        assert 200 < len(figure.series(end_us).values) <= BUCKETS_MAX
    assert sum(count.series(end_us).values) == 24 * 800
    assert gauge.series(end_us).lows[3] == 0 and gauge.series(end_us).highs[3] == 23


def test_mean_of_a_gauge_weighs_values_by_their_time():
    buckets = Buckets(100)
    gauge = Gauge(buckets, "x", "")
    gauge.set(0, 10)
    gauge.set(S // 4, 2)
    series = gauge.series(3 * S)
    assert series.values[0] == 4 and series.values[1:3] == (2, 2)
    assert (series.lows[0], series.highs[0]) == (2, 10)


def test_what_is_sampled_becomes_a_series_of_its_name():
    name = "tasks/gateway-1"
    record = told(Sampled(10 * S, {name: 4}), Sampled(20 * S, {name: 9}))
    assert record.named(name).highs[:4] == (None, 4, 9, 9)


def test_light_of_many_days_is_kept_by_night_and_half_hour():
    facts = replace(made_up_run.facts(Night(nodes=2)), duration_s=9 * 86400)
    recorder = Recorder(facts)
    evening_s = 40 * 60  # The run begins at 17:20.
    for night in range(9):
        for time_s, permille in ((evening_s, 1000), (evening_s + 6 * 3600, 0)):
            recorder.take(LightSet((night * 86400 + time_s) * S, LAMP.endpoint, permille))
    carpet = recorder.finish(9 * 86400 * S, Outcome((), (), Tally(0, 0, 0, 0, 0, 0), 1)).carpet
    noon_to_six, lit = [0] * 12, [100] * 12
    assert list(carpet.percent[3]) == noon_to_six + lit + [0] * 24


def test_short_run_has_no_carpet(bad_night):
    assert bad_night.carpet is None


def test_node_that_signs_off_has_not_lost_its_registration():
    record = told(NodeBooted(1 * S, LAMP.endpoint, "power"),
                  NodeSaid(2 * S, LAMP.endpoint, Registered("/rd/1")),
                  NodeSaid(90 * S, LAMP.endpoint, RegistrationLost("de-registered")))
    node = of(record, LAMP)
    assert (node.lost, node.history[-1]) == ({}, (90, NO_POWER))


def test_outcome_is_what_a_result_says():
    tally = Tally(5, 4, 0, 0, 0, 1)
    result = Result(
        "street", 1, 3, 60, 1.5, 3, tally, 9, 0, 900, "oscore", (),
        (Check("no reading is lost", False, "1 missing"), Check("order is kept", True, "")),
        "ab", (FirstFailure("no reading is lost", 7, "lamp 2", "is gone", "event"),),
        (Score("fires missed", 0, "", "of 1"),))
    outcome = Outcome.of(result, {"no reading is lost": 4})
    lost, kept = outcome.checks
    assert (lost.count, lost.first) == (4, FailureRecord(7, "lamp 2", "is gone", "event"))
    assert (kept.ok, kept.first) == (True, None)
    assert (outcome.readings, outcome.scores[0].name) == (tally, "fires missed")
