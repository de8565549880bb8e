"""The checks of commands, lamps and registrations: what passes, and what each finds first."""

import pytest

from firmware.lwm2m_client import Registered
from simulator.checks.bounds import Bounds
from simulator.fault import FaultKind
from simulator.happenings import (
    CommandAnswered,
    NodeBooted,
    NodeSaid,
    ObservationBegan,
    ObservationEnded,
    Sampled,
    ValueObserved,
)
from tests.simulator.checks.stage import ADDRESSES, GATEWAY, LAMP, OTHER_LAMP, Stage

COMMANDS = "commands happen once and are answered"
LAMPS, OVERRIDES = "lamps burn at night and rest by day", "overrides hold until they end"
REGISTERED, STORM = "every node registers again", "registrations are no storm"
OBSERVED, BOUNDED = "who observes hears of changes", "queues and memory are bounded"
LEVEL_PATH = "/3416/0/3"


@pytest.fixture
def stage():
    return Stage().begin()


@pytest.fixture
def night():
    """It is night, and the lamps burn."""
    stage = Stage().mains(True).sun(True).begin().sun(False)
    for lamp in (LAMP, OTHER_LAMP):
        stage.light(1000, lamp)
    return stage


# Commands


def test_command_that_is_carried_out_and_answered_breaks_nothing(stage):
    stage.give("a").wait(5).obey(operation="execute").answer("a")
    stage.give("b", expires_s=60).wait(61).answer("b", "expired")
    stage.give("c").answer("c", "failed").wait(3600).assert_holds()


def test_execute_that_happens_twice_is_found(stage):
    stage.give("a").obey(operation="execute").wait(60).obey(operation="execute").answer("a")
    stage.assert_fails(COMMANDS, "lamp 1", "command a was carried out again")


def test_two_executes_of_two_commands_are_right(stage):
    stage.give("a").give("b").obey(operation="execute").obey(operation="execute")
    stage.answer("a").answer("b").assert_holds()


def test_write_may_be_repeated_until_it_is_answered(stage):
    stage.give("a", "write", "/3416/0/4", 70).obey("/3416/0/4", 70).wait(30)
    stage.obey("/3416/0/4", 70).answer("a").assert_holds()


@pytest.mark.parametrize("outcome", ["done", "failed", "expired"])
def test_write_after_its_result_was_told_is_found(stage, outcome):
    stage.give("a", "write", "/3416/0/4", 70, expires_s=1)
    if outcome == "done":
        stage.obey("/3416/0/4", 70)
    stage.wait(5).answer("a", outcome).obey("/3416/0/4", 70)
    stage.assert_fails(COMMANDS, f"carried out after '{outcome}' was told")


def test_unknown_may_have_happened_or_happen_still(stage):
    stage.give("a").obey(operation="execute").answer("a", "unknown")
    stage.give("b").answer("b", "unknown").obey(operation="execute").assert_holds()


def test_done_without_a_deed_is_found(stage):
    stage.give("a").answer("a")
    stage.assert_fails(COMMANDS, "'done', and the node has not done it")


def test_expired_after_the_deed_is_found(stage):
    stage.give("a", expires_s=10).obey(operation="execute").wait(20).answer("a", "expired")
    stage.assert_fails(COMMANDS, "'expired', and the node has done it")


def test_result_that_changes_is_found_and_one_that_comes_again_is_right(stage):
    stage.give("a").obey(operation="execute").answer("a").answer("a")
    assert stage.broken() == {}
    stage.answer("a", "unknown")
    stage.assert_fails(COMMANDS, "told 'done', then 'unknown'")


def test_result_of_nothing_is_found(stage):
    stage.tell(CommandAnswered, GATEWAY, LAMP, "x", "done", "")
    stage.assert_fails(COMMANDS, "command x was answered, but never given")


def test_command_without_a_result_is_found_soon_after_its_end(stage):
    stage.give("a", expires_s=600).wait(960)
    assert COMMANDS in stage.broken()
    stage.assert_fails(COMMANDS, "no result 300 s after its end")
    assert stage.roster.failures()[0].time_us == (200 + 900) * 1_000_000


def test_result_may_wait_for_a_back_end_that_was_away(stage):
    stage.give("a", expires_s=60).obey(operation="execute")
    stage.fault(FaultKind.BROKER_DOWN, "city", 7200).wait(200).answer("a").assert_holds()


