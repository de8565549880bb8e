"""The checks of readings: what they let pass, and what each of them finds first."""

import pytest

from simulator.checks.bounds import Bounds
from simulator.fault import FaultKind
from simulator.happenings import JournalSeen
from tests.simulator.checks.stage import (
    BOOT,
    EMPTIED,
    FAILURE,
    GATEWAY,
    LAMP,
    OTHER_LAMP,
    Stage,
)

LOST, TWICE, ORDER = ("no reading is lost", "no reading counts twice",
                      "order is kept in every lane")
URGENT, DATED = "urgent readings arrive in time", "readings are dated right"
BOUNDED = "queues and memory are bounded"


@pytest.fixture
def stage():
    return Stage().begin()


def test_readings_that_arrive_in_order_break_nothing(stage):
    for sequence in range(1, 6):
        stage.pass_on(sequence).wait(10)
    stage.pass_on(6, path=FAILURE, value=True).assert_holds()
    assert stage.roster.book.tally().delivered == 6


def test_reading_that_never_arrives_is_lost(stage):
    stage.take(1).acknowledge(1)
    stage.assert_fails(LOST, "lamp 1", f"{BOOT}:1 never arrived")
    assert stage.roster.book.tally().missing == 1


def test_reading_that_something_still_holds_at_the_end_is_not_drained(stage):
    stage.take(1).acknowledge(1).see_store((LAMP, BOOT, 1, 1))
    stage.assert_fails(LOST, "something holds them")
    assert stage.roster.book.tally().in_flight == 1


def test_acknowledged_reading_that_a_kill_has_cost_is_found_as_the_gateway_starts(stage):
    stage.take(1).take(2).acknowledge(1, 2).crash((LAMP, BOOT, 1, 1))
    started_us = stage.now_us
    stage.wait(600).deliver(1, age_s=605)
    stage.assert_fails(LOST, f"readings {BOOT}:2 acknowledged", "gateway-1")
    assert stage.roster.failures()[0].time_us == started_us
    assert len(stage.roster.failures()) == 1


def test_acknowledged_readings_in_the_store_or_at_the_city_survive_a_power_cut(stage):
    stage.pass_on(1).take(2).acknowledge(2)
    stage.crash((LAMP, BOOT, 2, 2), cause="power cut").deliver(2, age_s=5).assert_holds()


def test_reading_that_is_not_on_the_flash_of_a_node_that_stopped_is_lost_at_once(stage):
    stage.take(1).take(2).stop(LAMP, [(BOOT, 1, 1)])
    assert LOST in stage.broken()
    stage.deliver(1)
    stage.assert_fails(LOST, f"readings {BOOT}:2 not acknowledged, and not on the node's flash")


def test_readings_on_the_flash_survive_a_reset(stage):
    stage.take(1).take(2).stop(LAMP, [(BOOT, 1, 2)]).boot(LAMP).register(LAMP)
    stage.acknowledge(1, 2).deliver(1).deliver(2).assert_holds()


def test_what_a_full_flash_left_in_memory_is_explained_when_the_node_stops(stage):
    stage.fault(FaultKind.FLASH_FULL, "lamp 1", 60).take(1).stop(LAMP)
    stage.assert_holds()
    assert stage.roster.book.tally().explained == 1


def test_full_flash_of_another_node_explains_nothing(stage):
    stage.fault(FaultKind.FLASH_FULL, "lamp 2", 60).take(1).stop(LAMP)
    stage.assert_fails(LOST, "lamp 1")


def test_node_that_is_cut_as_it_forgets_need_not_say_so_if_the_city_has_it(stage):
    stage.fault(FaultKind.NODE_POWER_CUT, "lamp 1", 1).take(1).stop(LAMP).deliver(1)
    stage.assert_holds()


def test_cut_explains_no_loss(stage):
    stage.fault(FaultKind.NODE_POWER_CUT, "lamp 1", 1).take(1).stop(LAMP)
    stage.assert_fails(LOST, "never arrived")


def test_reading_that_nobody_took_is_found_as_it_arrives(stage):
    stage.pass_on(1).deliver(2)
    stage.assert_fails(LOST, f"{BOOT}:2 arrived, but was never taken")


def test_reading_that_arrives_with_another_value_is_found(stage):
    stage.take(1, value=50).acknowledge(1).deliver(1, value=51)
    stage.assert_fails(LOST, "/3416/0/3=51, which is not what was taken")


def test_full_journal_explains_what_it_gave_up():
    stage = Stage(Bounds(journal_full_readings_min=3)).begin()
    for sequence in range(1, 5):
        stage.take(sequence)
    stage.drop(1, "full")
    for sequence in range(2, 5):
        stage.acknowledge(sequence).deliver(sequence)
    stage.assert_holds()
    assert stage.roster.book.tally().explained == 1


