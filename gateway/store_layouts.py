"""How the rows of each table stand in a file, so that they are known without the file's help."""

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from gateway import store_checksums
from gateway.migrations import MIGRATIONS
from gateway.store_pages import Cell, Row

CHECKSUM = "checksum"
_TYPES = {"INTEGER": (int,), "TEXT": (str,), "BLOB": (bytes,), "ANY": (int, str, bytes, float)}


@dataclass(frozen=True, slots=True)
class Layout:
    """One table: its columns, and the order in which a record has them."""

    table: str
    columns: tuple[str, ...]
    types: tuple[tuple[type, ...], ...]
    is_required: tuple[bool, ...]
    order: tuple[int, ...]
    has_rowid: bool
    rowid: int | None  # the column that is the rowid: its place in a record is empty
    key: tuple[str, ...]  # the columns of the primary key
    checksum: int | None  # the column of the checksum, in versions that have one

    def row(self, cell: Cell) -> Row | None:
        """Return the columns of `cell` in the table's order, or None if it is no row of it."""
        if (cell.rowid is None) == self.has_rowid or len(cell.columns) != len(self.order):
            return None
        row: list = [None] * len(self.order)
        for index, value in zip(self.order, cell.columns, strict=True):
            row[index] = value
        if self.rowid is not None:
            if row[self.rowid] is not None:
                return None
            row[self.rowid] = cell.rowid
        for value, types, is_required in zip(row, self.types, self.is_required, strict=True):
            if is_required if value is None else type(value) not in types:
                return None
        return tuple(row)

    def is_whole(self, row: Row) -> bool:
        """Return whether the checksum of `row` is right; where there is none, nobody knows."""
        at = self.checksum
        return at is None or row[at] == store_checksums.checksum(row[:at] + row[at + 1 :])


def of_version(version: int) -> tuple[Layout, ...]:
    """Return the tables of a version of the schema, by name."""
    connection = apsw.Connection(":memory:")
    store_checksums.install(connection)
    for script in MIGRATIONS[:version]:
        connection.execute(script)
    tables = store_checksums.tables(connection)
    return tuple(_layout(connection, table) for table in tables)


def _layout(connection: apsw.Connection, table: str) -> Layout:
    query = "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)"
    names, types, not_null, key = zip(*connection.execute(query, (table,)), strict=True)
    has_rowid = not connection.execute("SELECT wr FROM pragma_table_list(?)", (table,)).get
    keyed = sorted((place, index) for index, place in enumerate(key) if place)
    is_alias = has_rowid and len(keyed) == 1 and types[keyed[0][1]] == "INTEGER"
    order = tuple(range(len(names)))
    if not has_rowid:
        first = tuple(index for _, index in keyed)
        order = first + tuple(index for index in order if index not in first)
    return Layout(
        table=table,
        columns=names,
        types=tuple(_TYPES[each] for each in types),
        is_required=tuple(bool(each) for each in not_null),
        order=order,
        has_rowid=has_rowid,
        rowid=keyed[0][1] if is_alias else None,
        key=tuple(names[index] for _, index in keyed),
        checksum=names.index(CHECKSUM) if CHECKSUM in names else None,
    )


def fitting(layouts: tuple[Layout, ...], cell: Cell) -> Iterator[tuple[Layout, Row]]:
    """Give the tables that `cell` can be a row of, with the row."""
    for layout in layouts:
        row = layout.row(cell)
        if row is not None:
            yield layout, row
