"""Full, empty, emptied and the speed of filling, from distances."""

from firmware.furniture.container import Container
from firmware.furniture.filling import DAY_MS, Filling, agree
from firmware.furniture.quality import ACCEPTED, PROBABLY_REJECTED, REJECTED, SUSPICIOUS
from tests.portable import seeded_bytes

HOUR_MS = 3600 * 1000


def filling():
    """A prism of 1 m: 1 mm is 1 permille."""
    return Filling(Container(100, 0, "prism"), 800, 100)


def fed(levels_mm, step_ms=HOUR_MS):
    """Return (filling, emptied): how often it was emptied over accepted measurements."""
    bin_filling = filling()
    emptied = now_ms = 0
    for level_mm in levels_mm:
        now_ms += step_ms
        emptied += bin_filling.update([1000 - level_mm] * 5, now_ms)
        if bin_filling.is_unconfirmed:
            now_ms += 30000
            emptied += bin_filling.update([1000 - level_mm] * 5, now_ms)
    return bin_filling, emptied


def test_median_of_several_shots_counts():
    assert agree([500, 510, 505, 495, 1500]) == (505, 4)


def test_shots_without_an_echo_are_left_out():
    assert agree([None, 500, None, 502, 504]) == (502, 3)
    assert agree([None] * 5) == (None, 0)


def test_agreeing_shots_are_accepted():
    bin_filling = filling()
    bin_filling.update([700, 702, 699, 701, 700], 0)
    assert (bin_filling.permille, bin_filling.level_mm) == (300, 300)
    assert (bin_filling.quality, bin_filling.quality_level) == (ACCEPTED, 100)


def test_some_outliers_make_a_measurement_suspicious():
    bin_filling = filling()
    bin_filling.update([700, 702, 699, 90, None], 0)
    assert bin_filling.permille == 300
    assert (bin_filling.quality, bin_filling.quality_level) == (SUSPICIOUS, 60)


def test_scattered_shots_change_nothing():
    bin_filling, _ = fed([300])
    bin_filling.update([100, 300, 500, 700, 900], 2 * HOUR_MS)
    assert bin_filling.permille == 300
    assert bin_filling.quality == PROBABLY_REJECTED


def test_measurement_without_an_echo_changes_nothing():
    bin_filling, _ = fed([300])
    bin_filling.update([None] * 5, 2 * HOUR_MS)
    assert bin_filling.permille == 300
    assert (bin_filling.quality, bin_filling.quality_level) == (REJECTED, 0)


def test_full_begins_at_the_threshold_and_ends_five_points_below():
    states = [fed([level])[0].full for level in (799, 800)]
    assert states == [False, True]
    assert [fed([800, level])[0].full for level in (751, 749)] == [True, False]


def test_empty_begins_at_the_threshold_and_ends_five_points_above():
    assert [fed([level])[0].empty for level in (100, 101)] == [True, False]
    assert [fed([100, level])[0].empty for level in (150, 151)] == [True, False]


def test_changed_threshold_counts_at_once():
    bin_filling, _ = fed([700])
    bin_filling.high_permille = 650
    bin_filling.apply_thresholds()
    assert bin_filling.full


def test_jump_counts_only_when_confirmed():
    bin_filling, _ = fed([300])
    bin_filling.update([200] * 5, HOUR_MS)
    assert bin_filling.is_unconfirmed
    assert bin_filling.permille == 300
    bin_filling.update([205] * 5, HOUR_MS + 30000)
    assert bin_filling.permille == 795


def test_jump_that_is_not_confirmed_is_forgotten():
    bin_filling, _ = fed([300])
    bin_filling.update([200] * 5, HOUR_MS)
    bin_filling.update([695] * 5, HOUR_MS + 30000)
    assert not bin_filling.is_unconfirmed
    assert bin_filling.permille == 305


def test_bin_that_falls_below_the_low_threshold_was_emptied():
    assert fed([100, 200, 300, 50])[1] == 1


def test_contents_that_settle_are_not_an_emptying():
    assert fed([700, 690, 640, 520, 510])[1] == 0


def test_contents_that_are_pressed_down_are_not_an_emptying():
    assert fed([700, 420, 415])[1] == 0


def test_small_wobble_at_the_bottom_is_not_an_emptying():
    assert fed([150, 90, 140, 80, 160, 70])[1] == 0


def test_emptying_in_two_looks_counts_once():
    assert fed([600, 95, 60, 20])[1] == 1


def test_speed_is_the_contents_added_a_day():
    bin_filling, _ = fed([10 * hour for hour in range(48)])
    assert abs(bin_filling.permille_per_day() - 240) <= 5


def test_speed_is_unknown_before_six_hours():
    bin_filling, _ = fed([10, 20, 30, 40, 50])
    assert bin_filling.permille_per_day() is None
    assert bin_filling.full_in_s() is None


def test_emptying_does_not_count_as_negative_speed():
    bin_filling, emptied = fed([(10 * hour) % 800 for hour in range(160)])
    assert emptied == 1
    assert abs(bin_filling.permille_per_day() - 240) <= 12


def test_forecast_is_the_time_to_the_high_threshold_at_the_average_speed():
    bin_filling, _ = fed([10 * hour for hour in range(1, 41)])
    speed = bin_filling.permille_per_day()
    assert bin_filling.full_in_s() == (800 - 400) * 86400 // speed


def test_resetting_the_speed_forgets_it():
    bin_filling, _ = fed([10 * hour for hour in range(48)])
    bin_filling.reset_speed()
    assert bin_filling.permille_per_day() is None


def test_month_of_noisy_waste_finds_every_emptying_and_no_other():
    noise = seeded_bytes(7, 5 * 96 * 30)
    bin_filling = filling()
    truth = found = 0
    level = 20
    for quarter in range(96 * 30):
        if quarter and quarter % (96 * 3) == 0:
            truth += 1
            level = 20
        level = min(level + noise[quarter] % 5, 950)
        shots = []
        for index in range(5):
            byte = noise[quarter * 5 + index]
            shots.append(None if byte < 12 else 300 if byte < 20 else 1000 - level + byte % 9 - 4)
        found += bin_filling.update(shots, quarter * DAY_MS // 96)
        if bin_filling.is_unconfirmed:
            found += bin_filling.update([1000 - level] * 5, quarter * DAY_MS // 96 + 30000)
    assert (truth, found) == (9, 9)
    assert abs(bin_filling.permille - level) < 10
