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
    CONSUMER_DOWN = "consumer down"
    ACK_LATE = "acknowledged late"  # seconds
    ACK_TWICE = "acknowledged twice"
    ACK_NEVER = "never acknowledged"
    # On the way
    PARTITION = "partition"
    LOSS = "loss"  # share of the datagrams
    ADDRESS_CHANGE = "address change"
    # In the street
    BLACKOUT = "blackout"
    MAINS_DIP = "mains dip"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A fault of `kind` at `target`, from `at_s` on for `duration_s` seconds of the run.

    `target` is a node's name ("lamp 7"), a gateway's id, "circuit 3", "street 2", or "all".
    """

    at_s: float
    kind: FaultKind
    target: str
    duration_s: float = 0.0
    amount: float = 0.0
