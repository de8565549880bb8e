"""Reads a SQLite file page by page, whatever SQLite itself thinks of it (SQLite file format 3).

For salvage only: nothing here trusts a number that stands in the file. Our files have pages of
4096 bytes, none of them reserved, and UTF-8.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PAGE_BYTES = 4096
HEADER_BYTES = 100
TABLE_INTERIOR, TABLE_LEAF, INDEX_INTERIOR, INDEX_LEAF = 0x05, 0x0D, 0x02, 0x0A
# Longer rows than a node's longest payload are none of ours.
PAYLOAD_BYTES_MAX = 1 << 24
DEPTH_MAX = 40

Row = tuple[int | str | bytes | float | None, ...]

_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_POINTER = struct.Struct(">H")
_NUMBER = struct.Struct(">I")
_FLOAT = struct.Struct(">d")
# How much of a payload stands in its page (file format, 1.6).
_MIN_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_MAX_LOCAL = {TABLE_LEAF: PAGE_BYTES - 35, INDEX_LEAF: (PAGE_BYTES - 12) * 64 // 255 - 23}
_MAX_LOCAL[INDEX_INTERIOR] = _MAX_LOCAL[INDEX_LEAF]


class PageError(Exception):
    """This part of the file is not what SQLite writes."""


# What reading such a part raises.
_WRONG = (PageError, IndexError, struct.error, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Cell:
    """A row as it stands in a page; `rowid` is None in an index and in a table without rowids."""

    rowid: int | None
    columns: Row


class Pages:
    """The pages of a file, numbered from 1; those in `newer` count instead of the file's own."""

    def __init__(self, content: bytes, newer: dict[int, bytes]) -> None:
        self._content = content
        self._newer = newer
        self.count = max([1, -(-len(content) // PAGE_BYTES), *newer])

    def page(self, number: int) -> bytes:
        """Return a page, filled up with zeros where the file ends; raises PageError for none."""
        if number in self._newer:
            return self._newer[number]
        if not 1 <= number <= self.count:
            raise PageError(f"no page {number}")
        start = (number - 1) * PAGE_BYTES
        return bytes(self._content[start : start + PAGE_BYTES]).ljust(PAGE_BYTES, b"\0")

    def kind(self, number: int) -> int:
        """Return the type of a page of a tree; of other pages it means nothing."""
        return self.page(number)[_start(number)]

    def cells(self, number: int, data: bytes | None = None) -> Iterator[Cell | PageError]:
        """Give the rows of a page of a tree, and for each that cannot be read the reason.

        `data`: another version of the page than the one that counts.
        """
        data = data or self.page(number)
        kind = data[_start(number)]
        if kind not in _MAX_LOCAL:
            return
        for offset in _offsets(number, data):
            try:
                yield self._cell(kind, data, offset)
            except _WRONG as error:
                yield PageError(f"page {number}: {error}")

    def children(self, number: int) -> Iterator[int]:
        """Give the pages that an interior page points to; of a leaf none."""
        data = self.page(number)
        start = _start(number)
        if data[start] in (TABLE_INTERIOR, INDEX_INTERIOR):
            for offset in _offsets(number, data):
                if offset + 4 <= PAGE_BYTES:
                    yield _NUMBER.unpack_from(data, offset)[0]
            yield _NUMBER.unpack_from(data, start + 8)[0]

    def tree(self, root: int, kinds: tuple[int, int]) -> Iterator[tuple[int, bool]]:
        """Give the pages of the tree at `root`, and whether each is of these kinds, as it must."""
        seen = set()
        waiting = [(root, 0)]
        while waiting:
            number, depth = waiting.pop()
            if number in seen or not 1 <= number <= self.count or depth > DEPTH_MAX:
                continue
            seen.add(number)
            is_right = self.kind(number) in kinds
            yield number, is_right
            if is_right:
                waiting += [(child, depth + 1) for child in self.children(number)]

    def carved(self, data: bytes) -> Iterator[Cell]:
        """Give whatever in a page reads like a row, wherever it begins.

        For pages whose own list of rows is lost; only a checksum can tell which of them are rows.
        """
        for offset in range(PAGE_BYTES - 4):
            for kind in (TABLE_LEAF, INDEX_LEAF):
                try:
                    yield self._cell(kind, data, offset)
                except _WRONG:
                    continue

    def free(self) -> set[int]:
        """Return the pages of the freelist: what they hold was deleted."""
        found: set[int] = set()
        trunk = _NUMBER.unpack_from(self.page(1), 32)[0]
        while 1 <= trunk <= self.count and trunk not in found:
            found.add(trunk)
            data = self.page(trunk)
            following, count = _NUMBER.unpack_from(data)[0], _NUMBER.unpack_from(data, 4)[0]
            for index in range(min(count, PAGE_BYTES // 4 - 2)):
                found.add(_NUMBER.unpack_from(data, 8 + 4 * index)[0])
            trunk = following
        return found

    def _cell(self, kind: int, data: bytes, offset: int) -> Cell:
        if kind == INDEX_INTERIOR:
            offset += 4
        length, offset = _varint(data, offset)
        rowid = None
        if kind == TABLE_LEAF:
            rowid, offset = _varint(data, offset)
            rowid -= (rowid >> 63) << 64
        return Cell(rowid, record(self._payload(data, offset, length, _MAX_LOCAL[kind])))

    def _payload(self, data: bytes, offset: int, length: int, max_local: int) -> bytes:
        if length > PAYLOAD_BYTES_MAX:
            raise PageError("payload too long")
        local = length
        if length > max_local:
            local = _MIN_LOCAL + (length - _MIN_LOCAL) % (PAGE_BYTES - 4)
            local = local if local <= max_local else _MIN_LOCAL
        if offset + local > PAGE_BYTES:
            raise PageError("payload beyond the page")
        if local == length:
            return data[offset : offset + length]
        parts = [data[offset : offset + local]]
        following = _NUMBER.unpack_from(data, offset + local)[0]
        while local < length:
            page = self.page(following)
            parts.append(page[4 : 4 + length - local])
            local += len(parts[-1])
            following = _NUMBER.unpack_from(page)[0]
        return b"".join(parts)


def _start(number: int) -> int:
    return HEADER_BYTES if number == 1 else 0


def _offsets(number: int, data: bytes) -> Iterator[int]:
    start = _start(number)
    first = start + (12 if data[start] in (TABLE_INTERIOR, INDEX_INTERIOR) else 8)
    count = min(_POINTER.unpack_from(data, start + 3)[0], (PAGE_BYTES - first) // 2)
    return (_POINTER.unpack_from(data, first + 2 * index)[0] for index in range(count))


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    byte = data[offset]
    if byte < 0x80:
        return byte, offset + 1
    value = byte & 0x7F
    for index in range(offset + 1, offset + 8):
        byte = data[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    return value << 8 | data[offset + 8], offset + 9


def record(payload: bytes) -> Row:
    """Return the columns in a record (file format, 2.1).

    What is none raises one of _WRONG.
    """
    end, offset = _varint(payload, 0)
    kinds: Sequence[int] = payload[offset:end]
    if end > len(payload):
        raise PageError("record header too long")
    if not kinds.isascii():
        kinds = list(_varints(payload, offset, end))
    columns: list = []
    at = end
    for kind in kinds:
        start = at
        if kind >= 12:
            at += (kind - 12) >> 1
            value = payload[start:at]
            columns.append(value.decode() if kind & 1 else value)
        elif 1 <= kind <= 6:
            at += _INTEGER_BYTES[kind]
            columns.append(int.from_bytes(payload[start:at], "big", signed=True))
        elif kind == 7:
            at += 8
            if at > len(payload):
                raise PageError("column too long")
            columns.append(_FLOAT.unpack_from(payload, start)[0])
        elif kind >= 10:
            raise PageError("reserved column type")
        else:
            columns.append(kind - 8 if kind else None)
    # A column beyond the end was cut, and is found out here.
    if at != len(payload):
        raise PageError("record of another length")
    return tuple(columns)


def _varints(payload: bytes, offset: int, end: int) -> Iterator[int]:
    while offset < end:
        value, offset = _varint(payload, offset)
        yield value
