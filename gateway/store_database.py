"""Opens the store's SQLite file: identity, integrity, schema version; names what can go wrong."""

import os

import apsw

from gateway import private_file, store_checksums
from gateway.migrations import MIGRATIONS

# "FBRG": tells our file from any other SQLite file.
APPLICATION_ID = 0x46425247
BUSY_TIMEOUT_MS = 2000
CACHE_KIB = 2048
# FULL: a commit returns when the disk has it.
WRITER_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", f"cache_size = -{CACHE_KIB}")

REASONS = {
    apsw.BusyError: "busy",
    apsw.LockedError: "busy",
    apsw.FullError: "full",
    apsw.IOError: "io",
    apsw.ReadOnlyError: "read-only",
    apsw.CantOpenError: "cannot open",
    apsw.PermissionsError: "read-only",
    apsw.CorruptError: "damaged",
    apsw.NotADBError: "damaged",
    apsw.NoMemError: "memory",
}


class StoreError(Exception):
    """The store could not do it; nothing of it counts as done.

    `reason`: "busy", "full", "io", "read-only", "cannot open", "damaged", "memory", "foreign",
    "newer", "reserve" (see `Store.commit_pack`), "overloaded", "closed" or "rejected".
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"store {reason}: {detail}")
        self.reason = reason

    @classmethod
    def of(cls, error: apsw.Error) -> "StoreError":
        """Return the StoreError for what SQLite has raised."""
        return cls(REASONS.get(type(error), "rejected"), f"{type(error).__name__}: {error}")


def open_writer(path: str, vfs: str | None, created_ms: int) -> apsw.Connection:
    """Return the one connection that writes; the file is checked, and brought up to date.

    A new file gets `created_ms` (Unix milliseconds) as its epoch. Raises StoreError and leaves
    the file as it is when it is damaged, not ours, or written by a newer release.
    """
    connection = None
    try:
        _keep_private(path, vfs)
        connection = apsw.Connection(path, vfs=vfs)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        store_checksums.install(connection)
        _check(connection, path)
        for pragma in WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        migrate(connection, created_ms)
    except apsw.Error as error:
        if connection is not None:
            connection.close()
        raise StoreError.of(error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _keep_private(path: str, vfs: str | None) -> None:
    # SQLite gives its log and shared memory the mode of the file; a simulated disk has no modes.
    if vfs is not None:
        return
    try:
        for suffix in ("-wal", "-shm"):
            if os.path.exists(path + suffix):
                private_file.keep(path + suffix)
        private_file.keep(path)
    except PermissionError:
        # Read only, or another account's: SQLite says what that means.
        return
    except OSError as error:
        raise StoreError("cannot open", f"{path}: {error.strerror}") from error


def open_reader(path: str, vfs: str | None) -> apsw.Connection:
    """Return a connection that can only read."""
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except apsw.Error as error:
        raise StoreError.of(error) from error
    return connection


def _check(connection: apsw.Connection, path: str) -> None:
    version = connection.pragma("user_version")
    if version or connection.pragma("schema_version"):
        if connection.pragma("application_id") != APPLICATION_ID:
            raise StoreError("foreign", f"{path} is another program's SQLite file")
    if version > len(MIGRATIONS):
        known = len(MIGRATIONS)
        raise StoreError("newer", f"{path} has version {version}, known are up to {known}")
    finding = connection.execute("PRAGMA integrity_check(1)").get
    if finding != "ok":
        raise StoreError("damaged", f"{path}: {finding.splitlines()[-1]}")


def migrate(connection: apsw.Connection, created_ms: int) -> None:
    """Bring the schema up to date; a new file's epoch is `created_ms`."""
    version = connection.pragma("user_version")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        with connection:
            connection.execute(script)
            if number == 1:
                connection.execute("INSERT INTO properties VALUES ('epoch', ?)", (created_ms,))
            state_version(connection, number)


def state_version(connection: apsw.Connection, version: int) -> None:
    """Write into the file that it is ours, and its schema's version."""
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
