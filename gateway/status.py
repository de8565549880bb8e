"""What the gateway says of itself at a glance; where the store fails, what is known without it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from gateway.rows import Backlog, IncidentRow, Lane
from gateway.store import Store, StoreError
from gateway.store_watch import incident_of

INCIDENTS_MAX = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """How an uplink does: what waits in each lane; `counters` of its pump."""

    name: str
    state: str
    lanes: dict[Lane, Backlog]
    counters: dict[str, int]

    @property
    def oldest_ms(self) -> int | None:
        """Return when the oldest reading that waits was received (Unix milliseconds)."""
        oldest = [lane.oldest_ms for lane in self.lanes.values() if lane.oldest_ms is not None]
        return min(oldest, default=None)


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Whether the store takes what it is given; since when not, and why."""

    reason: str | None  # of StoreError; None: it works
    detail: str
    since_ms: int | None
    missing: int  # readings that nobody can explain
    damaged: int  # readings that were set aside


@dataclass(frozen=True, slots=True)
class Status:
    """The gateway at a glance."""

    version: str
    id: str
    security: str
    uptime_s: int
    is_time_trusted: bool
    nodes: dict[str, int]  # by state
    readings_stored: int | None  # None: the store cannot be read
    store: StoreStatus
    uplinks: tuple[UplinkStatus, ...]
    counters: dict[str, int]
    incidents: tuple[IncidentRow, ...]  # the newest first
    warnings: tuple[str, ...] = ()  # what the settings leave unprotected


async def readable(reading: Awaitable[T], otherwise: T) -> T:
    """Return what was read of the store, or `otherwise` where it cannot be read."""
    try:
        return await reading
    except StoreError:
        return otherwise


async def of_uplink(store: Store, name: str, state: str, counters: dict) -> UplinkStatus:
    """Return how the uplink `name` does."""
    nothing = Backlog(0, None)
    lanes = {lane: await readable(store.backlog(name, lane), nothing) for lane in Lane}
    return UplinkStatus(name, state, lanes, dict(counters))


async def of_store(store: Store) -> StoreStatus:
    """Return how the store does."""
    failure = store.health.failure
    return StoreStatus(
        None if failure is None else failure.reason,
        "" if failure is None else str(failure),
        store.health.since_ms,
        sum((await readable(store.missing_by_node(), {})).values()),
        sum((await readable(store.set_aside_by_node(), {})).values()),
    )


async def incidents(store: Store) -> tuple[IncidentRow, ...]:
    """Return the newest incidents, newest first; a failing store is one of them."""
    failing = incident_of(store)
    stored = await readable(store.incidents(INCIDENTS_MAX), [])
    return (*([failing] if failing else []), *stored)[:INCIDENTS_MAX]
