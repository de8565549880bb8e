"""What the gateway says of itself at a glance."""

from dataclasses import dataclass

from gateway.rows import IncidentRow

INCIDENTS_MAX = 20


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """How an uplink does: how much waits in each lane, and since when (Unix milliseconds)."""

    name: str
    state: str
    urgent: int
    measurements: int
    oldest_ms: int | None
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class Status:
    """The gateway at a glance."""

    version: str
    id: str
    security: str
    uptime_s: int
    is_time_trusted: bool
    nodes: dict[str, int]  # by state
    readings_stored: int
    uplinks: tuple[UplinkStatus, ...]
    counters: dict[str, int]
    incidents: tuple[IncidentRow, ...]  # the newest first
