"""Control programs in the formats of 3452 to 3454: calendars, priorities, sun, summer time."""

from firmware.furniture import schedule_syntax
from firmware.furniture.program_objects import INSTANCES_MAX
from firmware.lwm2m_object import Refused
from firmware.timezone import Timezone
from protocol.coap_message import BAD_REQUEST
from protocol.errors import DecodeError
from tests.firmware.lamp_bench import Bench, utc
from tests.portable import raises, seeded_bytes

NOWHERE = {}
# Angers is at UTC+2 in summer, UTC+1 in winter. 15 June 2026 is a Monday.
SUMMER = utc(2026, 6, 15, 10)


def running(times, levels, calendar=None, at=SUMMER, place=None, **changes):
    """Return a bench with one program whose clock stands at `at`."""
    bench = Bench(**changes) if place is None else Bench(place=place, **changes)
    bench.program(times, levels, calendar)
    bench.set_clock(at)
    return bench


def level_at(bench, *moment):
    """Return what the programs command at a moment in UTC."""
    return bench.lamp.schedule.level(utc(*moment), ())


def test_levels_change_at_their_local_times():
    bench = running("18:00;23:00;06:30", "100;50;0")
    bench.run_until(utc(2026, 6, 15, 15, 59, 59))
    assert bench.level() == 0
    bench.run_until(utc(2026, 6, 15, 16, 0, 5))
    assert bench.level() == 100
    bench.run_until(utc(2026, 6, 15, 21, 0, 5))
    assert bench.level() == 50
    bench.run_until(utc(2026, 6, 16, 4, 30, 5))
    assert bench.level() == 0


def test_schedule_goes_on_past_midnight_and_without_a_gateway():
    bench = running("18:00;23:00;06:30", "100;50;0", report_interval_s=86400)
    for day in range(16, 20):
        bench.run_until(utc(2026, 6, day, 0, 30))
        assert bench.level() == 50
        bench.run_until(utc(2026, 6, day, 12))
        assert bench.level() == 0


def test_schedule_needs_the_clock_and_outranks_the_photocell():
    bench = Bench(lux=3000, place=NOWHERE)
    bench.program("00:00", "70")
    bench.run(60)
    assert bench.level() == 0
    bench.set_clock(SUMMER)
    assert bench.level() == 70


def test_sun_times_are_reckoned_on_the_node():
    bench = running("S-10;S+30;R-20;R", "40;100;60;0")
    # On 15 June 2026 at Angers the sun sets at 20:01 and rises next morning at 04:04 UTC.
    assert level_at(bench, 2026, 6, 15, 19, 50) == 0
    assert level_at(bench, 2026, 6, 15, 19, 52) == 40
    assert level_at(bench, 2026, 6, 15, 20, 32) == 100
    assert level_at(bench, 2026, 6, 16, 3, 45) == 60
    assert level_at(bench, 2026, 6, 16, 4, 5) == 0


def test_times_stay_local_when_summer_time_begins():
    bench = running("05:00;06:00", "80;20")
    # 29 March 2026: 06:00 is 05:00 UTC the day before and 04:00 UTC on the day.
    assert level_at(bench, 2026, 3, 28, 4, 59) == 80
    assert level_at(bench, 2026, 3, 28, 5, 0) == 20
    assert level_at(bench, 2026, 3, 29, 3, 59) == 80
    assert level_at(bench, 2026, 3, 29, 4, 0) == 20


def test_times_stay_local_when_summer_time_ends():
    bench = running("05:00;06:00", "80;20")
    assert level_at(bench, 2026, 10, 24, 3, 59) == 80
    assert level_at(bench, 2026, 10, 24, 4, 0) == 20
    assert level_at(bench, 2026, 10, 25, 4, 59) == 80
    assert level_at(bench, 2026, 10, 25, 5, 0) == 20


def test_time_that_the_spring_change_skips_still_comes():
    bench = running("01:00;02:30", "100;30")
    assert level_at(bench, 2026, 3, 29, 0, 59) == 100
    assert level_at(bench, 2026, 3, 29, 1, 30) == 30


def test_time_that_the_autumn_change_repeats_comes_once():
    bench = running("01:00;02:30", "100;30")
    assert level_at(bench, 2026, 10, 25, 0, 29) == 100
    # 02:30 comes at 00:30 UTC first, and again at 01:30.
    for minute in (30, 59):
        assert level_at(bench, 2026, 10, 25, 0, minute) == 30
    assert level_at(bench, 2026, 10, 25, 1, 15) == 30


