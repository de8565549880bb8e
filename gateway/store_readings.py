"""The SQL of readings and of the uplinks' cursors; each function is one work on a connection."""

from collections.abc import Sequence

import apsw

from gateway.rows import Backlog, Lane, PackResult, ReadingRow, StoredReading, lane_of
from gateway.store_values import from_columns, to_columns

_COLUMNS = """readings.id, name, boot, sequence, path, kind, value, time_ms, time_source, class,
    received_ms, stated_time"""
_INSERT = """INSERT INTO readings (endpoint_id, boot, sequence, path, kind, value, time_ms,
    time_source, stated_time, class, lane, received_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (endpoint_id, boot, sequence) DO NOTHING"""
# Recent values are looked for among so many rows, not in a backlog of millions.
LATEST_ROWS_MAX = 100_000


def insert(connection: apsw.Connection, rows: Sequence[ReadingRow]) -> PackResult:
    """Add `rows`, but not those whose (endpoint, boot, sequence) is there."""
    names = dict.fromkeys(row.endpoint for row in rows)
    endpoint_ids = {name: _endpoint_id(connection, name) for name in names}
    before = connection.total_changes()
    connection.executemany(_INSERT, [_bindings(row, endpoint_ids[row.endpoint]) for row in rows])
    stored = connection.total_changes() - before
    return PackResult(stored, len(rows) - stored)


def _endpoint_id(connection: apsw.Connection, name: str) -> int:
    find = "SELECT id FROM endpoints WHERE name = ?"
    found = connection.execute(find, (name,)).get
    if found is None:
        connection.execute("INSERT INTO endpoints (name) VALUES (?)", (name,))
        found = connection.last_insert_rowid()
    return found


def _bindings(row: ReadingRow, endpoint_id: int) -> tuple:
    return (
        endpoint_id,
        row.boot,
        row.sequence,
        row.path,
        *to_columns(row.value),
        row.time_ms,
        row.time_source,
        row.stated_time,
        row.reading_class,
        lane_of(row.reading_class),
        row.received_ms,
    )


def _stored(columns: tuple) -> StoredReading:
    reading_id, endpoint, boot, sequence, path, kind, value = columns[:7]
    value = from_columns(kind, value)
    return StoredReading(
        reading_id, ReadingRow(endpoint, boot, sequence, path, value, *columns[7:])
    )


def _select(connection: apsw.Connection, condition: str, bindings: tuple) -> list[StoredReading]:
    query = f"""SELECT {_COLUMNS} FROM readings
        JOIN endpoints ON endpoints.id = endpoint_id {condition}"""
    return [_stored(columns) for columns in connection.execute(query, bindings)]


def of_node(connection: apsw.Connection, endpoint: str, limit: int) -> list[StoredReading]:
    """Return the newest `limit` readings of a node, newest first."""
    # "+": by way of the node's key; along the primary key it would read every node's rows.
    condition = "WHERE name = ? ORDER BY +readings.id DESC LIMIT ?"
    return _select(connection, condition, (endpoint, limit))


def latest(connection: apsw.Connection) -> list[StoredReading]:
    """Return the newest reading of each node and path among the last LATEST_ROWS_MAX."""
    condition = """WHERE readings.id IN (SELECT max(id) FROM readings
        WHERE id > (SELECT ifnull(max(id), 0) FROM readings) - ?
        GROUP BY endpoint_id, path) ORDER BY readings.id"""
    return _select(connection, condition, (LATEST_ROWS_MAX,))


def cursor(connection: apsw.Connection, uplink: str, lane: Lane) -> int:
    """Return the id up to which everything in `lane` is delivered to `uplink`; 0 at first."""
    query = "SELECT reading_id FROM cursors WHERE uplink = ? AND lane = ?"
    return connection.execute(query, (uplink, lane)).get or 0


def after(
    connection: apsw.Connection, lane: Lane, after_id: int, limit: int
) -> list[StoredReading]:
    """Return the `limit` readings of `lane` that follow `after_id`, in the order of their ids."""
    # The lane stands in the text, so that SQLite sees the urgent lane's partial index.
    condition = f"WHERE lane = {int(lane)} AND readings.id > ? ORDER BY readings.id LIMIT ?"
    return _select(connection, condition, (after_id, limit))


def advance(connection: apsw.Connection, uplink: str, lane: Lane, up_to_id: int) -> None:
    """Move a cursor forward; never back."""
    connection.execute(
        """INSERT INTO cursors VALUES (?, ?, ?) ON CONFLICT (uplink, lane)
        DO UPDATE SET reading_id = max(reading_id, excluded.reading_id)""",
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
