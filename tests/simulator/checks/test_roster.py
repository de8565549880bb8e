"""All checks together: any stream is judged, and what is found becomes a result."""

import json
import typing

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost, Stopped
from protocol import coap_message as coap
from protocol.coap_message import Message
from simulator.checks.bounds import Bounds
from simulator.checks.check import FAILURES_MAX, Check, clock_text
from simulator.checks.roster import Roster
from simulator.fault import Fault, FaultKind
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
    DatagramSent,
    FaultBegan,
    FaultEnded,
    GatewayEnded,
    GatewayStarted,
    Happening,
    JournalSeen,
    KeysChanged,
    LightSet,
    NodeBooted,
    NodeObeyed,
    NodeSaid,
    NodeStopped,
    ObservationBegan,
    ReadingDelivered,
    Sampled,
    StoreSeen,
    TruthChanged,
    ValueObserved,
)
from simulator.number_set import NumberSet
from simulator.result import Result, Score
from tests.simulator.checks.stage import (
    ADDRESSES,
    BIN,
    GATEWAY,
    GATEWAY_ADDRESS,
    LAMP,
    Stage,
    facts,
)

NODES = st.sampled_from((LAMP, BIN, "urn:stranger"))
GATEWAYS = st.sampled_from((GATEWAY, "gateway-2"))
NUMBERS, BOOTS = st.integers(0, 6), st.integers(0, 2)
PATHS = st.sampled_from(((3416, 0, 3), (3416, 0, 5), (65000, 0, 1)))
ADDRESS = st.sampled_from((GATEWAY_ADDRESS, *ADDRESSES.values(), ("10.9.9.9", 1)))
EVENTS = st.one_of(
    st.builds(Registered, st.just("/rd/1")), st.builds(RegistrationLost, st.just("4.04")),
    st.builds(Stopped), st.builds(ReadingTaken, BOOTS, NUMBERS, PATHS, st.integers(), NUMBERS),
    st.builds(ReadingsAcknowledged, BOOTS, st.lists(NUMBERS, max_size=3)),
    st.builds(ReadingDropped, BOOTS, NUMBERS, st.sampled_from(("full", "damaged"))))
FAULTS = st.builds(Fault, st.just(1.0), st.sampled_from(FaultKind),
                   st.sampled_from(("all", "lamp 1", "lamp*", GATEWAY, "city", "circuit 9")),
                   st.sampled_from((0.0, 5.0)), st.just(3.0))
DATAGRAMS = st.one_of(st.binary(max_size=20), st.builds(
    lambda code, value: coap.encode(
        Message(coap.CON, code, 1, b"tokn", [(coap.OSCORE, value)], b"ciphertext")),
    st.sampled_from((coap.POST, coap.CHANGED)), st.binary(max_size=12)))
COMMAND = st.sampled_from(("a", "b"))
HAPPENINGS = st.one_of(
    st.tuples(st.just(NodeSaid), NODES, EVENTS),
    st.tuples(st.just(NodeBooted), NODES, st.just("power")),
    st.tuples(st.just(NodeStopped), NODES, st.just("power")),
    st.tuples(st.just(JournalSeen), NODES, st.just(((1, 2, 3),))),
    st.tuples(st.just(NodeObeyed), NODES, st.sampled_from(("write", "execute")),
              st.sampled_from(("/3416/0/1", "/3416/0/51", "/3/0/13")), st.integers(0, 100)),
    st.tuples(st.just(LightSet), NODES, st.integers(0, 1000)),
    st.tuples(st.just(GatewayStarted), GATEWAYS),
    st.tuples(st.just(GatewayEnded), GATEWAYS, st.sampled_from(("stop", "kill"))),
    st.tuples(st.just(StoreSeen), GATEWAYS, st.just(((LAMP, 1, 1, 2),)),
              st.just(((LAMP, 1, 4, 5, "node reset"),))),
    st.tuples(st.just(KeysChanged), GATEWAYS, NODES),
    st.tuples(st.just(ObservationBegan), GATEWAYS, NODES, st.just("/3416/0/3")),
    st.tuples(st.just(ValueObserved), GATEWAYS, NODES, st.just("/3416/0/3"), st.just("x")),
    st.tuples(st.just(ReadingDelivered), GATEWAYS, NODES, st.one_of(BOOTS, st.just("unsequenced")),
              NUMBERS, st.just("readings"), st.just("/3416/0/3"), st.just("/3416/0/3=1"),
              st.integers()),
    st.tuples(st.just(CommandGiven), GATEWAYS, NODES, COMMAND, st.just("dim"), st.just(""),
              st.tuples(st.integers(0, 100), st.one_of(st.none(), NUMBERS)), NUMBERS),
    st.tuples(st.just(CommandGiven), GATEWAYS, NODES, COMMAND, st.just("write"),
              st.just("/3416/0/4"), st.integers(0, 100), NUMBERS),
    st.tuples(st.just(CommandAnswered), GATEWAYS, NODES, COMMAND,
              st.sampled_from(("done", "failed", "expired", "unknown")), st.just("")),
    st.tuples(st.just(FaultBegan), FAULTS), st.tuples(st.just(FaultEnded), FAULTS),
    st.tuples(st.just(TruthChanged), st.just("circuit 1"),
              st.sampled_from(("sun", "mains", "fire")), st.sampled_from((0.0, 1.0))),
    st.tuples(st.just(Sampled), st.just({"tasks": 5.0})),
    st.tuples(st.just(DatagramSent), ADDRESS, ADDRESS, DATAGRAMS))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 3_000_000_000), HAPPENINGS), max_size=60))
