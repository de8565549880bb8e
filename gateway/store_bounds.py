"""How large the store is, and how SQLite is told to keep it within its bounds.

The file and its log together stay below the bound: pages beyond it are refused by SQLite itself,
and the log is folded into the file long before it has its share. Pages that are freed are used
again; the file does not become smaller.
"""

import apsw

PAGE_BYTES = 4096
SIZE_BYTES_MIN = 1 << 20
# SQLite's own habit; a small store gets by with less.
CHECKPOINT_PAGES_MAX = 1000


def log_bytes(size_bytes_max: int) -> int:
    """Return the share of the log in a store of at most `size_bytes_max`."""
    # A commit may begin just before the log is folded in.
    return 2 * _checkpoint_pages(size_bytes_max) * PAGE_BYTES


def pages_bytes(size_bytes_max: int) -> int:
    """Return the share of the file without its log."""
    return size_bytes_max - log_bytes(size_bytes_max)


def bound(connection: apsw.Connection, size_bytes_max: int) -> None:
    """Have SQLite keep the file and its log within `size_bytes_max`."""
    for pragma in (
        f"max_page_count = {pages_bytes(size_bytes_max) // PAGE_BYTES}",
        f"wal_autocheckpoint = {_checkpoint_pages(size_bytes_max)}",
        f"journal_size_limit = {log_bytes(size_bytes_max)}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _checkpoint_pages(size_bytes_max: int) -> int:
    return min(CHECKPOINT_PAGES_MAX, size_bytes_max // PAGE_BYTES // 16)
