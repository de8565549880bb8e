"""Opens the store whatever has happened to its file: what is damaged is salvaged first."""

import os
from pathlib import Path

import apsw

from gateway import store_aside, store_checksums, store_wal
from gateway.salvage_report import Report
from gateway.store_database import StoreError, open_writer
from gateway.store_mark import Known, Mark, of_store

# A migration that SQLite rejects finds another schema than its file says.
DAMAGES = ("damaged", "foreign", "newer", "rejected")
# Checked as a whole at each start: a wrong cursor would skip readings. The large tables are
# checked row by row when they are read.
SMALL_TABLES = ("properties", "endpoints", "cursors", "nodes", "facts", "observations",
                "commands", "counters", "incidents", "replays", "contexts", "context_numbers")
EMPTY_BYTES_MAX = 100


def open_sound(path: str, vfs: str | None, now_ms: int) -> tuple[apsw.Connection, Report | None]:
    """Return the writing connection, and what was salvaged before, if anything was damaged.

    Raises StoreError where the disk does not let it; "damaged" is never the reason.
    """
    known = Mark(path).read()
    try:
        store_aside.finish(path)
        reason = _trouble_of_files(path)
    except OSError as error:
        raise StoreError("cannot open", f"{path}: {error.strerror or error}") from error
    if reason is None:
        try:
            connection = open_writer(path, vfs, now_ms)
        except StoreError as error:
            if error.reason not in DAMAGES:
                raise
            reason = str(error)
        else:
            reason = _trouble_of_rows(connection, known)
            if reason is None:
                return connection, None
            close_as_it_is(connection)
    report = store_aside.salvage(path, vfs, reason, known, now_ms)
    return open_writer(path, vfs, now_ms), report


def close_as_it_is(connection: apsw.Connection) -> None:
    """Close a damaged store without folding its log into it: both are needed as they are."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def _trouble_of_files(path: str) -> str | None:
    """Return what SQLite would not see, or would throw away."""
    log = Path(path + store_aside.LOG)
    if not log.exists() or not log.stat().st_size:
        return None
    found = store_wal.read(log.read_bytes())
    if found.is_damaged:
        return "its log has rotted: whole transactions follow a wrong page"
    size = os.path.getsize(path) if os.path.exists(path) else 0
    if size < EMPTY_BYTES_MAX and found.pages:
        return f"the file has {size} bytes, and a log"
    return None


def _trouble_of_rows(connection: apsw.Connection, known: Known) -> str | None:
    try:
        found = of_store(connection)
        # Another epoch is another store, put here by somebody; unless it was empty a moment ago.
        is_same = found.epoch == known.epoch or found.last_id == 0
        if is_same and found.last_id < known.last_id:
            return (f"reading {known.last_id} was acknowledged, and the file ends with "
                    f"{found.last_id}: its log was cut")
        for table in SMALL_TABLES:
            damaged = store_checksums.damaged(connection, table)
            if damaged:
                return f"{len(damaged)} rows of {table} are not what was written"
    except (apsw.Error, UnicodeDecodeError) as error:
        return f"{type(error).__name__}: {error}"
    return None
