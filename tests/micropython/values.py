"""Values of the project as JSON text, the same on CPython and on MicroPython.

Booleans, None, integers and strings are themselves, a list is a JSON array; all else is an
object of one member: `b` bytes, `t` tuple, `m` mapping (as pairs), `f` float (its eight bytes),
`s` string beyond U+FFFF (its UTF-8: MicroPython's json does not join surrogates), `v` a value
class (module, name, fields).
"""

import json
import struct
from binascii import hexlify, unhexlify


def dumps(value) -> str:
    """Return the JSON text of `value`, on one line."""
    return json.dumps(_tagged(value))


def loads(text):
    """Return the value that `text` holds."""
    return _untagged(json.loads(text))


def _tagged(value):
    if isinstance(value, str) and value and max(value) > "\uffff":
        return {"s": _hex(value.encode())}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"f": _hex(struct.pack(">d", value))}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b": _hex(bytes(value))}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, tuple):
        return {"t": [_tagged(item) for item in value]}
    if isinstance(value, dict):
        return {"m": [[_tagged(key), _tagged(item)] for key, item in value.items()]}
    kind = type(value)
    fields = [_tagged(getattr(value, name)) for name in kind._fields]
    return {"v": [kind.__module__, kind.__name__, fields]}


def _untagged(item):
    if isinstance(item, list):
        return [_untagged(part) for part in item]
    if not isinstance(item, dict):
        return item
    ((tag, content),) = item.items()
    if tag == "b":
        return unhexlify(content)
    if tag == "s":
        return unhexlify(content).decode()
    if tag == "t":
        return tuple(_untagged(part) for part in content)
    if tag == "m":
        return {_untagged(key): _untagged(part) for key, part in content}
    if tag == "f":
        return struct.unpack(">d", unhexlify(content))[0]
    module, name, fields = content
    kind = getattr(__import__(module, None, None, (name,)), name)
    return kind(*[_untagged(part) for part in fields])


def _hex(data):
    return hexlify(data).decode()
