"""Makes a store that was copied some time ago fit to go on with: what it says of now is not so.

Between the copy and the restoration its gateway went on: it took readings, did commands, used
numbers of every context. Nothing here may be used for a second time.
"""

from collections.abc import Callable
from dataclasses import replace

import apsw

from gateway import store_checksums, store_commands, store_contexts
from gateway.rows import CommandState, ContextState, Numbers
from gateway.store_database import StoreError, open_writer
from gateway.vault import Vault

# Unsequenced readings are known by their row's id: ids that the old gateway gave since stay its.
IDS_SKIPPED = 1 << 32
DETAIL = "the gateway was restored from a backup: it may have been done"


def restore(path: str, now_ms: int, reseal: Callable[[apsw.Connection], int]) -> int:
    """Prepare the store at `path`, a copy that nobody has open; return what `reseal` returns.

    `reseal(connection)` makes every context one that only receives, within the one transaction.
    Raises StoreError, and leaves the file as it was, where it is damaged or of another release.
    """
    connection = open_writer(path, None, now_ms)
    try:
        for table in store_checksums.tables(connection):
            if table != "readings" and store_checksums.damaged(connection, table):
                raise StoreError("damaged", f"rows of {table} are not what was written")
        with connection:
            contexts = reseal(connection)
            _skip_ids(connection)
            _end_registrations(connection)
            _end_commands(connection, now_ms)
        # Whole in one file: only that one is put in its place.
        connection.pragma("journal_mode", "delete")
        return contexts
    except apsw.Error as error:
        raise StoreError.of(error) from error
    finally:
        connection.close()


def reseal(connection: apsw.Connection, old: Vault, own: Vault) -> int:
    """Make every context one that only receives, sealed under this gateway's `own` key.

    Returns how many nodes have any that was not revoked. Raises VaultError.
    """
    found = store_contexts.all_contexts(connection)
    resealed = []
    for row in found:
        label = row.kid + (row.id_context or b"")
        sealed = own.seal(old.open(row.sealed, label), label)
        resealed.append(replace(row, sealed=sealed, numbers=Numbers(used_ms=row.numbers.used_ms)))
    store_contexts.change(connection, resealed, (), ())
    store_contexts.restore(connection)
    return len({row.endpoint for row in found if row.state != ContextState.REVOKED})


def drop_contexts(connection: apsw.Connection) -> int:
    """Forget contexts whose key is lost: nothing opens them. Returns 0, as many as are left."""
    serials = [row.serial for row in store_contexts.all_contexts(connection)]
    store_contexts.change(connection, (), (), serials)
    return 0


def _skip_ids(connection: apsw.Connection) -> None:
    query = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'readings'"
    connection.execute(query, (IDS_SKIPPED,))
    if not connection.changes():
        connection.execute("INSERT INTO sqlite_sequence VALUES ('readings', ?)", (IDS_SKIPPED,))


def _end_registrations(connection: apsw.Connection) -> None:
    columns = ", ".join(store_checksums.columns_of(connection, "nodes"))
    stated = columns.replace("registration_id", "NULL")
    connection.execute(
        f"UPDATE nodes SET registration_id = NULL, checksum = row_checksum({stated})")


def _end_commands(connection: apsw.Connection, now_ms: int) -> None:
    """Call what waited unknown: once done, it is not done again."""
    for row in store_commands.unfinished(connection):
        ended = replace(row, state=CommandState.UNKNOWN, finished_ms=now_ms, detail=DETAIL)
        store_commands.save(connection, ended)
