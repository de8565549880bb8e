"""Occupancy of a parking bay from the frequency of an inductive loop's oscillator.

A pure core: a frequency and an uptime go in, a state with its quality comes out. Metal above the
loop lowers its inductance, so it *raises* the frequency, by some 0.1 to 3 %. Weather moves it
too, by less than that and slowly. The core keeps a baseline, the frequency of the empty bay,
and judges the shift from it in parts per million (ppm).

When is a baseline learned?
* It follows the frequency, at most 2 ppm a second, while the bay is known to be free and the shift
  is small. It never follows while the bay is occupied: a car that stays for weeks is not learned.
* A frequency below the baseline shows that the baseline is wrong (no metal lowers it), so
  downwards it follows within seconds.
* After a reset a saved baseline decides, if the frequency is plausible against it: near it, the
  bay is free; above the threshold, occupied; in between, unknown; far below it, the loop is
  another.
* A first boot has no baseline and does not guess: the bay is unknown until a step of the size of
  a car shows which of the two levels is the empty one, or until a technician says that it is empty
  (`recalibrate`). No time of waiting makes a baseline.

When does a bay become free? When the shift falls below the release level (threshold less
hysteresis). After an hour's stay the weather may have moved that level: then a fall must be as
deep as the car was high, and fast, or reach half the release level.
"""

from firmware.furniture.quality import (
    ACCEPTED,
    PROBABLY_REJECTED,
    REJECTED,
    SUSPICIOUS,
    UNCHECKED,
)

FREQUENCY_MIN_HZ = 20000
FREQUENCY_MAX_HZ = 150000

OPEN = "open"
SHORT = "short"
SILENT = "silent"
FAULTS_MIN = 3

SETTLING_READINGS = 6
FOLLOW_MS = 120 * 1000
FOLLOW_DOWN_MS = 10 * 1000
FOLLOW_PPM_PER_S_MAX = 2
HELD_MS = 20 * 1000
CAR_SETTLED_MS = 60 * 1000
LONG_STAY_MS = 3600 * 1000
DRIFT_PPM = 500
DRIFT_PPM_PER_MINUTE = 5
STEP_MS_MAX = 10 * 1000
# No vehicle moves a loop by a tenth: another loop, another oscillator, a repair.
SHIFT_PPM_MAX = 100000
NOISE_SHARE = 16


