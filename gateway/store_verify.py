"""The SQL of a whole check: SQLite's own, and the checksum of every row."""

from dataclasses import dataclass

import apsw

from gateway import store_checksums

FINDINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class TableCheck:
    """How many rows a table has, and which are not what was written, by their first columns."""

    rows: int
    damaged: int
    examples: tuple[tuple, ...]


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a check found: of SQLite's own, "ok" alone means sound."""

    integrity: tuple[str, ...]
    tables: dict[str, TableCheck]

    @property
    def damaged(self) -> int:
        """Return how many rows are damaged."""
        return sum(table.damaged for table in self.tables.values())

    @property
    def is_sound(self) -> bool:
        """Return whether nothing is damaged."""
        return self.integrity == ("ok",) and not self.damaged


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What the store takes on the disk, in bytes; `free` of it is used again first."""

    file: int
    free: int
    oldest_ms: int | None  # reception of the oldest reading


def verify(connection: apsw.Connection) -> StoreCheck:
    """Check the whole file, which takes seconds for each gigabyte; nothing is changed."""
    query = f"PRAGMA integrity_check({FINDINGS_MAX})"
    integrity = tuple(text for (text,) in connection.execute(query))
    names = store_checksums.tables(connection)
    return StoreCheck(integrity, {name: _check(connection, name) for name in names})


def _check(connection: apsw.Connection, table: str) -> TableCheck:
    columns = ", ".join(store_checksums.columns_of(connection, table))
    rows = damaged = 0
    examples: list[tuple] = []
    for row in connection.execute(f"SELECT {columns}, checksum FROM {table}"):
        rows += 1
        if row[-1] != store_checksums.checksum(row[:-1]):
            damaged += 1
            if len(examples) < FINDINGS_MAX:
                examples.append(row[:4])
    return TableCheck(rows, damaged, tuple(examples))


def size(connection: apsw.Connection) -> StoreSize:
    """Return what the store takes on the disk."""
    page_bytes = connection.pragma("page_size")
    query = "SELECT received_ms FROM readings ORDER BY id LIMIT 1"
    return StoreSize(
        connection.pragma("page_count") * page_bytes,
        connection.pragma("freelist_count") * page_bytes,
        connection.execute(query).get,
    )
