"""Concise Binary Object Representation (RFC 8949): reads all its forms, writes one."""

import struct

from protocol import number, utf8
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal

NESTING_MAX = 8
ITEMS_MAX = 8192
BIGNUM_LENGTH_MAX = 32

_TAG_BIGNUM = 2
_TAG_NEGATIVE_BIGNUM = 3
_TAG_DECIMAL_FRACTION = 4
_INDEFINITE = 31
_BREAK = 0xFF


class Tag:
    """`item` under tag `number` (RFC 8949 3.4)."""

    _fields = ("number", "item")

    def __init__(self, number, item):
        self.number = number
        self.item = item

    def __eq__(self, other):
        return isinstance(other, Tag) and (self.number, self.item) == (other.number, other.item)

    def __repr__(self):
        return f"Tag({self.number}, {self.item!r})"


class Simple:
    """The simple value `number`: 0 to 19, or 32 to 255 (RFC 8949 3.3); 23 is UNDEFINED."""

    _fields = ("number",)

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return isinstance(other, Simple) and self.number == other.number

    def __hash__(self):
        return hash(("simple", self.number))

    def __repr__(self):
        return f"Simple({self.number})"


UNDEFINED = Simple(23)


def encode(item):
    """Return `item` in its deterministic encoding (RFC 8949 4.2.1), as bytes.

    Takes None, bool, int of any size, Decimal, float, str, bytes, list, tuple, dict, Tag and
    Simple, nested up to 8 deep. A Decimal becomes the shortest float that equals its nearest
    double. Raises EncodeError on anything else.
    """
    output = bytearray()
    _encode(output, item, NESTING_MAX)
    return bytes(output)


def encode_array(length, items):
    """Return the array of the `length` items that `items` gives, none kept once it is encoded."""
    output = bytearray()
    _encode_head(output, 0x80, length)
    for item in items:
        _encode(output, item, NESTING_MAX - 1)
    return bytes(output)


def decode(data):
    """Return the one item that the bytes `data` hold.

    Floats and decimal fractions (tag 4) become Decimal, NaN and infinities float, bignums int,
    arrays list; any other tag stays a Tag. Arrays, maps and tags may nest 8 deep. Raises
    DecodeError on anything malformed or invalid: trailing bytes, a key twice in a map (also
    1 and true, which a dict cannot tell apart), a key that is an array, a map or a tag.
    """
    reader = _Reader(data)
    item = reader.item(NESTING_MAX)
    if reader.position != len(data):
        raise DecodeError("bytes after the item")
    return item


def decode_sequence(data):
    """Give the items of a CBOR sequence one by one (RFC 8742); raises DecodeError as decode()."""
    reader = _Reader(data)
    while reader.position < len(data):
        yield reader.item(NESTING_MAX)


def _encode(output, item, depth):
    if item is None:
        output.append(0xF6)
    elif isinstance(item, bool):
        output.append(0xF5 if item else 0xF4)
    elif isinstance(item, int):
        _encode_integer(output, item)
    elif isinstance(item, (Decimal, float)):
        _encode_float(output, item)
    elif isinstance(item, str):
        _encode_string(output, 0x60, item.encode())
    elif isinstance(item, (bytes, bytearray)):
        _encode_string(output, 0x40, item)
    elif isinstance(item, Simple):
        _encode_simple(output, item.number)
    else:
        _encode_nested(output, item, depth)


def _encode_nested(output, item, depth):
    if depth == 0:
        raise EncodeError("nested too deeply")
    if isinstance(item, (list, tuple)):
        _encode_head(output, 0x80, len(item))
        for element in item:
            _encode(output, element, depth - 1)
    elif isinstance(item, dict):
        _encode_map(output, item, depth - 1)
    elif isinstance(item, Tag):
        _encode_head(output, 0xC0, item.number)
        _encode(output, item.item, depth - 1)
    else:
        raise EncodeError("no CBOR for this type")


def _encode_head(output, major, argument):
    if argument < 24:
        output.append(major | argument)
        return
    for additional, length in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument >> 8 * length == 0:
            output.append(major | additional)
            output.extend(argument.to_bytes(length, "big"))
            return
    raise EncodeError("argument beyond 64 bits")


def _encode_integer(output, value):
    major = 0x00
    if value < 0:
        major = 0x20
        value = -1 - value
    if value >> 64 == 0:
        _encode_head(output, major, value)
        return
    output.append(0xC3 if major else 0xC2)
    length = 9
    while value >> 8 * length:
        length += 1
    _encode_string(output, 0x40, value.to_bytes(length, "big"))


def _encode_float(output, value):
    data = value.to_ieee754(8) if isinstance(value, Decimal) else struct.pack(">d", value)
    if _is_finite(data):
        data = number.narrowed(data, (2, 4))
    elif int.from_bytes(data, "big") & (1 << 52) - 1:
        data = b"\x7e\x00"
    else:
        data = b"\xfc\x00" if data[0] & 0x80 else b"\x7c\x00"
    output.append({2: 0xF9, 4: 0xFA, 8: 0xFB}[len(data)])
    output.extend(data)


