"""The SQL of damaged readings: rows that are not what was written are set aside, and said so."""

from collections.abc import Sequence

import apsw

from gateway import range_set, store_commands, store_ledger, store_readings
from gateway.rows import IncidentRow
from gateway.store_checksums import checksum

DAMAGED_MAX = 10_000
"""Notes of damaged readings; beyond, the oldest give way. The ledger knows them longer."""
_ABOUT = "stored readings were not what was written:"
_IDENTITY = """SELECT endpoint_id, boot, sequence
    FROM readings INDEXED BY sqlite_autoindex_readings_1 WHERE +id = ?"""


def set_aside(connection: apsw.Connection, reading_ids: Sequence[int], now_ms: int) -> int:
    """Take damaged readings out of the store and note them in the ledger; return how many."""
    named: dict[str, int] = {}
    for reading_id in reading_ids:
        endpoint = _set_aside(connection, reading_id, now_ms)
        if endpoint is not None:
            named[endpoint] = named.get(endpoint, 0) + 1
    for endpoint, count in named.items():
        query = "SELECT count(*) FROM damaged_readings WHERE endpoint = ?"
        total = connection.execute(query, (endpoint,)).get
        detail = f"{_ABOUT} {count} now, {total} in all; explain shows their numbers"
        row = IncidentRow(now_ms, "readings_damaged", endpoint, detail)
        store_commands.tell_incident(connection, row, _ABOUT)
    return sum(named.values())


def _set_aside(connection: apsw.Connection, reading_id: int, now_ms: int) -> str | None:
    # What only the reading connection saw wrong is no damage of the file.
    if not store_readings.find(connection, reading_id).damaged:
        return None
    query = "SELECT endpoint_id, boot, sequence, lane FROM readings WHERE id = ?"
    row = connection.execute(query, (reading_id,)).fetchone()
    # The unique index is a second copy of a reading's identity.
    endpoint_id, boot, sequence = (
        connection.execute(_IDENTITY, (reading_id,)).fetchone() or row[:3]
    )
    name = connection.execute("SELECT name FROM endpoints WHERE id = ?", (endpoint_id,)).get
    newest = connection.execute("SELECT max(id) FROM damaged_readings").get or 0
    columns = (newest + 1, reading_id, name or "?", boot, sequence, row[3], now_ms)
    connection.execute(
        """INSERT INTO damaged_readings (id, reading_id, endpoint, boot, sequence, lane,
        noted_ms, checksum) VALUES (?,?,?,?,?,?,?,?)""",
        (*columns, checksum(columns)),
    )
    connection.execute("DELETE FROM damaged_readings WHERE id <= ?", (newest + 1 - DAMAGED_MAX,))
    if name is not None and boot is not None and sequence is not None:
        one = range_set.span(sequence, sequence)
        store_ledger.damage(connection, endpoint_id, boot, one, now_ms)
    _delete(connection, reading_id)
    return name or "?"


def _delete(connection: apsw.Connection, reading_id: int) -> None:
    """Delete a row whose columns may not be what the indexes were made of."""
    delete = "DELETE FROM readings WHERE id = ?"
    try:
        with connection:
            connection.execute(delete, (reading_id,))
    except apsw.CorruptError:
        connection.execute("REINDEX readings")
        connection.execute(delete, (reading_id,))
