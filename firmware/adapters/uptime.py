"""Uptime that never wraps, from a port's ticks or from CPython's monotonic clock."""

import time


class Uptime:
    """`now_ms()`: milliseconds since the start.

    MicroPython's ticks wrap after 12.4 days (2**30 ms) and can be compared over half of that; the
    node's loop asks many times a minute.
    """

    def __init__(self, ticks_ms=None, ticks_diff=None):
        self._ticks_ms = ticks_ms or getattr(time, "ticks_ms", _monotonic_ms)
        self._ticks_diff = ticks_diff or getattr(time, "ticks_diff", _difference)
        self._last = self._ticks_ms()
        self._now_ms = 0

    def now_ms(self):
        """Return the uptime in ms."""
        ticks = self._ticks_ms()
        passed_ms = self._ticks_diff(ticks, self._last)
        if passed_ms > 0:
            self._now_ms += passed_ms
            self._last = ticks
        return self._now_ms


def _monotonic_ms():
    return int(time.monotonic() * 1000)


def _difference(later, earlier):
    return later - earlier
