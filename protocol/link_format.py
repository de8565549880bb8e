"""Lists of links: what a client registers and what it discovers (RFC 6690)."""

from protocol import link_reader

LINKS_MAX = 1024

# What a value may contain only in quotes (RFC 6690 section 2, ptoken).
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
    """Return the payload, as bytes, that lists what `links` gives; none is kept meanwhile."""
    output = bytearray()
    for link in links:
        if output:
            output.append(0x2C)
        output.extend(_link_text(link).encode())
    return bytes(output)


def decode(data):
    """Return the links that the payload `data` lists.

    Space between the parts is forgiven, and in an unquoted value kept. Raises DecodeError on
    anything else that RFC 6690 does not allow, and on more than LINKS_MAX links.
    """
    return [Link(target, attributes) for target, attributes in link_reader.links(data, LINKS_MAX)]


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
