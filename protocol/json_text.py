"""JSON (RFC 8259) whose numbers stay exact: int or Decimal, never the interpreter's float."""

from protocol import number, utf8
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal

NESTING_MAX = 8
ITEMS_MAX = 8192

_WHITESPACE = b" \t\n\r"
_NUMBER = b"+-.0123456789Ee"
_ESCAPED = b'"\\/bfnrt'
_MEANT = '"\\/\b\f\n\r\t'
_LITERALS = ((b"true", True), (b"false", False), (b"null", None))


def encode(item):
    """Return `item` as the bytes of a JSON text without spaces, names sorted.

    Takes None, bool, int, Decimal, str, list, tuple and dict with str keys.
    """
    return _text(item).encode()


def decode(data):
    """Return what the JSON text `data` (bytes, UTF-8) says; arrays are lists, objects dicts.

    Nesting up to 8. Raises DecodeError on anything malformed, and on a name twice in an object.
    """
    reader = _Reader(data)
    item = reader.item(NESTING_MAX)
    if reader.next() is not None:
        raise DecodeError("bytes after the JSON text")
    return item


def _text(item):
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, Decimal):
        return item.to_text()
    if isinstance(item, str):
        return _quoted(item)
    if isinstance(item, (list, tuple)):
        return "[" + ",".join([_text(each) for each in item]) + "]"
    if isinstance(item, dict):
        pairs = [_quoted(name) + ":" + _text(item[name]) for name in sorted(item)]
        return "{" + ",".join(pairs) + "}"
    raise EncodeError("no JSON for this type")


def _quoted(text):
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    for each in text:
        if each < " ":
            text = text.replace(each, "\\u%04x" % ord(each))
    return '"' + text + '"'


class _Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0
        self.items_left = ITEMS_MAX

    def next(self):
        while self.position < len(self.data) and self.data[self.position] in _WHITESPACE:
            self.position += 1
        return self.data[self.position] if self.position < len(self.data) else None

    def take(self, expected):
        if self.next() != expected:
            raise DecodeError("JSON not as expected")
        self.position += 1

    def item(self, depth):
        self.items_left -= 1
        first = self.next()
        if first is None or self.items_left < 0:
            raise DecodeError("JSON truncated, or too many items")
        if first == 0x22:
            return self.string()
        if first in (0x5B, 0x7B):
            if depth == 0:
                raise DecodeError("nested too deeply")
            return self.array(depth - 1) if first == 0x5B else self.object(depth - 1)
        for literal, meaning in _LITERALS:
            end = self.position + len(literal)
            if self.data[self.position : end] == literal:
                self.position = end
                return meaning
        return self.number()

    def array(self, depth):
        items = []
        self.take(0x5B)
        if self.next() != 0x5D:
            items.append(self.item(depth))
            while self.next() == 0x2C:
                self.position += 1
                items.append(self.item(depth))
        self.take(0x5D)
        return items

    def object(self, depth):
        items = {}
        self.take(0x7B)
        if self.next() != 0x7D:
            self.member(items, depth)
            while self.next() == 0x2C:
                self.position += 1
                self.member(items, depth)
        self.take(0x7D)
        return items

    def member(self, items, depth):
        self.next()
        name = self.string()
        self.take(0x3A)
        if name in items:
            raise DecodeError("name twice in an object")
        items[name] = self.item(depth)

    def string(self):
        self.take(0x22)
        parts = []
        start = self.position
        while True:
            if self.position >= len(self.data) or self.data[self.position] < 0x20:
                raise DecodeError("string without an end, or with a control character")
            byte = self.data[self.position]
            if byte == 0x22 or byte == 0x5C:
                parts.append(utf8.decode(self.data[start : self.position]))
                self.position += 1
                if byte == 0x22:
                    return "".join(parts)
                parts.append(self.escape())
                start = self.position
            else:
                self.position += 1

    def escape(self):
        escape = self.data[self.position : self.position + 1]
        self.position += 1
        if escape == b"u":
            return self.unicode_escape()
        index = _ESCAPED.find(escape)
        if index < 0 or not escape:
            raise DecodeError("no such escape")
        return _MEANT[index]

    def unicode_escape(self):
        unit = self.hex_unit()
        if 0xD800 <= unit < 0xDC00:
            if self.data[self.position : self.position + 2] != b"\\u":
                raise DecodeError("half a surrogate pair")
            self.position += 2
            low = self.hex_unit()
            if not 0xDC00 <= low < 0xE000:
                raise DecodeError("half a surrogate pair")
            unit = 0x10000 + (unit - 0xD800 << 10) + low - 0xDC00
        elif 0xDC00 <= unit < 0xE000:
            raise DecodeError("half a surrogate pair")
        return chr(unit)

    def hex_unit(self):
        digits = self.data[self.position : self.position + 4]
        self.position += 4
        unit = 0
        for digit in digits:
            value = b"0123456789abcdef".find(bytes([digit]).lower())
            if value < 0:
                raise DecodeError("not four hexadecimal digits")
            unit = unit << 4 | value
        if len(digits) < 4:
            raise DecodeError("not four hexadecimal digits")
        return unit

    def number(self):
        start = self.position
        while self.position < len(self.data) and self.data[self.position] in _NUMBER:
            self.position += 1
        text = str(self.data[start : self.position], "ascii")
        digits = text[1:] if text[:1] == "-" else text
        whole, _, fraction = digits.partition(".")
        is_padded = digits[:1] == "0" and number.is_digits(digits[1:2])
        starts_wrong = not number.is_digits(digits[:1]) or is_padded
        if starts_wrong or ("." in digits and not number.is_digits(fraction[:1])):
            raise DecodeError("not a JSON number")
        value = number.from_text(text)
        return value.mantissa if number.is_digits(digits) else value
