"""A board without sensors: what `firmware.hardware` asks of every board, in memory.

Its sensors come from `simulator.fitting`.
"""

import random
from collections.abc import Callable

from firmware.hardware import STORE_ENTRY_MAX
from simulator.aes import aes
from simulator.world.layout import mac_address

WLAN = 21


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


class VirtualBoard:
    """A board of the simulator; Fitting.fit() gives it the roles of its furniture."""

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
                 on_reset: Callable[[], None], store: MemoryStore | None = None,
                 host: str = "10.0.0.1") -> None:
        self.name = f"{furniture}-{number:04d}"
        self.furniture = furniture
        self.mac = mac_address(number)
        self.random_bytes = rng.randbytes
        self.aes = aes
        self.store = store or MemoryStore()
        self.watchdog = Watchdog()
        self.radio = Radio(rng, host)
        self.reset = on_reset
