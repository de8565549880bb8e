"""The SQL of nodes, of what the gateway knows of them, and of what it wants to observe."""

import apsw

from gateway.rows import NodeRow, ObservationRow
from gateway.store_checksums import checksum
from gateway.store_values import from_columns, to_columns

_COLUMNS = """endpoint, registration_id, address, lwm2m_version, binding, queue_mode, lifetime_s,
    links, registered_ms, updated_ms, seen_ms"""
_UPDATES = ", ".join(
    f"{name} = excluded.{name}" for name in [*_COLUMNS.replace(",", "").split()[1:], "checksum"]
)
_FACTS = "SELECT endpoint, path, kind, value FROM facts"
_DEREGISTER = f"""UPDATE nodes SET registration_id = NULL,
    checksum = row_checksum({_COLUMNS.replace("registration_id", "NULL")}) WHERE endpoint = ?"""


def save(connection: apsw.Connection, row: NodeRow) -> None:
    """Add or replace a node with its facts."""
    columns = (
        row.endpoint,
        row.registration_id,
        row.address,
        row.lwm2m_version,
        row.binding,
        int(row.queue_mode),
        row.lifetime_s,
        row.links,
        row.registered_ms,
        row.updated_ms,
        row.seen_ms,
    )
    connection.execute(
        f"""INSERT INTO nodes ({_COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
        ON CONFLICT (endpoint) DO UPDATE SET {_UPDATES}""",
        (*columns, checksum(columns)),
    )
    connection.execute("DELETE FROM facts WHERE endpoint = ?", (row.endpoint,))
    facts = [(row.endpoint, path, *to_columns(value)) for path, value in row.facts]
    connection.executemany(
        "INSERT INTO facts (endpoint, path, kind, value, checksum) VALUES (?,?,?,?,?)",
        [(*fact, checksum(fact)) for fact in facts],
    )


def all_nodes(connection: apsw.Connection) -> list[NodeRow]:
    """Return every node, by endpoint name."""
    facts: dict[str, list] = {}
    for endpoint, path, kind, value in connection.execute(_FACTS):
        facts.setdefault(endpoint, []).append((path, from_columns(kind, value)))
    query = f"SELECT {_COLUMNS} FROM nodes ORDER BY endpoint"
    return [_node(columns, facts) for columns in connection.execute(query)]


def _node(columns: tuple, facts: dict[str, list]) -> NodeRow:
    head, queue_mode, tail = columns[:5], bool(columns[5]), columns[6:]
    return NodeRow(*head, queue_mode, *tail, tuple(facts.get(columns[0], ())))


def delete_registration(connection: apsw.Connection, endpoint: str) -> None:
    """Keep a node, but as one that is not registered."""
    connection.execute(_DEREGISTER, (endpoint,))


def delete(connection: apsw.Connection, endpoint: str) -> None:
    """Forget a node and what was to be observed of it; its readings stay."""
    for table in ("nodes", "facts", "observations"):
        connection.execute(f"DELETE FROM {table} WHERE endpoint = ?", (endpoint,))


def save_observation(connection: apsw.Connection, row: ObservationRow) -> None:
    """Add or replace what is to be observed at a path."""
    columns = (row.endpoint, row.path, row.attributes)
    connection.execute(
        """INSERT OR REPLACE INTO observations (endpoint, path, attributes, checksum)
        VALUES (?,?,?,?)""",
        (*columns, checksum(columns)),
    )


def delete_observation(connection: apsw.Connection, endpoint: str, path: str) -> None:
    """Forget what was to be observed at a path."""
    query = "DELETE FROM observations WHERE endpoint = ? AND path = ?"
    connection.execute(query, (endpoint, path))


def all_observations(connection: apsw.Connection) -> list[ObservationRow]:
    """Return what is to be observed, by endpoint name and path."""
    query = "SELECT endpoint, path, attributes FROM observations ORDER BY endpoint, path"
    return [ObservationRow(*columns) for columns in connection.execute(query)]
