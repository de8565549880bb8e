"""The reading half of link_format (RFC 6690)."""

from protocol import utf8
from protocol.errors import DecodeError

ATTRIBUTES_MAX = 32

_WHITESPACE = b" \t\r\n"
_QUOTE = 0x22
_BACKSLASH = 0x5C
_COMMA = 0x2C
_SEMICOLON = 0x3B
_EQUALS = 0x3D
_SEPARATORS = b'",;\\'


def links(data, links_max):
    """Return [(target, attributes)] of the list `data`; raises DecodeError as link_format does."""
    reader = _Reader(data)
    found = []
    if reader.next() is None:
        return found
    while len(found) < links_max:
        found.append(reader.link())
        separator = reader.next()
        if separator is None:
            return found
        reader.take(_COMMA)
    raise DecodeError("too many links")


class _Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0

    def next(self):
        while self.position < len(self.data) and self.data[self.position] in _WHITESPACE:
            self.position += 1
        return self.data[self.position] if self.position < len(self.data) else None

    def take(self, expected):
        if self.next() != expected:
            raise DecodeError("not link format")
        self.position += 1

    def until(self, ends):
        start = self.position
        while self.position < len(self.data) and self.data[self.position] not in ends:
            self.position += 1
        return utf8.decode(self.data[start : self.position]).strip()

    def link(self):
        self.take(0x3C)
        target = self.until(b">")
        self.take(0x3E)
        attributes = []
        while self.next() == _SEMICOLON:
            self.position += 1
            attributes.append(self.attribute())
            if len(attributes) > ATTRIBUTES_MAX:
                raise DecodeError("too many attributes")
        return target, tuple(attributes)

    def attribute(self):
        self.next()
        name = self.until(b"=" + _SEPARATORS)
        if not name or " " in name:
            raise DecodeError("attribute without a name")
        if self.next() != _EQUALS:
            return name, None
        self.position += 1
        if self.next() == _QUOTE:
            return name, self.quoted()
        value = self.until(_SEPARATORS)
        if not value:
            raise DecodeError("attribute without a value")
        return name, value

    def quoted(self):
        self.position += 1
        value = bytearray()
        while self.position < len(self.data):
            byte = self.data[self.position]
            self.position += 1
            if byte == _QUOTE:
                return utf8.decode(value)
            if byte == _BACKSLASH and self.position < len(self.data):
                byte = self.data[self.position]
                self.position += 1
            value.append(byte)
        raise DecodeError("quoted value without an end")
