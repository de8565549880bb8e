"""The astronomical clock against published values."""

from firmware import sun
from tests.firmware.lamp_bench import utc

ANGERS = (47470000, -550000)
TROMSO = (69650000, 18960000)


def is_near(unix_s, expected_s, tolerance_s):
    return abs(unix_s - expected_s) <= tolerance_s


def test_NREL_TP560_34302_A5_sunrise_of_17_october_2003_at_golden():
    # 39.742476 N, 105.1786 W, UTC-7: 06:12:43.
    rising, _ = sun.events(utc(2003, 10, 17, 19), 39742476, -105178600)
    assert is_near(rising, utc(2003, 10, 17, 13, 12, 43), 10)


def test_NREL_TP560_34302_A5_sunset_at_golden():
    # The report's 17:20:19 is the sunset of its UTC day: that of 16 October by local time.
    _, setting = sun.events(utc(2003, 10, 16, 19), 39742476, -105178600)
    assert is_near(setting, utc(2003, 10, 17, 0, 20, 19), 10)


def test_Meeus_25a_declination_on_13_october_1992():
    # -7.78507 degrees, the sine of which is -0.135459 (dynamical time is 59 s ahead of UTC).
    sine, _, _ = sun._position(utc(1992, 10, 12, 23, 59, 1))
    assert abs(sine * 1000000 // sun.ONE + 135459) <= 100


def test_Meeus_28b_equation_of_time_on_13_october_1992():
    # 13 min 42.6 s.
    equation = sun._position(utc(1992, 10, 12, 23, 59, 1))[2]
    assert is_near(equation * 86400 // sun.TURN, 823, 3)


def test_sun_never_sets_at_tromso_in_june_and_never_rises_in_december():
    assert sun.events(utc(2026, 6, 21, 11), *TROMSO) == (None, None)
    assert sun.is_up(utc(2026, 6, 21, 23), *TROMSO)
    assert sun.events(utc(2026, 12, 21, 11), *TROMSO) == (None, None)
    assert not sun.is_up(utc(2026, 12, 21, 11), *TROMSO)


def test_poles_have_no_events_and_half_a_year_of_day():
    for latitude, is_up in ((90000000, True), (-90000000, False)):
        assert sun.events(utc(2026, 6, 21, 12), latitude, 0) == (None, None)
        for hour in (0, 6, 12, 18):
            assert sun.is_up(utc(2026, 6, 21, hour), latitude, 0) is is_up


def test_sun_is_up_between_the_events_and_at_no_other_time():
    for month in range(1, 13):
        rising, setting = sun.events(utc(2026, month, 10, 12), *ANGERS)
        assert not sun.is_up(rising - 30, *ANGERS)
        assert sun.is_up(rising + 30, *ANGERS)
        assert sun.is_up(setting - 30, *ANGERS)
        assert not sun.is_up(setting + 30, *ANGERS)


def test_civil_twilight_encloses_the_day():
    rising, setting = sun.events(utc(2026, 6, 21, 12), *ANGERS)
    dawn, dusk = sun.events(utc(2026, 6, 21, 12), ANGERS[0], ANGERS[1], sun.CIVIL_TWILIGHT)
    assert 30 * 60 < rising - dawn < 50 * 60
    assert 30 * 60 < dusk - setting < 50 * 60


def test_events_belong_to_the_local_day_at_the_date_line():
    # Samoa, 171.8 W, has UTC+13; Kiritimati, 157.4 W, UTC+14: their noons come before UTC's.
    for longitude_e6, offset_h in ((-171800000, 13), (-157400000, 14), (179000000, 12)):
        noon_s = utc(2026, 3, 10, 12) - offset_h * 3600
        rising, setting = sun.events(noon_s, -13800000, longitude_e6)
        assert noon_s - 9 * 3600 < rising < noon_s < setting < noon_s + 9 * 3600


def test_shortest_and_longest_day_of_angers():
    rising, setting = sun.events(utc(2026, 12, 21, 12), *ANGERS)
    assert is_near(setting - rising, 8 * 3600 + 26 * 60, 180)
    rising, setting = sun.events(utc(2026, 6, 21, 12), *ANGERS)
    assert is_near(setting - rising, 15 * 3600 + 57 * 60, 180)
