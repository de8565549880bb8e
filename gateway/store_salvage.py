"""Takes a damaged store's rows over into a fresh one, row by row.

Every page of the old file is read, whether or not a tree still leads to it; a row's own checksum
says whether it is what was written. What is lost is then accounted for (`store_salvage_account`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from gateway import store_checksums, store_database
from gateway.migrations import MIGRATIONS
from gateway.rows import CommandState
from gateway.salvage_report import Report
from gateway.store_layouts import CHECKSUM, Layout, fitting, of_version
from gateway.store_mark import Known
from gateway.store_pages import (
    INDEX_INTERIOR,
    INDEX_LEAF,
    TABLE_INTERIOR,
    TABLE_LEAF,
    Cell,
    PageError,
    Pages,
    Row,
)
from gateway.store_salvage_account import Remains, settle
from gateway.store_wal import Log

TABLE_KINDS, INDEX_KINDS = (TABLE_INTERIOR, TABLE_LEAF), (INDEX_INTERIOR, INDEX_LEAF)
SAMPLE_PAGES_MAX = 64
KEYS, NAMES, URGENT = (
    "sqlite_autoindex_readings_1", "sqlite_autoindex_endpoints_1", "urgent_readings")
EPOCH = "epoch"
# Of several versions of a row the one that has come furthest counts.
_RANKS = {"cursors": "reading_id", "counters": "value", "boots": "changed_ms",
          "nodes": "seen_ms", "commands": "attempts", "replays": "position",
          "context_numbers": "sender_limit"}


@dataclass(frozen=True, slots=True)
class _Places:
    """Which page is whose, by the file's own trees."""

    tables: dict[int, str]
    indexes: dict[str, list[int]]
    free: set[int]
    unreadable: set[int]
    broken: set[str]  # tables and indexes that have lost a page


