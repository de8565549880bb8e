from firmware.timezone import Timezone, date_of, days_of, weekday_of
from protocol.errors import DecodeError
from tests.portable import raises

PARIS = "CET-1CEST,M3.5.0,M10.5.0/3"
SYDNEY = "AEST-10AEDT,M10.1.0,M4.1.0/3"
# 2026-03-29 01:00:00 UTC and 2026-10-25 01:00:00 UTC
PARIS_FORWARD_S, PARIS_BACK_S = 1774746000, 1792890000


def test_dates_and_days_are_each_other_over_leap_years_and_centuries():
    for days in range(-40000, 80000, 31):
        assert days_of(*date_of(days)) == days
    assert date_of(0) == (1970, 1, 1)
    assert date_of(11016) == (2000, 2, 29)
    assert days_of(2026, 11, 23) == 20780
    assert weekday_of(20780) == 1


def test_central_europe_changes_at_one_utc():
    paris = Timezone(PARIS)
    assert paris.offset_s(PARIS_FORWARD_S - 1) == 3600
    assert paris.offset_s(PARIS_FORWARD_S) == 7200
    assert paris.offset_s(PARIS_BACK_S - 1) == 7200
    assert paris.offset_s(PARIS_BACK_S) == 3600


def test_the_southern_hemisphere_has_daylight_over_the_new_year():
    sydney = Timezone(SYDNEY)
    assert sydney.offset_s(1767225600) == 39600
    assert sydney.offset_s(1782864000) == 36000
    # 2026-04-05 03:00 AEDT = 2026-04-04 16:00 UTC
    assert sydney.offset_s(1775318399) == 39600
    assert sydney.offset_s(1775318400) == 36000


def test_local_time_gives_date_weekday_and_second():
    local = Timezone(PARIS).local(PARIS_FORWARD_S)
    assert (local.year, local.month, local.day, local.weekday) == (2026, 3, 29, 0)
    assert local.second_of_day == 3 * 3600
    assert local.offset_s == 7200


def test_RFC8536_all_year_daylight_saving():
    zone = Timezone("EST5EDT,0/0,J365/25")
    for unix_s in range(1767225600, 1767225600 + 366 * 86400, 43201):
        assert zone.offset_s(unix_s) == -4 * 3600


def test_RFC8536_times_before_midnight_and_beyond_a_day():
    godthab = Timezone("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1")
    # 2017-03-26 01:00 UTC is 22:00 of the day before.
    assert godthab.offset_s(1490489999) == -10800
    assert godthab.offset_s(1490490000) == -7200


def test_a_zone_without_daylight_saving_has_one_offset():
    zone = Timezone("<+0530>-5:30")
    assert zone.offset_s(0) == 19800
    assert zone.to_unix_s(1, 19800) == 86400


def test_julian_days_do_not_count_the_leap_day():
    zone = Timezone("AAA0BBB,J60/0,J61/0")
    leap_day = days_of(2028, 2, 29) * 86400
    assert zone.offset_s(leap_day + 3600) == 0
    assert zone.offset_s(leap_day + 86400) == 3600
    assert zone.offset_s(days_of(2027, 3, 1) * 86400) == 3600


def test_a_wall_clock_time_is_found_again():
    for rule in (PARIS, SYDNEY, "<-03>3"):
        zone = Timezone(rule)
        for unix_s in range(1767225600, 1767225600 + 366 * 86400, 86400 * 3 + 1801):
            local = zone.local(unix_s)
            assert zone.to_unix_s(local.days, local.second_of_day) == unix_s


def test_of_two_moments_with_the_same_wall_clock_time_the_first_counts():
    paris = Timezone(PARIS)
    days = days_of(2026, 10, 25)
    assert paris.to_unix_s(days, 2 * 3600 + 1800) == PARIS_BACK_S - 1800


def test_a_skipped_wall_clock_time_comes_after_the_change():
    paris = Timezone(PARIS)
    days = days_of(2026, 3, 29)
    assert paris.to_unix_s(days, 2 * 3600 + 1800) == PARIS_FORWARD_S + 1800


def test_rules_that_are_none_are_refused():
    for rule in ("", "C", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M1.1.0",
                 "CET-1CEST,M3.6.0,M10.5.0", "CET-1,", "CET-1CEST,M3.5.0,M10.5.0/3x", "<CET-1",
                 "CET-25", "CET-1CEST,J0,J365", "Europe/Paris", "A" * 65):
        raises(DecodeError, Timezone, rule)
