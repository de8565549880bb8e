"""The sensors of simulated furniture: they look at the world's truth with noise and drift.

Each is what `firmware/hardware.py` asks for. Scatter is a function of the sensor and of time.
"""

from firmware.furniture.battery import LSH20
from simulator.world.bay import Bay
from simulator.world.draws import draw
from simulator.world.layout import Site
from simulator.world.passers import Passers
from simulator.world.replay import Track
from simulator.world.waste import Bin
from simulator.world.world import World

# Dirt on a cover takes so much of the light in a year; it was cleaned up to three years ago.
DIRT_PER_YEAR, DIRTY_YEARS_MAX = 0.05, 3
YEAR_S = 365.25 * 86400
RANGE_SCATTER_MM, BLIND_ZONE_MM = 4, 20
# Of a thousand shots so many hear something else: a bag that hangs, the wall; or nothing.
FALSE_ECHOES, NO_ECHOES = 12, 5
THERMOMETER_SCATTER_C100 = 8
TREMBLE_MG, SHAKE_MG = 6, 900
FALLEN_MG = (60, 980, 120)
LOOP_SCATTER_HZ = 3
LOOP_MIN_HZ, LOOP_MAX_HZ = 45_000, 75_000
# Ferrite, copper and asphalt: a loop's frequency moves with the temperature.
LOOP_PPM_PER_K_MIN, LOOP_PPM_PER_K_MAX = -30.0, -8.0
REFERENCE_CELSIUS = 15
DRIFT_STEP_S = 60
# Saft LSH 20: 13 Ah at 3.6 V. Sleep and self-discharge, each waking, each datagram (estimates).
BATTERY_MWH, IDLE_MW, WAKING_MWH, DATAGRAM_MWH = 46_800, 0.12, 0.02, 0.12
CELL_SCATTER_MV = 3


class Photocell:
    """Daylight, up to a quarter off: no two cells are alike; dirt takes more each year.

    The lamp's own light does not reach it. `track` is a file's light.
    """

    def __init__(self, world: World, site: Site) -> None:
        rng = draw(world.seed, "photocell", site.endpoint, 0)
        self._world = world
        self._track = world.track(site, "lux")
        self._gain = rng.uniform(0.75, 1.25)
        self._dirty_s = rng.uniform(0, DIRTY_YEARS_MAX) * YEAR_S

    def read_lux(self) -> int:
        world = self._world
        now_s = world.look()
        lux = world.weather.daylight_lux(now_s) if self._track is None else self._track.at(now_s)
        dirt = DIRT_PER_YEAR / YEAR_S * (self._dirty_s + now_s)
        return int(lux * self._gain * (1 - min(dirt, 0.5)))


class MotionDetector:
    """Sees who passes below the lamp."""

    def __init__(self, world: World, passers: Passers, track: Track | None) -> None:
        self._world, self._passers, self._track = world, passers, track

    def is_present(self) -> bool:
        now_s = self._world.look()
        if self._track is not None:
            return self._track.at(now_s) > 0
        return self._passers.is_present(now_s)


class Rangefinder:
    """Distance from the lid to the waste: scatter, false echoes, and a lid that hangs open."""

    def __init__(self, world: World, container: Bin, salt: int) -> None:
        self._world, self._container, self._salt = world, container, salt

    def measure_mm(self) -> int | None:
        now_s = self._world.look()
        noise, container = self._world.noise, self._container
        # A number from 0 to 999 that is as good as drawn.
        luck = int(abs(noise.at(self._salt + 1, now_s)) * 1e6) % 1000
        if luck < NO_ECHOES:
            return None
        distance_mm = container.height_mm * (100 - container.fill.percent) / 100
        if luck < NO_ECHOES + FALSE_ECHOES:
            distance_mm *= 0.2 + luck % 10 * 0.07
        scatter_mm = RANGE_SCATTER_MM * noise.at(self._salt, now_s)
        return max(BLIND_ZONE_MM, round(distance_mm + scatter_mm))


