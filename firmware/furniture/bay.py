"""One parking bay: its loop's detector, its stays, and what survives a reset."""

from firmware.clock import PLAUSIBLE_UNTIL_S
from firmware.furniture.loop_detector import (
    FREQUENCY_MAX_HZ,
    FREQUENCY_MIN_HZ,
    SETTLING_READINGS,
    SILENT,
    LoopDetector,
    shift_ppm,
)
from firmware.furniture.quality import SUSPICIOUS
from firmware.saved import is_integer

# A baseline is written when the weather has moved it so far, at most once an hour.
SAVE_SHIFT_PPM = 200
SAVE_INTERVAL_MS = 3600 * 1000
DAY_CHECK_MS = 60 * 1000
# What is counted of one day: without a clock it may be far more than a day.
DAY_MS_MAX = 1 << 40

# Loop status, resource 7 of object 42801.
WORKING, CALIBRATING, NO_OSCILLATION, OUT_OF_RANGE, UNSTABLE = range(5)


class Bay:
    """Bay `number` (from 0) above `loop`; `saved` is the SavedValues of all bays."""

    def __init__(self, number, loop, values, saved, clock):
        self.number = number
        self.is_forbidden = False
        self._loop = loop
        self._saved = saved
        self._clock = clock
        overstay_s = values["overstay_s"]
        self._overstay_ms = None if overstay_s is None else overstay_s * 1000
        baseline_mhz = self._get("baseline_mhz")
        self.detector = LoopDetector(
            values["threshold_ppm"], values["hysteresis_ppm"], values["dwell_ms"], baseline_mhz)
        self._saved_mhz = baseline_mhz
        self._saved_ms = None
        self._last_stay_ms = 0
        # What was counted of this local day up to counted_ms.
        self._day = self._get("day")
        self._daily_ms = self._get("daily_ms", 0)
        self._counted_ms = 0
        self._day_check_ms = 0

    def _get(self, name, default=None):
        return self._saved.get("%d/%s" % (self.number, name), default)

    def _put(self, name, value):
        self._saved.put("%d/%s" % (self.number, name), value)

    def settling_ms(self, interval_ms):
        """Return how long after a start the first verdict takes."""
        return self.detector.dwell_ms + (SETTLING_READINGS + 3) * interval_ms

    def read(self, now_ms):
        """Read the loop; return True if the occupancy changed."""
        detector = self.detector
        was_occupied, since_ms = detector.is_occupied, detector.changed_ms
        if was_occupied:
            self._daily_ms += now_ms - self._counted_ms
        self._counted_ms = now_ms
        if now_ms >= self._day_check_ms:
            self._check_day(now_ms)
        is_changed = detector.update(self._loop.read_hz(), now_ms)
        if is_changed and was_occupied:
            self._last_stay_ms = detector.changed_ms - since_ms
        if self._overstay_ms is not None:
            is_long = self.duration_ms(now_ms) >= self._overstay_ms
            self.is_forbidden = bool(detector.is_occupied) and is_long
        return is_changed

    def _check_day(self, now_ms):
        """Let a new local day begin at 0, or at what this stay has taken of it."""
        self._day_check_ms = now_ms + DAY_CHECK_MS
        unix_s = self._clock.unix_s()
        if unix_s is None:
            return
        local = self._clock.local(unix_s)
        if self._day is not None and local.days != self._day:
            occupied_ms = self.duration_ms(now_ms) if self.detector.is_occupied else 0
            self._daily_ms = min(occupied_ms, local.second_of_day * 1000)
        self._day = local.days

    def duration_ms(self, now_ms):
        """Return how long the bay has been occupied, or was the last time."""
        if self.detector.is_occupied:
            return now_ms - self.detector.changed_ms
        return self._last_stay_ms

    def daily_ms(self, now_ms):
        """Return how long the bay was occupied on this local day."""
        return self._daily_ms + (now_ms - self._counted_ms if self.detector.is_occupied else 0)

    def is_trusted(self):
        """Tell whether the present reading counts."""
        return self.detector.quality >= SUSPICIOUS

    def status(self):
        """Return the loop's status as object 42801 numbers it."""
        detector = self.detector
        return status_of(detector.fault, detector.is_occupied, detector.quality)

    def recalibrate(self, now_ms):
        """Take the bay as empty now; return False without a sound loop."""
        was_occupied, since_ms = self.detector.is_occupied, self.detector.changed_ms
        if not self.detector.recalibrate(now_ms):
            return False
        if was_occupied:
            self._last_stay_ms = now_ms - since_ms
        self.is_forbidden = False
        self._save_new_baseline(now_ms)
        self._saved.commit()
        return True

    def calibrated_s(self):
        """Return when the baseline was last learned anew, in Unix time, or None."""
        return self._get("calibrated_s")

    def save(self, now_ms, is_changed):
        """Write the day's count at a transition, the baseline when it is new or moved."""
        detector = self.detector
        is_recent = self._saved_ms is not None and now_ms - self._saved_ms < SAVE_INTERVAL_MS
        if is_recent and not is_changed:
            return
        if is_changed:
            self._put("day", self._day)
            self._put("daily_ms", self._daily_ms)
        if detector.is_learned and detector.baseline_mhz is not None:
            if self._saved_mhz is None:
                self._save_new_baseline(now_ms)
            elif detector.is_occupied is False and not is_recent and self._has_moved():
                self._save_baseline(now_ms)
        self._saved.commit()

    def _has_moved(self):
        return abs(shift_ppm(self.detector.baseline_mhz, self._saved_mhz)) >= SAVE_SHIFT_PPM

    def _save_baseline(self, now_ms):
        self._saved_mhz = self.detector.baseline_mhz
        self._saved_ms = now_ms
        self._put("baseline_mhz", self._saved_mhz)

    def _save_new_baseline(self, now_ms):
        self._save_baseline(now_ms)
        self._put("calibrated_s", self._clock.to_unix_s(now_ms))


def status_of(fault, is_occupied, quality):
    """Return the status of a loop whose detector says this."""
    if fault is not None:
        return NO_OSCILLATION if fault == SILENT else OUT_OF_RANGE
    if is_occupied is None:
        return CALIBRATING
    return UNSTABLE if quality < SUSPICIOUS else WORKING


def is_bay_state(name, value):
    """Tell whether a bay can have saved `value` under this name."""
    name = name.partition("/")[2]
    if name == "baseline_mhz":
        return is_integer(value, FREQUENCY_MIN_HZ * 1000, FREQUENCY_MAX_HZ * 1000)
    if name == "daily_ms":
        return is_integer(value, 0, DAY_MS_MAX)
    is_known = name in ("day", "calibrated_s")
    return is_known and (value is None or is_integer(value, 0, PLAUSIBLE_UNTIL_S))