def test_later_of_two_steps_at_one_time_holds():
    bench = running("18:00;18:00;06:00", "100;50;0")
    assert level_at(bench, 2026, 6, 15, 17) == 50


def test_lamp_wakes_at_the_very_second_of_a_step():
    bench = running("18:00;23:00", "100;50", fade_ms=0)
    bench.run_until(utc(2026, 6, 15, 20, 59, 59))
    assert bench.level() == 100
    bench.run(1)
    assert bench.level() == 50


def test_day_calendar_lasts_from_midnight_to_midnight():
    bench = running("18:00;23:00", "100;50", {4: "* * 6"})
    assert level_at(bench, 2026, 6, 20, 12) is None
    assert level_at(bench, 2026, 6, 20, 17) == 100
    assert level_at(bench, 2026, 6, 20, 21, 59) == 50
    assert level_at(bench, 2026, 6, 20, 22, 0) is None


def test_night_calendar_lasts_from_noon_to_noon():
    bench = running("18:00;23:00;06:00", "100;50;0", {1: 1, 4: "* * 6"})
    assert level_at(bench, 2026, 6, 20, 9) is None
    assert level_at(bench, 2026, 6, 20, 17) == 100
    assert level_at(bench, 2026, 6, 21, 0) == 50
    assert level_at(bench, 2026, 6, 21, 5) == 0
    assert level_at(bench, 2026, 6, 21, 10) is None


def test_lower_number_has_priority():
    bench = running("00:00", "50", at=SUMMER)
    bench.program("00:00", "80", {4: "* * 6"}, key=1, priority=-3)
    assert level_at(bench, 2026, 6, 19, 12) == 50
    assert level_at(bench, 2026, 6, 20, 12) == 80
    assert level_at(bench, 2026, 6, 21, 12) == 50


def test_disabled_scheduler_is_passed_over():
    bench = running("00:00", "50")
    bench.program("00:00", "80", key=1, priority=-1)
    bench.write(3452, {1: False}, 1)
    bench.run(10)
    assert bench.level() == 50


def test_exception_day_wins_over_the_year():
    bench = running("00:00", "50")
    bench.program("00:00", "90", {2: {0: "2026-07-14"}}, key=5, priority=-1)
    assert level_at(bench, 2026, 7, 14, 12) == 90
    assert level_at(bench, 2026, 7, 15, 12) == 50
    assert level_at(bench, 2027, 7, 14, 12) == 50


def test_dates_of_every_year_may_span_new_year():
    bench = running("00:00", "90", {2: {0: "--12-20"}, 3: {0: "--01-06"}})
    for moment in ((2026, 12, 20, 12), (2026, 12, 31, 12), (2027, 1, 6, 12)):
        assert level_at(bench, *moment) == 90
    for moment in ((2026, 12, 19, 12), (2027, 1, 7, 12)):
        assert level_at(bench, *moment) is None


def test_several_date_ranges_are_joined_and_the_rule_cuts_each():
    bench = running("00:00", "90", {2: {0: "2026-06-01", 4: "--09-01"},
                                    3: {0: "2026-06-30", 4: "--09-30"}, 4: "* * 1-5"})
    assert level_at(bench, 2026, 6, 15, 12) == 90
    assert level_at(bench, 2026, 6, 20, 12) is None
    assert level_at(bench, 2029, 9, 3, 12) == 90
    assert level_at(bench, 2027, 6, 15, 12) is None


def test_date_rules_have_lists_ranges_and_steps():
    def holds(rule, day, month, weekday):
        return schedule_syntax.is_in_date_rule(rule, month, day, weekday)

    assert holds("* * *", 31, 12, 0)
    assert holds("1-10 * *", 10, 5, 3) and not holds("1-10 * *", 11, 5, 3)
    assert holds("* * 6,7", 3, 5, 0) and holds("* * 6,7", 3, 5, 6)
    assert not holds("* * 6,7", 3, 5, 1)
    assert holds("* * 5-7", 1, 1, 0) and holds("* * 0", 1, 1, 0)
    assert holds("*/2 * *", 3, 1, 1) and not holds("*/2 * *", 4, 1, 1)
    assert holds("5/10 * *", 25, 1, 1) and holds("* 6-8,12 *", 1, 12, 1)
    assert holds("1-7 * 1", 6, 7, 1) and not holds("1-7 * 1", 6, 7, 2)