class Salvage:
    """One salvage, from `pages` and `log` into the empty database behind `connection`."""

    def __init__(
        self, pages: Pages, log: Log, content: bytes, connection: apsw.Connection, reason: str
    ) -> None:
        self._pages = pages
        self._log = log
        self._older = Pages(content, {}) if log.is_damaged else None
        self._connection = connection
        self._places = _places(pages)
        self.report = Report(reason, pages=pages.count, is_log_damaged=log.is_damaged)
        self.report.unreadable_pages = len(self._places.unreadable)
        self._is_stale = log.is_damaged
        self._troubled: set[int] = set(self._places.unreadable)
        self._damaged: dict[str, int] = {}
        self._displaced: list[Row] = []
        self._name_checksums: dict[int, int] = {}
        self._layouts: dict[str, Layout] = {}

    def run(self, known: Known, now_ms: int) -> Report:
        """Take over what is there; `known` is true of the old store for certain."""
        self._is_stale |= known.last_id > (self._last_id() or 0)
        version = self._version()
        self.report.version = version
        self._layouts = {layout.table: layout for layout in of_version(version)}
        connection = self._connection
        store_checksums.install(connection)
        with connection:
            for script in MIGRATIONS[:version]:
                connection.execute(script)
            store_database.state_version(connection, version)
            self._take_trees(now_ms)
            at_first = self._counts()
            self._take_rest(now_ms)
            self._count(at_first)
        store_database.migrate(connection, now_ms)
        with connection:
            settle(connection, self._remains(known), self.report, now_ms)
        return self.report

    def _version(self) -> int:
        """Return the version whose rows these are; the file may say another."""
        candidates = range(len(MIGRATIONS), 0, -1)
        counts = dict.fromkeys(candidates, 0)
        kinds = (TABLE_LEAF, INDEX_LEAF)
        leaves = [number for number in range(2, self._pages.count + 1)
                  if self._pages.kind(number) in kinds and number not in self._places.free]
        for version in candidates:
            layouts = of_version(version)
            for number in leaves[:: len(leaves) // SAMPLE_PAGES_MAX + 1]:
                for cell in self._pages.cells(number):
                    if isinstance(cell, Cell):
                        counts[version] += any(
                            layout.is_whole(row) for layout, row in fitting(layouts, cell))
        stated = int.from_bytes(self._pages.page(1)[60:64], "big")
        return max(candidates, key=lambda version: (counts[version], version == stated, version))

    # Taking rows

    def _take_trees(self, now_ms: int) -> None:
        for number, table in self._places.tables.items():
            layout = self._layouts.get(table)
            if layout is None:
                continue
            for cell in self._pages.cells(number):
                row = None if isinstance(cell, PageError) else layout.row(cell)
                if row is not None and layout.is_whole(row):
                    self._insert(layout, row, not self._is_stale, now_ms)
                else:
                    if table == "endpoints" and row is not None and layout.checksum is not None:
                        self._name_checksums[row[0]] = row[layout.checksum]
                    self._damaged[table] = self._damaged.get(table, 0) + 1
                    self._troubled.add(number)

    def _take_rest(self, now_ms: int) -> None:
        """Take rows that no tree leads to; where nothing can prove them, only readings."""
        for cell, is_lost in self._stray_cells():
            for layout, row in fitting(tuple(self._layouts.values()), cell):
                is_proven = layout.checksum is not None and layout.is_whole(row)
                is_reading = layout.checksum is None and layout.table == "readings"
                # These two tables look alike.
                is_other = layout.table in ("properties", "counters") and (
                    (row[0] == EPOCH) != (layout.table == "properties"))
                # A page that is free may hold keys that were deleted, or not yet revoked.
                is_old = layout.table == "contexts" and not is_lost
                if (is_proven or is_reading) and not is_other and not is_old:
                    self._insert(layout, row, False, now_ms)

    def _stray_cells(self) -> Iterator[tuple[Cell, bool]]:
        """Give cells that no tree leads to, and whether one led to their page until it rotted."""
        places = self._places
        is_indexed = {number for pages in places.indexes.values() for number in pages}
        for number in range(1, self._pages.count + 1):
            if number in self._troubled:
                for cell in self._pages.carved(self._pages.page(number)):
                    yield cell, True
            elif number not in places.free and number not in is_indexed:
                if number not in places.tables:
                    yield from self._strays(self._pages.cells(number))
        for number in range(1, self._older.count + 1 if self._older else 0):
            yield from self._strays(self._older.cells(number))
        for data in reversed(self._log.others):
            yield from self._strays(self._pages.cells(2, data))

    def _strays(self, cells: Iterator[Cell | PageError]) -> Iterator[tuple[Cell, bool]]:
        return ((cell, False) for cell in self._sound(cells))

    def _sound(self, cells: Iterator[Cell | PageError]) -> Iterator[Cell]:
        return (cell for cell in cells if isinstance(cell, Cell))

    def _insert(self, layout: Layout, row: Row, is_current: bool, now_ms: int) -> None:
        if layout.table == "commands" and not is_current:
            row = _ended(layout, row, now_ms)
        self._connection.execute(_insertion(layout, "IGNORE"), row)
        if self._connection.changes() or is_current or not self._log.is_damaged:
            return
        if layout.table == "readings":
            self._keep_displaced(layout, row)
        elif layout.table in _RANKS and self._is_further(layout, row):
            self._connection.execute(_insertion(layout, "REPLACE"), row)

    def _is_further(self, layout: Layout, row: Row) -> bool:
        rank = _RANKS[layout.table]
        condition = " AND ".join(f"{name} = ?" for name in layout.key)
        query = f"SELECT {rank} FROM {layout.table} WHERE {condition}"
        key = tuple(row[layout.columns.index(name)] for name in layout.key)
        found = self._connection.execute(query, key).get
        return found is not None and row[layout.columns.index(rank)] > found

    def _keep_displaced(self, layout: Layout, row: Row) -> None:
        """Keep a reading whose id another one has: one of the two was rolled back."""
        query = "SELECT endpoint_id, boot, sequence, path, time_ms FROM readings WHERE id = ?"
        mine = tuple(row[layout.columns.index(name)] for name in
                     ("endpoint_id", "boot", "sequence", "path", "time_ms"))
        found = self._connection.execute(query, (row[0],)).fetchone()
        if found is not None and found != mine:
            self._displaced.append(row)

    def _counts(self) -> dict[str, int]:
        return {table: self._connection.execute(f"SELECT count(*) FROM {table}").get
                for table in self._layouts}

    def _count(self, at_first: dict[str, int]) -> None:
        self.report.taken = self._counts()
        for table, damaged in self._damaged.items():
            found_again = self.report.taken[table] - at_first[table]
            if table != "readings" and damaged > found_again:
                self.report.lost[table] = damaged - found_again

    # What else the file knows

    def _remains(self, known: Known) -> Remains:
        return Remains(
            keys=lambda: (cell.columns for cell in self._indexed(KEYS) if _is_key(cell)),
            names=[cell.columns[::-1] for cell in self._indexed(NAMES) if self._is_name(cell)],
            urgent={cell.columns[-1] for cell in self._indexed(URGENT)},
            displaced=self._displaced,
            last_id=self._last_id(),
            known=known,
            are_cursors_lost=(self._log.is_damaged or bool(self._damaged.get("cursors"))
                              or "cursors" in self._places.broken),
        )

    def _indexed(self, index: str) -> Iterator[Cell]:
        for number in self._places.indexes.get(index, ()):
            yield from self._sound(self._pages.cells(number))

    def _is_name(self, cell: Cell) -> bool:
        """Return whether an entry of the index is a node's name, as far as that can be known."""
        if [type(each) for each in cell.columns] != [str, int]:
            return False
        known = self._name_checksums.get(cell.columns[1])
        return known in (None, store_checksums.checksum(cell.columns[::-1]))

    def _last_id(self) -> int | None:
        """Return the last id that the old store gave, or None if that is not certain."""
        if self._log.is_damaged:
            return None
        for number, table in self._places.tables.items():
            if table == "sqlite_sequence":
                for cell in self._sound(self._pages.cells(number)):
                    if cell.columns[:1] == ("readings",) and isinstance(cell.columns[-1], int):
                        return cell.columns[-1]
        return None


def _is_key(cell: Cell) -> bool:
    kinds = (int, type(None))
    is_key = len(cell.columns) == 4 and all(type(each) in kinds for each in cell.columns)
    return is_key and cell.columns[0] is not None and cell.columns[3] is not None


def _insertion(layout: Layout, otherwise: str) -> str:
    places = ",".join("?" * len(layout.columns))
    return (f"INSERT OR {otherwise} INTO {layout.table} ({', '.join(layout.columns)}) "
            f"VALUES ({places})")


def _ended(layout: Layout, row: Row, now_ms: int) -> Row:
    """Return a command that may have been sent since this version of it: it is never repeated."""
    values = dict(zip(layout.columns, row, strict=True))
    if values["state"] not in (CommandState.QUEUED, CommandState.SENT):
        return row
    values.update(state=CommandState.UNKNOWN.value, finished_ms=now_ms,
                  detail="the store was damaged meanwhile")
    if layout.checksum is not None:
        rest = tuple(value for name, value in values.items() if name != CHECKSUM)
        values[CHECKSUM] = store_checksums.checksum(rest)
    return tuple(values.values())


def _places(pages: Pages) -> _Places:
    """Follow the trees of the file's schema, as far as they lead."""
    tables: dict[int, str] = {}
    indexes: dict[str, list[int]] = {}
    unreadable: set[int] = set()
    broken: set[str] = set()
    schema = [number for number, is_right in pages.tree(1, TABLE_KINDS) if is_right]
    for number in schema:
        tables[number] = "sqlite_schema"
        for cell in pages.cells(number):
            if isinstance(cell, PageError) or len(cell.columns) != 5:
                continue
            kind, name, _, root, sql = cell.columns
            if kind not in ("table", "index") or not isinstance(root, int):
                continue
            has_rowid = kind == "table" and "WITHOUT ROWID" not in str(sql)
            for page, is_right in pages.tree(root, TABLE_KINDS if has_rowid else INDEX_KINDS):
                if not is_right:
                    unreadable.add(page)
                    broken.add(name)
                elif kind == "table":
                    tables[page] = name
                else:
                    indexes.setdefault(name, []).append(page)
    free = pages.free() - tables.keys() - unreadable if indexes else set()
    return _Places(tables, indexes, free, unreadable - tables.keys(), broken)
