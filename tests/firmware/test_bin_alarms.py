"""Fire, tilt and battery of a bin."""

from firmware.furniture.battery import Battery, level_percent
from firmware.furniture.fire import FireDetector
from firmware.furniture.tilt import Tilt, angle_mrad, square_root
from tests.portable import seeded_bytes

MINUTE_MS = 60000


def test_temperature_over_the_limit_is_an_alarm_when_the_next_reading_agrees():
    fire = FireDetector(6000)
    assert not fire.update(6100, 0)
    assert fire.is_watching
    assert fire.update(6150, 2000)
    assert fire.is_alarm


def test_single_disturbed_reading_is_no_alarm():
    fire = FireDetector(6000)
    fire.update(2000, 0)
    fire.update(12000, MINUTE_MS)
    fire.update(2000, MINUTE_MS + 2000)
    assert not fire.is_alarm


def test_fast_rise_is_an_alarm_long_before_the_limit():
    fire = FireDetector(6000)
    fire.update(1000, 0)
    now_ms, reading = 15 * MINUTE_MS - 1000, 2000
    fire.update(reading, now_ms)
    assert fire.is_watching
    while not fire.is_alarm and reading < 6000:
        now_ms += 10000
        reading += 160
        fire.update(reading, now_ms)
    assert fire.is_alarm
    assert reading < 3500


def test_sun_after_a_cold_morning_starts_a_watch_and_no_alarm():
    fire = FireDetector(6000)
    fire.update(500, 0)
    now_ms, reading = 14 * MINUTE_MS, 1550
    fire.update(reading, now_ms)
    assert fire.is_watching
    while fire.is_watching:
        now_ms += 2000
        reading += 6
        fire.update(reading, now_ms)
    assert not fire.is_alarm


def test_alarm_ends_ten_minutes_after_the_bin_has_cooled_by_ten_degrees():
    fire = FireDetector(6000)
    fire.update(6100, 0)
    fire.update(6100, 2000)
    fire.update(5500, 20 * MINUTE_MS)
    assert fire.is_alarm
    fire.update(4900, 25 * MINUTE_MS)
    assert fire.is_alarm
    assert fire.update(4900, 30 * MINUTE_MS)
    assert not fire.is_alarm


def july_day(minute):
    """Degrees Celsius x 100 inside a dark bin on a sunny July day with clouds: 18 to 55."""
    noon = 13 * 60
    sun = max(0, 1000 - abs(minute - noon) * 1000 // 420)
    cloud = 600 if (minute // 17) % 3 == 0 and sun else 0
    return 1800 + 37 * sun * (2000 - sun) // 10000 - cloud


def test_sunny_july_day_is_no_fire():
    for step in (1, 5, 15):
        fire = FireDetector(6000)
        noise = seeded_bytes(step, 1440)
        for minute in range(0, 1440, step):
            fire.update(july_day(minute) + noise[minute] % 31 - 15, minute * MINUTE_MS)
            second = 0
            while fire.is_watching and second < 60:
                second += 10
                fire.update(july_day(minute), minute * MINUTE_MS + second * 1000)
            assert not fire.is_alarm


def test_july_day_is_as_hot_as_the_name_of_its_test_says():
    assert max([july_day(minute) for minute in range(1440)]) > 5000


def test_missing_temperature_changes_nothing():
    fire = FireDetector(6000)
    assert not fire.update(None, 0)


def test_angles_are_exact_to_two_milliradians():
    for vector, expected in (
        ((0, 0, 1000), 0), ((0, 1000, 0), 1571), ((1000, 0, 0), 1571), ((0, 0, -1000), 3142),
        ((707, 0, 707), 785), ((0, -500, 866), 524), ((600, 600, 529), 1014),
        ((707, 0, -707), 2356), ((17, 0, 1000), 17),
    ):
        assert abs(angle_mrad(*vector) - expected) <= 2


def test_square_root_is_the_whole_part():
    for number in (0, 1, 2, 3, 4, 15, 16, 17, 999999, 1000000, 1000001):
        root = square_root(number)
        assert root * root <= number < (root + 1) * (root + 1)


def test_bin_is_out_of_position_after_three_readings():
    tilt = Tilt(785)
    assert [tilt.update((1000, 0, 100)) for _ in range(3)] == [False, False, True]
    assert tilt.is_out


def test_knock_is_not_a_fall():
    tilt = Tilt(785)
    for vector in ((1000, 0, 0), (0, 0, 1000)) * 10:
        tilt.update(vector)
    assert not tilt.is_out


def test_acceleration_far_from_gravity_is_left_out():
    tilt = Tilt(785)
    for _ in range(5):
        tilt.update((2000, 0, 0))
        tilt.update((100, 0, 0))
    assert tilt.angle_mrad is None
    assert not tilt.is_out


def test_bin_is_upright_again_only_five_degrees_below_the_limit():
    tilt = Tilt(785)
    for _ in range(3):
        tilt.update((1000, 0, 0))
    for _ in range(3):
        tilt.update((682, 0, 731))
    assert tilt.is_out
    for _ in range(3):
        tilt.update((600, 0, 800))
    assert not tilt.is_out


def test_cell_level_follows_its_curve():
    assert level_percent(1500) == 0
    assert level_percent(3500) == 60
    assert level_percent(3525) == 70
    assert level_percent(3670) == 100


def test_level_never_rises_by_a_warm_day():
    battery = Battery(20)
    battery.update(3500)
    battery.update(3540)
    assert battery.level == 60
    assert battery.voltage_mv == 3540


def test_new_cell_is_recognised():
    battery = Battery(20)
    battery.update(3300)
    battery.update(3640)
    assert battery.level == 100


def test_low_battery_is_told_once_and_not_by_every_wobble():
    battery = Battery(20)
    assert [battery.update(mv) for mv in (3500, 3390, 3402, 3395, None)] == [
        False, True, False, False, False]
    assert battery.is_low
