"""A consistent copy of a store that is being written to, by SQLite's backup API."""

import os
from pathlib import Path

import apsw


def copy(connection: apsw.Connection, path: str) -> None:
    """Copy what `connection` sees now to a new file at `path`, mode 0600, replacing what is there.

    All in one read transaction: the store goes on being written to, and its log grows meanwhile.
    """
    Path(path).unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    target = apsw.Connection(path)
    try:
        # What is cut off is made again: no journal, no waiting for the disk.
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            target.execute(f"PRAGMA {pragma}").fetchall()
        with target.backup("main", connection, "main") as copying:
            while not copying.done:
                copying.step(-1)
    finally:
        target.close()
