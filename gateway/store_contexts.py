"""The SQL of the nodes' security contexts, and of the numbers that must never repeat."""

from collections.abc import Iterable, Sequence

import apsw

from gateway.rows import ContextState, Numbers, StoredContext
from gateway.store_checksums import checksum
from gateway.store_part import StorePart

_COLUMNS = "serial, kid, id_context, endpoint, state, sealed, created_ms"
_NUMBERS = "sender_limit, window_index, window_bits, is_settled, used_ms"
# A context whose numbers are lost was salvaged, and needs none.
_SELECT = f"""SELECT {_COLUMNS}, coalesce(sender_limit, 0), window_index,
    coalesce(window_bits, 0), coalesce(is_settled, 0), coalesce(used_ms, 0)
    FROM contexts LEFT JOIN context_numbers USING (serial) ORDER BY serial"""
_SET_STATE = f"""UPDATE contexts SET state = ?1,
    checksum = row_checksum({_COLUMNS.replace("state", "?1")}) WHERE serial = ?2"""
_RESERVE = """UPDATE context_numbers SET sender_limit = sender_limit + ?1, is_settled = 0,
    checksum = row_checksum(serial, sender_limit + ?1, window_index, window_bits, 0, used_ms)
    WHERE serial IN (SELECT serial FROM contexts WHERE state IN ('current', 'trial'))"""
_RAISE = """UPDATE context_numbers SET sender_limit = ?1,
    checksum = row_checksum(serial, ?1, window_index, window_bits, is_settled, used_ms)
    WHERE serial = ?2 AND sender_limit < ?1"""
_STRIKE = """UPDATE context_numbers SET window_index = ?1, window_bits = ?2, is_settled = 0,
    used_ms = ?3, checksum = row_checksum(serial, sender_limit, ?1, ?2, 0, ?3)
    WHERE serial = ?4"""
_RESTORE = f"""UPDATE contexts SET state = 'restored',
    checksum = row_checksum({_COLUMNS.replace("state", "'restored'")})
    WHERE state IN ('current', 'trial')"""


class ContextRecords(StorePart):
    """The part of `Store` that keeps the contexts."""

    async def begin_contexts(self, step: int) -> list[StoredContext]:
        """Return the contexts as they were left, oldest first.

        From now on `step` more sender numbers are given of each that may send, and none of the
        windows counts as complete.
        """
        return await self._write(begin, step)

    async def contexts(self) -> list[StoredContext]:
        """Return every context, oldest first."""
        return await self._read(all_contexts)

    async def change_contexts(
        self,
        saved: Sequence[StoredContext] = (),
        states: Sequence[tuple[int, ContextState]] = (),
        deleted: Sequence[int] = (),
    ) -> None:
        """Delete, add (or replace) and turn contexts, by their serials, in one transaction."""
        await self._write(change, tuple(saved), tuple(states), tuple(deleted))

    async def raise_limits(self, limits: dict[int, int]) -> None:
        """Give more sender numbers: those below the new limits, by the contexts' serials."""
        await self._write(raise_limits, dict(limits))

    async def write_nothing(self) -> None:
        """Return once what goes along with every write is durable (`Store.accompany`)."""
        await self._write(lambda connection: None)


def begin(connection: apsw.Connection, step: int) -> list[StoredContext]:
    """Do what `ContextRecords.begin_contexts` says."""
    found = all_contexts(connection)
    connection.execute(_RESERVE, (step,))
    return found


def all_contexts(connection: apsw.Connection) -> list[StoredContext]:
    """Return every context with its numbers, by its serial."""
    return [_context(columns) for columns in connection.execute(_SELECT)]


def change(
    connection: apsw.Connection,
    saved: Iterable[StoredContext],
    states: Iterable[tuple[int, ContextState]],
    deleted: Iterable[int],
) -> None:
    """Do what `ContextRecords.change_contexts` says."""
    for serial in deleted:
        for table in ("contexts", "context_numbers"):
            connection.execute(f"DELETE FROM {table} WHERE serial = ?", (serial,))
    for row in saved:
        columns = (row.serial, row.kid, row.id_context, row.endpoint, row.state.value, row.sealed,
                   row.created_ms)
        query = f"INSERT OR REPLACE INTO contexts ({_COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?)"
        connection.execute(query, (*columns, checksum(columns)))
        _save_numbers(connection, row.serial, row.numbers)
    for serial, state in states:
        connection.execute(_SET_STATE, (state.value, serial))


def _save_numbers(connection: apsw.Connection, serial: int, numbers: Numbers) -> None:
    index, bits = numbers.window or (None, 0)
    query = "SELECT sender_limit FROM context_numbers WHERE serial = ?"
    # More may have been reserved since the row was made: a limit never goes back.
    [known] = connection.execute(query, (serial,)).fetchone() or (0,)
    limit = max(numbers.sender_limit, known or 0)
    columns = (serial, limit, index, bits, int(numbers.is_settled), numbers.used_ms)
    query = f"""INSERT OR REPLACE INTO context_numbers (serial, {_NUMBERS}, checksum)
        VALUES (?,?,?,?,?,?,?)"""
    connection.execute(query, (*columns, checksum(columns)))


def raise_limits(connection: apsw.Connection, limits: dict[int, int]) -> None:
    """Raise the sender limits of contexts; a limit never goes back."""
    connection.executemany(_RAISE, [(limit, serial) for serial, limit in limits.items()])


def save_windows(
    connection: apsw.Connection, windows: dict[int, tuple[int, int, int]]
) -> None:
    """Store (index, bits, Unix milliseconds of the last use) of contexts by their serials."""
    rows = [(*window, serial) for serial, window in windows.items()]
    connection.executemany(_STRIKE, rows)


def restore(connection: apsw.Connection) -> None:
    """Believe no sender number and no window any more: what was salvaged may be old."""
    connection.execute(_RESTORE)


def _context(columns: tuple) -> StoredContext:
    serial, kid, id_context, endpoint, state, sealed, created_ms, *numbers = columns
    limit, index, bits, is_settled, used_ms = numbers
    window = None if index is None else (index, bits)
    return StoredContext(serial, kid, id_context, endpoint, ContextState(state), sealed,
                         created_ms, Numbers(limit, window, bool(is_settled), used_ms))
