"""A world of one street whose clock a test turns."""

from simulator.world.layout import LayoutSettings, layout
from simulator.world.places import ANGERS
from simulator.world.world import World, WorldSettings
from tests.firmware.lamp_bench import utc

# A Thursday in November, at noon in Angers.
NOON_S = utc(2026, 11, 12, 11)
DAY_S = 86400


class SmallWorld:
    """`world` with `told`, what it told; run() lets time pass as a run does."""

    def __init__(self, nodes=20, seed=1, start_s=NOON_S, place=ANGERS, fleet=None, **settings):
        self.now_s = 0.0
        self.told = []
        self.sites = layout(nodes, seed, LayoutSettings(**(fleet or {})), place)
        self.world = World(seed, start_s, place, self.sites, WorldSettings(**settings),
                           lambda: self.now_s, self.told.append)

    def run(self, until_s):
        """Step the world to its every change, as a timer does."""
        while self.world.next_change_us() <= until_s * 1e6:
            self.now_s = max(self.now_s, self.world.next_change_us() / 1e6)
            self.world.advance()
        self.now_s = until_s
        return self

    def site(self, furniture):
        """Return the first site with such a furniture."""
        return next(site for site in self.sites if site.furniture == furniture)

    def changes(self, quantity):
        """Return (time in s, place, value) of each change of a quantity."""
        return [(each.time_us / 1e6, each.place, each.value) for each in self.told
                if getattr(each, "quantity", None) == quantity]
