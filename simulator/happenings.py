"""What happens in a simulated run: the one stream that trace, account, checks and report read.

Times are whole microseconds of the run's own time, 0 at its start. A node is named by its
endpoint, a gateway by its id; `Address` is (host, port) as the network has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.fault import Fault

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class DatagramSent:
    """Given to the network, whatever becomes of it."""

    time_us: int
    sender: Address
    receiver: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class DatagramDropped:
    """Lost: `reason` is "loss", "partition", "mtu", "queue" or "nobody" (no one listens there)."""

    time_us: int
    sender: Address
    receiver: Address
    data: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class DatagramArrived:
    """Handed to its receiver; a doubled one arrives twice."""

    time_us: int
    sender: Address
    receiver: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class NodeBooted:
    """A node runs from now on; `cause` as `board.reset_cause`."""

    time_us: int
    endpoint: str
    cause: str


@dataclass(frozen=True, slots=True)
class NodeStopped:
    """A node stands still; what was not on its flash is lost."""

    time_us: int
    endpoint: str
    cause: str


@dataclass(frozen=True, slots=True)
class NodeSaid:
    """An event of the firmware: those of `firmware.node.Node.next_event()`."""

    time_us: int
    endpoint: str
    event: Any


@dataclass(frozen=True, slots=True)
class NodeObeyed:
    """A node carried out a Write or an Execute with success, once for each time, whoever asked.

    `operation` is "write" or "execute"; one of these for each resource, `path` as "/3416/0/1".
    `value` is what was written, or an Execute's arguments as text.
    """

    time_us: int
    endpoint: str
    operation: str
    path: str
    value: Any


@dataclass(frozen=True, slots=True)
class JournalSeen:
    """What stands on the flash of a node that has stopped, or at the end of the run.

    `held` are ranges (boot, first sequence, last sequence) in order. Records of which the node
    said nothing any more (its power went as they were written) are told as taken before.
    """

    time_us: int
    endpoint: str
    held: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class LightSet:
    """A luminaire gives `permille` of its light from now on; 0 without mains."""

    time_us: int
    endpoint: str
    permille: int


@dataclass(frozen=True, slots=True)
class GatewayStarted:
    """A gateway listens."""

    time_us: int
    gateway: str


@dataclass(frozen=True, slots=True)
class GatewayEnded:
    """A gateway is gone; `cause` is "stop", "kill" or "power cut"."""

    time_us: int
    gateway: str
    cause: str


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """What a gateway's store holds, each time that it has started and at the end of the run.

    `stored` are ranges (endpoint, boot, first sequence, last sequence) in order; `explained`
    those of its gap ledger that have a reason, which stands behind them.
    """

    time_us: int
    gateway: str
    stored: tuple[tuple[str, int, int, int], ...]
    explained: tuple[tuple[str, int, int, int, str], ...]


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """A gateway has made a new secret for a node: its own numbers under it begin anew."""

    time_us: int
    gateway: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class ObservationBegan:
    """Somebody at a gateway watches a resource of a node from now on, until it is told ended."""

    time_us: int
    gateway: str
    endpoint: str
    path: str


@dataclass(frozen=True, slots=True)
class ObservationEnded:
    """Nobody watches it any more."""

    time_us: int
    gateway: str
    endpoint: str
    path: str


@dataclass(frozen=True, slots=True)
class ValueObserved:
    """Who watches a resource heard its value; `content` as `account.content_of` has it."""

    time_us: int
    gateway: str
    endpoint: str
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class StoreSynced:
    """A gateway's disk has `size` more bytes of `file` for good; `digest` stands for them."""

    time_us: int
    gateway: str
    file: str
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class MessagePublished:
    """The broker took a message from a gateway and answered with `reason` (MQTT 5, 2.4)."""

    time_us: int
    gateway: str
    topic: str
    payload: bytes
    reason: int


@dataclass(frozen=True, slots=True)
class ReadingDelivered:
    """The city committed a reading, once for each time that it came.

    `lane` is "alarms" or "readings"; `content` as `account.content_of` has it.
    """

    time_us: int
    gateway: str
    endpoint: str
    boot: int
    sequence: int
    lane: str
    path: str
    content: str
    taken_ms: int


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """The city asked a gateway for something at a node; `command` is its id.

    `operation` is "dim", "resume", "write" or "execute". The `value` of a dim is (level, seconds),
    seconds None where it says no length; its `path` is "".
    """

    time_us: int
    gateway: str
    endpoint: str
    command: str
    operation: str
    path: str
    value: Any
    expires_s: int


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """The city heard what became of a command: "done", "failed", "expired", "unknown"..."""

    time_us: int
    gateway: str
    endpoint: str
    command: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class FaultBegan:
    """A fault of the plan is there."""

    time_us: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class FaultEnded:
    """A fault of the plan is over: what it took away is there again."""

    time_us: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class TruthChanged:
    """The world has changed: `place` is an endpoint, a circuit or the place's name.

    Of the place: "sun" (1 risen, 0 set), "night" (1 while the sun is below -6 degrees). Of a
    circuit: "mains" (1 or 0, as its lamps have it). Of a bay: "occupied.0" (its number stands
    behind the dot). Of a bin: "fill" and "emptied" (percent now), "fire" (1 or 0), "knock" (its
    force in g), "fallen" (1 or 0). What is so at the start is told at the start.
    """

    time_us: int
    place: str
    quantity: str
    value: float


@dataclass(frozen=True, slots=True)
class Sampled:
    """How it stands, every so often: numbers by name, for plots and for bounds."""

    time_us: int
    values: dict[str, float]


Happening = (
    DatagramSent | DatagramDropped | DatagramArrived | NodeBooted | NodeStopped | NodeSaid
    | NodeObeyed | JournalSeen | LightSet | GatewayStarted | GatewayEnded | StoreSeen
    | KeysChanged | ObservationBegan | ObservationEnded | ValueObserved | StoreSynced
    | MessagePublished
    | ReadingDelivered | CommandGiven | CommandAnswered | FaultBegan | FaultEnded
    | TruthChanged | Sampled
)

Tell = Callable[[Happening], None]
"""What every part of a run is given to say what happens."""
