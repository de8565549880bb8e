"""Moves the dimmer from level to level, in permille of full power, linearly in time.

Linear in permille: the logarithmic curve of DALI is left to control gear that has it.
"""

STEP_MS = 50
# Steps smaller than this are not worth a wake-up.
STEP_PERMILLE = 5
FULL_PERMILLE = 1000


class Fader:
    """A dimmer and where it is; it begins at full, the electrical default of the hardware."""

    def __init__(self, dimmer):
        self._dimmer = dimmer
        self._applied = None
        self._from = self._to = FULL_PERMILLE
        self._start_ms = 0
        self._duration_ms = 0
        self._minimum = 0
        self.permille = FULL_PERMILLE
        # The dimmer's last call failed: a control gear on a bus does not answer.
        self.is_silent = False
        self.next_ms = None

    def fade(self, now_ms, permille, duration_ms, minimum):
        """Go to `permille` from wherever the lamp is; `minimum` is the lowest that is not off."""
        self._from, self._to = self.permille, permille
        self._start_ms = now_ms
        self._duration_ms = duration_ms
        self._minimum = minimum
        self.step(now_ms)

    def is_fading(self):
        """Return whether the lamp is still on its way."""
        return self.permille != self._to

    def step(self, now_ms):
        """Drive the dimmer to where it shall be now; also tries anew what failed before."""
        elapsed_ms = now_ms - self._start_ms
        distance = self._to - self._from
        if elapsed_ms >= self._duration_ms:
            self.permille = self._to
            self.next_ms = None
        else:
            position = self._from + distance * elapsed_ms // self._duration_ms
            # A light source does not burn below its minimum: leave and reach off in one jump.
            self.permille = max(position, self._minimum)
            interval_ms = self._duration_ms * STEP_PERMILLE // max(abs(distance), 1)
            self.next_ms = now_ms + max(STEP_MS, interval_ms)
        if self.permille != self._applied:
            self._drive()

    def _drive(self):
        try:
            self._dimmer.set_level(self.permille)
        except OSError:
            self._applied = None
            self.is_silent = True
            return
        self._applied = self.permille
        self.is_silent = False
