"""Where each node of a district stands: streets, furniture, circuits, positions.

What stands at a number depends on that number and the seed alone: a smaller district is the
beginning of a larger one.
"""

import math
import random
from dataclasses import dataclass

from protocol.identity import endpoint_name
from simulator.world.places import ANGERS, Place

LAMP_DISTANCE_M = 25
LAMPS_PER_CIRCUIT = 30
LAMPS_PER_STREET = 60
STREET_DISTANCE_M = 90
STREETS_PER_QUARTER = 40
QUARTER_DISTANCE_M = 1700
KERB_M = 5
EARTH_M_PER_DEGREE = 111_195


@dataclass(frozen=True, slots=True)
class LayoutSettings:
    """What stands in the streets: so many bins, parking nodes and lamps in turn.

    `supply` of the lamps is "permanent", or "switched" at the cabinet. `motion_share` is that of
    the lamps that have a motion detector.
    """

    lamps: int = 6
    bins: int = 2
    parking: int = 2
    bays: int = 1
    supply: str = "permanent"
    lamp_w: int = 60
    bin_height_mm: int = 1200
    motion_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Site:
    """A node's place; `number` counts from 0, its name from 1.

    `circuit` is "" where the node has a battery. What `is_switched` hangs on the conductor that
    the cabinet switches, the rest on the one that it does not. `bays` is 0 but at a parking node.
    """

    number: int
    endpoint: str
    name: str
    furniture: str
    street: str
    cabinet: str
    circuit: str
    is_switched: bool
    phase: int
    latitude_e6: int
    longitude_e6: int
    asset: str
    bays: int
    lamp_w: int
    bin_height_mm: int
    has_motion: bool


def mac_address(number: int) -> bytes:
    """Return a locally administered address: it can never be that of a real board."""
    return b"\x02\xfa\x0b" + number.to_bytes(3, "big")


def layout(count: int, seed: int, settings: LayoutSettings,
           place: Place = ANGERS) -> tuple[Site, ...]:
    """Return the sites of `count` nodes, number 0 first; their streets begin at `place`."""
    return tuple(_site(number, seed, settings, place) for number in range(count))


def furniture_at(number: int, lamps: int, bins: int, parking: int) -> str:
    """Return what stands at `number`: the mix is the same all along the streets."""
    position = number % (lamps + bins + parking)
    if position < bins:
        return "bin"
    return "parking" if position < bins + parking else "lamp"


def _site(number: int, seed: int, settings: LayoutSettings, place: Place) -> Site:
    furniture = furniture_at(number, settings.lamps, settings.bins, settings.parking)
    parts = settings.lamps + settings.bins + settings.parking
    per_street = LAMPS_PER_STREET * parts // (settings.lamps or parts)
    street, within = divmod(number, per_street)
    is_lamp = furniture == "lamp"
    lamps_before = _lamps_before(number, settings)
    circuit = lamps_before // LAMPS_PER_CIRCUIT
    rng = random.Random(f"{seed}/site/{number}")
    along_m = within * LAMP_DISTANCE_M * (settings.lamps or parts) / parts
    latitude, longitude = _position(street, along_m, number, rng, place)
    name = f"{furniture} {number + 1}"
    return Site(
        number=number, endpoint=endpoint_name(mac_address(number)), name=name,
        furniture=furniture, street=f"street {street + 1}", cabinet=f"cabinet {street + 1}",
        circuit="" if furniture == "bin" else f"circuit {circuit + 1}",
        is_switched=is_lamp and settings.supply == "switched",
        phase=lamps_before % 3 + 1, latitude_e6=round(latitude * 1e6),
        longitude_e6=round(longitude * 1e6), asset=name.upper().replace(" ", "-"),
        bays=settings.bays if furniture == "parking" else 0, lamp_w=settings.lamp_w,
        bin_height_mm=settings.bin_height_mm,
        has_motion=is_lamp and rng.random() < settings.motion_share)


def _lamps_before(number: int, settings: LayoutSettings) -> int:
    others = settings.bins + settings.parking
    rounds, position = divmod(number, settings.lamps + others)
    return rounds * settings.lamps + max(position - others, 0)


def _position(street: int, along_m: float, number: int, rng: random.Random,
              place: Place) -> tuple[float, float]:
    """Return (latitude, longitude) in degrees: streets side by side, quarters beside each other.

    Nodes stand on both kerbs in turn.
    """
    quarter, row = divmod(street, STREETS_PER_QUARTER)
    kerb_m = KERB_M if number % 2 else -KERB_M
    east_m = quarter * QUARTER_DISTANCE_M + along_m + rng.uniform(-2, 2)
    # A street leans a little, so that a map of it looks like a town and not like a ruler.
    lean = ((street * 37) % 11 - 5) / 150
    north_m = row * STREET_DISTANCE_M + kerb_m + along_m * lean + rng.uniform(-0.5, 0.5)
    return (place.latitude + north_m / EARTH_M_PER_DEGREE,
            place.longitude + east_m / (EARTH_M_PER_DEGREE
                                        * math.cos(math.radians(place.latitude))))