def test_run_condition_limits_a_program_to_its_hours():
    bench = Bench()
    bench.program("00:00", "60", condition="18:00~04:00")
    bench.set_clock(SUMMER)
    assert level_at(bench, 2026, 6, 15, 15, 59) is None
    assert level_at(bench, 2026, 6, 15, 16, 0) == 60
    assert level_at(bench, 2026, 6, 16, 1, 59) == 60
    assert level_at(bench, 2026, 6, 16, 2, 0) is None


def test_run_condition_by_the_sun():
    bench = Bench()
    bench.program("00:00", "60", condition="S~R")
    bench.set_clock(SUMMER)
    assert level_at(bench, 2026, 6, 15, 19, 50) is None
    assert level_at(bench, 2026, 6, 15, 20, 5) == 60
    assert level_at(bench, 2026, 6, 16, 3, 55) == 60
    assert level_at(bench, 2026, 6, 16, 4, 10) is None


def test_off_when_inactive_is_off_when_the_run_condition_is_not_met():
    bench = Bench(place=NOWHERE)
    bench.program("00:00", "60", condition="18:00~", off_when_inactive=True)
    bench.set_clock(SUMMER)
    assert bench.level() == 0
    bench.run_until(utc(2026, 6, 15, 16, 0, 10))
    assert bench.level() == 60


def test_polar_day_and_night_follow_the_sun():
    tromso = {"latitude_e6": 69650000, "longitude_e6": 18960000}
    bench = running("S;R", "100;0", at=utc(2026, 6, 21, 22), place=tromso)
    assert bench.level() == 0
    winter = running("S;R", "100;0", at=utc(2026, 12, 21, 11), place=tromso)
    assert winter.level() == 100


def test_sun_times_without_a_position_make_the_scheduler_invalid():
    bench = running("S;R", "100;0", place=NOWHERE)
    assert bench.read(3416, 14) is True
    assert bench.reported((3416, 0, 14)) == [True]
    assert bench.level() == 100


def test_missing_function_or_calendar_makes_the_scheduler_invalid():
    bench = running("00:00", "50", {4: "* * *"})
    assert bench.read(3416, 14) is False
    bench.objects[3453].delete(0)
    bench.run(10)
    assert (bench.read(3416, 14), bench.level()) == (True, 0)
    bench.create(3453, 0, {4: "* * *"})
    bench.run(10)
    assert (bench.read(3416, 14), bench.level()) == (False, 50)
    bench.objects[3454].delete(0)
    bench.run(10)
    assert bench.read(3416, 14) is True


def test_invalid_scheduler_does_not_stop_the_others():
    bench = running("00:00", "50")
    bench.program("00:00", "80", key=1, priority=-1)
    bench.write(3454, {5: {0: "80;90"}}, 1)
    bench.run(10)
    assert (bench.read(3416, 14), bench.level()) == (True, 50)


def test_assigned_schedulers_alone_count_and_must_exist():
    bench = running("00:00", "50")
    bench.program("00:00", "80", key=1, priority=-1)
    assert bench.read(3416, 13) == {0: 0, 1: 1}
    bench.write(3416, {13: {0: 0}})
    bench.run(10)
    assert (bench.level(), bench.read(3416, 14)) == (50, False)
    bench.write(3416, {13: {0: 0, 1: 7}})
    bench.run(10)
    assert (bench.level(), bench.read(3416, 14)) == (50, True)


def test_written_program_acts_at_once():
    bench = running("00:00", "50")
    bench.write(3454, {4: {0: "00:00;11:00"}, 5: {0: "50;75"}})
    bench.run(3)
    assert bench.level() == 75


def test_programs_survive_a_reset():
    bench = running("18:00;23:00;06:30", "100;50;0", {1: 1, 4: "* * *"})
    again = bench.reset()
    again.set_clock(utc(2026, 6, 15, 23))
    assert again.level() == 50
    assert again.read(3453, 1) == 1
    assert again.read(3453, 5) is True


def test_damaged_programs_are_none_and_are_said_to_be():
    bench = running("00:00", "50")
    bench.store.write("3454", b"\xa1\x00")
    again = bench.reset()
    again.set_clock(SUMMER)
    assert again.lamp.scheduler_ids() == (0,)
    assert again.read(3416, 14) is True
    assert again.level() == 0


def test_deleted_programs_leave_the_lamp_to_itself():
    bench = running("00:00", "50")
    bench.objects[3452].delete(0)
    bench.run(10)
    assert (bench.level(), bench.objects[3452].instance_ids()) == (0, ())


