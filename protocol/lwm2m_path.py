"""Paths of objects, instances, resources and resource instances (LwM2M 1.1 Core 7.3).

A path is a plain tuple of 0 to 4 ids: (3416, 0, 3) is "/3416/0/3", the root is ().
"""

from protocol.errors import DecodeError

# 65535 is reserved: it marks "none".
ID_MAX = 65534
SEGMENTS_MAX = 4


def parse(text):
    """Return the path that `text` writes, such as "/3416/0/3" or "/"; raises DecodeError."""
    if text == "/":
        return ()
    if text[:1] != "/":
        raise DecodeError("path does not begin with /")
    return from_segments(text[1:].split("/"))


def from_segments(segments):
    """Return the path of the decimal numbers in `segments` (the Uri-Path options' text)."""
    if len(segments) > SEGMENTS_MAX:
        raise DecodeError("path too long")
    return tuple([parse_id(segment) for segment in segments])


def parse_id(text):
    """Return the id 0 to 65534 in `text` (no sign, no leading zeros); raises DecodeError."""
    if not 0 < len(text) <= 5 or (len(text) > 1 and text[0] == "0"):
        raise DecodeError("not an id")
    value = 0
    for character in text:
        if not "0" <= character <= "9":
            raise DecodeError("not an id")
        value = value * 10 + ord(character) - 48
    if value > ID_MAX:
        raise DecodeError("id above 65534")
    return value


def render(path):
    """Return `path` as text: "/3416/0/3", and "/" for the root."""
    return "/" + "/".join([str(segment) for segment in path])


def is_prefix(prefix, path):
    """Return whether `path` is `prefix` or lies below it."""
    return path[: len(prefix)] == prefix
