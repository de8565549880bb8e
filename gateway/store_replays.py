"""The SQL of replays: readings that go to one uplink again, as durable jobs."""

from dataclasses import dataclass

import apsw

from gateway.rows import Lane, lane_of
from gateway.store_checksums import checksum
from gateway.store_readings import StoredReading, cursor
from gateway.store_selection import Selection

# Older ones that have ended give way.
REPLAYS_MAX = 1000
WAITING_MAX = 100

_NAMES = """id, uplink, endpoint, first_id, last_id, from_ms, to_ms, urgent_to, measurement_to,
    position, resent, created_ms, finished_ms, is_cancelled"""
_SAVE = f"INSERT OR REPLACE INTO replays ({_NAMES}, checksum) VALUES ({','.join('?' * 15)})"


@dataclass(frozen=True, slots=True)
class Replay:
    """One job. Readings are chosen by node, ids, and the time they were taken (None: by none)."""

    id: int
    uplink: str
    endpoint: str | None
    first_id: int | None
    last_id: int | None
    from_ms: int | None
    to_ms: int | None
    urgent_to: int  # up to which id of the lane the uplink had everything when it began
    measurement_to: int
    position: int  # up to which id everything has gone again
    resent: int  # readings
    created_ms: int
    finished_ms: int | None
    is_cancelled: bool

    @property
    def end(self) -> int:
        """Return the last id that may be part of it."""
        end = max(self.urgent_to, self.measurement_to)
        return end if self.last_id is None else min(end, self.last_id)

    @property
    def selection(self) -> Selection:
        """Return what is read for it; `holds` says which of that belongs to it."""
        return Selection(
            self.endpoint, None, self.first_id, self.end, self.from_ms, self.to_ms
        )

    def holds(self, reading: StoredReading) -> bool:
        """Return whether the uplink had `reading` before."""
        is_urgent = lane_of(reading.row.reading_class) == Lane.URGENT
        return reading.id <= (self.urgent_to if is_urgent else self.measurement_to)


def add(
    connection: apsw.Connection, uplink: str, wanted: Selection, now_ms: int
) -> Replay | None:
    """Add a job for the readings of `wanted` (any lane) that `uplink` has had so far.

    None: WAITING_MAX wait for the uplink already.
    """
    waiting = "SELECT count(*) FROM replays WHERE uplink = ? AND finished_ms IS NULL"
    if connection.execute(waiting, (uplink,)).get >= WAITING_MAX:
        return None
    had = [cursor(connection, uplink, lane) for lane in Lane]
    number = (connection.execute("SELECT max(id) FROM replays").get or 0) + 1
    position = max((wanted.first_id or 1) - 1, 0)
    replay = Replay(
        number, uplink, wanted.endpoint, wanted.first_id, wanted.last_id, wanted.from_ms,
        wanted.to_ms, *had, position, 0, now_ms, None, False,
    )  # fmt: skip
    _save(connection, replay)
    connection.execute(
        "DELETE FROM replays WHERE finished_ms IS NOT NULL AND id <= ?", (number - REPLAYS_MAX,)
    )
    return replay


def _save(connection: apsw.Connection, replay: Replay) -> None:
    columns = tuple(getattr(replay, name) for name in Replay.__slots__)
    columns = (*columns[:-1], int(replay.is_cancelled))
    connection.execute(_SAVE, (*columns, checksum(columns)))


def _select(connection: apsw.Connection, condition: str, bindings: tuple) -> list[Replay]:
    query = f"SELECT {_NAMES} FROM replays {condition}"
    return [Replay(*row[:-1], bool(row[-1])) for row in connection.execute(query, bindings)]


def next_of(connection: apsw.Connection, uplink: str) -> Replay | None:
    """Return the oldest job of `uplink` that has not ended."""
    condition = "WHERE uplink = ? AND finished_ms IS NULL ORDER BY id LIMIT 1"
    return next(iter(_select(connection, condition, (uplink,))), None)


def recent(connection: apsw.Connection, limit: int) -> list[Replay]:
    """Return the newest `limit` jobs, newest first."""
    return _select(connection, "ORDER BY id DESC LIMIT ?", (limit,))


def proceed(connection: apsw.Connection, number: int, position: int, resent: int) -> None:
    """Note how far a job has come; never back, and not after its end."""
    for replay in _select(connection, "WHERE id = ? AND finished_ms IS NULL", (number,)):
        if position > replay.position:
            _save(connection, _changed(replay, position=position, resent=resent))


def finish(
    connection: apsw.Connection, number: int, now_ms: int, is_cancelled: bool
) -> Replay | None:
    """End a job; return it as it is now, or None if there is none of that number."""
    found = next(iter(_select(connection, "WHERE id = ?", (number,))), None)
    if found is not None and found.finished_ms is None:
        found = _changed(found, finished_ms=now_ms, is_cancelled=is_cancelled)
        _save(connection, found)
    return found


def _changed(replay: Replay, **changes: object) -> Replay:
    fields = {name: getattr(replay, name) for name in Replay.__slots__}
    return Replay(**{**fields, **changes})
