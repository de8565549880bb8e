"""What can go wrong in a run, as a list that is drawn or written down before the run begins.

A plan's faults are all there is: taking one out of the list takes it out of the run, and changes
no other.
"""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong; `Fault.amount` means what stands behind each."""

    # At nodes
    NODE_RESET = "node reset"
    BROWN_OUT = "node brown-out"
    WATCHDOG = "watchdog bite"
    NODE_POWER_CUT = "node power cut"  # at so many store operations from now on
    FLASH_FULL = "flash full"
    FLASH_WORN = "flash worn"  # share of the writes that fail
    CLOCK_DRIFT = "clock drift"  # parts per million
    CLOCK_LOSS = "clock loss"
    # At a gateway
    GATEWAY_KILL = "gateway kill"
    GATEWAY_POWER_CUT = "gateway power cut"
    DISK_SLOW = "disk slow"  # seconds per sync
    DISK_FULL = "disk full"
    DISK_FAILING = "disk failing"
    DISK_ROT = "disk rot"  # bits that flip
    CLOCK_STEP = "clock step"  # seconds, forward or back
    # At the back end
    BROKER_DOWN = "broker down"
    BROKER_SLOW = "broker slow"  # seconds per answer
    BROKER_REFUSES = "broker refuses"  # with this reason code of MQTT 5
    LINE_CUT = "broker line cut"
    CONSUMER_DOWN = "consumer down"
    CONSUMER_DIES = "consumer dies"  # after its next commit, before it acknowledges
    ACK_LATE = "acknowledged late"  # seconds
    ACK_TWICE = "acknowledged twice"  # seconds between the two
    ACK_NEVER = "never acknowledged"
    # On the way
    PARTITION = "partition"
    LOSS = "loss"  # share of the datagrams
    ADDRESS_CHANGE = "address change"
    REPLAY = "replayed datagrams"  # of the last that came there, recorded by somebody
    # In the street
    BLACKOUT = "blackout"
    MAINS_DIP = "mains dip"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A fault of `kind` at `target`, from `at_s` on for `duration_s` seconds of the run.

    `target` is a node's name ("lamp 7"), a gateway's id, "circuit 3", "street 2", "city" (the
    back end), or "all".
    """

    at_s: float
    kind: FaultKind
    target: str
    duration_s: float = 0.0
    amount: float = 0.0


class Place(StrEnum):
    """Where a kind of fault can happen, and so what its target can be."""

    NODE = 'a node ("lamp 7"), a "street 2", a "circuit 3", or "all"'
    GATEWAY = 'a gateway ("gateway-1"), or "all"'
    CITY = 'the back end: "city"'
    LINK = 'a node, a gateway, a "street 2", a "circuit 3", or "all"'
    MAINS = 'a "street 2", a "circuit 3", or "all"'


@dataclass(frozen=True, slots=True)
class Facts:
    """What a kind of fault needs: the least and the greatest amount, and the usual one.

    A fault that `lasts` is over after its duration; any other has happened, and its duration is
    how long its target stays without power or life.
    """

    place: Place
    lasts: bool = False
    amount_min: float = 0.0
    amount_max: float = 0.0
    amount: float = 0.0


YEAR_S = 365 * 86400.0
FACTS = {
    FaultKind.NODE_RESET: Facts(Place.NODE),
    FaultKind.BROWN_OUT: Facts(Place.NODE),
    FaultKind.WATCHDOG: Facts(Place.NODE),
    FaultKind.NODE_POWER_CUT: Facts(Place.NODE, False, 1, 100_000, 1),
    FaultKind.FLASH_FULL: Facts(Place.NODE, True),
    FaultKind.FLASH_WORN: Facts(Place.NODE, True, 0, 1, 0.1),
    FaultKind.CLOCK_DRIFT: Facts(Place.NODE, True, -1000, 1000, 40),
    FaultKind.CLOCK_LOSS: Facts(Place.NODE),
    FaultKind.GATEWAY_KILL: Facts(Place.GATEWAY),
    FaultKind.GATEWAY_POWER_CUT: Facts(Place.GATEWAY),
    FaultKind.DISK_SLOW: Facts(Place.GATEWAY, True, 0, 60, 1),
    FaultKind.DISK_FULL: Facts(Place.GATEWAY, True),
    FaultKind.DISK_FAILING: Facts(Place.GATEWAY, True),
    FaultKind.DISK_ROT: Facts(Place.GATEWAY, False, 1, 100_000, 1),
    FaultKind.CLOCK_STEP: Facts(Place.GATEWAY, False, -YEAR_S, YEAR_S, 3600),
    FaultKind.BROKER_DOWN: Facts(Place.CITY, True),
    FaultKind.BROKER_SLOW: Facts(Place.CITY, True, 0, 3600, 5),
    FaultKind.BROKER_REFUSES: Facts(Place.CITY, True, 128, 162, 151),
    FaultKind.LINE_CUT: Facts(Place.GATEWAY),
    FaultKind.CONSUMER_DOWN: Facts(Place.CITY, True),
    FaultKind.CONSUMER_DIES: Facts(Place.CITY),
    FaultKind.ACK_LATE: Facts(Place.CITY, True, 0, 86_400, 60),
    FaultKind.ACK_TWICE: Facts(Place.CITY, True, 0, 86_400, 60),
    FaultKind.ACK_NEVER: Facts(Place.CITY, True),
    FaultKind.PARTITION: Facts(Place.LINK, True),
    FaultKind.LOSS: Facts(Place.LINK, True, 0, 1, 0.3),
    FaultKind.ADDRESS_CHANGE: Facts(Place.NODE),
    FaultKind.REPLAY: Facts(Place.LINK, False, 1, 64, 20),
    FaultKind.BLACKOUT: Facts(Place.MAINS, True),
    FaultKind.MAINS_DIP: Facts(Place.MAINS, True),
}
"""What each kind needs, for whoever writes or draws faults."""
