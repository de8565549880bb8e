"""What distances say about a bin: level, full, empty, emptied, how fast it fills.

A pure core: distances and times go in, properties come out. Levels are kept in 1/1000 of the
container's volume.
"""

from firmware.furniture.quality import (
    ACCEPTED,
    PROBABLY_REJECTED,
    REJECTED,
    SUSPICIOUS,
    UNCHECKED,
)

SHOTS = 5
AGREEING_MIN = 3
AGREEMENT_MM = 30
JUMP_PERMILLE = 150
CONFIRMATION_PERMILLE = 50
HYSTERESIS_PERMILLE = 50
EMPTIED_DROP_PERMILLE = 200
SPEED_AFTER_MS = 6 * 3600 * 1000
DAY_MS = 86400 * 1000
HALF_LIFE_MS = 7 * DAY_MS


def agree(shots_mm):
    """Return (distance_mm, agreeing): the median of the shots that agree with the median.

    Shots that are None (no echo) are left out; a shot agrees within 30 mm. (None, 0) without
    shots.
    """
    heard = sorted([shot for shot in shots_mm if shot is not None])
    if not heard:
        return None, 0
    median = heard[len(heard) // 2]
    near = [shot for shot in heard if abs(shot - median) <= AGREEMENT_MM]
    return near[len(near) // 2], len(near)


class Filling:
    """The state of one bin's contents.

    `permille`, `level_mm` are None until a first measurement was accepted. `full`, `empty` switch
    at the thresholds and back only 5 points beyond them. `is_unconfirmed`: the last measurement
    jumped, and counts only if the next one agrees with it (a bag in mid-air, a hand, a lid that
    moves).
    """

    def __init__(self, container, high_permille, low_permille):
        self.container = container
        self.high_permille = high_permille
        self.low_permille = low_permille
        self.permille = None
        self.level_mm = None
        self.full = False
        self.empty = False
        self.quality = UNCHECKED
        self.quality_level = 0
        self.is_unconfirmed = False
        self._candidate_permille = None
        self._highest_permille = 0
        self._since_ms = None
        self._since_permille = 0
        self._speed_filled = 0
        self._speed_ms = 0

    def state(self):
        """Return what must survive a reset, as a list of integers."""
        return [self.permille, self._highest_permille, self._speed_filled, self._speed_ms]

    def restore(self, state):
        """Go on from what state() gave before a reset; anything else does nothing.

        So a bin that is emptied during the reset is noticed, and a jump over it is confirmed.
        """
        if isinstance(state, list) and len(state) == 4:
            self.permille, self._highest_permille, self._speed_filled, self._speed_ms = state

    def update(self, shots_mm, now_ms):
        """Take the shots of one measurement; return True if the bin was emptied before it."""
        distance_mm, agreeing = agree(shots_mm)
        self.quality_level = 100 * agreeing // max(len(shots_mm), 1)
        level_mm = None if distance_mm is None else self.container.level_mm(distance_mm)
        self.is_unconfirmed = False
        if level_mm is None:
            self.reject(REJECTED)
            return False
        if agreeing < AGREEING_MIN:
            self.reject(PROBABLY_REJECTED)
            return False
        permille = self.container.fill_permille(level_mm)
        if self._is_jump(permille):
            self._candidate_permille = permille
            self.is_unconfirmed = True
            self.quality = SUSPICIOUS
            return False
        self._candidate_permille = None
        self.quality = ACCEPTED if agreeing == len(shots_mm) else SUSPICIOUS
        return self._accept(level_mm, permille, now_ms)

    def reject(self, quality):
        """Keep what is known, under the `quality` of a measurement that says nothing."""
        self._candidate_permille = None
        self.is_unconfirmed = False
        self.quality = quality
        if quality == REJECTED:
            self.quality_level = 0

    def _is_jump(self, permille):
        if self.permille is None or abs(permille - self.permille) < JUMP_PERMILLE:
            return False
        candidate = self._candidate_permille
        return candidate is None or abs(permille - candidate) > CONFIRMATION_PERMILLE

    def _accept(self, level_mm, permille, now_ms):
        drop = self._highest_permille - permille
        is_emptied = drop >= EMPTIED_DROP_PERMILLE and permille <= self.low_permille
        self.level_mm = level_mm
        self.permille = permille
        self._highest_permille = permille if is_emptied else max(self._highest_permille, permille)
        if is_emptied or self._since_ms is None:
            self._since_ms = now_ms
            self._since_permille = permille
        else:
            self._learn_speed(now_ms)
        self.apply_thresholds()
        return is_emptied

    def apply_thresholds(self):
        """Decide `full` and `empty` again, after a measurement or a change of the thresholds."""
        if self.permille is None:
            return
        band = HYSTERESIS_PERMILLE if self.full else 0
        self.full = self.permille >= self.high_permille - band
        band = HYSTERESIS_PERMILLE if self.empty else 0
        self.empty = self.permille <= self.low_permille + band

    def _learn_speed(self, now_ms):
        """Add the contents since the last reckoning; history fades, by half in a week."""
        span_ms = now_ms - self._since_ms
        if span_ms < SPEED_AFTER_MS:
            return
        if self._speed_ms > HALF_LIFE_MS:
            self._speed_filled //= 2
            self._speed_ms //= 2
        self._speed_filled += max(self.permille - self._since_permille, 0)
        self._speed_ms += span_ms
        self._since_ms = now_ms
        self._since_permille = self.permille

    def reset_speed(self):
        """Forget how fast the bin filled (resource 9)."""
        self._speed_filled = 0
        self._speed_ms = 0

    def permille_per_day(self):
        """Return the average filling speed, or None before six hours were watched."""
        if not self._speed_ms:
            return None
        return self._speed_filled * DAY_MS // self._speed_ms

    def full_in_s(self):
        """Return when the high threshold will be reached, in seconds, or None if unknown."""
        speed = self.permille_per_day()
        if not speed:
            return None
        return max(self.high_permille - self.permille, 0) * 86400 // speed
