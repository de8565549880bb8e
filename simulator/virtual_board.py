"""A board whose sensors look at a simulated street: what `firmware.hardware` asks, in memory."""

import random
from collections.abc import Callable

from firmware.hardware import STORE_ENTRY_MAX, MeterReading
from simulator.aes import aes
from simulator.world.street import Bay, Bin, Street

WLAN = 21
NOMINAL_MV = 230_000


class MemoryStore:
    """The durable store of a simulated node; its content outlives a reset of the node."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self.writes = 0

    def read(self, key: str) -> bytes | None:
        return self._entries.get(key)

    def write(self, key: str, data: bytes) -> None:
        assert len(data) <= STORE_ENTRY_MAX, key
        self._entries[key] = bytes(data)
        self.writes += 1

    def append(self, key: str, data: bytes) -> None:
        self._entries[key] = self._entries.get(key, b"") + data
        self.writes += 1

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self._entries if key.startswith(prefix)]

    def remove(self, key: str) -> None:
        self._entries.pop(key, None)


class Watchdog:
    """Counts how often it was fed."""

    def __init__(self) -> None:
        self.feeds = 0

    def feed(self) -> None:
        self.feeds += 1


class Radio:
    """A wireless access point down the street."""

    bearer = WLAN

    def __init__(self, rng: random.Random, address: str) -> None:
        self._rng = rng
        self._mean_dbm = rng.randint(-78, -52)
        self._address = address

    def rssi_dbm(self) -> int:
        return self._mean_dbm + self._rng.randint(-3, 3)

    def link_quality(self) -> int:
        return max(0, min(100, 2 * (self._mean_dbm + 100)))

    def ip_addresses(self) -> tuple[str, ...]:
        return (self._address,)

    def router_addresses(self) -> tuple[str, ...]:
        return ()


class Luminaire:
    """A lamp with its driver and meter: level in, power and energy out (in world time)."""

    def __init__(self, street: Street, nominal_mw: int) -> None:
        self._street = street
        self._nominal_mw = nominal_mw
        self._since_s = street.unix_s
        self._energy_mws = 0.0
        self.permille = 1000

    def set_level(self, permille: int) -> None:
        self._integrate()
        self.permille = permille

    def read(self) -> MeterReading:
        self._integrate()
        power_mw = self.power_mw()
        return MeterReading(NOMINAL_MV, power_mw * 1000 // NOMINAL_MV, power_mw, 50_000,
                            950 if power_mw else 0, int(self._energy_mws / 3600))

    def power_mw(self) -> int:
        return self._nominal_mw * self.permille // 1000

    def _integrate(self) -> None:
        self._energy_mws += self.power_mw() * (self._street.unix_s - self._since_s)
        self._since_s = self._street.unix_s


class Photocell:
    """Daylight as the street has it, up to a quarter off: no two cells are alike.

    The lamp's own light does not reach it.
    """

    def __init__(self, street: Street, rng: random.Random) -> None:
        self._street = street
        self._gain = rng.uniform(0.75, 1.25)

    def read_lux(self) -> int:
        return int(self._street.daylight_lux() * self._gain)


class Rangefinder:
    """Distance from the lid to the waste, with the scatter of a time-of-flight sensor."""

    def __init__(self, container: Bin, height_mm: int, rng: random.Random) -> None:
        self._container, self._height_mm, self._rng = container, height_mm, rng

    def measure_mm(self) -> int:
        distance_mm = self._height_mm * (100 - self._container.fill_percent) / 100
        return max(20, round(distance_mm + self._rng.gauss(0, 4)))


class Upright:
    """An accelerometer on furniture that stands upright."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def read_mg(self) -> tuple[int, int, int]:
        return tuple(axis + self._rng.randint(-8, 8) for axis in (0, 0, 1000))


class Thermometer:
    """The temperature inside the container."""

    def __init__(self, container: Bin) -> None:
        self._container = container

    def read_centicelsius(self) -> int:
        return round(self._container.temperature_celsius * 100)


class Loop:
    """An inductive loop: its oscillator runs a little faster with a car above it."""

    SHIFT_PPM = 18_000

    def __init__(self, bay: Bay, rng: random.Random) -> None:
        self._bay, self._rng = bay, rng
        self._free_hz = rng.randint(45_000, 75_000)

    def read_hz(self) -> int:
        shift = self.SHIFT_PPM if self._bay.is_occupied else 0
        return round(self._free_hz * (1 + shift / 1e6) + self._rng.gauss(0, 3))


class Battery:
    """A lithium cell that is nearly full."""

    def read_mv(self) -> int:
        return 3590


def mac_address(number: int) -> bytes:
    """Return a locally administered address: it can never be that of a real board."""
    return b"\x02\xfa\x0b" + number.to_bytes(3, "big")


class VirtualBoard:
    """A board of the simulator; fit_lamp(), fit_bin() and fit_parking() give it its roles."""

    model = "virtual"
    hardware_version = "1"
    reset_cause = "power"
    dimmer = meter = photocell = motion = rangefinder = accelerometer = None
    thermometer = battery = None
    loops = ()
    journal_segments = 64
    journal_writes_per_hour = 3600
    journal_writes_burst = 60
    energy_save_interval_s = 60

    def __init__(self, furniture: str, number: int, rng: random.Random,
                 on_reset: Callable[[], None], store: MemoryStore | None = None) -> None:
        self.name = f"{furniture}-{number:04d}"
        self.furniture = furniture
        self.mac = mac_address(number)
        self.random_bytes = rng.randbytes
        self.aes = aes
        self.store = store or MemoryStore()
        self.watchdog = Watchdog()
        self.radio = Radio(rng, f"10.0.{number // 250}.{number % 250 + 1}")
        self.reset = on_reset


def fit_lamp(board: VirtualBoard, street: Street, luminaire: Luminaire,
             rng: random.Random) -> None:
    """Give `board` a luminaire, whose driver measures too, and a photocell."""
    board.dimmer = board.meter = luminaire
    board.photocell = Photocell(street, rng)


def fit_bin(board: VirtualBoard, container: Bin, height_mm: int, rng: random.Random) -> None:
    """Give `board` the sensors of a bin that look at `container`."""
    board.rangefinder = Rangefinder(container, height_mm, rng)
    board.accelerometer = Upright(rng)
    board.thermometer = Thermometer(container)
    board.battery = Battery()


def fit_parking(board: VirtualBoard, bays: tuple[Bay, ...], rng: random.Random) -> None:
    """Give `board` one loop for each of `bays`."""
    board.loops = tuple(Loop(bay, rng) for bay in bays)
