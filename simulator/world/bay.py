"""Parking bays: cars come by the hour and the weekday, and stay for a while or for the night.

The figures are those of a town street with shops, offices and flats, as we imagine one.
"""

import math
from random import Random

from simulator.world.draws import draw
from simulator.world.local_time import LocalTime
from simulator.world.process import Change

# Arrivals of cars per free bay and hour, by hour of the day.
ARRIVALS_PER_HOUR = (0.05, 0.02, 0.02, 0.02, 0.05, 0.2, 0.6, 1.2, 1.6, 1.4, 1.2, 1.3,
                     1.6, 1.4, 1.2, 1.2, 1.5, 2.0, 1.9, 1.2, 0.7, 0.4, 0.2, 0.1)
# Sunday first.
ARRIVALS_BY_WEEKDAY = (0.4, 1.0, 0.95, 1.0, 1.0, 1.1, 1.25)
STAY_MEDIAN_S = 25 * 60
STAY_SPREAD = 0.8
STAY_MIN_S = 40
# Of those who come in the evening, who stay until the morning; in the morning, for the work day.
NIGHT_SHARE, NIGHT_HOURS, NIGHT_MEDIAN_S = 0.3, range(18, 23), 12 * 3600
WORK_SHARE, WORK_HOURS, WORK_MEDIAN_S = 0.25, range(7, 10), 8 * 3600
GAP_MIN_S = 15
# A car moves the loop's frequency by so much, and needs so long to roll onto it or off.
CAR_PPM_MIN, CAR_PPM_MAX = 9_000, 26_000
ROLLING_S = 4.0


class Bay:
    """Bay `number` of a parking node, from 0: occupied or not until `next_s` of the run.

    `changes` counts comings and goings. `turns`, from a file, replace what is drawn: an iterator
    of (moment, 1 or 0).
    """

    __slots__ = ("place", "number", "next_s", "is_occupied", "changes", "since_s", "_seed",
                 "_local", "_factor", "_ppm", "_turns", "_next_state")

    def __init__(self, seed: int, place: str, number: int, local: LocalTime,
                 arrivals_factor: float, turns=None) -> None:
        self._seed = seed
        self.place = place
        self.number = number
        self._local = local
        self._factor = arrivals_factor
        self._turns = turns
        self.changes = 0
        self.since_s = -math.inf
        self.is_occupied = False
        self._next_state = True
        self._ppm = 0
        if turns is None:
            self._begin(self._draw())
        else:
            self._replay(self._draw())

    @property
    def quantity(self) -> str:
        """Return what TruthChanged calls it."""
        return f"occupied.{self.number}"

    def step(self) -> Change:
        """Let the car come or go that is due at `next_s`; return (place, quantity, value)."""
        rng = self._draw()
        self.since_s = self.next_s
        self.is_occupied = self._next_state
        self.changes += 1
        if self._turns is not None:
            self._replay(rng)
        elif self.is_occupied:
            self.next_s = round(self.since_s + self._stay_s(rng), 3)
            self._next_state = False
        else:
            self.next_s = self._next_arrival_s(self.since_s, rng)
            self._next_state = True
        if self.is_occupied:
            self._ppm = rng.uniform(CAR_PPM_MIN, CAR_PPM_MAX)
        return self.place, self.quantity, float(self.is_occupied)

    def shift_ppm(self, now_s: float) -> float:
        """Return how far a car moves the loop's frequency, as it rolls onto the loop and off."""
        gone_s = now_s - self.since_s
        if gone_s >= ROLLING_S:
            return self._ppm if self.is_occupied else 0.0
        share = gone_s / ROLLING_S
        return self._ppm * (share if self.is_occupied else 1 - share)

    def _draw(self) -> Random:
        return draw(self._seed, f"bay {self.number}", self.place, self.changes)

    def _begin(self, rng: Random) -> None:
        hour, weekday = self._local.hour_and_weekday(0.0)
        cars = self._rate(hour, weekday) * STAY_MEDIAN_S * 1.4 / 3600
        self.is_occupied = rng.random() < cars / (1 + cars)
        self._next_state = not self.is_occupied
        if self.is_occupied:
            self._ppm = rng.uniform(CAR_PPM_MIN, CAR_PPM_MAX)
            self.next_s = round(self._stay_s(rng) * rng.random(), 3)
        else:
            self.next_s = self._next_arrival_s(0.0, rng)

    def _replay(self, rng: Random) -> None:
        """Take the next turn of the file that changes anything; those of the past at once."""
        for at_s, value in self._turns:
            if at_s <= 0:
                self.is_occupied = value > 0
                self._ppm = rng.uniform(CAR_PPM_MIN, CAR_PPM_MAX) if self.is_occupied else 0
            elif (value > 0) != self.is_occupied:
                self.next_s, self._next_state = at_s, value > 0
                return
        self.next_s = math.inf

    def _rate(self, hour: int, weekday: int) -> float:
        return ARRIVALS_PER_HOUR[hour] * ARRIVALS_BY_WEEKDAY[weekday] * self._factor

    def _next_arrival_s(self, after_s: float, rng: Random) -> float:
        return self._local.next_arrival_s(after_s + GAP_MIN_S, self._rate, rng)

    def _stay_s(self, rng: Random) -> float:
        hour, weekday = self._local.hour_and_weekday(max(self.since_s, 0.0))
        chance = rng.random()
        median_s, spread = STAY_MEDIAN_S, STAY_SPREAD
        if hour in NIGHT_HOURS and chance < NIGHT_SHARE:
            median_s, spread = NIGHT_MEDIAN_S, 0.2
        elif hour in WORK_HOURS and 1 <= weekday <= 5 and chance < WORK_SHARE:
            median_s, spread = WORK_MEDIAN_S, 0.15
        return max(STAY_MIN_S, rng.lognormvariate(math.log(median_s), spread))