def test_any_stream_is_judged(steps):
    roster, now_us = Roster(Bounds(), facts()), 0
    for step_us, (kind, *values) in steps:
        now_us += step_us
        roster.take(kind(now_us, *values))
    roster.end(now_us)
    assert [verdict.ok for verdict in roster.verdicts()] == [not each.count
                                                             for each in roster.checks]
    tally = roster.book.tally()
    assert tally.taken == (
        tally.delivered + tally.explained + tally.in_flight + tally.missing)


def test_checks_ask_for_happenings_that_exist():
    roster = Roster(Bounds(), facts())
    assert set(roster.handlers) <= set(typing.get_args(Happening))
    names = [check.name for check in roster.checks]
    assert len(set(names)) == len(names) == 15


def test_handlers_that_a_stream_calls_judge_as_the_roster_itself():
    stage, other = Stage(), Roster(Bounds(), facts())
    takers = []
    other.subscribe(lambda kinds, take: takers.append((kinds, take)))
    for happening in (NodeBooted(0, LAMP, "power"),
                      NodeSaid(5, LAMP, ReadingTaken(1, 1, (3416, 0, 3), 5, 0)),
                      NodeSaid(9, LAMP, ReadingTaken(1, 1, (3416, 0, 3), 5, 0))):
        stage.roster.take(happening)
        for kinds, take in takers:
            if type(happening) in kinds:
                take(happening)
    assert stage.roster.failures() == other.failures()
    assert other.failures()[0].what == "gave the number 1:1 twice"


def test_verdict_names_the_first_failure_and_counts_the_others():
    stage = Stage().begin().pass_on(1)
    stage.now_us = 3_725_004_000
    stage.take(1).take(1)
    verdict = next(each for each in stage.roster.verdicts() if not each.ok)
    assert verdict.detail == "01:02:05.004 lamp 1: gave the number 7:1 twice (and 1 more)"
    assert "ReadingTaken" in stage.roster.first_events()[verdict.name]


def test_result_says_what_broke_first_and_how_to_see_it_again():
    stage = Stage().begin().take(1).take(1).take(2).take(2)
    result = Result("street", 7, 3, 200, 1.0, 3, stage.roster.book.tally(), 0, 0, 0, "oscore", (),
                    stage.roster.verdicts(), "ab", stage.roster.first_failures(),
                    (Score("fill error", 1.5, "%", "mean"),), "faubourg-sim run street --seed 7")
    told = json.loads(result.to_json())
    [failure] = told["failures"]
    assert (failure["check"], failure["time_s"]) == ("no reading counts twice", 200.0)
    assert failure["what"] == "gave the number 7:1 twice"
    assert told["scores"][0]["value"] == 1.5
    assert told["replay"] == "faubourg-sim run street --seed 7"
    assert not result.is_ok


def test_check_remembers_some_failures_and_counts_all():
    class Nothing(Check):
        name = "nothing happens"

        def handlers(self):
            return {}

    check = Nothing()
    for number in range(FAILURES_MAX + 5):
        check.fail(number, "somebody", "did something")
    assert (len(check.failures), check.count) == (FAILURES_MAX, FAILURES_MAX + 5)


def test_times_are_told_from_the_run_s_begin():
    assert clock_text(86_399_999_999) == "23:59:59.999"
    assert clock_text(90_000_000_000) == "1d 01:00:00.000"


RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=12)


@given(RANGES, RANGES)
def test_number_set_is_a_set(some, others):
    numbers, plain, taken_away = NumberSet(), set(), NumberSet()
    for first, length in some:
        news = set(range(first, first + length)) - plain
        assert numbers.add_range(first, first + length - 1) == len(news)
        plain |= news
    for first, length in others:
        taken_away.add_range(first, first + length - 1)
    left = numbers.without(taken_away)
    assert {number for number in range(60) if number in numbers} == plain
    assert {number for number in range(60) if number in left} == {
        number for number in plain if number not in taken_away}
    assert (numbers.size, left.size) == (len(plain), sum(n in left for n in range(60)))
    assert all(last + 1 < first for (_, last), (first, _) in zip(
        numbers.ranges(), numbers.ranges()[1:], strict=False))
