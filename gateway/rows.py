"""The values that cross the store's border. Times are Unix milliseconds unless said.

A reading is made twice on its way through the gateway, and making a frozen dataclass of so many
fields takes longer than storing it; so readings are msgspec's structs. The garbage collector
need not look at them (`gc=False`): they hold plain values and are never part of a cycle.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from msgspec import Struct

from protocol import object_table
from protocol.data_types import ObjectLink
from protocol.number import Decimal

# A resource's value on the gateway: a Float is always `protocol.number.Decimal`, or int if whole.
Value = int | Decimal | bool | str | bytes | ObjectLink


class Lane(IntEnum):
    """Which of an uplink's two queues a reading takes; urgent goes first."""

    URGENT = 0
    MEASUREMENT = 1


def lane_of(reading_class: int) -> Lane:
    """Return the lane of `object_table.ALARM`, `EVENT` (both urgent) or `MEASUREMENT`."""
    return Lane.MEASUREMENT if reading_class == object_table.MEASUREMENT else Lane.URGENT


class TimeSource(StrEnum):
    """Where a reading's `time_ms` comes from."""

    NODE = "node"  # an absolute time in the pack
    RELATIVE = "relative"  # a time in the pack relative to its reception
    GATEWAY = "gateway"  # the pack gave none: reception
    REPLACED = "replaced"  # the pack's time was absurd: reception; see `stated_time`


class ReadingRow(Struct, frozen=True, gc=False):
    """One value of one resource, as a node reported it."""

    endpoint: str
    boot: int | None  # both None: unsequenced (a client without object 42800)
    sequence: int | None
    path: str
    value: Value
    time_ms: int
    time_source: str
    reading_class: int
    received_ms: int
    stated_time: str | None = None  # seconds as the node wrote them, where they were replaced


class StoredReading(Struct, frozen=True, gc=False):
    """A reading with its place in the store: ids rise, and none is ever used twice."""

    id: int
    row: ReadingRow


@dataclass(frozen=True, slots=True)
class PackResult:
    """What became of a committed pack; `missing`: readings that it showed to be missing.

    `readings` are the stored ones with their ids; none where those are not certain.
    """

    stored: int
    duplicates: int
    missing: int = 0
    readings: tuple[StoredReading, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """How a pack without any identity of its own is recognised, should it come again.

    `digest` is of its content and its node, `message` of the one CoAP message that brought it.
    """

    digest: bytes
    message: bytes
    uptime_ms: int
    unix_ms: int


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node that has registered at least once."""

    endpoint: str
    registration_id: str | None  # the last level of its location; None: not registered
    address: str  # where it was last heard, "host:port" or "[host]:port"
    lwm2m_version: str
    binding: str
    queue_mode: bool
    lifetime_s: int
    links: str  # its objects in link format, as registered
    registered_ms: int
    updated_ms: int  # the last Register or Update
    seen_ms: int  # the last message of any kind
    facts: tuple[tuple[str, Value], ...] = ()  # (path, value) the gateway has read of it


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """A resource that the gateway wants to observe whenever the node is registered."""

    endpoint: str
    path: str
    attributes: str = ""  # as queries, "pmin=1&pmax=900"


class CommandState(StrEnum):
    """The life of a command: queued, sent, and one of five ends."""

    QUEUED = "queued"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # it was sent, and the answer was lost
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Return whether nothing more happens to a command in this state."""
        return self not in (CommandState.QUEUED, CommandState.SENT)


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command and what became of it."""

    id: str
    endpoint: str
    operation: str  # "dim", "resume", "write", "execute"
    created_ms: int
    expires_ms: int
    state: CommandState = CommandState.QUEUED
    path: str | None = None
    value: Value | None = None  # of a write; of an execute its arguments, a str
    level: int | None = None  # of a dim, percent
    for_s: int | None = None  # of a dim
    until_s: int | None = None  # Unix seconds at which a sent dim ends: kept when repeated
    attempts: int = 0
    code: str | None = None  # of the node's answer, "2.04"
    detail: str = ""
    finished_ms: int | None = None
    origin: str = "api"  # or the name of the uplink it came by
    response_topic: str | None = None
    correlation: bytes | None = None
    is_reported: bool = False  # the uplink it came by has passed its result on


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one lane of one uplink still has to deliver."""

    count: int
    oldest_ms: int | None  # reception of the oldest


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """Something an operator should know: what, whose, and the evidence."""

    time_ms: int
    kind: str  # "refused_reading", "uplink_refused", ...
    subject: str  # an endpoint, an uplink's name
    detail: str


class ContextState(StrEnum):
    """What a security context is good for."""

    CURRENT = "current"
    TRIAL = "trial"  # its node has it, or is about to; it takes the current one's place
    RESTORED = "restored"  # it may have been used elsewhere since: it protects nothing
    REVOKED = "revoked"  # nothing is accepted under it


@dataclass(frozen=True, slots=True)
class Numbers:
    """What of a context changes with traffic. Sender sequence numbers below `sender_limit` are
    given; `window` is (index, bits) of the replay window, None: nothing is known of it."""

    sender_limit: int = 0
    window: tuple[int, int] | None = None
    is_settled: bool = False  # the gateway stopped in order since: the window is complete
    used_ms: int = 0  # when the node last used it; 0: never


@dataclass(frozen=True, slots=True)
class StoredContext:
    """A security context at rest; `kid` is the node's sender id, `sealed` its credentials."""

    serial: int
    kid: bytes
    id_context: bytes | None
    endpoint: str
    state: ContextState
    sealed: bytes
    created_ms: int
    numbers: Numbers = Numbers()


# The result of an entry of the audit log until something has come of it.
AUDIT_OPEN = "begun"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry of the audit log: when, by which door, who, what, on what, with what result."""

    time_ms: int
    door: str  # "socket", "http", "uplink"
    who: str  # a user of this machine, a token's name, an uplink's name
    action: str  # "write", "dim", "cancel command", ...
    endpoint: str | None = None
    path: str | None = None
    value: str | None = None  # as JSON, bounded; never of what may be secret
    command: str | None = None  # the id of the command that it queued
    result: str = AUDIT_OPEN
