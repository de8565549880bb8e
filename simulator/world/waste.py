"""Waste containers: filled bag by bag, emptied by a truck; fires in them, and knocks."""

import math
from collections.abc import Iterator

from simulator.world.draws import draw
from simulator.world.local_time import LocalTime
from simulator.world.passers import PASSERS_PER_HOUR
from simulator.world.process import Change
from simulator.world.replay import Track
from simulator.world.weather import Weather

PASSERS_BUSY = 35
BAG_MIN_PERCENT, BAG_MAX_PERCENT = 0.4, 2.0
CALL_AT_PERCENT = 85
TRUCK_MIN_S, TRUCK_MAX_S = 20 * 60, 3 * 3600
# A fire below the thermometer: so hot, and warming and cooling with these time constants.
FIRE_K, HEATING_S, COOLING_S = 400, 900, 1200
FIRE_MIN_S, FIRE_MAX_S = 15 * 60, 60 * 60
KNOCK_S = 2.5
FALL_SHARE = 0.1
FALLEN_MIN_S, FALLEN_MAX_S = 3600, 6 * 3600
EMPTIED_DROP_PERCENT = 20
# A dark lid in full sun warms the air below it by so much.
SUN_ON_LID_K, FULL_SUN_LUX = 22, 100_000


class Fill:
    """The contents of one container in percent of its volume, until `next_s` of the run.

    `turns`, from a file, replace what is drawn: an iterator of (moment, percent).
    """

    __slots__ = ("place", "next_s", "percent", "emptied", "_seed", "_local", "_bags_per_hour",
                 "_step", "_truck_s", "_turns", "_next_percent", "_next_bag_s", "_next_bag")

    def __init__(self, seed: int, place: str, local: LocalTime, waste_factor: float,
                 turns: Iterator[tuple[float, float]] | None = None) -> None:
        rng = draw(seed, "waste", place, 0)
        self.place = place
        self.percent = rng.uniform(5, 92)
        self.emptied = 0
        self._seed = seed
        self._local = local
        self._bags_per_hour = rng.uniform(0.5, 3.0) * waste_factor
        self._step = 0
        self._truck_s: float | None = None
        self._turns = turns
        self._next_percent = self._next_bag_s = self._next_bag = 0.0
        self._plan(0.0)

    def step(self) -> Change:
        """Let the next bag fall in, or the truck come; return what changed.

        The value of "emptied", as of "fill", is the percentage now.
        """
        now_s = self.next_s
        before = self.percent
        if self._turns is not None:
            self.percent = self._next_percent
        elif now_s == self._truck_s:
            self._truck_s = None
            self.percent = draw(self._seed, "left behind", self.place, self.emptied).uniform(0, 3)
        else:
            self.percent = min(100.0, self.percent + self._next_bag)
        is_emptied = before - self.percent >= EMPTIED_DROP_PERCENT
        self.emptied += is_emptied
        self._plan(now_s)
        return self.place, "emptied" if is_emptied else "fill", self.percent

    def _plan(self, now_s: float) -> None:
        if self._turns is not None:
            self._plan_turn()
            return
        if self._truck_s is None and self.percent >= CALL_AT_PERCENT:
            wait_s = draw(self._seed, "truck", self.place, self.emptied).uniform(
                TRUCK_MIN_S, TRUCK_MAX_S)
            self._truck_s = round(now_s + wait_s, 3)
        if now_s >= self._next_bag_s:
            rng = draw(self._seed, "bag", self.place, self._step)
            self._step += 1
            self._next_bag_s = self._local.next_arrival_s(now_s, self._rate, rng)
            self._next_bag = rng.uniform(BAG_MIN_PERCENT, BAG_MAX_PERCENT)
        self.next_s = min(self._next_bag_s, self._truck_s or math.inf)

    def _plan_turn(self) -> None:
        for at_s, percent in self._turns:
            if at_s <= 0:
                self.percent = percent
            else:
                self.next_s, self._next_percent = at_s, percent
                return
        self.next_s = math.inf

    def _rate(self, hour: int, weekday: int) -> float:
        return self._bags_per_hour * max(0.05, PASSERS_PER_HOUR[hour] / PASSERS_BUSY)


