"""The sensors and actuators of one site, made once and put on each board that its node gets."""

from firmware.saved import SavedValues
from simulator.sensors import (
    Accelerometer,
    Battery,
    Loop,
    MotionDetector,
    Photocell,
    Rangefinder,
    Thermometer,
)
from simulator.virtual_board import MemoryStore, VirtualBoard
from simulator.world.layout import Site
from simulator.world.world import World

# Each sensor of a site has a number of its own, by which its scatter differs.
SALTS_PER_SITE = 32
# Where a parking node keeps its baselines (firmware/furniture/parking.py).
BAYS_KEY = "bays"


class Fitting:
    """What hangs on a site's boards; `battery` and the lamp outlive the boards."""

    def __init__(self, world: World, site: Site) -> None:
        self._lamp = world.lamps.get(site.endpoint)
        self._roles: dict[str, object] = {}
        self.battery: Battery | None = None
        self._loops: tuple[Loop, ...] = ()
        salt = site.number * SALTS_PER_SITE
        if site.furniture == "lamp":
            self._roles = {"dimmer": self._lamp, "meter": self._lamp,
                           "photocell": Photocell(world, site)}
            passers, track = world.passers.get(site.endpoint), world.track(site, "motion")
            if passers is not None or track is not None:
                self._roles["motion"] = MotionDetector(world, passers, track)
        elif site.furniture == "bin":
            container = world.bins[site.endpoint]
            self.battery = Battery(world, site, salt)
            self._roles = {"rangefinder": Rangefinder(world, container, salt + 1),
                           "accelerometer": Accelerometer(world, container, salt + 3),
                           "thermometer": Thermometer(world, container, salt + 6),
                           "battery": self.battery}
        else:
            self._loops = tuple(Loop(world, bay, salt + bay.number)
                                for bay in world.bays[site.endpoint])
            self._roles = {"loops": self._loops}

    def fit(self, board: VirtualBoard) -> None:
        """Connect a board that has just got its power, or was reset."""
        self.release()
        for role, part in self._roles.items():
            setattr(board, role, part)

    def release(self) -> None:
        """The node is gone, or not there yet: its outputs stand at the electrical default."""
        if self._lamp is not None:
            self._lamp.release()

    def commission(self, store: MemoryStore) -> None:
        """Leave in the store what a technician leaves who sees the bays empty."""
        if self._loops:
            saved = SavedValues(store, BAYS_KEY)
            for number, loop in enumerate(self._loops):
                saved.put(f"{number}/baseline_mhz", loop.empty_hz() * 1000)
            saved.commit()
