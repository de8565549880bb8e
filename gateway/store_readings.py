"""The SQL of readings and of the uplinks' cursors; each function is one work on a connection.

A row whose checksum is wrong is never given out as a reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import apsw

from gateway.rows import Backlog, Lane, ReadingRow, StoredReading
from gateway.store_checksums import checksum
from gateway.store_values import from_columns

_COLUMNS = """readings.id, endpoint_id, boot, sequence, path, kind, value, time_ms, time_source,
    stated_time, class, lane, received_ms, readings.checksum, name, endpoints.checksum"""
_COUNT = 13  # of the columns that the checksum covers
# A table scan's rows repeat the same few thousand nodes.
NODES_REMEMBERED_MAX = 8192
# Recent values are looked for among so many rows, not in a backlog of millions.
LATEST_ROWS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found: readings, and the ids of rows that are not what was written."""

    readings: list[StoredReading]
    damaged: list[int]


def found_where(connection: apsw.Connection, condition: str, bindings: tuple) -> Found:
    """Return what stands in `readings`, joined with `endpoints`, where `condition` holds."""
    # LEFT: a reading whose node's name is gone is damaged, not invisible.
    query = f"""SELECT {_COLUMNS} FROM readings
        LEFT JOIN endpoints ON endpoints.id = endpoint_id {condition}"""
    found = Found([], [])
    for columns in connection.execute(query, bindings):
        if checksum(columns[:_COUNT]) == columns[13] and _is_sound(
            columns[1], columns[14], columns[15]
        ):
            found.readings.append(_stored(columns))
        else:
            found.damaged.append(columns[0])
    return found


@lru_cache(maxsize=NODES_REMEMBERED_MAX)
def _is_sound(endpoint_id: int, name: str | None, expected: int | None) -> bool:
    return expected == checksum((endpoint_id, name))


def _stored(columns: tuple) -> StoredReading:
    (reading_id, _, boot, sequence, path, kind, value, time_ms, time_source, stated_time,
     reading_class, _, received_ms, _, endpoint, _) = columns  # fmt: skip
    return StoredReading(
        reading_id,
        ReadingRow(
            endpoint, boot, sequence, path, from_columns(kind, value), time_ms, time_source,
            reading_class, received_ms, stated_time,
        ),  # fmt: skip
    )


def find(connection: apsw.Connection, reading_id: int) -> Found:
    """Return the reading of that id."""
    return found_where(connection, "WHERE readings.id = ?", (reading_id,))


def of_node(connection: apsw.Connection, endpoint: str, limit: int) -> Found:
    """Return the newest `limit` readings of a node, newest first."""
    # "+": by way of the node's key; along the primary key it would read every node's rows.
    condition = "WHERE name = ? ORDER BY +readings.id DESC LIMIT ?"
    return found_where(connection, condition, (endpoint, limit))


def latest(connection: apsw.Connection) -> Found:
    """Return the newest reading of each node and path among the last LATEST_ROWS_MAX."""
    condition = """WHERE readings.id IN (SELECT max(id) FROM readings
        WHERE id > (SELECT ifnull(max(id), 0) FROM readings) - ?
        GROUP BY endpoint_id, path) ORDER BY readings.id"""
    return found_where(connection, condition, (LATEST_ROWS_MAX,))


def cursor(connection: apsw.Connection, uplink: str, lane: Lane) -> int:
    """Return the id up to which everything in `lane` is delivered to `uplink`; 0 at first."""
    query = "SELECT reading_id FROM cursors WHERE uplink = ? AND lane = ?"
    return connection.execute(query, (uplink, lane)).get or 0


def after(
    connection: apsw.Connection, lane: Lane, after_id: int, limit: int
) -> Found:
    """Return the `limit` readings of `lane` that follow `after_id`, in the order of their ids."""
    # The lane stands in the text, so that SQLite sees the urgent lane's partial index.
    condition = f"WHERE lane = {int(lane)} AND readings.id > ? ORDER BY readings.id LIMIT ?"
    return found_where(connection, condition, (after_id, limit))


def advance(connection: apsw.Connection, uplink: str, lane: Lane, up_to_id: int) -> None:
    """Move a cursor forward; never back."""
    connection.execute(
        """INSERT INTO cursors (uplink, lane, reading_id, checksum)
        VALUES (?1, ?2, ?3, row_checksum(?1, ?2, ?3)) ON CONFLICT (uplink, lane)
        DO UPDATE SET reading_id = excluded.reading_id, checksum = excluded.checksum
        WHERE excluded.reading_id > reading_id""",
        (uplink, lane, up_to_id),
    )


def depth(connection: apsw.Connection, uplink: str, lane: Lane) -> Backlog:
    """Return how many readings wait behind a cursor, and since when."""
    query = f"SELECT count(*), min(received_ms) FROM readings WHERE lane = {int(lane)} AND id > ?"
    count, oldest_ms = next(connection.execute(query, (cursor(connection, uplink, lane),)))
    return Backlog(count, oldest_ms)


def count(connection: apsw.Connection) -> int:
    """Return how many readings are stored."""
    return connection.execute("SELECT count(*) FROM readings").get


def delete_delivered(
    connection: apsw.Connection, uplinks: Sequence[str], before_ms: int, limit: int
) -> int:
    """Delete old readings (received before `before_ms`) that every uplink has; return how many.

    Looks at `limit` rows at most. Without uplinks everything old enough counts as delivered.
    """
    deleted = 0
    for lane in Lane:
        reached = min((cursor(connection, uplink, lane) for uplink in uplinks), default=1 << 62)
        connection.execute(
            f"""DELETE FROM readings WHERE id IN (SELECT id FROM readings WHERE lane = {int(lane)}
            AND id <= ? ORDER BY id LIMIT ?) AND received_ms < ?""",
            (reached, limit, before_ms),
        )
        deleted += connection.changes()
    return deleted