class Fire:
    """Fires in one container, so many a day on average; `heat_k()` is what a thermometer sees."""

    __slots__ = ("place", "next_s", "is_burning", "_seed", "_per_s", "_step", "_since_s",
                 "_peak_k", "_turns")

    def __init__(self, seed: int, place: str, per_day: float,
                 turns: Iterator[tuple[float, float]] | None = None) -> None:
        self.place = place
        self.is_burning = False
        self._seed = seed
        self._per_s = per_day / 86400
        self._step = 0
        self._since_s = -math.inf
        self._peak_k = 0.0
        self._turns = turns
        self.next_s = 0.0
        self._plan(0.0)

    def step(self) -> Change:
        """Let it begin or end."""
        if self.is_burning:
            self._peak_k = self.heat_k(self.next_s)
        self.is_burning = not self.is_burning
        self._since_s = self.next_s
        self._step += 1
        self._plan(self.next_s)
        return self.place, "fire", float(self.is_burning)

    def heat_k(self, now_s: float) -> float:
        """Return by how much the fire, or what it left, warms the thermometer."""
        gone_s = now_s - self._since_s
        if self.is_burning:
            return FIRE_K * (1 - math.exp(-gone_s / HEATING_S))
        return self._peak_k * math.exp(-gone_s / COOLING_S) if self._peak_k else 0.0

    def _plan(self, now_s: float) -> None:
        if self._turns is not None:
            self.next_s = next((at_s for at_s, value in self._turns
                                if at_s > now_s and (value > 0) != self.is_burning), math.inf)
            return
        rng = draw(self._seed, "fire", self.place, self._step)
        if self.is_burning:
            self.next_s = round(now_s + rng.uniform(FIRE_MIN_S, FIRE_MAX_S), 3)
        else:
            self.next_s = (round(now_s + rng.expovariate(self._per_s), 3) if self._per_s
                           else math.inf)


class Knocks:
    """Knocks on one piece of furniture; one in ten overturns it until somebody lifts it up."""

    __slots__ = ("place", "next_s", "is_fallen", "force_g", "at_s", "_seed", "_per_s", "_step",
                 "_turns", "_next_force_g")

    def __init__(self, seed: int, place: str, per_day: float,
                 turns: Iterator[tuple[float, float]] | None = None) -> None:
        self.place = place
        self.is_fallen = False
        self.force_g = 0.0
        self.at_s = -math.inf
        self._seed = seed
        self._per_s = per_day / 86400
        self._step = 0
        self._turns = turns
        self._next_force_g = 0.0
        self.next_s = 0.0
        self._plan(0.0)

    def step(self) -> Change:
        """Let the knock happen, or somebody lift the thing up."""
        now_s = self.next_s
        rng = draw(self._seed, "force", self.place, self._step)
        self._step += 1
        self.at_s = now_s
        if self.is_fallen:
            self.is_fallen = False
            self._plan(now_s)
            return self.place, "fallen", 0.0
        self.force_g = self._next_force_g or rng.uniform(0.3, 4.0)
        self.is_fallen = self._turns is None and rng.random() < FALL_SHARE
        if self.is_fallen:
            self.next_s = round(now_s + rng.uniform(FALLEN_MIN_S, FALLEN_MAX_S), 3)
            return self.place, "fallen", 1.0
        self._plan(now_s)
        return self.place, "knock", self.force_g

    def is_shaking(self, now_s: float) -> bool:
        """Tell whether it still trembles."""
        return now_s - self.at_s < KNOCK_S

    def _plan(self, now_s: float) -> None:
        if self._turns is not None:
            self.next_s, self._next_force_g = next(
                (turn for turn in self._turns if turn[0] > now_s and turn[1] > 0),
                (math.inf, 0.0))
        elif self._per_s:
            rng = draw(self._seed, "knock", self.place, self._step)
            self.next_s = round(now_s + rng.expovariate(self._per_s), 3)
        else:
            self.next_s = math.inf


class Bin:
    """One container: its contents, and what may befall it; `height_mm` inside."""

    __slots__ = ("fill", "fire", "knocks", "height_mm", "_exposure", "_weather", "_track")

    def __init__(self, fill: Fill, fire: Fire | None, knocks: Knocks | None, height_mm: int,
                 exposure: float, weather: Weather, track: Track | None = None) -> None:
        self.fill = fill
        self.fire = fire
        self.knocks = knocks
        self.height_mm = height_mm
        self._exposure = exposure
        self._weather = weather
        self._track = track

    def temperature_celsius(self, now_s: float) -> float:
        """Return the temperature inside: the air's, the sun's on the lid, and a fire's."""
        heat_k = self.fire.heat_k(now_s) if self.fire else 0.0
        if self._track is not None:
            return self._track.at(now_s) + heat_k
        sunny = min(self._weather.daylight_lux(now_s) / FULL_SUN_LUX, 1.0)
        return (self._weather.air_celsius(now_s) + SUN_ON_LID_K * self._exposure * sunny
                + heat_k)