def test_fullest_programs_fit_into_the_store():
    bench = Bench()
    times = ";".join(["23:59"] * 16)
    levels = ";".join(["100"] * 16)
    conditions = {}
    dates = {}
    for key in range(2):
        conditions[65530 + key] = "S+720~R-720" + " " * 101
    for key in range(8):
        dates[65530 - key] = "2026-12-31"
    for key in range(INSTANCES_MAX):
        bench.create(3454, 65500 + key, {0: "x" * 32, 1: conditions, 4: {65000: times},
                                         5: {65000: levels}})
        bench.create(3453, 65500 + key, {0: "x" * 32, 2: dates, 3: dates,
                                         4: "* * " + "1," * 53 + "1"})
        bench.create(3452, 65500 + key, {0: "x" * 32, 1: True, 2: -2**31, 4: 65534,
                                         3: {k: 65534 for k in dates}, 6: {65000: "</3416/0>"},
                                         7: {65000: "1"}})
    error = raises(Refused, bench.create, 3454, 9, {4: {0: "00:00"}, 5: {0: "1"}})
    assert error.code == BAD_REQUEST


def refuse(object_id, values):
    bench = Bench()
    error = raises(Refused, bench.create, object_id, 0, values)
    assert error.code == BAD_REQUEST
    assert bench.objects[object_id].instance_ids() == ()


def test_programs_that_cannot_be_run_are_refused_on_creation():
    refuse(3454, {4: {0: "18:00"}})
    refuse(3454, {4: {0: "18:00"}, 5: {0: "10;20"}})
    refuse(3454, {4: {0: "18:00"}, 5: {0: "101"}})
    refuse(3454, {4: {0: "18:00", 1: "19:00"}, 5: {0: "10"}})
    refuse(3454, {4: "18:00", 5: {0: "10"}})
    refuse(3454, {4: {0: "18:00"}, 5: {0: "10"}, 6: {0: "1"}})
    refuse(3452, {1: True, 2: 0, 4: 0, 6: {0: "/3416/1"}, 7: {0: "1"}})
    refuse(3452, {1: True, 2: 0, 4: 0, 6: {0: "/3416/0"}, 7: {0: "39"}})
    refuse(3452, {1: True, 2: 0, 6: {0: "/3416/0"}, 7: {0: "1"}})
    refuse(3453, {1: 2})
    refuse(3453, {3: {0: "2026-01-01"}})
    refuse(3453, {2: {0: "2026-01-01"}, 3: {0: "--02-01"}})
    refuse(3453, {4: "* *"})


def test_wrong_texts_are_refused():
    for text in ("", "24:00", "12:60", "1200", "12:5", "S+", "S*3", "R-721", "T+1", "18:00;",
                 ";".join(["00:00"] * 17)):
        raises(DecodeError, schedule_syntax.times, text)
    for text in ("2026-02-29", "2026-13-01", "2026-1-01", "--02-30", "02-03", "", "26-01-01"):
        raises(DecodeError, schedule_syntax.date, text)
    for text in ("* * 8", "0 * *", "* 13 *", "5-3 * *", "*/0 * *", "* * *  *", "a * *", "1, * *"):
        raises(DecodeError, schedule_syntax.is_in_date_rule, text, 1, 1, 1)
    for text in ("", "~", "18:00", "18:00~04:00,1", "S~X"):
        raises(DecodeError, schedule_syntax.run_condition, text)


def test_spaces_and_commas_are_taken_as_the_standard_has_them():
    assert schedule_syntax.times("18:00, S + 30 ;R-20") == ((0, 1080), (1, 30), (2, -20))
    assert schedule_syntax.levels(" 10 ;0; 100") == (10, 0, 100)
    assert schedule_syntax.run_condition("~04:00") == (None, (0, 240))


def test_random_texts_are_refused_or_taken_and_nothing_else():
    alphabet = "0123456789:;SR+-~*/, x\u00e9"
    parsers = (schedule_syntax.times, schedule_syntax.levels, schedule_syntax.run_condition,
               schedule_syntax.date, lambda text: schedule_syntax.is_in_date_rule(text, 1, 1, 1))
    taken = 0
    for seed in range(400):
        data = seeded_bytes(seed, 1 + seed % 12)
        text = "".join([alphabet[byte % len(alphabet)] for byte in data])
        for parse in parsers:
            try:
                parse(text)
                taken += 1
            except DecodeError:
                pass
    assert taken > 0


def test_new_time_zone_counts_within_seconds():
    bench = Bench()
    bench.program("00:00;19:00", "90;20")
    bench.set_clock(utc(2026, 6, 15, 18, 10))
    bench.run(10)
    assert bench.level() == 20
    bench.clock.timezone = Timezone("UTC0")
    bench.run(15)
    assert bench.level() == 90
