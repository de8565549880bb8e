"""One street: its sun, waste and cars, as functions of time and one seed."""

import math
import random
from dataclasses import dataclass, field

from simulator.world import sun

# Arrivals of cars per bay and hour, by hour of the day: a town street with shops and offices.
ARRIVALS_PER_HOUR = (0.05, 0.02, 0.02, 0.02, 0.05, 0.2, 0.6, 1.2, 1.6, 1.4, 1.2, 1.3,
                     1.6, 1.4, 1.2, 1.2, 1.5, 2.0, 1.9, 1.2, 0.7, 0.4, 0.2, 0.1)
STAY_MEDIAN_S = 25 * 60
# Passers-by per hour, by hour of the day: they drop the waste.
PASSERS_PER_HOUR = (2, 1, 0, 0, 1, 4, 15, 40, 50, 40, 40, 50, 60, 50, 40, 50, 70, 90, 70,
                    40, 25, 15, 8, 4)


@dataclass(slots=True)
class Bay:
    """A parking bay: cars come and go; `changes` counts them."""

    rng: random.Random
    next_change_s: float
    is_occupied: bool
    changes: int = 0

    def advance(self, unix_s: float, local_hour: int) -> None:
        """Move on to `unix_s`: every arrival and departure up to then happens."""
        while self.next_change_s <= unix_s:
            self.is_occupied = not self.is_occupied
            self.changes += 1
            self.next_change_s += (self.rng.lognormvariate(math.log(STAY_MEDIAN_S), 0.8)
                                   if self.is_occupied else self._gap_s(local_hour))

    def _gap_s(self, local_hour: int) -> float:
        return max(30.0, self.rng.expovariate(ARRIVALS_PER_HOUR[local_hour] / 3600))


@dataclass(slots=True)
class Bin:
    """A waste container: filled bag by bag, emptied by the truck once it is nearly full."""

    rng: random.Random
    fill_percent: float
    bags_per_hour: float
    next_bag_s: float
    temperature_celsius: float = 9.0
    emptied: int = 0
    truck_at_s: float | None = None

    def advance(self, unix_s: float, local_hour: int) -> None:
        """Move on to `unix_s`: bags are thrown in; the truck comes an hour or so after 90 %."""
        while self.next_bag_s <= unix_s:
            self.fill_percent = min(100.0, self.fill_percent + self.rng.uniform(0.5, 2.0))
            busy = max(0.05, PASSERS_PER_HOUR[local_hour] / 35)
            self.next_bag_s += self.rng.expovariate(self.bags_per_hour * busy / 3600)
        if self.truck_at_s is None and self.fill_percent >= 90:
            self.truck_at_s = unix_s + self.rng.uniform(1200, 3600)
        if self.truck_at_s is not None and unix_s >= self.truck_at_s:
            self.fill_percent, self.truck_at_s = 0.0, None
            self.emptied += 1


@dataclass(slots=True)
class Street:
    """The truth of a street at a moment; `advance()` moves it on, never back."""

    seed: int
    unix_s: float
    latitude: float
    longitude: float
    utc_offset_s: int
    bays: list[Bay] = field(default_factory=list)
    bins: list[Bin] = field(default_factory=list)
    cloud_percent: int = 40

    def add_bay(self) -> Bay:
        rng = random.Random(f"{self.seed}/bay/{len(self.bays)}")
        bay = Bay(rng, self.unix_s + rng.uniform(60, 1200), rng.random() < 0.5)
        self.bays.append(bay)
        return bay

    def add_bin(self) -> Bin:
        rng = random.Random(f"{self.seed}/bin/{len(self.bins)}")
        container = Bin(rng, rng.uniform(5, 92), rng.uniform(1.0, 6.0), self.unix_s)
        self.bins.append(container)
        return container

    def advance(self, unix_s: float) -> None:
        self.unix_s = max(self.unix_s, unix_s)
        hour = self.local_hour()
        for place in (*self.bays, *self.bins):
            place.advance(self.unix_s, hour)

    def local_hour(self) -> int:
        return int((self.unix_s + self.utc_offset_s) % 86400 // 3600)

    def sun_elevation(self) -> float:
        return sun.elevation_degrees(self.unix_s, self.latitude, self.longitude)

    def daylight_lux(self) -> float:
        return sun.illuminance_lux(self.sun_elevation()) * (100 - self.cloud_percent * 0.7) / 100
