"""The SQL of commands, counters and incidents."""

import apsw

from gateway.rows import CommandRow, CommandState, IncidentRow
from gateway.store_checksums import checksum
from gateway.store_values import from_columns, to_columns

# Older incidents give way.
INCIDENTS_MAX = 10_000
INCIDENT_EVERY_MS = 600_000
INCIDENTS_SEARCHED = 500

_COLUMNS = """id, endpoint, operation, created_ms, expires_ms, state, path, kind, value, level,
    for_s, until_s, attempts, code, detail, finished_ms, origin, response_topic, correlation,
    is_reported"""
_VALUES = ",".join("?" * 21)
_INSERT = f"INTO commands ({_COLUMNS}, checksum) VALUES ({_VALUES})"
_REPORT = f"""UPDATE commands SET is_reported = 1,
    checksum = row_checksum({_COLUMNS.replace("is_reported", "1")}) WHERE id = ?"""


def add(connection: apsw.Connection, row: CommandRow) -> CommandRow:
    """Add a new command; return it, or the one of the same id that is there already."""
    connection.execute(f"INSERT {_INSERT} ON CONFLICT (id) DO NOTHING", _bindings(row))
    return row if connection.changes() else one(connection, row.id)


def save(connection: apsw.Connection, row: CommandRow) -> None:
    """Add or replace a command."""
    connection.execute(f"INSERT OR REPLACE {_INSERT}", _bindings(row))


def _bindings(row: CommandRow) -> tuple:
    kind, value = (None, None) if row.value is None else to_columns(row.value)
    columns = (
        row.id,
        row.endpoint,
        row.operation,
        row.created_ms,
        row.expires_ms,
        row.state,
        row.path,
        kind,
        value,
        row.level,
        row.for_s,
        row.until_s,
        row.attempts,
        row.code,
        row.detail,
        row.finished_ms,
        row.origin,
        row.response_topic,
        row.correlation,
        int(row.is_reported),
    )
    return (*columns, checksum(columns))


def _command(columns: tuple) -> CommandRow:
    state, path, kind, value = CommandState(columns[5]), *columns[6:9]
    value = None if kind is None else from_columns(kind, value)
    return CommandRow(*columns[:5], state, path, value, *columns[9:19], bool(columns[19]))


def _select(connection: apsw.Connection, condition: str, bindings: tuple) -> list[CommandRow]:
    query = f"SELECT {_COLUMNS} FROM commands {condition}"
    return [_command(columns) for columns in connection.execute(query, bindings)]


def one(connection: apsw.Connection, command_id: str) -> CommandRow | None:
    """Return the command of that id."""
    return next(iter(_select(connection, "WHERE id = ?", (command_id,))), None)


def recent(connection: apsw.Connection, limit: int) -> list[CommandRow]:
    """Return the newest `limit` commands, newest first."""
    return _select(connection, "ORDER BY created_ms DESC, rowid DESC LIMIT ?", (limit,))


def unfinished(connection: apsw.Connection) -> list[CommandRow]:
    """Return the commands that are queued or sent, oldest first."""
    return _select(connection, "WHERE finished_ms IS NULL ORDER BY created_ms, rowid", ())


def unreported(connection: apsw.Connection, origin: str, limit: int) -> list[CommandRow]:
    """Return finished commands whose result the uplink `origin` has yet to pass on."""
    condition = """WHERE origin = ? AND is_reported = 0 AND finished_ms IS NOT NULL
        ORDER BY finished_ms LIMIT ?"""
    return _select(connection, condition, (origin, limit))


def mark_reported(connection: apsw.Connection, command_id: str) -> None:
    """Note that a command's result was passed on."""
    connection.execute(_REPORT, (command_id,))


def delete_finished(connection: apsw.Connection, before_ms: int, limit: int) -> int:
    """Delete up to `limit` commands that ended before `before_ms`; return how many."""
    connection.execute(
        """DELETE FROM commands WHERE rowid IN
        (SELECT rowid FROM commands WHERE finished_ms < ? ORDER BY finished_ms LIMIT ?)""",
        (before_ms, limit),
    )
    return connection.changes()


def add_counts(connection: apsw.Connection, counts: dict[str, int]) -> None:
    """Add to counters that last over restarts."""
    connection.executemany(
        """INSERT INTO counters (name, value, checksum) VALUES (?1, ?2, row_checksum(?1, ?2))
        ON CONFLICT (name) DO UPDATE SET value = value + excluded.value,
        checksum = row_checksum(name, value + excluded.value)""",
        list(counts.items()),
    )


def all_counts(connection: apsw.Connection) -> dict[str, int]:
    """Return every counter."""
    return dict(connection.execute("SELECT name, value FROM counters ORDER BY name"))


def add_incident(connection: apsw.Connection, row: IncidentRow) -> None:
    """Note an incident; beyond INCIDENTS_MAX the oldest gives way."""
    newest = connection.execute("SELECT max(id) FROM incidents").get or 0
    columns = (newest + 1, row.time_ms, row.kind, row.subject, row.detail)
    connection.execute(
        """INSERT INTO incidents (id, time_ms, kind, subject, detail, checksum)
        VALUES (?,?,?,?,?,?)""",
        (*columns, checksum(columns)),
    )
    connection.execute("DELETE FROM incidents WHERE id <= ?", (newest + 1 - INCIDENTS_MAX,))


def tell_incident(connection: apsw.Connection, row: IncidentRow, about: str) -> None:
    """Note an incident; one of the same kind and subject whose detail begins with `about`, from
    the last INCIDENT_EVERY_MS, says it in its place."""
    query = """SELECT id, time_ms FROM incidents WHERE id > (SELECT max(id) FROM incidents) - ?
        AND kind = ? AND subject = ? AND substr(detail, 1, ?) = ? ORDER BY id DESC LIMIT 1"""
    bindings = (INCIDENTS_SEARCHED, row.kind, row.subject, len(about), about)
    told_id, told_ms = connection.execute(query, bindings).fetchone() or (None, 0)
    if told_id is None or abs(row.time_ms - told_ms) > INCIDENT_EVERY_MS:
        add_incident(connection, row)
        return
    columns = (told_id, told_ms, row.kind, row.subject, row.detail)
    connection.execute(
        "UPDATE incidents SET detail = ?, checksum = ? WHERE id = ?",
        (row.detail, checksum(columns), told_id),
    )


def recent_incidents(connection: apsw.Connection, limit: int) -> list[IncidentRow]:
    """Return the newest `limit` incidents, newest first."""
    query = "SELECT time_ms, kind, subject, detail FROM incidents ORDER BY id DESC LIMIT ?"
    return [IncidentRow(*columns) for columns in connection.execute(query, (limit,))]
