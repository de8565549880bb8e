"""The SQL of shedding: readings that are deleted though some uplink lacks them, and a note of it.

Work in steps, so that no commit waits long behind one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from gateway import range_set, store_readings
from gateway.rows import lane_of
from gateway.store_checksums import checksum

SHEDS_MAX = 100_000
"""Notes of what was shed; beyond, the oldest give way."""

_COLUMNS = "id, uplink, endpoint_id, boot, first, last, noted_ms"


@dataclass(frozen=True, slots=True)
class Shedding:
    """What one step has deleted: readings, and how many of them each uplink lacks."""

    deleted: int
    lacking: dict[str, int]


def shed(
    connection: apsw.Connection,
    uplinks: Sequence[str],
    reading_class: int,
    before_ms: int,
    limit: int,
    now_ms: int,
) -> Shedding:
    """Delete the oldest readings of a class that were received before `before_ms`.

    Of the class's oldest `limit` readings. What one of `uplinks` lacks is noted.
    """
    lane = lane_of(reading_class)
    query = f"""SELECT id, endpoint_id, boot, sequence FROM (
        SELECT id, endpoint_id, boot, sequence, received_ms FROM readings
        WHERE lane = {int(lane)} AND class = ? ORDER BY id LIMIT ?) WHERE received_ms < ?"""
    rows = connection.execute(query, (reading_class, limit, before_ms)).fetchall()
    reached = {name: store_readings.cursor(connection, name, lane) for name in uplinks}
    connection.executemany("DELETE FROM readings WHERE id = ?", [row[:1] for row in rows])
    lacking: dict[str, int] = {}
    for name, up_to_id in reached.items():
        lost = [row for row in rows if row[0] > up_to_id]
        if lost:
            lacking[name] = len(lost)
            _note(connection, name, lost, now_ms)
    return Shedding(len(rows), lacking)


def _note(connection: apsw.Connection, uplink: str, rows: Sequence[tuple], now_ms: int) -> None:
    by_boot: dict[tuple, list[int]] = {}
    for reading_id, endpoint_id, boot, sequence in rows:
        # Without a sequence the reading's own id is all that names it.
        is_numbered = boot is not None and sequence is not None
        key = (endpoint_id, boot if is_numbered else None)
        by_boot.setdefault(key, []).append(sequence if is_numbered else reading_id)
    for (endpoint_id, boot), numbers in by_boot.items():
        for first, last in range_set.of_numbers(numbers):
            _note_range(connection, (uplink, endpoint_id, boot), first, last, now_ms)
    newest = _newest(connection)
    connection.execute("DELETE FROM sheds WHERE id <= ?", (newest - SHEDS_MAX,))


def _note_range(
    connection: apsw.Connection, whose: tuple, first: int, last: int, now_ms: int
) -> None:
    uplink, endpoint_id, boot = whose
    query = """SELECT id, first, last FROM sheds WHERE endpoint_id = ? AND uplink = ?
        AND boot IS ? ORDER BY id DESC LIMIT 1"""
    before = connection.execute(query, (endpoint_id, uplink, boot)).fetchone()
    shed_id = _newest(connection) + 1
    if before is not None and before[2] + 1 == first:
        shed_id, first, _ = before
    columns = (shed_id, *whose, first, last, now_ms)
    connection.execute(
        f"INSERT OR REPLACE INTO sheds ({_COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?)",
        (*columns, checksum(columns)),
    )


def _newest(connection: apsw.Connection) -> int:
    return connection.execute("SELECT ifnull(max(id), 0) FROM sheds").get
