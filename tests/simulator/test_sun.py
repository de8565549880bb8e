"""The sun against published tables of sunrise and sunset, to within a minute.

The tables are those of the U.S. Naval Observatory, Astronomical Applications Department, "Rise and
Set for the Sun for 2019" (aa.usno.navy.mil/data/RS_OneYear), in Universal Time: here the 1st, 11th
and 21st of each month, "rise set" in hours and minutes, "none" where the table has a gap.
"""

import math

import pytest

from simulator.world import sun
from tests.firmware.lamp_bench import utc

# (latitude, longitude) in degrees -> three days of each month.
USNO_2019 = {
    (60, 0): """
        0902 1505 0854 1522 0838 1545  0815 1613 0750 1640 0722 1706  0659 1726 0630 1752 0600 1816
        0526 1843 0456 1907 0427 1932  0359 1957 0333 2022 0310 2045  0250 2107 0239 2121 0236 2128
        0242 2125 0256 2114 0315 2056  0340 2031 0404 2005 0428 1937  0454 1905 0518 1834 0541 1804
        0605 1734 0629 1704 0653 1635  0721 1605 0747 1540 0812 1519  0834 1503 0852 1454 0902 1454
        """,
    (-60, -150): """
        1243 0724 1302 0714 1327 0656  1357 0631 1424 0605 1451 0537  1512 0514 1538 0444 1603 0413
        1629 0340 1653 0310 1717 0242  1741 0215 1805 0150 1826 0128  1847 0110 1900 0100 1906 0058
        1904 0103 1854 0116 1838 0134  1815 0157 1750 0219 1723 0242  1651 0308 1621 0331 1551 0354
        1521 0418 1450 0442 1421 0507  1350 0536 1324 0603 1301 0630  1243 0654 1233 0713 1232 0724
        """,
    (29, -81): """
        1218 2238 1219 2245 1217 2253  1213 2303 1206 2311 1157 2318  1149 2324 1139 2330 1127 2336
        1114 2342 1103 2348 1052 2354  1043 none 1035 0005 1029 0011  1026 0018 1025 0022 1026 0026
        1029 0027 1033 0026 1039 0023  1045 0016 1050 0008 1056 2358  1102 2346 1107 2334 1112 2322
        1117 2310 1123 2258 1129 2248  1136 2238 1144 2232 1152 2227  1200 2226 1207 2227 1213 2231
        """,
}
# Where the sun stays up or down for months: the first and last day of each span, 80 degrees north.
NORTH_80_NIGHT = ((2019, 1, 1), (2019, 2, 20)), ((2019, 10, 22), (2019, 12, 31))
NORTH_80_DAY = ((2019, 4, 14), (2019, 8, 29))


def days(first, last):
    return range(utc(*first, 12), utc(*last, 12) + 1, 86400)


def on_the_day(event, day_s, place):
    """Return the minute of the day at which `event` falls on the day that begins at `day_s`."""
    for noon_s in (day_s - 43200, day_s + 43200, day_s + 129600):
        at_s = event(noon_s, *place)
        if at_s is not None and day_s <= at_s < day_s + 86400:
            return (at_s - day_s) / 60
    return None


def minute(hhmm):
    return int(hhmm[:2]) * 60 + int(hhmm[2:])


@pytest.mark.parametrize("place", USNO_2019)
def test_sunrise_and_sunset_are_those_of_the_naval_observatory_to_within_a_minute(place):
    times = USNO_2019[place].split()
    for index, given in zip(range(36), zip(times[::2], times[1::2]), strict=True):
        day_s = utc(2019, index // 3 + 1, (1, 11, 21)[index % 3])
        for event, hhmm in zip((sun.sunrise_unix_s, sun.sunset_unix_s), given):
            found = on_the_day(event, day_s, place)
            if hhmm == "none":
                # It is at midnight, and rounded into the next day.
                assert found is None or found > 1439
            else:
                assert abs(found - minute(hhmm)) < 1


@pytest.mark.parametrize("span", NORTH_80_NIGHT)
def test_in_a_polar_night_the_sun_neither_rises_nor_sets(span):
    for noon_s in days(*span):
        assert sun.sunrise_unix_s(noon_s, 80, 0) is None
        assert sun.sunset_unix_s(noon_s, 80, 0) is None
        assert sun.elevation_degrees(noon_s, 80, 0) < sun.HORIZON_DEGREES


def test_in_a_polar_day_the_sun_neither_rises_nor_sets():
    for noon_s in days(*NORTH_80_DAY):
        assert sun.sunrise_unix_s(noon_s, 80, 0) is None
        assert sun.sunset_unix_s(noon_s, 80, 0) is None
        assert sun.elevation_degrees(noon_s - 43200, 80, 0) > sun.HORIZON_DEGREES


def test_near_the_pole_the_sun_returns_on_the_day_that_the_tables_say():
    day_s = utc(2019, 2, 21)
    # It grazes the horizon here: a hundredth of a degree is minutes.
    assert abs(on_the_day(sun.sunrise_unix_s, day_s, (80, 0)) - minute("1120")) < 5
    assert abs(on_the_day(sun.sunset_unix_s, day_s, (80, 0)) - minute("1310")) < 5


def test_crossings_follow_each_other_in_turn_for_a_year():
    at_s, rising = float(utc(2026, 1, 1)), []
    while at_s < utc(2027, 1, 1):
        at_s, is_rising = sun.next_crossing(at_s + 1, 47.47, -0.55)
        rising.append(is_rising)
    assert rising == [True, False] * (len(rising) // 2) + [True] * (len(rising) % 2)
    assert len(rising) in (730, 731)


def test_a_polar_night_has_no_next_crossing():
    assert sun.next_crossing(utc(2019, 12, 21), 69.65, 18.96) is None


def test_daylight_grows_with_the_height_of_the_sun():
    lux = [sun.illuminance_lux(elevation / 2) for elevation in range(-40, 181)]
    assert lux == sorted(lux) and lux[0] < 0.001 and 120_000 < lux[-1] < 130_000
    # Civil twilight ends where lamps are lit: some 3 lx are left.
    assert math.isclose(sun.illuminance_lux(-6), 3.4)