def test_result_does_not_wait_for_ever_after_trouble(stage):
    stage.give("a", expires_s=60).fault(FaultKind.BROKER_DOWN, "city", 7200).wait(300)
    assert stage.broken() == {}
    stage.wait(120)
    stage.assert_fails(COMMANDS, "no result")


@pytest.mark.parametrize("step_s", [3600, 0])
def test_command_that_expires_too_early_is_found_also_after_a_clock_step(stage, step_s):
    stage.give("a", expires_s=4000)
    if step_s:
        stage.fault(FaultKind.CLOCK_STEP, GATEWAY, 0, step_s)
    stage.wait(500).answer("a", "expired")
    stage.assert_fails(COMMANDS, "expired before its 4000 s were over")


def test_stepped_clock_may_end_a_command_when_the_gateway_starts(stage):
    stage.give("a", expires_s=3000).fault(FaultKind.CLOCK_STEP, GATEWAY, 0, 3600)
    stage.crash().answer("a", "expired").assert_holds()


# Light


def test_lamps_that_burn_from_dusk_to_dawn_break_nothing(night):
    night.wait(8 * 3600).sun(True).wait(900).light(0).light(0, OTHER_LAMP).wait(8 * 3600)
    night.sun(False).wait(1800).light(1000).light(1000, OTHER_LAMP).wait(3600).assert_holds()


def test_lamp_that_is_dark_at_night_is_found_in_the_night(night):
    night.wait(3600).light(0).wait(3700)
    assert LAMPS in night.broken()
    night.assert_fails(LAMPS, "lamp 1", "dark at night for more than 3600 s")


def test_lamp_that_burns_by_day_is_found(night):
    night.light(0, OTHER_LAMP).sun(True).wait(4000)
    night.assert_fails(LAMPS, "lamp 1", "lit by day")


def test_lamp_without_mains_is_not_blamed(night):
    night.mains(False).stop(LAMP).stop(OTHER_LAMP).light(0).light(0, OTHER_LAMP).wait(5 * 3600)
    for lamp in (LAMP, OTHER_LAMP):
        night.boot(lamp).register(lamp)
    night.mains(True).wait(30).light(1000).light(1000, OTHER_LAMP).wait(4000).assert_holds()


def test_lamp_that_the_city_puts_out_may_be_dark_until_then_and_not_longer(night):
    night.dim("a", 0, 7200).light(0).wait(7100)
    assert night.broken() == {}
    night.wait(3800)
    night.assert_fails(LAMPS, "lamp 1", "dark at night")


def test_command_that_failed_excuses_no_darkness(night):
    night.give("a", "dim", "", (0, 36_000)).answer("a", "failed").light(0).wait(4000)
    night.assert_fails(LAMPS, "dark at night")


def test_written_schedule_may_leave_a_lamp_dark_and_a_default_level_may_not(night):
    night.give("a", "write", "/3416/0/4", 40).obey("/3416/0/4", 40).answer("a").light(0)
    assert LAMPS in night.wait(4000).broken()
    night = Stage().begin().sun(False).light(0)
    night.give("a", "write", "/3452/0/5", "S").obey("/3452/0/5", "S").answer("a")
    night.wait(9000).assert_holds()


def test_override_that_holds_over_a_reset_breaks_nothing(night):
    night.dim("a", 30, 7200).light(300).wait(1800).stop(LAMP, cause="watchdog")
    night.light(1000).boot(LAMP, "watchdog").wait(5).light(300).register(LAMP).wait(4500)
    night.light(1000).wait(600).assert_holds()


def test_override_that_a_reset_forgets_is_found(night):
    night.dim("a", 30, 7200).light(300).wait(1800).stop(LAMP, cause="watchdog")
    night.light(1000).boot(LAMP, "watchdog").register(LAMP).wait(600)
    night.assert_fails(OVERRIDES, "lamp 1", "gives 100 % of its light", "30 %")


def test_override_that_was_written_and_never_seen_is_found(night):
    night.dim("a", 30, 7200).wait(600)
    night.assert_fails(OVERRIDES, "lamp 1")


def test_override_may_end_with_the_clock_that_it_ends_by(night):
    night.dim("a", 30, 7200).light(300).fault(FaultKind.CLOCK_STEP, GATEWAY, 0, 3600)
    night.wait(3600).light(1000).wait(3600).assert_holds()


