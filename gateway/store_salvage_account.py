"""The end of a salvage: what is lost stands in the ledger, and nothing is named twice.

SQLite's index of the readings still names those whose rows are gone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import apsw

from gateway import ledger, range_set, store_commands, store_contexts, store_ledger
from gateway.rows import IncidentRow, Lane
from gateway.salvage_report import Report
from gateway.store_checksums import checksum
from gateway.store_mark import Known
from gateway.store_pages import Row

# Ids beyond all that the old store can have given, where nobody knows its last one.
ID_LEAP = 1 << 32
UNKNOWN = "?"
# Of each boot, where nobody knows how many there were: more than a log's pages hold.
DOUBTFUL_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Remains:
    """What a damaged file knows besides its rows."""

    keys: Callable[[], Iterator[Row]]  # gives (endpoint id, boot, sequence, id) of its readings
    names: list[Row]  # (endpoint id, name)
    urgent: set  # ids of the readings in the urgent lane
    displaced: list[Row]  # readings whose id another one has
    last_id: int | None  # None: not certain
    known: Known
    are_cursors_lost: bool


def settle(
    connection: apsw.Connection, remains: Remains, report: Report, now_ms: int
) -> None:
    """Put the salvaged rows in order, and account for what is lost."""
    _restore_names(connection, remains.names)
    _set_epoch(connection, remains.known.epoch, report, now_ms)
    lost, last_key = _lost(connection, remains.keys())
    last_seen = _set_last_id(connection, remains, last_key)
    _keep_displaced(connection, remains.displaced)
    nameless = _drop_orphans(connection, now_ms)
    _complete_accounts(connection, now_ms)
    delivered = _account_for(connection, lost, remains, report, now_ms)
    report.lost["readings"] += nameless
    _count_traceless(connection, remains, last_seen, delivered, report)
    traceless = report.traceless_readings
    doubtful = DOUBTFUL_MAX if remains.last_id is None else traceless
    if doubtful:
        # Without cursors, what was delivered and deleted counts as traceless too.
        is_known = remains.last_id is not None and all(_reached(connection, remains).values())
        _welcome_copies(connection, doubtful, traceless if is_known else 0, now_ms)
    store_contexts.restore(connection)
    row = IncidentRow(now_ms, "store_salvaged", "store", report.summary())
    store_commands.add_incident(connection, row)


def _lost(connection: apsw.Connection, keys: Iterable[Row]) -> tuple[list[Row], int]:
    """Return the keys without a reading, and the last id in any key."""
    find = "SELECT 1 FROM readings WHERE id = ? OR (endpoint_id = ? AND boot = ? AND sequence = ?)"
    lost, last = [], 0
    for endpoint_id, boot, sequence, reading_id in keys:
        last = max(last, reading_id)
        if not connection.execute(find, (reading_id, endpoint_id, boot, sequence)).get:
            lost.append((endpoint_id, boot, sequence, reading_id))
    return lost, last


def _restore_names(connection: apsw.Connection, names: Iterable[Row]) -> None:
    for columns in names:
        query = "INSERT OR IGNORE INTO endpoints (id, name, checksum) VALUES (?,?,?)"
        connection.execute(query, (*columns, checksum(columns)))


def _set_epoch(
    connection: apsw.Connection, known: int, report: Report, now_ms: int
) -> None:
    # A file that lost all it had was given an epoch of its own when it was opened just now.
    connection.execute("DELETE FROM properties WHERE name = 'epoch' AND value = ?", (now_ms,))
    columns = ("epoch", known or now_ms)
    query = "INSERT OR IGNORE INTO properties (name, value, checksum) VALUES (?,?,?)"
    connection.execute(query, (*columns, checksum(columns)))
    report.is_epoch_new = bool(connection.changes()) and not known


def _set_last_id(connection: apsw.Connection, remains: Remains, last_key: int) -> int:
    """Give no id twice, for it is part of an idempotency key; return the last that was given."""
    queries = ("SELECT max(id) FROM readings", "SELECT max(reading_id) FROM cursors",
               "SELECT max(reading_id) FROM damaged_readings")
    found = (connection.execute(query).get or 0 for query in queries)
    seen = max(last_key, remains.known.last_id, *found)
    last = remains.last_id
    if last is None or not seen <= last <= seen + ID_LEAP:
        last = seen + ID_LEAP
    else:
        seen = last
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'readings'")
    connection.execute("INSERT INTO sqlite_sequence VALUES ('readings', ?)", (last,))
    return seen


def _count_traceless(
    connection: apsw.Connection,
    remains: Remains,
    last_seen: int,
    delivered: list[int],
    report: Report,
) -> None:
    """Count the ids that nobody knows anything of; ids rise by one, or by a leap.

    `delivered`: the ids of lost readings that need no other trace.
    """
    reached = min(_reached(connection, remains).values())
    here = connection.execute("SELECT count(*) FROM readings WHERE id > ?", (reached,)).get
    query = """SELECT count(DISTINCT reading_id) FROM damaged_readings
        WHERE reading_id > ? AND (endpoint != '?' OR boot IS NOT NULL)"""
    known = connection.execute(query, (reached,)).get + sum(each > reached for each in delivered)
    report.traceless_readings = max(0, last_seen - reached - here - known) % ID_LEAP


def _keep_displaced(connection: apsw.Connection, displaced: Iterable[Row]) -> None:
    for _, *others, _ in displaced:
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'readings'").get
        columns = (last + 1, *others)
        places = ",".join("?" * (len(columns) + 1))
        query = f"INSERT OR IGNORE INTO readings VALUES ({places})"
        connection.execute(query, (*columns, checksum(columns)))


def _drop_orphans(connection: apsw.Connection, now_ms: int) -> int:
    """Take out what belongs to a node or a boot that nobody knows; return how many readings.

    A new node must not inherit it with the number.
    """
    nameless = "endpoint_id NOT IN (SELECT id FROM endpoints)"
    query = f"SELECT id, boot, sequence, lane FROM readings WHERE {nameless}"
    readings = connection.execute(query).fetchall()
    for reading_id, boot, sequence, lane in readings:
        _note_damaged(connection, reading_id, UNKNOWN, boot, sequence, lane, now_ms)
        connection.execute("DELETE FROM readings WHERE id = ?", (reading_id,))
    for table in ("boots", "sheds"):
        connection.execute(f"DELETE FROM {table} WHERE {nameless}")
    connection.execute("DELETE FROM gaps WHERE boot_id NOT IN (SELECT id FROM boots)")
    return len(readings)


def _complete_accounts(connection: apsw.Connection, now_ms: int) -> None:
    """Have the ledger count as received what is here."""
    query = """SELECT endpoint_id, boot, sequence FROM readings WHERE sequence >= 1
        ORDER BY endpoint_id, boot, sequence"""
    here = groupby(connection.execute(query), key=lambda columns: columns[:2])
    for (endpoint_id, boot), rows in here:
        numbers = range_set.of_numbers(sequence for _, _, sequence in rows)
        store_ledger.restore(connection, endpoint_id, boot, numbers, now_ms)


def _account_for(
    connection: apsw.Connection, lost: list[Row], remains: Remains, report: Report, now_ms: int
) -> list[int]:
    """Note lost readings in the ledger; return the ids of those that every uplink had.

    One whose name cannot be right is noted by its id, and counts as gone without a trace.
    """
    delivered: list[int] = []
    names = dict(connection.execute("SELECT id, name FROM endpoints"))
    reached = _reached(connection, remains)
    by_boot: dict[tuple, list[int]] = {}
    for endpoint_id, boot, sequence, reading_id in lost:
        lane = Lane.URGENT if reading_id in remains.urgent else Lane.MEASUREMENT
        if reading_id <= reached[lane]:
            delivered.append(reading_id)
            continue
        if not _is_believed(connection, names, endpoint_id, boot, sequence):
            # The index has rotted too: whose it was, nobody can say.
            _note_damaged(connection, reading_id, UNKNOWN, None, None, lane, now_ms)
            continue
        name = names[endpoint_id]
        _note_damaged(connection, reading_id, name, boot, sequence, lane, now_ms)
        is_numbered = boot is not None and sequence is not None
        key = (endpoint_id, name, boot if is_numbered else None)
        by_boot.setdefault(key, []).append(sequence if is_numbered else reading_id)
    report.lost["readings"] = sum(map(len, by_boot.values()))
    report.lost_delivered = len(delivered)
    for (endpoint_id, name, boot), numbers in by_boot.items():
        ranges = range_set.of_numbers(numbers)
        kind = "ids" if boot is None else "sequences"
        report.lost_readings.append(
            {"endpoint": name, "boot": boot, kind: range_set.to_text(ranges)})
        if boot is not None:
            store_ledger.damage(connection, endpoint_id, boot, ranges, now_ms)
    return delivered


def _is_believed(
    connection: apsw.Connection, names: dict[int, str], endpoint_id: int, boot: int | None,
    sequence: int | None,
) -> bool:  # fmt: skip
    """Return whether a key in the index can be a lost reading's: nothing there has a checksum."""
    if endpoint_id not in names or boot is None or sequence is None:
        return endpoint_id in names
    query = f"{store_ledger.SELECT} WHERE endpoint_id = ? AND boot = ?"
    columns = connection.execute(query, (endpoint_id, boot)).fetchone()
    if columns is None:
        return False
    boot_id, account = store_ledger.account_of(connection, columns)
    gaps = [gap for gap, _ in store_ledger.gaps_of(connection, boot_id)]
    number = range_set.span(sequence, sequence)
    return not range_set.difference(number, ledger.received(account, gaps))


