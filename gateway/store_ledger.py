"""The SQL of the gap ledger: accounts of boots, and the gaps in them (`gateway/ledger.py`)."""

import apsw

from gateway import ledger, range_set, store_commands
from gateway.ledger import MISSING, Account, Gap, Statement, Taken
from gateway.range_set import Ranges
from gateway.rows import IncidentRow
from gateway.store_checksums import checksum

BOOTS_PER_NODE_MAX = 64
"""Of a node's boots that are over, the newest are kept."""
GAPS_PER_BOOT_MAX = 4096
SHOWN_MAX = 8
"""So many missing ranges are named in an incident."""

_COLUMNS = """id, endpoint_id, boot, oldest, last, oldest_boot, is_closed, settled, received,
    explained, changed_ms"""
SELECT = f"SELECT {_COLUMNS}, checksum FROM boots"
_INSERT = f"INSERT INTO boots ({_COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_UPDATE = """UPDATE boots SET oldest = ?4, last = ?5, oldest_boot = ?6, is_closed = ?7,
    settled = ?8, received = ?9, explained = ?10, changed_ms = ?11, checksum = ?12
    WHERE id = ?1 AND endpoint_id = ?2 AND boot = ?3"""
_INSERT_GAP = """INSERT OR REPLACE INTO gaps (boot_id, first, last, reason, noted_ms, checksum)
    VALUES (?,?,?,?,?,?)"""


def take(
    connection: apsw.Connection, endpoint_id: int, numbers: list[int], statement: Statement
) -> tuple[Ranges, int]:
    """Account for a pack; return the numbers that were not here before, and how many are missing.

    What it shows to be missing is an incident.
    """
    if statement.is_returning:
        _forget_statements(connection, endpoint_id)
    found = _load(connection, endpoint_id, statement.boot)
    boot_id, before = found or (_new_id(connection), Account(statement.boot))
    is_new_holding = found is None or statement.oldest_boot not in (None, before.oldest_boot)
    gaps = _gaps_in_doubt(connection, boot_id, before, numbers, statement)
    taken = ledger.take(before, numbers, statement, [gap for gap, _ in gaps])
    if found is None or taken.account != before:
        columns = _columns(boot_id, endpoint_id, taken.account, statement.received_ms)
        connection.execute(_INSERT if found is None else _UPDATE, columns)
    _keep_gaps(connection, boot_id, gaps, taken, statement.received_ms)
    missing = _note_missing(connection, boot_id, statement, taken)
    if is_new_holding:
        missing += _close_others(connection, endpoint_id, statement)
        _forget_old(connection, endpoint_id)
    return taken.fresh, missing


def _forget_statements(connection: apsw.Connection, endpoint_id: int) -> None:
    """Begin anew with a node that may have been at another gateway: what it held went there."""
    connection.execute(
        f"""UPDATE boots SET oldest = NULL,
        checksum = row_checksum({_COLUMNS.replace("oldest,", "NULL,", 1)})
        WHERE endpoint_id = ? AND is_closed = 0""",
        (endpoint_id,),
    )


def _load(
    connection: apsw.Connection, endpoint_id: int, boot: int
) -> tuple[int, Account] | None:
    query = f"{SELECT} WHERE endpoint_id = ? AND boot = ?"
    for columns in connection.execute(query, (endpoint_id, boot)):
        return account_of(connection, columns)
    return None


def account_of(connection: apsw.Connection, columns: tuple) -> tuple[int, Account]:
    """Return a row of SELECT as (id, account); a damaged one is made anew from its readings."""
    if checksum(columns[:-1]) != columns[-1]:
        return columns[0], _rebuilt(connection, *columns[:3])
    boot_id, _, boot, oldest, last, oldest_boot, is_closed, settled, received, explained = (
        columns[:10]
    )
    return boot_id, Account(
        boot, oldest, last, oldest_boot, bool(is_closed), settled,
        range_set.from_text(received), range_set.from_text(explained),
    )  # fmt: skip


def _rebuilt(connection: apsw.Connection, boot_id: int, endpoint_id: int, boot: int) -> Account:
    """Return the account of a boot whose row is damaged, from its readings and its gaps."""
    query = "SELECT sequence FROM readings WHERE endpoint_id = ? AND boot = ? AND sequence >= 1"
    received = range_set.of_numbers(n for (n,) in connection.execute(query, (endpoint_id, boot)))
    gaps = [gap for gap, _ in gaps_of(connection, boot_id)]
    explained = range_set.of((gap.first, gap.last) for gap in gaps)
    ends = [ranges[-1][1] for ranges in (received, explained) if ranges]
    return Account(boot, last=max(ends, default=0), received=received, explained=explained)


def _new_id(connection: apsw.Connection) -> int:
    return connection.execute("SELECT ifnull(max(id), 0) + 1 FROM boots").get


def _columns(boot_id: int, endpoint_id: int, account: Account, now_ms: int) -> tuple:
    columns = (
        boot_id,
        endpoint_id,
        account.boot,
        account.oldest,
        account.last,
        account.oldest_boot,
        int(account.is_closed),
        account.settled,
        range_set.to_text(account.received),
        range_set.to_text(account.explained),
        now_ms,
    )
    return (*columns, checksum(columns))


def gaps_of(
    connection: apsw.Connection, boot_id: int, first: int = 0, last: int = 1 << 62
) -> list[tuple[Gap, int]]:
    """Return the gaps of a boot that overlap `first` to `last`, and when each was noted."""
    query = """SELECT first, last, reason, noted_ms FROM gaps
        WHERE boot_id = ? AND last >= ? AND first <= ? ORDER BY first"""
    found = connection.execute(query, (boot_id, first, last))
    return [(Gap(*columns[:3]), columns[3]) for columns in found]


def _gaps_in_doubt(
    connection: apsw.Connection,
    boot_id: int,
    account: Account,
    numbers: list[int],
    statement: Statement,
) -> list[tuple[Gap, int]]:
    spans = [(min(numbers), max(numbers))] if numbers else []
    spans += [(first, last) for first, last, _ in statement.dropped]
    spans += [(sequence, sequence) for sequence, _ in statement.refused]
    if not any(account.is_in_doubt(*span) for span in spans):
        return []
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    return gaps_of(connection, boot_id, first, last)


def _keep_gaps(
    connection: apsw.Connection,
    boot_id: int,
    known: list[tuple[Gap, int]],
    taken: Taken,
    now_ms: int,
) -> None:
    if taken.lifted:
        for gap, noted_ms in known:
            left = ledger.cut(gap, taken.lifted)
            if left != (gap,):
                delete = "DELETE FROM gaps WHERE boot_id = ? AND first = ?"
                connection.execute(delete, (boot_id, gap.first))
                _insert_gaps(connection, boot_id, left, noted_ms)
    if taken.gaps:
        _insert_gaps(connection, boot_id, taken.gaps, now_ms)
        connection.execute(
            """DELETE FROM gaps WHERE boot_id = ?1 AND first <= (SELECT first FROM gaps
            WHERE boot_id = ?1 ORDER BY first DESC LIMIT 1 OFFSET ?2)""",
            (boot_id, GAPS_PER_BOOT_MAX),
        )


def _insert_gaps(
    connection: apsw.Connection, boot_id: int, gaps: tuple[Gap, ...], noted_ms: int
) -> None:
    rows = [(boot_id, gap.first, gap.last, gap.reason, noted_ms) for gap in gaps]
    connection.executemany(_INSERT_GAP, [(*row, checksum(row)) for row in rows])


def _note_missing(
    connection: apsw.Connection, boot_id: int, statement: Statement, taken: Taken
) -> int:
    """Return how many readings are missing since this pack; an incident tells all of the boot."""
    news = [gap for gap in taken.gaps if gap.reason == MISSING]
    if not news:
        return 0
    gaps = [gap for gap, _ in gaps_of(connection, boot_id) if gap.reason == MISSING]
    missing = range_set.of((gap.first, gap.last) for gap in gaps)
    more = f" and {len(missing) - SHOWN_MAX} ranges before" if len(missing) > SHOWN_MAX else ""
    named = range_set.to_text(missing[-SHOWN_MAX:])
    about = f"boot {taken.account.boot}: "
    detail = f"{about}{named}{more}; {range_set.count(missing)} in all"
    row = IncidentRow(statement.received_ms, "readings_missing", statement.endpoint, detail)
    store_commands.tell_incident(connection, row, about)
    return sum(gap.last - gap.first + 1 for gap in news)


def _close_others(connection: apsw.Connection, endpoint_id: int, statement: Statement) -> int:
    """Close the node's boots that are over; return how many readings are missing of them."""
    missing = 0
    query = f"{SELECT} WHERE endpoint_id = ? AND is_closed = 0 AND boot != ?"
    for columns in connection.execute(query, (endpoint_id, statement.boot)).fetchall():
        boot_id, account = account_of(connection, columns)
        reason = ledger.end_reason(account, statement)
        if reason is None:
            continue
        taken = ledger.close(account, reason)
        changed = _columns(boot_id, endpoint_id, taken.account, statement.received_ms)
        connection.execute(_UPDATE, changed)
        _keep_gaps(connection, boot_id, [], taken, statement.received_ms)
        missing += _note_missing(connection, boot_id, statement, taken)
    return missing


