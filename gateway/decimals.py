"""Floats as exact decimals, quickly: what `protocol.number` gives for the same bytes."""

import struct
from functools import lru_cache

from protocol import number
from protocol.number import Decimal

REMEMBERED_MAX = 4096
"""Floats whose decimal is remembered; what a fleet measures repeats."""
# With the point, so many characters hold at most 15 digits.
_PLAIN_LENGTH_MAX = number.EXACT_DIGITS + 1


@lru_cache(maxsize=REMEMBERED_MAX)
def from_float(value: float) -> Decimal:
    """Return the shortest decimal; a float that came in 32 bits is shortest as such: 21.3.

    CPython finds a double's shortest decimal five times as fast as our own integer arithmetic,
    but knows no single. Raises DecodeError on NaN and infinities.
    """
    text = repr(value)
    if len(text) > _PLAIN_LENGTH_MAX or "e" in text or "n" in text:
        return _shortest(value)
    whole, _, fraction = text.partition(".")
    if fraction == "0":
        return Decimal(int(whole), 0)
    return Decimal(int(whole + fraction), -len(fraction))


def from_number(value: object) -> int | Decimal:
    """Return what `number.from_number` does: an int or a Decimal. Raises DecodeError."""
    return from_float(value) if isinstance(value, float) else number.from_number(value)


def _shortest(value: float) -> Decimal:
    try:
        single = struct.pack(">f", value)
    except OverflowError:
        single = b""
    if single and struct.unpack(">f", single)[0] == value:
        return number.from_ieee754(single)
    return number.from_ieee754(struct.pack(">d", value))
