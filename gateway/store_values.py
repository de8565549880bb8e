"""How a resource's value stands, exactly, in the two columns `kind` and `value`."""

from functools import lru_cache

from gateway.rows import Value
from protocol import data_types, number
from protocol.data_types import ObjectLink
from protocol.number import Decimal

INTEGER, DECIMAL, BOOLEAN, STRING, OPAQUE, OBJECT_LINK = "i", "d", "b", "s", "o", "l"

DECIMALS_REMEMBERED_MAX = 4096

Column = int | str | bytes

# What a fleet measures repeats, and reading a decimal takes longer than fetching its row.
_decimal = lru_cache(maxsize=DECIMALS_REMEMBERED_MAX)(number.from_text)


def to_columns(value: Value) -> tuple[str, Column]:
    """Return (kind, column) of `value`; an integer beyond SQLite's 64 bits becomes text."""
    if isinstance(value, bool):
        return BOOLEAN, int(value)
    if isinstance(value, int):
        return INTEGER, value if -1 << 63 <= value < 1 << 63 else str(value)
    if isinstance(value, Decimal):
        return DECIMAL, value.to_text()
    if isinstance(value, str):
        return STRING, value
    if isinstance(value, ObjectLink):
        return OBJECT_LINK, value.to_text()
    assert isinstance(value, bytes), type(value)
    return OPAQUE, value


def from_columns(kind: str, column: Column) -> Value:
    """Return the value that `to_columns` wrote."""
    if kind == BOOLEAN:
        return bool(column)
    if kind == INTEGER:
        return int(column)
    if kind == DECIMAL:
        return _decimal(column)
    return data_types.object_link(column) if kind == OBJECT_LINK else column
