"""What the simulator's world costs: a sensor's reading, a site's memory, a district's day.

The world alone: no node runs. Nobody looks but where sensors are read.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable

from simulator.fitting import Fitting
from simulator.world.layout import LayoutSettings, layout
from simulator.world.places import ANGERS
from simulator.world.world import World, WorldSettings
from tools import figures

START_UNIX_S = 1_795_500_000
NODES = 1000
NEIGHBOURS = 10
READINGS = 50_000
# Readings come as often as a node looks at its loops.
STEP_S = 0.5
SENSORS = (("lamp", "photocell", "read_lux"), ("lamp", "meter", "read"),
           ("lamp", "motion", "is_present"), ("bin", "rangefinder", "measure_mm"),
           ("bin", "thermometer", "read_centicelsius"), ("bin", "accelerometer", "read_mg"),
           ("parking", "loop", "read_hz"))


class Clock:
    """The seconds of the run."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def world_of(clock: Clock, nodes: int = NODES) -> World:
    sites = layout(nodes, 1, LayoutSettings(motion_share=1.0))
    settings = WorldSettings(fires_per_day=0.01, knocks_per_day=0.1)
    return World(1, START_UNIX_S, ANGERS, sites, settings, clock, lambda happening: None)


def reading_us(furniture: str, role: str, call: str) -> float:
    """Return the processor time of one reading, without that of the loop around it."""
    clock = Clock()
    # Few neighbours: what changes in the world is no part of a reading.
    world = world_of(clock, NEIGHBOURS)
    board = Board()
    site = next(site for site in world.sites if site.furniture == furniture)
    Fitting(world, site).fit(board)
    part = board.loops[0] if role == "loop" else getattr(board, role)
    return (_loop_us(clock, getattr(part, call)) - _loop_us(Clock(), lambda: None))


class Board:
    """Takes what a Fitting connects."""


def _loop_us(clock: Clock, read: Callable[[], object]) -> float:
    begun_s = time.process_time()
    for _ in range(READINGS):
        clock.s += STEP_S
        read()
    return (time.process_time() - begun_s) / READINGS * 1e6


def site_bytes() -> int:
    """Return what a site and its sensors take."""
    tracemalloc.start()
    world = world_of(Clock())
    kept = [Fitting(world, site) for site in world.sites]
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size // len(kept)


def day_s() -> float:
    """Return the processor time of a day that nobody looks at, of all that changes by itself."""
    clock = Clock()
    world = world_of(clock)
    begun_s = time.process_time()
    while clock.s < 86_400:
        clock.s = world.next_change_us() / 1e6
        world.advance()
    return time.process_time() - begun_s


def main() -> int:
    rows = [{"figure": f"{role} of a {furniture}, one reading", "unit": "us",
             "value": round(reading_us(furniture, role, call), 2)}
            for furniture, role, call in SENSORS]
    rows.append({"figure": "a site with its sensors", "unit": "bytes", "value": site_bytes()})
    rows.append({"figure": f"a day of {NODES} sites, unobserved", "unit": "s",
                 "value": round(day_s(), 2)})
    figures.publish("world", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