def _encode_string(output, major, data):
    _encode_head(output, major, len(data))
    output.extend(data)


def _encode_simple(output, value):
    if 24 <= value < 32 or not 0 <= value < 256:
        raise EncodeError("no such simple value")
    _encode_head(output, 0xE0, value)


def _encode_map(output, item, depth):
    _encode_head(output, 0xA0, len(item))
    pairs = []
    for key in item:
        encoded = bytearray()
        _encode(encoded, key, depth)
        pairs.append((bytes(encoded), key))
    pairs.sort(key=_first)
    for encoded, key in pairs:
        output.extend(encoded)
        _encode(output, item[key], depth)


def _first(pair):
    return pair[0]


class _Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0
        self.items_left = ITEMS_MAX

    def item(self, depth):
        self.items_left -= 1
        if self.items_left < 0:
            raise DecodeError("too many items")
        initial = self.byte()
        major = initial >> 5
        additional = initial & 31
        if major == 7:
            return self.simple_or_float(additional)
        argument = None if additional == _INDEFINITE else self.argument(additional)
        if major in (2, 3):
            return self.string(major, argument)
        if argument is None and major not in (4, 5):
            raise DecodeError("indefinite length not allowed here")
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if depth == 0:
            raise DecodeError("nested too deeply")
        if major == 4:
            return self.array(argument, depth - 1)
        if major == 5:
            return self.map(argument, depth - 1)
        return self.tagged(argument, depth - 1)

    def take(self, length):
        start = self.position
        end = start + length
        if end > len(self.data):
            raise DecodeError("truncated")
        self.position = end
        return self.data[start:end]

    def byte(self):
        if self.position >= len(self.data):
            raise DecodeError("truncated")
        self.position += 1
        return self.data[self.position - 1]

    def argument(self, additional):
        if additional < 24:
            return additional
        if additional > 27:
            raise DecodeError("reserved additional information")
        return int.from_bytes(self.take(1 << additional - 24), "big")

    def is_more(self, length, count):
        return count < length if length is not None else not self.is_break()

    def is_break(self):
        if self.position < len(self.data) and self.data[self.position] == _BREAK:
            self.position += 1
            return True
        return False

    def string(self, major, length):
        if length is not None:
            data = self.take(length)
            return bytes(data) if major == 2 else utf8.decode(data)
        chunks = []
        while not self.is_break():
            self.items_left -= 1
            initial = self.byte()
            if initial >> 5 != major or initial & 31 == _INDEFINITE or self.items_left < 0:
                raise DecodeError("not a chunk of the string")
            chunks.append(self.string(major, self.argument(initial & 31)))
        return (b"" if major == 2 else "").join(chunks)

    def array(self, length, depth):
        items = []
        while self.is_more(length, len(items)):
            items.append(self.item(depth))
        return items

    def map(self, length, depth):
        items = {}
        while self.is_more(length, len(items)):
            key = self.item(depth)
            if isinstance(key, (list, dict, Tag)):
                raise DecodeError("map key of a kind not supported")
            if key in items:
                raise DecodeError("duplicate map key")
            items[key] = self.item(depth)
        return items

    def tagged(self, tag, depth):
        item = self.item(depth)
        if tag in (_TAG_BIGNUM, _TAG_NEGATIVE_BIGNUM):
            if not isinstance(item, bytes) or len(item) > BIGNUM_LENGTH_MAX:
                raise DecodeError("bignum not a byte string, or too long")
            value = int.from_bytes(item, "big")
            return value if tag == _TAG_BIGNUM else -1 - value
        if tag == _TAG_DECIMAL_FRACTION:
            return _decimal_fraction(item)
        return Tag(tag, item)

    def simple_or_float(self, additional):
        if additional < 20:
            return Simple(additional)
        if additional < 24:
            return (False, True, None, UNDEFINED)[additional - 20]
        if additional == 24:
            value = self.byte()
            if value < 32:
                raise DecodeError("simple value in two bytes below 32")
            return Simple(value)
        if additional == _INDEFINITE:
            raise DecodeError("break outside an indefinite item")
        if additional > 27:
            raise DecodeError("reserved additional information")
        return _float(self.take(1 << additional - 24))


def _float(data):
    if _is_finite(data):
        return number.from_ieee754(data)
    precision = {2: 11, 4: 24, 8: 53}[len(data)]
    if int.from_bytes(data, "big") & (1 << precision - 1) - 1:
        return float("nan")
    return -float("inf") if data[0] & 0x80 else float("inf")


def _is_finite(data):
    exponent_bits = {2: 0x7C00, 4: 0x7F80, 8: 0x7FF0}[len(data)]
    return (data[0] << 8 | data[1]) & exponent_bits != exponent_bits


def _decimal_fraction(item):
    is_pair = isinstance(item, list) and len(item) == 2
    if not is_pair or not _is_integer(item[0]) or not _is_integer(item[1]):
        raise DecodeError("decimal fraction not two integers")
    return number.checked(item[1], item[0])


def _is_integer(item):
    return isinstance(item, int) and not isinstance(item, bool)