def test_resumed_lamp_is_under_no_override(night):
    night.dim("a", 30, 7200).light(300).wait(600)
    night.give("b", "resume", "", None).obey("/3416/0/51", 0).answer("b").light(1000)
    night.wait(3600).assert_holds()


# Registrations


def test_node_that_registers_again_breaks_nothing(stage):
    stage.lose_registration(LAMP).wait(300).register(LAMP).wait(3600).assert_holds()


def test_node_that_does_not_register_again_is_found(stage):
    stage.lose_registration(LAMP).wait(1000)
    assert REGISTERED in stage.broken()
    stage.assert_fails(REGISTERED, "lamp 1", "not registered 900 s after")
    assert stage.roster.failures()[0].time_us == (200 + 900) * 1_000_000


@pytest.mark.parametrize(("kind", "target"), [
    (FaultKind.PARTITION, "lamp 1"), (FaultKind.PARTITION, "lamp*"), (FaultKind.LOSS, "all"),
    (FaultKind.GATEWAY_KILL, GATEWAY), (FaultKind.BLACKOUT, "circuit 1")])
def test_registration_may_wait_for_the_last_fault_that_touches_the_node(stage, kind, target):
    stage.lose_registration(LAMP).fault(kind, target, 7200).wait(800).register(LAMP)
    stage.assert_holds()


def test_fault_elsewhere_is_no_excuse_for_a_lost_node(stage):
    stage.lose_registration(LAMP).fault(FaultKind.PARTITION, "lamp 2", 1000)
    stage.assert_fails(REGISTERED, "lamp 1")


def test_node_without_power_need_not_register_and_one_that_never_had_any_is_found(stage):
    stage.stop(LAMP).wait(9000)
    assert stage.broken() == {}
    nobody = Stage()
    for endpoint in list(ADDRESSES)[1:]:
        nobody.boot(endpoint).register(endpoint)
    nobody.assert_fails(REGISTERED, "lamp 1", "never had power")


def test_storm_of_registrations_is_found_once():
    stage = Stage(Bounds(registrations_per_s_max=2)).begin()
    for _ in range(30):
        stage.register(LAMP).wait(0.1)
    stage.assert_fails(STORM, "21 registrations within 10 s")
    assert len(stage.roster.failures()) == 1


def test_spread_registrations_are_no_storm():
    stage = Stage(Bounds(registrations_per_s_max=2)).begin()
    for _ in range(100):
        stage.register(LAMP).wait(0.6)
    stage.assert_holds()


# What is sampled, and what is observed


def test_sample_beyond_its_bound_is_found_once_each_time(stage):
    for value in (5, 2_000_000, 3_000_000, 7, 2_000_000):
        stage.tell(Sampled, {"uplink_depth_city/gateway-1": value, "nodes registered": 9e9})
    assert len(stage.roster.failures()) == 2
    stage.assert_fails(BOUNDED, "gateway-1", "uplink_depth_city is 2e+06, allowed are 1000000")


def test_observed_change_that_is_heard_breaks_nothing(stage):
    stage.tell(ObservationBegan, GATEWAY, LAMP, LEVEL_PATH).pass_on(1, value=40)
    stage.tell(ValueObserved, GATEWAY, LAMP, LEVEL_PATH, "/3416/0/3=40").wait(300)
    # There and back before anybody could be told.
    stage.pass_on(2, value=90).pass_on(3, value=40).wait(300)
    stage.tell(ObservationEnded, GATEWAY, LAMP, LEVEL_PATH).pass_on(4, value=10).wait(300)
    stage.assert_holds()


def test_observation_that_a_registration_has_lost_is_found(stage):
    stage.tell(ObservationBegan, GATEWAY, LAMP, LEVEL_PATH).lose_registration(LAMP)
    stage.register(LAMP).pass_on(1, value=40).wait(300)
    stage.assert_fails(OBSERVED, "lamp 1", "/3416/0/3=40 was not heard")


def test_nobody_is_blamed_before_nodes_have_said_anything():
    stage = Stage()
    for endpoint in ADDRESSES:
        stage.tell(NodeBooted, endpoint, "power").tell(NodeSaid, endpoint, Registered("/rd/1"))
    stage.wait(7200).assert_holds()
    assert stage.roster.book.tally().taken == 0
