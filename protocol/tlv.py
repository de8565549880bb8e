"""The type-length-value format of object instances and resources (LwM2M 1.1 Core 7.4.3)."""

import struct

from protocol import data_types, number, utf8
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal

_OBJECT_INSTANCE = 0
_RESOURCE_INSTANCE = 1
_MULTIPLE_RESOURCE = 2
_RESOURCE = 3


def encode(base, leaves, type_of):
    """Return the TLV of `leaves` [(path, value)] below the path `base`, in order of their paths.

    At an object each instance gets its own entry; below it entries begin with the resources, at
    a resource instance with that. `type_of(path)` gives the data type, or None.
    """
    entries = [(path, encode_value(value, type_of(path))) for path, value in leaves]
    entries.sort(key=_first)
    return bytes(_encode_level(entries, 1 if len(base) < 2 else 3 if len(base) == 4 else 2))


def decode(base, data, instance_id=0):
    """Return [(path, bytes)] of the TLV `data` read at, or written to, the path `base`.

    Entries may begin at any level from the base down; `instance_id` is the object instance of
    resources for which neither the base nor an entry names one. Raises DecodeError, also for ids
    outside the base.
    """
    leaves = []
    _decode_level(leaves, base, data, (), instance_id)
    return leaves


def encode_value(value, data_type):
    """Return the bytes of a value; `data_type` None: the type that the value itself suggests."""
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, ObjectLink):
        return struct.pack(">HH", value.object_id, value.instance_id)
    if data_type == data_types.FLOAT or isinstance(value, Decimal):
        value = value if isinstance(value, Decimal) else Decimal(value, 0)
        return number.narrowed(value.to_ieee754(8), (4,))
    if data_type == data_types.UNSIGNED_INTEGER:
        return _encode_integer(value, ((1, 8), (2, 16), (4, 32), (8, 64)), 0)
    return _encode_integer(value, ((1, 7), (2, 15), (4, 31), (8, 63)), -1)


def decode_value(data, data_type):
    """Return the value that the bytes `data` hold as `data_type`; None leaves them bytes.

    An Integer may have any length from 1 to 8 bytes. Raises DecodeError.
    """
    if data_type in (None, data_types.OPAQUE):
        return bytes(data)
    if data_type in (data_types.STRING, data_types.CORELNK):
        return utf8.decode(data)
    if data_type == data_types.FLOAT:
        _require(len(data) in (4, 8))
        return number.from_ieee754(data)
    if data_type == data_types.BOOLEAN:
        _require(data in (b"\x00", b"\x01"))
        return data == b"\x01"
    if data_type == data_types.OBJLNK:
        _require(len(data) == 4)
        return ObjectLink(data[0] << 8 | data[1], data[2] << 8 | data[3])
    _require(0 < len(data) <= 8 and data_type != data_types.NONE)
    value = int.from_bytes(data, "big")
    if data_type != data_types.UNSIGNED_INTEGER and data[0] & 0x80:
        value -= 1 << 8 * len(data)
    return value


def _require(is_right):
    if not is_right:
        raise DecodeError("TLV value of a wrong length or type")


def _first(entry):
    return entry[0]


def _encode_integer(value, sizes, lowest):
    for size, bits in sizes:
        if lowest << bits <= value < 1 << bits:
            return (value & (1 << 8 * size) - 1).to_bytes(size, "big")
    raise EncodeError("integer out of range")


def _encode_level(entries, level):
    output = bytearray()
    start = 0
    while start < len(entries):
        segment = entries[start][0][level]
        end = start + 1
        while end < len(entries) and entries[end][0][level] == segment:
            end += 1
        group = entries[start:end]
        if level == 1:
            _write(output, _OBJECT_INSTANCE, segment, _encode_level(group, 2))
        elif level == 3:
            _write(output, _RESOURCE_INSTANCE, segment, group[0][1])
        elif len(group[0][0]) == 4:
            _write(output, _MULTIPLE_RESOURCE, segment, _encode_level(group, 3))
        else:
            _write(output, _RESOURCE, segment, group[0][1])
        start = end
    return output


def _write(output, kind, identifier, value):
    length = len(value)
    length_size = 0 if length < 8 else 1 if length < 256 else 2 if length < 65536 else 3
    if length >> 24:
        raise EncodeError("value too long for TLV")
    is_long_id = identifier > 255
    output.append(kind << 6 | is_long_id << 5 | length_size << 3 | (0 if length_size else length))
    output.extend(identifier.to_bytes(2 if is_long_id else 1, "big"))
    output.extend(length.to_bytes(length_size, "big") if length_size else b"")
    output.extend(value)


def _decode_level(leaves, base, data, path, instance_id):
    position = 0
    while position < len(data):
        kind, identifier, start, end = _head(data, position)
        value = data[start:end]
        position = end
        here = _here(base, path, kind, identifier, instance_id)
        if kind in (_OBJECT_INSTANCE, _MULTIPLE_RESOURCE):
            _decode_level(leaves, base, value, here, instance_id)
        else:
            leaves.append((here, bytes(value)))


def _head(data, position):
    head = data[position]
    start = position + 1 + (2 if head & 0x20 else 1)
    identifier = int.from_bytes(data[position + 1 : start], "big")
    length_size = head >> 3 & 3
    length = head & 7
    if length_size:
        length = int.from_bytes(data[start : start + length_size], "big")
        start += length_size
    if start + length > len(data) or identifier > 65534:
        raise DecodeError("TLV truncated, or with a reserved id")
    return head >> 6, identifier, start, start + length


def _here(base, path, kind, identifier, instance_id):
    """Return the path of an entry of `kind` inside `path`, () being the outermost level."""
    level = 1 if kind == _OBJECT_INSTANCE else 3 if kind == _RESOURCE_INSTANCE else 2
    if not path:
        path = base[:level]
        if level == 2 and len(base) == 1:
            path = (base[0], instance_id)
    if len(path) != level:
        raise DecodeError("TLV entry where it cannot be")
    here = path + (identifier,)
    if here[: len(base)] != base[: len(here)]:
        raise DecodeError("TLV entry outside the path")
    return here
