"""What a run leaves for its report: values that are whole once the run is over, JSON either way.

Times are microseconds of the run, 0 at its start. Everything is bounded: lists hold the first of
what there was and a number says how many are left out; series have at most
`recording.series.BUCKETS_MAX` buckets, whatever the run's length.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from simulator.fault import FaultKind
from simulator.result import Result, Score, Tally

# What a node does, as its history has it; +LIT for a lamp that gives light.
NO_POWER, OUT_OF_TOUCH, REGISTERED = 0, 1, 2
LIT = 4


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Where a node stands; angles in microdegrees, None where nobody knows."""

    endpoint: str
    name: str
    furniture: str
    street: str = ""
    circuit: str = ""
    gateway: str = ""
    latitude_e6: int | None = None
    longitude_e6: int | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run before it begins; `command` replays it, `timezone` is POSIX's TZ."""

    scenario: str
    summary: str
    seed: int
    command: str
    start_unix_s: int
    duration_s: int
    place: str
    timezone: str
    latitude: float
    longitude: float
    security: str
    nodes: tuple[NodeFacts, ...]
    gateways: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin_us` to `end_us`."""

    begin_us: int
    end_us: int

    @property
    def length_s(self) -> float:
        """Return how long it is, in seconds."""
        return (self.end_us - self.begin_us) / 1e6


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What became of one node; `history` holds (second of the run, state) at each change.

    `held_up` are the times at which a reading of it had waited long; `out_of_touch` the longest
    time with power and without a registration, `silence` the longest with power in which
    nothing of it reached the city.
    """

    facts: NodeFacts
    history: tuple[tuple[int, int], ...]
    held_up: tuple[Span, ...]
    boots: dict[str, int]
    registrations: int
    registered_us: int | None
    lost: dict[str, int]
    refused: int
    taken: int
    delivered: int
    dropped: dict[str, int]
    missing: int
    out_of_touch: Span | None
    silence: Span | None


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault that was there; `end_us` is that of the run if it never ended."""

    kind: FaultKind
    target: str
    amount: float
    begin_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A gateway that was not there, and why: "kill", "power cut", "stop"."""

    gateway: str
    cause: str
    span: Span


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the run, a value for each bucket of `Record.bucket_us`; None: not known.

    `values` are a gauge's means over time, a count's numbers, or medians; `lows` and `highs` a
    gauge's least and greatest value, or in `highs` alone the 95th percentile.
    """

    name: str
    unit: str
    kind: str  # "gauge", "count" or "quantile"
    values: tuple[float | None, ...]
    lows: tuple[float | None, ...] = ()
    highs: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class LightCarpet:
    """The light of all lamps in percent: a row for each night, noon to noon, by `slot_s`."""

    first_noon_unix_s: int
    slot_s: int
    percent: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LostReading:
    """A reading that a node took and the city never had; `acknowledged_us` by the gateway."""

    endpoint: str
    boot: int
    sequence: int
    path: str
    taken_us: int
    acknowledged_us: int | None


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command that was not done; `outcome` is "failed", "expired", "unknown" or "unanswered"."""

    endpoint: str
    operation: str
    path: str
    given_us: int
    answered_us: int | None
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """The first event that broke a promise: `subject` is an endpoint, a gateway, or what else."""

    time_us: int
    subject: str
    what: str
    event: str = ""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A promise that held or not; `count` tells how often it was broken."""

    name: str
    ok: bool
    detail: str
    count: int = 0
    first: FailureRecord | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known once a run is over, besides what was recorded as it went on."""

    checks: tuple[CheckRecord, ...]
    scores: tuple[Score, ...]
    readings: Tally
    wall_s: float
    trace_sha256: str | None = None

    @classmethod
    def of(cls, result: Result, counts: Mapping[str, int]) -> "Outcome":
        """Return what a result says; `counts` tells how often each check was broken."""
        firsts = {failure.check: FailureRecord(failure.time_us, failure.subject, failure.what,
                                               failure.event) for failure in result.failures}
        checks = tuple(CheckRecord(check.name, check.ok, check.detail, counts.get(check.name, 0),
                                   firsts.get(check.name)) for check in result.checks)
        return cls(checks, result.scores, result.readings, result.wall_s, result.trace_sha256)


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run as its report shows it."""

    facts: RunFacts
    outcome: Outcome
    end_us: int
    bucket_us: int
    nodes: tuple[NodeRecord, ...]
    faults: tuple[FaultRecord, ...]
    faults_left_out: int
    outages: tuple[Outage, ...]
    series: tuple[Series, ...]
    lost: tuple[LostReading, ...]
    commands: dict[str, int]
    commands_not_done: tuple[CommandRecord, ...]
    datagrams: dict[str, int]
    carpet: LightCarpet | None = None

    def to_json(self) -> bytes:
        """Return the record as a JSON object."""
        return msgspec.json.encode(self)

    @staticmethod
    def from_json(data: bytes) -> "Record":
        """Return the record that `to_json` wrote; raises msgspec.ValidationError otherwise."""
        return msgspec.json.decode(data, type=Record)

    def first_failure(self) -> tuple[CheckRecord, FailureRecord] | None:
        """Return the failed check whose first event came first, and that event."""
        failed = [(check, check.first) for check in self.outcome.checks
                  if not check.ok and check.first is not None]
        return min(failed, key=lambda pair: pair[1].time_us, default=None)

    def named(self, name: str) -> Series | None:
        """Return the series of this name, or None."""
        return next((series for series in self.series if series.name == name), None)
