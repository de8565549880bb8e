"""A checksum on every row: CRC-32 (ISO 3309) over the MessagePack array of its other columns.

The array has the columns in the table's order, as SQLite keeps them: integers, texts, blobs, nil.
In SQL it is the function `row_checksum(...)`, on the one connection that writes.
"""

import zlib

import apsw
import msgspec

FUNCTION = "row_checksum"

_encode = msgspec.msgpack.Encoder().encode


def checksum(columns: tuple) -> int:
    """Return the checksum of a row with these columns."""
    return zlib.crc32(_encode(columns))


def install(connection: apsw.Connection) -> None:
    """Give `connection` the SQL function `row_checksum`."""
    connection.create_scalar_function(
        FUNCTION, lambda *columns: zlib.crc32(_encode(columns)), deterministic=True
    )


def columns_of(connection: apsw.Connection, table: str) -> list[str]:
    """Return the columns of `table` that its checksum covers, in order."""
    names = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return [name for (name,) in names if name != "checksum"]


def tables(connection: apsw.Connection) -> list[str]:
    """Return the store's tables, by name."""
    query = """SELECT name FROM sqlite_schema WHERE type = 'table'
        AND name NOT LIKE 'sqlite_%' ORDER BY name"""
    return [name for (name,) in connection.execute(query)]


def damaged(connection: apsw.Connection, table: str) -> list[tuple]:
    """Return the rows of `table` whose checksum is not that of their columns, as they stand."""
    columns = ", ".join(columns_of(connection, table))
    query = f"SELECT {columns}, checksum FROM {table}"
    return [row[:-1] for row in connection.execute(query) if row[-1] != checksum(row[:-1])]
