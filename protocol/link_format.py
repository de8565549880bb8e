"""Lists of links: what a client registers and what it discovers (RFC 6690)."""

from protocol import utf8
from protocol.errors import DecodeError

LINKS_MAX = 1024
ATTRIBUTES_MAX = 32

_WHITESPACE = b" \t\r\n"
_QUOTE = 0x22
_BACKSLASH = 0x5C
_COMMA = 0x2C
_SEMICOLON = 0x3B
_EQUALS = 0x3D
# What a name must not contain, and a value only in quotes (RFC 6690 section 2, ptoken).
_SEPARATORS = b'",;\\'
# Written in quotes even where the value does not need them, as all examples do.
_QUOTED_NAMES = ("rt", "if", "title", "anchor")


class Link:
    """`target` without its angle brackets, `attributes` a tuple of (name, value or None)."""

    _fields = ("target", "attributes")

    def __init__(self, target, attributes=()):
        self.target = target
        self.attributes = attributes

    def __eq__(self, other):
        is_link = isinstance(other, Link)
        return is_link and (self.target, self.attributes) == (other.target, other.attributes)

    def __repr__(self):
        return f"Link({self.target!r}, {self.attributes!r})"


def encode(links):
    """Return the payload, as bytes, that lists `links`."""
    return ",".join([_link_text(link) for link in links]).encode()


def decode(data):
    """Return the links that the payload `data` lists.

    Space between the parts is forgiven, and in an unquoted value kept. Raises DecodeError on
    anything else that RFC 6690 does not allow, and on more than LINKS_MAX links.
    """
    reader = _Reader(data)
    links = []
    if reader.next() is None:
        return links
    while len(links) < LINKS_MAX:
        links.append(reader.link())
        separator = reader.next()
        if separator is None:
            return links
        reader.take(_COMMA)
    raise DecodeError("too many links")


def _link_text(link):
    text = "<" + link.target + ">"
    for name, value in link.attributes:
        text += ";" + name
        if value is not None:
            text += "=" + (_quoted(value) if _needs_quotes(name, value) else value)
    return text


def _needs_quotes(name, value):
    if name in _QUOTED_NAMES or not value:
        return True
    for byte in value.encode():
        if byte <= 0x20 or byte >= 0x7F or byte in _SEPARATORS:
            return True
    return False


def _quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
        return Link(target, tuple(attributes))

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
