"""The SQL of a pack: its readings and what they change in the ledger, in one transaction."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import starmap

import apsw

from gateway import range_set, store_ledger, store_payloads
from gateway.ledger import Statement
from gateway.rows import PackResult, Payload, ReadingRow, StoredReading, lane_of
from gateway.store_checksums import checksum
from gateway.store_values import to_columns

_NEWEST = """SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'readings'), 0),
    ifnull((SELECT max(id) FROM readings), 0))"""
# A number, or a time with its value, that is stored already is a duplicate. A conflict of ids is
# an error: then the file is damaged.
_INSERT = """INSERT INTO readings (id, endpoint_id, boot, sequence, path, kind, value, time_ms,
    time_source, stated_time, class, lane, received_ms, checksum) VALUES {rows}
    ON CONFLICT (endpoint_id, boot, sequence) DO NOTHING
    ON CONFLICT (endpoint_id, path, time_ms, kind, value)
        WHERE sequence IS NULL AND time_source = 'node' DO NOTHING"""
_ROW = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
# One statement for many rows: around each step the event loop's thread gets its turn, and having
# it back costs more than a row.
ROWS_PER_INSERT_MAX = 50


def commit(
    connection: apsw.Connection,
    rows: Sequence[ReadingRow],
    statement: Statement | None,
    payload: Payload | None,
    start: int,
) -> PackResult:
    """Add `rows` but for those that were here before, and account for them.

    `statement` is what the pack says of its journal. `payload` tells a pack without identity from
    its repetition; `start` counts the store's openings.
    """
    if payload is not None and not store_payloads.take(connection, payload, start):
        return PackResult(0, len(rows))
    endpoint_ids: dict[str, int] = {}
    fresh: dict[tuple[str, int], range_set.Ranges] = {}
    missing = repeated = 0
    for said, numbers in _accounts(rows, statement):
        endpoint_ids[said.endpoint] = endpoint_id(connection, said.endpoint)
        new, lost = store_ledger.take(connection, endpoint_ids[said.endpoint], numbers, said)
        fresh[said.endpoint, said.boot] = new
        missing += lost
        repeated += len(numbers) - range_set.count(new)
    wanted = [row for row in rows if _is_wanted(row, fresh)] if repeated else rows
    for row in wanted:
        if row.endpoint not in endpoint_ids:
            endpoint_ids[row.endpoint] = endpoint_id(connection, row.endpoint)
    if not wanted:
        return PackResult(0, len(rows), missing)
    first_id = connection.execute(_NEWEST).get + 1
    stored = _insert(connection, wanted, first_id, endpoint_ids)
    readings = ()
    if stored == len(wanted):
        readings = tuple(starmap(StoredReading, enumerate(wanted, first_id)))
    return PackResult(stored, len(rows) - stored, missing, readings)


def _accounts(
    rows: Sequence[ReadingRow], statement: Statement | None
) -> list[tuple[Statement, list[int]]]:
    """Return for each boot of each node what is stated of it, and the numbers of its rows."""
    found: dict[tuple[str, int], tuple[Statement, list[int]]] = {}
    if statement is not None:
        found[statement.endpoint, statement.boot] = (statement, [])
    for row in rows:
        if row.sequence is None or row.sequence < 1:
            continue
        key = row.endpoint, row.boot
        if key not in found:
            found[key] = (Statement(row.endpoint, row.boot, row.received_ms), [])
        found[key][1].append(row.sequence)
    return list(found.values())


def _is_wanted(row: ReadingRow, fresh: dict[tuple[str, int], range_set.Ranges]) -> bool:
    if row.sequence is None or row.sequence < 1:
        return True
    return range_set.contains(fresh[row.endpoint, row.boot], row.sequence)


def endpoint_id(connection: apsw.Connection, name: str) -> int:
    """Return the number that stands for an endpoint name in this store; a new one at first."""
    find = "SELECT id FROM endpoints WHERE name = ?"
    found = connection.execute(find, (name,)).get
    if found is None:
        found = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM endpoints").get
        connection.execute(
            "INSERT INTO endpoints (id, name, checksum) VALUES (?,?,?)",
            (found, name, checksum((found, name))),
        )
    return found


def _insert(
    connection: apsw.Connection,
    rows: Sequence[ReadingRow],
    first_id: int,
    endpoint_ids: dict[str, int],
) -> int:
    before = connection.total_changes()
    for start in range(0, len(rows), ROWS_PER_INSERT_MAX):
        part = rows[start : start + ROWS_PER_INSERT_MAX]
        bindings: list[object] = []
        for reading_id, row in enumerate(part, first_id + start):
            bindings += _columns(row, reading_id, endpoint_ids[row.endpoint])
        connection.execute(_insert_statement(len(part)), bindings)
    return connection.total_changes() - before


@lru_cache(maxsize=ROWS_PER_INSERT_MAX)
def _insert_statement(count: int) -> str:
    return _INSERT.format(rows=",".join([_ROW] * count))


def _columns(row: ReadingRow, reading_id: int, endpoint_id: int) -> tuple:
    kind, value = to_columns(row.value)
    columns = (
        reading_id,
        endpoint_id,
        row.boot,
        row.sequence,
        row.path,
        kind,
        value,
        row.time_ms,
        row.time_source,
        row.stated_time,
        row.reading_class,
        lane_of(row.reading_class),
        row.received_ms,
    )
    return (*columns, checksum(columns))