def _forget_old(connection: apsw.Connection, endpoint_id: int) -> None:
    query = """SELECT id FROM boots WHERE endpoint_id = ? AND is_closed = 1
        ORDER BY id DESC LIMIT -1 OFFSET ?"""
    for (boot_id,) in connection.execute(query, (endpoint_id, BOOTS_PER_NODE_MAX)).fetchall():
        connection.execute("DELETE FROM gaps WHERE boot_id = ?", (boot_id,))
        connection.execute("DELETE FROM boots WHERE id = ?", (boot_id,))


def damage(
    connection: apsw.Connection, endpoint_id: int, boot: int, numbers: Ranges, now_ms: int
) -> None:
    """Note that readings that were received are damaged: copies of them would be welcome."""
    found = _load(connection, endpoint_id, boot)
    numbers = range_set.difference(numbers, ((-1 << 62, 0),))
    if found is None or not numbers:
        return
    boot_id, account = found
    if account.is_in_doubt(numbers[0][0], numbers[-1][1]):
        known = gaps_of(connection, boot_id, numbers[0][0], numbers[-1][1])
        numbers = range_set.difference(
            numbers, range_set.of((gap.first, gap.last) for gap, _ in known))
        if not numbers:
            return
    _keep(connection, found, endpoint_id, boot_id, ledger.damage(account, numbers), now_ms)


def restore(
    connection: apsw.Connection, endpoint_id: int, boot: int, here: Ranges, now_ms: int
) -> None:
    """Have the account of a boot know of readings that are here, after a salvage."""
    found = _load(connection, endpoint_id, boot)
    boot_id, account = found or (_new_id(connection), None)
    taken = ledger.restore(account, boot, here)
    if taken.account != account:
        _keep(connection, found, endpoint_id, boot_id, taken, now_ms)


def _keep(
    connection: apsw.Connection,
    found: tuple[int, Account] | None,
    endpoint_id: int,
    boot_id: int,
    taken: Taken,
    now_ms: int,
) -> None:
    columns = _columns(boot_id, endpoint_id, taken.account, now_ms)
    connection.execute(_INSERT if found is None else _UPDATE, columns)
    _insert_gaps(connection, boot_id, taken.gaps, now_ms)