@pytest.mark.parametrize("reason", ["full", "damaged"])
def test_reason_that_cannot_be_is_none(stage, reason):
    stage.take(1).drop(1, reason)
    stage.assert_fails(LOST, f"as '{reason}'", "nothing wrong with its flash")


def test_alarm_that_is_given_up_before_measurements_is_found():
    stage = Stage(Bounds(journal_full_readings_min=1)).begin()
    stage.take(1).take(2, path=FAILURE, value=True).take(3).drop(2, "full")
    stage.acknowledge(1, 3).deliver(1).deliver(3)
    stage.assert_fails(LOST, "an urgent one, before the measurements")


def test_alarms_go_when_nothing_else_is_left():
    stage = Stage(Bounds(journal_full_readings_min=1)).begin()
    stage.take(1).take(2, path=FAILURE, value=True).take(3, path=FAILURE, value=False)
    stage.drop(1, "full").drop(2, "full").acknowledge(3)
    stage.deliver(3, path=FAILURE, value=False).assert_holds()


def test_reading_may_be_told_given_up_before_it_is_told_taken():
    stage = Stage(Bounds(journal_full_readings_min=0)).begin()
    stage.drop(1, "full").take(1).take(2, path=FAILURE, value=True).drop(2, "full").assert_holds()
    assert stage.roster.book.held(LAMP) == 0


def test_reading_without_a_number_is_found_unless_the_flash_took_none(stage):
    stage.deliver(5, boot="unsequenced:77")
    stage.assert_fails(TWICE, "/3416/0/3=50 arrived without a number")
    full = Stage().begin().fault(FaultKind.FLASH_FULL, "lamp 1", 60)
    full.deliver(5, boot="unsequenced:77").assert_holds()


def test_full_flash_explains_nothing_while_its_node_runs(stage):
    stage.fault(FaultKind.FLASH_FULL, "lamp 1", 60).take(1).tell(JournalSeen, LAMP, ())
    stage.assert_fails(LOST, "never arrived")


def test_damage_is_a_reason_where_a_flash_was_worn(stage):
    stage.fault(FaultKind.FLASH_WORN, "lamp 1", 60).take(1).drop(1, "damaged").assert_holds()


def test_ledger_explains_what_rot_has_taken_and_nothing_without_rot(stage):
    gap = (LAMP, BOOT, 1, 1, "damaged")
    stage.take(1).acknowledge(1).see_store(explained=[gap])
    stage.assert_fails(LOST, "acknowledged, and not in the store")
    rotten = Stage().begin().fault(FaultKind.DISK_ROT, GATEWAY, 0, 1)
    rotten.take(1).acknowledge(1).see_store(explained=[gap]).assert_holds()


@pytest.mark.parametrize("reason", ["elsewhere", "too scattered", "journal erased"])
def test_ledger_s_other_reasons_explain_no_loss(stage, reason):
    stage.take(1).acknowledge(1).see_store(explained=[(LAMP, BOOT, 1, 1, reason)])
    stage.assert_fails(LOST, "lamp 1")


def test_number_that_is_given_twice_is_found(stage):
    stage.pass_on(1).take(1)
    stage.assert_fails(TWICE, f"gave the number {BOOT}:1 twice")


def test_boot_number_of_an_earlier_boot_is_found_once(stage):
    stage.pass_on(1).stop(LAMP).boot(LAMP).register(LAMP).pass_on(2).pass_on(3)
    stage.assert_fails(TWICE, f"boot number {BOOT} in two boots")
    assert len(stage.roster.failures()) == 1


def test_copy_without_a_cause_is_found(stage):
    stage.pass_on(1).wait(60).deliver(1, age_s=60)
    stage.assert_fails(TWICE, f"{BOOT}:1 arrived again, with nothing wrong")


@pytest.mark.parametrize("kind", [FaultKind.BROKER_DOWN, FaultKind.ACK_NEVER,
                                  FaultKind.CONSUMER_DOWN])
def test_copy_after_trouble_at_the_back_end_is_right(stage, kind):
    stage.pass_on(1).fault(kind, "city", 30).wait(60).deliver(1, age_s=90).assert_holds()
    assert stage.roster.book.tally().duplicated == 1


def test_copy_long_after_trouble_is_found(stage):
    stage.pass_on(1).fault(FaultKind.BROKER_DOWN, "city", 30).wait(1000).deliver(1, age_s=1030)
    stage.assert_fails(TWICE, "arrived again")


