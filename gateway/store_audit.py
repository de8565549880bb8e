"""The SQL of the audit log: who did what by which door, and what came of it."""

import apsw

from gateway.rows import AUDIT_OPEN, AuditRow
from gateway.store_checksums import checksum

_COLUMNS = "id, time_ms, door, who, action, endpoint, path, value, command, result"
_INSERT = f"INSERT INTO audit ({_COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_END = f"""UPDATE audit SET result = ?1,
    checksum = row_checksum({_COLUMNS.replace("result", "?1")}) WHERE"""
DAMAGED = "damaged: this entry is not what was written"


def add(connection: apsw.Connection, row: AuditRow, rows_max: int) -> int:
    """Add an entry and return its id, which only rises; beyond `rows_max` the oldest gives way."""
    number = (connection.execute("SELECT max(id) FROM audit").get or 0) + 1
    columns = (number, row.time_ms, row.door, row.who, row.action, row.endpoint, row.path,
               row.value, row.command, row.result)
    connection.execute(_INSERT, (*columns, checksum(columns)))
    connection.execute("DELETE FROM audit WHERE id <= ?", (number - rows_max,))
    return number


def end(connection: apsw.Connection, number: int, result: str) -> None:
    """Note what came of an entry."""
    connection.execute(f"{_END} id = ?2", (result, number))


def end_command(connection: apsw.Connection, command: str, result: str) -> None:
    """Note what became of a command, in every entry that waits for it."""
    connection.execute(f"{_END} command = ?2 AND result = ?3", (result, command, AUDIT_OPEN))


def recent(connection: apsw.Connection, endpoint: str | None, limit: int) -> list[AuditRow]:
    """Return the newest `limit` entries, of one node or of all, newest first.

    One whose checksum is wrong is there all the same, and says so as its result.
    """
    query = f"""SELECT {_COLUMNS}, checksum FROM audit WHERE ?1 IS NULL OR endpoint = ?1
        ORDER BY id DESC LIMIT ?2"""
    return [_row(columns) for columns in connection.execute(query, (endpoint, limit))]


def _row(columns: tuple) -> AuditRow:
    stated, columns = columns[-1], columns[:-1]
    result = columns[-1] if stated == checksum(columns) else DAMAGED
    return AuditRow(*columns[1:-1], result)