def _welcome_copies(connection: apsw.Connection, most: int, lost: int, now_ms: int) -> None:
    """Have the ledger not count as received what may have gone without a trace.

    A node that sends it again, for its acknowledgement was lost, must not be told that it is here:
    whatever it may still hold is welcome, even what was deleted since, for no number tells the
    one from the other. What it holds no more it never sends again. Readings are deleted from the
    oldest on, so of that is noted what is gone among the newer ones (`most` at most), and as much
    before as is known to be lost. Of a boot that is closed a node holds nothing.
    """
    query = f"{store_ledger.SELECT} WHERE is_closed = 0 ORDER BY id"
    find = "SELECT sequence FROM readings WHERE endpoint_id = ? AND boot = ? ORDER BY sequence"
    for columns in connection.execute(query).fetchall():
        boot_id, account = store_ledger.account_of(connection, columns)
        gaps = [gap for gap, _ in store_ledger.gaps_of(connection, boot_id)]
        rows = connection.execute(find, columns[1:3])
        here = range_set.of_numbers(number for (number,) in rows)
        gone = range_set.difference(ledger.received(account, gaps), here)
        held = _above(gone, (account.oldest or 1) - 1)
        newer = _above(gone, here[0][0] if here else 0)
        doubtful = range_set.of((*range_set.last(held, DOUBTFUL_MAX),
                                 *range_set.last(newer, most), *range_set.last(gone, lost)))
        if doubtful:
            store_ledger.damage(connection, columns[1], account.boot, doubtful, now_ms)


def _above(ranges: range_set.Ranges, number: int) -> range_set.Ranges:
    return range_set.difference(ranges, range_set.span(1, number))


def _reached(connection: apsw.Connection, remains: Remains) -> dict[Lane, int]:
    """Return up to which id every uplink has everything of a lane."""
    query = "SELECT min(reading_id) FROM cursors WHERE lane = ?"
    return {lane: 0 if remains.are_cursors_lost else connection.execute(query, (lane,)).get or 0
            for lane in Lane}


def _note_damaged(
    connection: apsw.Connection, reading_id: int, endpoint: str, boot: int | None,
    sequence: int | None, lane: int, now_ms: int,
) -> None:  # fmt: skip
    newest = connection.execute("SELECT max(id) FROM damaged_readings").get or 0
    columns = (newest + 1, reading_id, endpoint, boot, sequence, int(lane), now_ms)
    connection.execute(
        """INSERT INTO damaged_readings (id, reading_id, endpoint, boot, sequence, lane,
        noted_ms, checksum) VALUES (?,?,?,?,?,?,?,?)""",
        (*columns, checksum(columns)),
    )