class Accelerometer:
    """On a bin that stands upright, trembles after a knock, or lies on the ground."""

    def __init__(self, world: World, container: Bin, salt: int) -> None:
        self._world, self._knocks, self._salt = world, container.knocks, salt

    def read_mg(self) -> tuple[int, int, int]:
        now_s = self._world.look()
        knocks, noise = self._knocks, self._world.noise
        upright, deviation = (0, 0, 1000), TREMBLE_MG
        if knocks is not None:
            if knocks.is_fallen:
                upright = FALLEN_MG
            if knocks.is_shaking(now_s):
                deviation = SHAKE_MG
        return tuple(axis + int(deviation * noise.at(self._salt + number, now_s))
                     for number, axis in enumerate(upright))


class Thermometer:
    """The temperature inside the container."""

    def __init__(self, world: World, container: Bin, salt: int) -> None:
        self._world, self._container, self._salt = world, container, salt

    def read_centicelsius(self) -> int:
        now_s = self._world.look()
        scatter = THERMOMETER_SCATTER_C100 * self._world.noise.at(self._salt, now_s)
        return round(self._container.temperature_celsius(now_s) * 100 + scatter)


class Loop:
    """An inductive loop: its oscillator runs faster with a car above, and moves with the weather.

    `bay.next_s` is when the truth changes next: until then only scatter and drift are new. The
    drift is that of the last full minute.
    """

    def __init__(self, world: World, bay: Bay, salt: int) -> None:
        rng = draw(world.seed, f"loop {bay.number}", bay.place, 0)
        self._world, self._bay, self._salt = world, bay, salt
        self._free_hz = rng.uniform(LOOP_MIN_HZ, LOOP_MAX_HZ)
        self._ppm_per_k = rng.uniform(LOOP_PPM_PER_K_MIN, LOOP_PPM_PER_K_MAX)
        self._drift_until_s = -1.0
        self._drifted_hz = self._free_hz

    def read_hz(self) -> int:
        world = self._world
        now_s = world.look()
        if now_s >= self._drift_until_s:
            self._drift(now_s)
        scatter_hz = LOOP_SCATTER_HZ * world.noise.at(self._salt, now_s)
        shift_ppm = self._bay.shift_ppm(now_s)
        if shift_ppm:
            return round(self._drifted_hz * (1 + shift_ppm / 1e6) + scatter_hz)
        return round(self._drifted_hz + scatter_hz)

    def empty_hz(self) -> int:
        """Return what a technician finds who sees the bay empty now."""
        # Does not look at the world: before a run begins, that would begin it, unheard.
        self._drift(self._world.now_s())
        return round(self._drifted_hz)

    def _drift(self, now_s: float) -> None:
        from_s = now_s // DRIFT_STEP_S * DRIFT_STEP_S
        self._drift_until_s = from_s + DRIFT_STEP_S
        warmer_k = self._world.weather.air_celsius(from_s) - REFERENCE_CELSIUS
        self._drifted_hz = self._free_hz * (1 + self._ppm_per_k * warmer_k / 1e6)


class Battery:
    """A lithium cell that empties: with time, with each waking, with each datagram sent.

    Give it to the next board of the same node after a reset: the cell stays in.
    """

    def __init__(self, world: World, site: Site, salt: int) -> None:
        least, most = world.settings.battery_percent
        share = draw(world.seed, "battery", site.endpoint, 0).uniform(least, most) / 100
        self._world, self._salt = world, salt
        self._left_mwh = BATTERY_MWH * share
        self._since_s = world.now_s()

    def note_datagram(self) -> None:
        """The node has sent a datagram, and listened for the answer."""
        self._left_mwh -= DATAGRAM_MWH

    def percent(self) -> float:
        """Return what is left, the truth."""
        now_s = self._world.now_s()
        self._left_mwh -= IDLE_MW * (now_s - self._since_s) / 3600
        self._since_s = now_s
        return max(0.0, 100 * self._left_mwh / BATTERY_MWH)

    def read_mv(self) -> int:
        self._left_mwh -= WAKING_MWH
        scatter_mv = CELL_SCATTER_MV * self._world.noise.at(self._salt, self._world.now_s())
        return round(_cell_mv(self.percent()) + scatter_mv)


def _cell_mv(percent: float) -> float:
    """Return the voltage of a cell with so much left, by its typical discharge curve."""
    below_mv, below = LSH20[0]
    for point_mv, point in LSH20[1:]:
        if percent <= point:
            return below_mv + (percent - below) * (point_mv - below_mv) / (point - below)
        below_mv, below = point_mv, point
    return float(below_mv)
