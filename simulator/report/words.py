"""Plain words for what a run counts and names."""

from protocol import lwm2m_path, object_names
from protocol.errors import ProtocolError
from simulator.fault import FACTS, FaultKind, Place
from simulator.report.moments import length

# What stands before the target's name, and after it; `{amount}` as the fault has it,
# `{way}` and `{size}` where it is a step in time.
_FAULTS = {
    FaultKind.NODE_RESET: ("", "was reset"),
    FaultKind.BROWN_OUT: ("", "browned out"),
    FaultKind.WATCHDOG: ("", "was reset by its watchdog"),
    FaultKind.NODE_POWER_CUT: ("", "lost its power while it wrote to its flash"),
    FaultKind.FLASH_FULL: ("", "had a full flash"),
    FaultKind.FLASH_WORN: ("", "had a worn flash: {amount:.0%} of its writes failed"),
    FaultKind.CLOCK_DRIFT: ("", "had a clock that drifted by {amount:g} ppm"),
    FaultKind.CLOCK_LOSS: ("", "lost the time of day"),
    FaultKind.GATEWAY_KILL: ("", "was killed"),
    FaultKind.GATEWAY_POWER_CUT: ("", "lost its power"),
    FaultKind.DISK_SLOW: ("the disk of", "was slow: {amount:g} s for each write"),
    FaultKind.DISK_FULL: ("the disk of", "was full"),
    FaultKind.DISK_FAILING: ("the disk of", "failed"),
    FaultKind.DISK_ROT: ("the disk of", "had {amount:g} bits flipped"),
    FaultKind.CLOCK_STEP: ("the clock of", "was moved {way} by {size}"),
    FaultKind.BROKER_DOWN: ("", "the city's message broker was away"),
    FaultKind.BROKER_SLOW: ("", "the city's message broker took {amount:g} s to answer"),
    FaultKind.BROKER_REFUSES: ("", "the city's message broker refused everything (code "
                               "{amount:g})"),
    FaultKind.LINE_CUT: ("the line from", "to the city's message broker broke"),
    FaultKind.CONSUMER_DIES: ("", "the city's consumer died before it acknowledged"),
    FaultKind.CONSUMER_DOWN: ("", "the city's consumer was away"),
    FaultKind.ACK_LATE: ("", "the city acknowledged {amount:g} s late"),
    FaultKind.ACK_TWICE: ("", "the city acknowledged everything twice, {amount:g} s apart"),
    FaultKind.ACK_NEVER: ("", "the city acknowledged nothing"),
    FaultKind.PARTITION: ("", "was cut off from the network"),
    FaultKind.LOSS: ("the network of", "lost {amount:.0%} of the messages"),
    FaultKind.ADDRESS_CHANGE: ("", "got another network address"),
    FaultKind.REPLAY: ("somebody played the last {amount:g} messages to", "back to it"),
    FaultKind.BLACKOUT: ("", "had no mains power"),
    FaultKind.MAINS_DIP: ("", "had a dip of its mains power"),
}
_EVERYBODY = {Place.NODE: "every node", Place.GATEWAY: "every gateway", Place.CITY: "the city",
              Place.LINK: "everybody", Place.MAINS: "the whole district"}

_CAUSES = {"power": "power came", "watchdog": "watchdog", "software": "restart by itself",
           "brownout": "brown-out", "brown-out": "brown-out"}
_OUTAGES = {"kill": "was killed", "power cut": "lost its power", "stop": "was stopped"}

FURNITURE = {"lamp": "lamps", "bin": "bins", "parking": "parking bays"}


def fault(kind: FaultKind, target: str, amount: float) -> str:
    """Return a fault as a statement: "circuit 2 had no mains power"."""
    facts = {"amount": amount, "size": length(abs(amount)),
             "way": "back" if amount < 0 else "forward"}
    before, after = (text.format(**facts) for text in _FAULTS[kind])
    if after.startswith("the city"):
        return after
    who = _EVERYBODY[FACTS[kind].place] if target == "all" else target
    return " ".join(filter(None, (before, who, after)))


def cause(name: str) -> str:
    """Return why a node booted."""
    return _CAUSES.get(name, name)


def outage(name: str) -> str:
    """Return what happened to a gateway, as a predicate."""
    return _OUTAGES.get(name, name)


def resource(path: str) -> str:
    """Return the name of what a path holds: "dimming level", or the path itself."""
    try:
        ids = lwm2m_path.parse(path)
        name = object_names.resource_facts(*ids[0:3:2]).name
    except (ProtocolError, AttributeError, TypeError, ValueError):
        return path
    return name.lower().replace("-", " ")


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return "1 node", "1,250 nodes"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(items: list[str], most: int = 3) -> str:
    """Return "a, b and c", or "a, b, c and 4 more"."""
    if len(items) > most:
        return ", ".join(items[:most]) + f" and {len(items) - most:,} more"
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1] if items else "")))


def figure(value: float) -> str:
    """Return a number as people write it: "12,345", "0.25", "3.4"."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit; seconds and bytes in units that fit them."""
    if unit == "s":
        return length(value)
    if unit == "bytes":
        for size, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
            if value >= size:
                return f"{figure(value / size)} {name}"
    return f"{figure(value)} {unit}".rstrip()
