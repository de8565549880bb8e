"""A bay's occupancy from its loop's frequency, scored against the truth."""

from firmware.furniture.loop_detector import LoopDetector
from firmware.furniture.quality import ACCEPTED, PROBABLY_REJECTED, REJECTED, SUSPICIOUS
from tests.portable import seeded_bytes

FREE_HZ = 60000
CAR_HZ = 60480  # +8000 ppm
SMALL_CAR_HZ = 60300  # +5000 ppm
STEP_MS = 500


class Bay:
    """A detector with its own time, fed twice a second; `changes` lists (state, changed_ms)."""

    def __init__(self, baseline_mhz=FREE_HZ * 1000):
        self.detector = LoopDetector(4000, 2000, 2000, baseline_mhz)
        self.now_ms = 0
        self.changes = []

    def feed(self, frequency_hz, seconds=10):
        for _ in range(seconds * 1000 // STEP_MS):
            self.now_ms += STEP_MS
            if self.detector.update(frequency_hz, self.now_ms):
                self.changes.append((self.detector.is_occupied, self.detector.changed_ms))
        return self.detector

    def drift(self, from_hz, to_hz, seconds):
        for second in range(seconds):
            self.feed(from_hz + (to_hz - from_hz) * second // seconds, 1)
        return self.detector


def known_free():
    bay = Bay()
    bay.feed(FREE_HZ, 20)
    bay.changes = []
    return bay


def test_car_makes_the_bay_occupied():
    bay = known_free()
    bay.feed(CAR_HZ)
    assert bay.detector.is_occupied is True
    assert bay.detector.shift_ppm == 8000
    assert bay.detector.quality == ACCEPTED


def test_change_is_dated_to_the_transition_and_not_to_the_end_of_the_dwell_time():
    bay = known_free()
    before_ms = bay.now_ms
    bay.feed(CAR_HZ)
    ((state, changed_ms),) = bay.changes
    assert state is True
    # The median of three readings needs two of them.
    assert changed_ms == before_ms + 2 * STEP_MS


def test_car_that_only_passes_changes_nothing():
    bay = known_free()
    bay.feed(CAR_HZ, 2)
    bay.feed(FREE_HZ)
    assert bay.changes == []


def test_single_disturbed_reading_changes_nothing():
    bay = known_free()
    bay.detector.dwell_ms = 0
    for _ in range(20):
        bay.now_ms += STEP_MS
        assert not bay.detector.update(CAR_HZ, bay.now_ms)
        bay.feed(FREE_HZ, 3)


def test_shift_between_release_and_threshold_keeps_an_occupied_bay_occupied():
    bay = known_free()
    bay.feed(CAR_HZ)
    bay.feed(FREE_HZ + 180)
    assert bay.detector.shift_ppm == 3000
    assert bay.detector.is_occupied is True


def test_shift_between_release_and_threshold_keeps_a_free_bay_free_but_suspicious():
    bay = known_free()
    bay.feed(FREE_HZ + 180)
    assert bay.detector.is_occupied is False
    assert bay.detector.quality == SUSPICIOUS


def test_departure_frees_the_bay():
    bay = known_free()
    bay.feed(CAR_HZ, 600)
    bay.feed(FREE_HZ)
    assert [state for state, _ in bay.changes] == [True, False]


def test_baseline_follows_the_weather_while_the_bay_is_free():
    bay = known_free()
    bay.drift(FREE_HZ, FREE_HZ + 300, 3600)
    assert bay.changes == []
    assert abs(bay.detector.shift_ppm) < 500


def test_baseline_is_frozen_while_the_bay_is_occupied():
    bay = known_free()
    bay.feed(CAR_HZ)
    baseline_mhz = bay.detector.baseline_mhz
    bay.feed(CAR_HZ, 3 * 3600)
    assert bay.detector.baseline_mhz == baseline_mhz


def test_car_parked_for_days_is_not_learned():
    bay = known_free()
    for _ in range(3 * 24):
        bay.feed(SMALL_CAR_HZ, 60)
        bay.now_ms += 3540 * 1000
    assert bay.detector.is_occupied is True
    bay.feed(FREE_HZ)
    assert [state for state, _ in bay.changes] == [True, False]


def test_slow_fall_with_the_weather_is_no_departure():
    bay = known_free()
    bay.feed(SMALL_CAR_HZ, 60)
    bay.now_ms += 3600 * 1000
    bay.drift(SMALL_CAR_HZ, SMALL_CAR_HZ - 200, 3600)
    assert bay.detector.shift_ppm < bay.detector.release_ppm
    assert bay.detector.is_occupied is True


def test_departure_after_a_rise_with_the_weather_frees_the_bay():
    bay = known_free()
    bay.feed(CAR_HZ, 60)
    bay.now_ms += 11 * 3600 * 1000
    bay.drift(CAR_HZ, CAR_HZ + 180, 3600)
    bay.feed(FREE_HZ + 180)
    assert bay.detector.is_occupied is False
    assert abs(bay.detector.shift_ppm) < 100


def test_trailer_that_stays_behind_keeps_the_bay_occupied():
    bay = known_free()
    bay.feed(CAR_HZ, 3600 + 60)
    bay.feed(FREE_HZ + 180, 600)
    assert bay.detector.is_occupied is True


def test_trailer_behind_a_big_lorry_keeps_the_bay_occupied_after_a_long_stay_too():
    bay = known_free()
    bay.feed(FREE_HZ + 1200, 3600 + 60)
    bay.feed(FREE_HZ + 180, 600)
    assert bay.detector.is_occupied is True


def test_first_boot_is_unknown_however_long_it_waits():
    bay = Bay(baseline_mhz=None)
    detector = bay.feed(CAR_HZ, 24 * 600)
    assert detector.is_occupied is None
    assert not detector.is_learned
    assert detector.quality == PROBABLY_REJECTED
    assert detector.quality_level == 0


def test_first_boot_below_a_car_learns_the_empty_bay_from_the_departure():
    bay = Bay(baseline_mhz=None)
    bay.feed(CAR_HZ, 60)
    detector = bay.feed(FREE_HZ)
    assert [state for state, _ in bay.changes] == [False]
    assert detector.baseline_mhz == FREE_HZ * 1000
    bay.feed(CAR_HZ)
    assert detector.is_occupied is True


def test_first_boot_of_an_empty_bay_learns_from_the_arrival():
    bay = Bay(baseline_mhz=None)
    bay.feed(FREE_HZ, 60)
    detector = bay.feed(CAR_HZ)
    assert detector.is_occupied is True
    assert detector.baseline_mhz == FREE_HZ * 1000


def test_technician_ends_the_unknown_state():
    bay = Bay(baseline_mhz=None)
    bay.feed(FREE_HZ)
    assert bay.detector.recalibrate(bay.now_ms)
    assert bay.detector.is_occupied is False
    assert bay.detector.baseline_mhz == FREE_HZ * 1000


def test_recalibration_without_a_sound_loop_is_refused():
    bay = Bay()
    bay.feed(None)
    assert not bay.detector.recalibrate(bay.now_ms)
    assert bay.detector.baseline_mhz == FREE_HZ * 1000


def test_reset_with_a_car_above_the_loop_is_occupied_by_the_saved_baseline_but_suspicious():
    bay = Bay()
    detector = bay.feed(CAR_HZ)
    assert detector.is_occupied is True
    assert detector.quality == SUSPICIOUS


def test_reset_of_a_free_bay_is_free_by_the_saved_baseline():
    detector = Bay().feed(FREE_HZ + 30)
    assert detector.is_occupied is False
    assert detector.quality == ACCEPTED


def test_reset_between_release_and_threshold_is_unknown():
    detector = Bay().feed(FREE_HZ + 180, 600)
    assert detector.is_occupied is None
    assert detector.quality == PROBABLY_REJECTED


def test_implausible_saved_baseline_is_forgotten():
    bay = Bay(baseline_mhz=90000 * 1000)
    detector = bay.feed(FREE_HZ)
    assert detector.is_occupied is None
    assert not detector.is_learned


def test_baseline_learned_with_metal_present_is_corrected_within_a_minute_of_its_leaving():
    bay = Bay(baseline_mhz=CAR_HZ * 1000)
    bay.feed(CAR_HZ)
    bay.feed(FREE_HZ, 60)
    assert bay.detector.is_occupied is False
    assert bay.detector.shift_ppm >= -500
    bay.feed(CAR_HZ)
    assert bay.detector.is_occupied is True


def test_open_short_and_silent_loops_are_rejected_with_certainty():
    for frequency_hz, fault in (
            (12000, "open"), (400000, "short"), (0, "silent"), (None, "silent")):
        bay = known_free()
        detector = bay.feed(frequency_hz, 3)
        assert detector.fault == fault
        assert (detector.quality, detector.quality_level) == (REJECTED, 0)
        assert detector.is_occupied is False


def test_fault_that_heals_is_forgotten_and_the_level_decides():
    bay = known_free()
    bay.feed(CAR_HZ, 2 * 3600)
    bay.feed(None, 60)
    detector = bay.feed(FREE_HZ + 90)
    assert detector.fault is None
    assert detector.is_occupied is False


def test_repaired_loop_with_another_frequency_is_unknown_again():
    bay = known_free()
    bay.feed(None, 60)
    detector = bay.feed(80000)
    assert detector.is_occupied is None
    assert [state for state, _ in bay.changes] == [None]


def test_noise_lowers_the_quality():
    bay = known_free()
    for index in range(400):
        bay.feed(FREE_HZ + (45 if index & 1 else -45), 1)
    assert bay.detector.noise_ppm > 500
    assert bay.detector.quality < ACCEPTED
    assert bay.detector.is_occupied is False


def scored(seed, noise_hz):
    """Return (wrong, total, transitions too many) of a day of cars, drift and noise."""
    noise = seeded_bytes(seed, 7200)
    stays = seeded_bytes(seed + 1, 200)
    bay = known_free()
    wrong = total = moves = index = 0
    is_car = False
    for stay in stays:
        is_car = not is_car
        moves += 1
        car_hz = (250 + stay) if is_car else 0
        for second in range(20 + stay % 120):
            index += 1
            drift_hz = 200 - abs(index % 14400 - 7200) // 36
            noise_now_hz = noise[index % 7200] % (2 * noise_hz + 1) - noise_hz
            bay.feed(FREE_HZ + car_hz + drift_hz + noise_now_hz, 1)
            total += 1
            if second > 5 and bay.detector.is_occupied is not is_car:
                wrong += 1
    return wrong, total, len(bay.changes) - moves


def test_day_of_cars_drift_and_noise_is_told_without_a_false_transition():
    for seed in (1, 2, 3):
        wrong, total, extra = scored(seed, 12)
        assert wrong * 1000 <= total
        assert extra == 0


def test_heavy_noise_costs_less_than_one_second_in_a_hundred():
    wrong, total, extra = scored(4, 40)
    assert wrong * 100 <= total
    assert extra == 0
