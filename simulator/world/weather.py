"""Clouds, daylight and air temperature of a place, as functions of time and one seed.

A plausible climate, not a measured one: means and swings follow from the latitude.
"""

import math
from collections.abc import Callable

from simulator.world import sun
from simulator.world.draws import draw
from simulator.world.places import Place
from simulator.world.replay import Track

# Mean cloud cover and how much it wanders from hour to hour.
SKIES = {"clear": (0.08, 0.04), "mixed": (0.5, 0.16), "overcast": (0.95, 0.03)}
LIGHT_STEP_S = 60
AIR_STEP_S = 600
YEAR_S = 365.25 * 86400
# Mid-July in Unix time, modulo a year: when the north is warmest.
WARMEST_S = 200 * 86400


class Grid:
    """A function of time, computed at multiples of `step_s` and straight in between.

    Cheap where one moment after the other is asked for, and the same wherever one is.
    """

    def __init__(self, step_s: float, value: Callable[[float], float]) -> None:
        self._step_s = step_s
        self._function = value
        self._from_s = self._until_s = 0.0
        self._value = self._slope = 0.0

    def at(self, now_s: float) -> float:
        """Return the value at `now_s`."""
        if not self._from_s <= now_s < self._until_s:
            self._move(now_s)
        return self._value + (now_s - self._from_s) * self._slope

    def _move(self, now_s: float) -> None:
        index = now_s // self._step_s
        self._from_s = index * self._step_s
        self._until_s = (index + 1) * self._step_s
        self._value = self._function(self._from_s)
        self._slope = (self._function(self._until_s) - self._value) / self._step_s


class Weather:
    """The sky over `place`; moments are seconds since the start of the run.

    `sky` is one of SKIES; `warmer_k` is added to the temperature of the climate.
    """

    def __init__(self, seed: int, start_unix_s: float, place: Place, sky: str = "mixed",
                 warmer_k: float = 0.0) -> None:
        self._seed = seed
        self._start_unix_s = start_unix_s
        self._place = place
        self._warmer_k = warmer_k
        self._cloud_mean, self._cloud_step = SKIES[sky]
        self._clouds: list[float] = []
        self._days: list[float] = []
        self._light: Grid | Track = Grid(LIGHT_STEP_S, self._daylight_lux)
        self._air: Grid | Track = Grid(AIR_STEP_S, self._air_celsius)

    def replay(self, lux: Track | None, celsius: Track | None) -> None:
        """Let a file say what the daylight or the air is."""
        self._light = lux or self._light
        self._air = celsius or self._air

    def sun_elevation(self, now_s: float) -> float:
        """Return the height of the sun's centre above the horizon in degrees."""
        return sun.elevation_degrees(
            self._start_unix_s + now_s, self._place.latitude, self._place.longitude)

    def daylight_lux(self, now_s: float) -> float:
        """Return the daylight on the ground."""
        return self._light.at(now_s)

    def air_celsius(self, now_s: float) -> float:
        """Return the temperature of the air in the shade."""
        return self._air.at(now_s)

    def cloud_cover(self, now_s: float) -> float:
        """Return the share of the sky that is covered, 0 to 1."""
        hour = max(now_s, 0.0) / 3600
        return _between(self._clouds, hour, self._next_cloud)

    def _next_cloud(self, hour: int) -> float:
        # Where the sky was, half way back to its mean, and a bit of chance.
        before = self._clouds[-1] if self._clouds else self._cloud_mean
        drift = draw(self._seed, "clouds", "sky", hour).gauss(0, self._cloud_step)
        return min(1.0, max(0.0, before + 0.15 * (self._cloud_mean - before) + drift))

    def _daylight_lux(self, now_s: float) -> float:
        # Clouds take up to three quarters (Kasten and Czeplak, Solar Energy 24, 1980).
        share = 1 - 0.75 * self.cloud_cover(now_s) ** 3.4
        return sun.illuminance_lux(self.sun_elevation(now_s)) * share

    def _air_celsius(self, now_s: float) -> float:
        latitude = self._place.latitude
        unix_s = self._start_unix_s + now_s
        season = math.cos((unix_s % YEAR_S - WARMEST_S) / YEAR_S * math.tau)
        solar_s = (unix_s + self._place.longitude * 240) % 86400
        swing_k = 5.5 * (1 - 0.6 * self.cloud_cover(now_s))
        of_the_day = math.cos((solar_s - 15 * 3600) / 86400 * math.tau)
        chance_k = _between(self._days, max(now_s, 0.0) / 86400, self._next_day)
        return (28 - 0.32 * abs(latitude) + 0.16 * latitude * season + swing_k * of_the_day
                + chance_k + self._warmer_k)

    def _next_day(self, day: int) -> float:
        before = self._days[-1] if self._days else 0.0
        return 0.7 * before + draw(self._seed, "temperature", "day", day).gauss(0, 2.2)


def _between(values: list[float], position: float, next_value: Callable[[int], float]) -> float:
    """Return what lies at `position` between two of `values`, which are drawn one by one."""
    index = int(position)
    while len(values) < index + 2:
        values.append(next_value(len(values)))
    share = position - index
    return values[index] * (1 - share) + values[index + 1] * share
