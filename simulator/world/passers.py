"""Who passes a lamp: pedestrians and cars, by the hour; what a motion detector sees."""

from bisect import bisect_right

from simulator.world.draws import draw
from simulator.world.local_time import LocalTime

# Per hour, by hour of the day: a town street.
PASSERS_PER_HOUR = (2, 1, 0, 0, 1, 4, 15, 40, 50, 40, 40, 50, 60, 50, 40, 50, 70, 90, 70,
                    40, 25, 15, 8, 4)
CARS_PER_HOUR = (6, 3, 2, 2, 4, 15, 60, 150, 180, 110, 100, 110, 140, 120, 110, 120, 160, 200,
                 170, 110, 70, 45, 25, 12)
PASSING_MIN_S, PASSING_MAX_S = 6.0, 20.0
DRIVING_MIN_S, DRIVING_MAX_S = 2.0, 4.0


class Passers:
    """Presence below one lamp; drawn hour by hour, so that when one looks changes nothing."""

    __slots__ = ("_seed", "_place", "_local", "_factor", "_hour", "_starts", "_ends")

    def __init__(self, seed: int, place: str, local: LocalTime, passers_factor: float) -> None:
        self._seed = seed
        self._place = place
        self._local = local
        self._factor = passers_factor
        self._hour = -1
        self._starts: list[float] = []
        self._ends: list[float] = []

    def is_present(self, now_s: float) -> bool:
        """Tell whether somebody is below the lamp."""
        hour = int(now_s // 3600)
        if hour != self._hour:
            self._hour = hour
            self._draw_hour(hour)
        index = bisect_right(self._starts, now_s) - 1
        return index >= 0 and now_s < self._ends[index]

    def _draw_hour(self, hour: int) -> None:
        rng = draw(self._seed, "passers", self._place, hour)
        of_day = self._local.hour_and_weekday(hour * 3600.0)[0]
        spans = []
        for per_hour, shortest, longest in (
                (PASSERS_PER_HOUR[of_day], PASSING_MIN_S, PASSING_MAX_S),
                (CARS_PER_HOUR[of_day], DRIVING_MIN_S, DRIVING_MAX_S)):
            at_s, per_s = hour * 3600.0, per_hour * self._factor / 3600
            while per_s and (at_s := at_s + rng.expovariate(per_s)) < (hour + 1) * 3600:
                spans.append((at_s, at_s + rng.uniform(shortest, longest)))
        self._starts, self._ends = [], []
        latest_s = 0.0
        for start_s, end_s in sorted(spans):
            # With an earlier span's end where that is later: who is there is not gone.
            latest_s = max(latest_s, end_s)
            self._starts.append(start_s)
            self._ends.append(latest_s)