class LoopDetector:
    """One bay.

    `is_occupied` is None while unknown; `changed_ms` is the uptime of the last change.
    `baseline_mhz` is in 1/1000 Hz, and `is_learned` once it stands for the empty bay. `fault`
    is None, "open", "short" or "silent". `quality`, `quality_level` belong to the latest
    reading.
    """

    def __init__(self, threshold_ppm, hysteresis_ppm, dwell_ms, baseline_mhz=None):
        self.threshold_ppm = threshold_ppm
        self.hysteresis_ppm = hysteresis_ppm
        self.dwell_ms = dwell_ms
        self.baseline_mhz = baseline_mhz
        self.is_learned = baseline_mhz is not None
        self.is_occupied = None
        self.changed_ms = None
        self.frequency_hz = None
        self.shift_ppm = 0
        self.fault = None
        self.quality = UNCHECKED
        self.quality_level = 0
        self._recent = []
        self._settling = SETTLING_READINGS
        self._faults = 0
        self._noise = 0
        self._step_ppm = 0
        self._last_ms = None
        self._pending = None
        self._pending_ms = 0
        self._held_ppm = None
        self._car_ppm = 0
        # A state that follows from a saved baseline alone, with no step seen since the reset.
        self._is_presumed = False

    @property
    def noise_ppm(self):
        """The mean distance of one reading from the next."""
        return self._noise // NOISE_SHARE

    @property
    def release_ppm(self):
        """The shift below which a bay becomes free: at least a quarter of the threshold."""
        return max(self.threshold_ppm - self.hysteresis_ppm, self.threshold_ppm // 4)

    def is_calm(self):
        """Tell whether nothing speaks for a change: the next reading may come later."""
        return (self._pending is None and self.is_occupied is not None and not self._settling
                and not self._faults and self._step_ppm < self.release_ppm // 2)

    def update(self, frequency_hz, now_ms):
        """Take one reading (None: the counter gave none); return True if `is_occupied` changed."""
        passed_ms = min(now_ms - self._last_ms, STEP_MS_MAX) if self._last_ms is not None else 0
        self._last_ms = now_ms
        self.frequency_hz = frequency_hz
        is_sound = frequency_hz and FREQUENCY_MIN_HZ <= frequency_hz <= FREQUENCY_MAX_HZ
        if (self._faults or not is_sound) and not self._passes_self_test(frequency_hz):
            return False
        frequency_mhz = self._smoothed_mhz(frequency_hz)
        if self._settling:
            self._settling -= 1
            return False
        if self.baseline_mhz is None:
            self.baseline_mhz = frequency_mhz
        self.shift_ppm = shift = shift_ppm(frequency_mhz, self.baseline_mhz)
        if abs(shift) > SHIFT_PPM_MAX:
            return self._forget(now_ms)
        if self.is_occupied is False and shift < self.threshold_ppm:
            # Most of the time: free, and nothing speaks against it.
            self._pending = None
            is_changed = False
        else:
            is_changed = self._judge(frequency_mhz, now_ms)
        if self._pending is None and not is_changed:
            self._follow(frequency_mhz, passed_ms, now_ms)
        self._grade()
        return is_changed

    def recalibrate(self, now_ms):
        """Take the present frequency as that of the empty bay: a technician sees that it is empty.

        Returns False, and changes nothing, without a sound reading.
        """
        if self.fault is not None or len(self._recent) < 3:
            return False
        self.baseline_mhz = sorted(self._recent)[1] * 1000
        self.shift_ppm = 0
        self._settling = 0
        self._set(False, now_ms)
        self._grade()
        return True

    def _passes_self_test(self, frequency_hz):
        fault = fault_of(frequency_hz)
        if fault is None:
            if self._faults >= FAULTS_MIN:
                # What happened meanwhile is unknown: the level decides, not the step.
                self._held_ppm = None
                self._recent = []
                self._settling = SETTLING_READINGS
            self._faults = 0
            return True
        self._faults += 1
        if self._faults >= FAULTS_MIN:
            self.fault = fault
            self._pending = None
            self.quality = REJECTED
            self.quality_level = 0
        return False

    def _smoothed_mhz(self, frequency_hz):
        """Return the median of the last three readings: a single disturbance has no say."""
        recent = self._recent
        if recent:
            # As shift_ppm() of the two in 1/1000 Hz.
            self._step_ppm = step = abs((frequency_hz - recent[-1]) * 1000000 // recent[-1])
            if step < self.threshold_ppm // 2:
                self._noise += step - self._noise // NOISE_SHARE
        recent.append(frequency_hz)
        if len(recent) > 3:
            recent.pop(0)
        return sorted(recent)[len(recent) // 2] * 1000

    def _judge(self, frequency_mhz, now_ms):
        """Change the state when a verdict has stood for the dwell time."""
        verdict = self._verdict(now_ms)
        if verdict is None or (verdict is self.is_occupied and self.is_learned):
            self._pending = None
            return False
        if verdict is not self._pending:
            self._pending = verdict
            self._pending_ms = now_ms
        if now_ms - self._pending_ms < self.dwell_ms:
            return False
        self._conclude(verdict, frequency_mhz, now_ms)
        return True

    def _verdict(self, now_ms):
        """Return True or False for what the shift speaks for, None where it says nothing."""
        shift = self.shift_ppm
        if self.is_occupied:
            return not self._has_left(shift, now_ms)
        if shift >= self.threshold_ppm:
            return True
        if self.is_occupied is False:
            return False
        if not self.is_learned:
            return False if shift <= -self.threshold_ppm else None
        if shift <= -self.threshold_ppm:
            self._forget(now_ms)
            return None
        return False if shift <= self.release_ppm else None

    def _has_left(self, shift, now_ms):
        if self._held_ppm is None or now_ms - self.changed_ms < LONG_STAY_MS:
            return shift < self.release_ppm
        if shift < self.release_ppm // 2:
            return True
        is_step = 4 * (self._held_ppm - shift) >= 3 * self._car_ppm
        return is_step and shift <= max(self.release_ppm, self._drift_ppm(now_ms))

    def _drift_ppm(self, now_ms):
        """Return how far weather may have moved the frequency since the baseline was frozen."""
        minutes = (now_ms - self.changed_ms) // 60000
        return min(DRIFT_PPM + DRIFT_PPM_PER_MINUTE * minutes, self.threshold_ppm)

    def _conclude(self, is_occupied, frequency_mhz, now_ms):
        if not is_occupied:
            is_departure = self.is_occupied and abs(self.shift_ppm) <= self._drift_ppm(now_ms)
            if is_departure or not self.is_learned:
                self.baseline_mhz = frequency_mhz
        is_presumed = self.is_occupied is None and self.is_learned
        self._set(is_occupied, self._pending_ms)
        self._is_presumed = is_presumed and is_occupied

    def _set(self, is_occupied, at_ms):
        self.is_learned = True
        self.is_occupied = is_occupied
        self.changed_ms = at_ms
        self._pending = None
        self._is_presumed = False
        self._held_ppm = self._car_ppm = self.shift_ppm if is_occupied else 0

    def _forget(self, now_ms):
        """Start again as on a first boot; return True if a state was given up."""
        was_known = self.is_occupied is not None
        if was_known:
            self.is_occupied = None
            self.changed_ms = now_ms
        self.is_learned = False
        self.baseline_mhz = None
        self.shift_ppm = 0
        self._pending = None
        self._settling = SETTLING_READINGS
        self._grade()
        return was_known

    def _follow(self, frequency_mhz, passed_ms, now_ms):
        if self.baseline_mhz is None:
            return
        if self.is_occupied:
            self._follow_car(passed_ms, now_ms)
            return
        difference = frequency_mhz - self.baseline_mhz
        release = self.release_ppm
        if self.is_learned and self.shift_ppm < -release // 4:
            self.baseline_mhz -= -difference * passed_ms // FOLLOW_DOWN_MS
        elif abs(self.shift_ppm) <= release // 2:
            limit = self.baseline_mhz // 1000 * FOLLOW_PPM_PER_S_MAX * passed_ms // 1000000
            step = min(abs(difference) * passed_ms // FOLLOW_MS, limit)
            self.baseline_mhz += step if difference > 0 else -step

    def _follow_car(self, passed_ms, now_ms):
        if self._held_ppm is None:
            self._held_ppm = self._car_ppm = self.shift_ppm
        self._held_ppm += (self.shift_ppm - self._held_ppm) * passed_ms // HELD_MS
        if now_ms - self.changed_ms < CAR_SETTLED_MS:
            self._car_ppm = self._held_ppm

    def _grade(self):
        self.fault = None
        noise, hysteresis = self._noise // NOISE_SHARE, self.hysteresis_ppm
        self.quality_level = 100 - min(100, noise * 100 // max(hysteresis, 1))
        if self.is_occupied is None:
            self.quality = PROBABLY_REJECTED
            self.quality_level = 0
        elif noise * 2 >= hysteresis:
            self.quality = PROBABLY_REJECTED
        elif self._is_presumed or noise * 4 >= hysteresis or self._is_between():
            self.quality = SUSPICIOUS
        else:
            self.quality = ACCEPTED

    def _is_between(self):
        if self.is_occupied:
            return False
        low, shift = self.release_ppm // 2, self.shift_ppm
        return shift < -low or low < shift < self.threshold_ppm


def shift_ppm(frequency_mhz, baseline_mhz):
    """Return (frequency - baseline) / baseline in ppm."""
    return (frequency_mhz - baseline_mhz) * 1000 // (baseline_mhz // 1000)


def fault_of(frequency_hz):
    """Return what a reading says about the loop: None if it can be one, else its fault.

    A broken wire stops the oscillator or leaves only stray capacitance below its range; a short
    circuit leaves only the feeder's small inductance, above it.
    """
    if not frequency_hz:
        return SILENT
    if frequency_hz < FREQUENCY_MIN_HZ:
        return OPEN
    if frequency_hz > FREQUENCY_MAX_HZ:
        return SHORT
    return None
