"""What people do by the hour: local hours and weekdays, and arrivals whose rate they change."""

import math
from collections.abc import Callable
from functools import lru_cache
from random import Random

from firmware.timezone import Timezone

Rate = Callable[[int, int], float]
"""Arrivals per hour, by local hour of the day (0 to 23) and weekday (0 is Sunday)."""

# So far ahead an arrival is looked for; what is rarer does not come.
HORIZON_HOURS = 24 * 400


class LocalTime:
    """Local time by a POSIX TZ rule, in hours of UTC: where the offset has half hours, so far off.

    Moments are seconds since the start of the run, at `start_unix_s`.
    """

    def __init__(self, start_unix_s: float, rule: str) -> None:
        self._start_unix_s = start_unix_s
        self._timezone = Timezone(rule)
        self._hour = lru_cache(maxsize=1024)(self._hour_and_weekday)

    def hour_and_weekday(self, at_s: float) -> tuple[int, int]:
        """Return (hour, weekday) at a moment of the run."""
        return self._hour(int((self._start_unix_s + at_s) // 3600))

    def _hour_and_weekday(self, utc_hour: int) -> tuple[int, int]:
        local = self._timezone.local(utc_hour * 3600)
        return local.second_of_day // 3600, local.weekday

    def next_arrival_s(self, after_s: float, rate: Rate, rng: Random) -> float:
        """Return the moment of the next arrival of a Poisson process, or infinity.

        The time until it is drawn once and spent hour by hour at that hour's rate.
        """
        left = rng.expovariate(1.0)
        at_s = after_s
        for _ in range(HORIZON_HOURS):
            until_s = 3600 - (self._start_unix_s + at_s) % 3600 + at_s
            per_s = rate(*self.hour_and_weekday(at_s)) / 3600
            if per_s * (until_s - at_s) >= left:
                return round(at_s + left / per_s, 3)
            left -= per_s * (until_s - at_s)
            at_s = until_s
        return math.inf
