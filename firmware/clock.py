"""The node's two clocks: uptime, which never steps, and the time of day, once it is known."""

from firmware.timezone import Timezone

# Nobody sets a clock of this project to a moment before it existed; a server that does so is
# testing, or has lost its own time (2020-01-01). Beyond 2100 it is no better off.
PLAUSIBLE_FROM_S = 1577836800
PLAUSIBLE_UNTIL_S = 4102444800

RTC, SNTP, SERVER = 1, 2, 3
# A better source's time is believed against lesser sources for so long.
SOURCE_VALID_MS = 24 * 3600 * 1000


class Clock:
    """Uptime and time of day.

    `now_ms` is set by the node on entry of each of its calls. `source` is None until the time of
    day is known, then RTC, SNTP or SERVER, in rising rank.
    """

    def __init__(self, timezone):
        self.now_ms = 0
        self.timezone = Timezone(timezone)
        self.source = None
        self.set_at_ms = None
        self._boot_unix_ms = 0

    def unix_s(self):
        """Return the Unix time in whole seconds, or None while it is not known."""
        return self.to_unix_s(self.now_ms)

    def to_unix_s(self, uptime_ms):
        """Return the Unix time at an uptime, rounded down, or None while it is not known."""
        return None if self.source is None else (self._boot_unix_ms + uptime_ms) // 1000

    def boot_unix_ms(self):
        """Return the Unix time in ms at uptime 0, or None while it is not known."""
        return None if self.source is None else self._boot_unix_ms

    def to_uptime_ms(self, unix_s):
        """Return the uptime at which it is (or was) `unix_s`, or None while that is not known."""
        return None if self.source is None else unix_s * 1000 - self._boot_unix_ms

    def set_unix_s(self, unix_s, source):
        """Set the time of day; return False where it is implausible or a better source holds."""
        if not PLAUSIBLE_FROM_S <= unix_s < PLAUSIBLE_UNTIL_S:
            return False
        if (self.source is not None and source < self.source
                and self.now_ms - self.set_at_ms < SOURCE_VALID_MS):
            return False
        self.source = source
        self.set_at_ms = self.now_ms
        self._boot_unix_ms = unix_s * 1000 - self.now_ms
        return True

    def local(self, unix_s):
        """Return the firmware.timezone.LocalTime of `unix_s`."""
        return self.timezone.local(unix_s)