def test_copy_after_a_gateway_s_crash_is_right_and_one_with_another_value_is_not(stage):
    stage.pass_on(1).crash().deliver(1, age_s=5)
    assert stage.broken() == {}
    stage.deliver(1, value=49, age_s=5)
    stage.assert_fails(TWICE, "arrived again, as /3416/0/3=49")


def test_measurement_that_overtakes_another_is_found_and_an_alarm_may(stage):
    stage.take(1).take(2, path=FAILURE, value=True).take(3)
    stage.acknowledge(1, 2, 3).deliver(2, path=FAILURE, value=True)
    stage.deliver(3).deliver(1)
    stage.assert_fails(ORDER, "measurements", f"{BOOT}:1 arrived after {BOOT}:3")


def test_alarms_and_events_share_a_lane(stage):
    stage.take(1, path=EMPTIED, value=True).take(2, path=FAILURE, value=True).acknowledge(1, 2)
    stage.deliver(2, path=FAILURE, value=True).deliver(1, path=EMPTIED, value=True)
    stage.assert_fails(ORDER, "urgent readings")


def test_alarm_that_is_late_is_found_while_it_is_late(stage):
    stage.take(1, path=FAILURE, value=True).wait(300)
    assert URGENT in stage.broken()
    stage.acknowledge(1).deliver(1, path=FAILURE, value=True, age_s=300)
    stage.assert_fails(URGENT, f"urgent reading {BOOT}:1 is not at the city")


def test_measurement_may_take_its_time(stage):
    stage.take(1).wait(3000).acknowledge(1).deliver(1, age_s=3000).assert_holds()


def test_alarm_may_wait_for_a_broken_way_and_its_back_off(stage):
    stage.take(1, path=FAILURE, value=True).fault(FaultKind.PARTITION, "lamp 1", 3600)
    stage.wait(900).acknowledge(1).deliver(1, path=FAILURE, value=True, age_s=4500)
    stage.assert_holds()


def test_alarm_that_a_full_flash_has_cost_is_not_waited_for(stage):
    stage.fault(FaultKind.FLASH_FULL, "lamp 1", 60).take(1, path=FAILURE, value=True)
    stage.stop(LAMP).boot(LAMP).register(LAMP).wait(3600).assert_holds()


def test_alarm_does_not_wait_for_ever_after_trouble(stage):
    stage.take(1, path=FAILURE, value=True).fault(FaultKind.PARTITION, "lamp 1", 3600)
    stage.wait(1800).acknowledge(1).deliver(1, path=FAILURE, value=True, age_s=5400)
    stage.assert_fails(URGENT, "lamp 1")


def test_trouble_of_another_node_is_no_excuse_for_a_late_alarm(stage):
    stage.take(1, path=FAILURE, value=True).fault(FaultKind.PARTITION, "lamp 2", 300)
    stage.acknowledge(1).deliver(1, path=FAILURE, value=True, age_s=300)
    stage.assert_fails(URGENT, "lamp 1")


@pytest.mark.parametrize("error_s", [3600, -3600, 7])
def test_reading_with_a_wrong_time_is_found(stage, error_s):
    stage.take(1).acknowledge(1).deliver(1, age_s=error_s)
    stage.assert_fails(DATED, f"dated {-error_s:+.1f} s")


def test_reading_may_be_dated_by_its_gateway_s_clock_once_that_was_stepped(stage):
    stage.fault(FaultKind.CLOCK_STEP, GATEWAY, 0, 3600).take(1).take(2).acknowledge(1, 2)
    stage.deliver(1, age_s=-3600).deliver(2).assert_holds()


def test_step_of_another_size_is_no_excuse(stage):
    stage.fault(FaultKind.CLOCK_STEP, GATEWAY, 0, 3600).take(1).acknowledge(1)
    stage.deliver(1, age_s=3600)
    stage.assert_fails(DATED, "-3600.0 s")


def test_reading_of_a_boot_that_never_knew_the_time_may_be_dated_by_its_arrival(stage):
    stage.stop(LAMP).boot(LAMP).take(1, boot=8).stop(LAMP, [(8, 1, 1)]).wait(5000)
    stage.boot(LAMP).register(LAMP).acknowledge(1, boot=8).deliver(1, boot=8).assert_holds()


def test_journal_beyond_its_bound_is_found_once():
    stage = Stage(Bounds(journal_readings_max=3)).begin()
    for sequence in range(1, 7):
        stage.take(sequence, endpoint=OTHER_LAMP)
    stage.acknowledge(*range(1, 7), endpoint=OTHER_LAMP)
    for sequence in range(1, 7):
        stage.deliver(sequence, endpoint=OTHER_LAMP)
    stage.assert_fails(BOUNDED, "lamp 2", "is 4, allowed are 3")
    assert len(stage.roster.failures()) == 1
