"""Sequence numbers as text, in the order of what they number: "17-24,30,29".

Object 42800 and the uplinks' idempotency keys use it.
"""

from collections.abc import Iterable

from protocol.errors import DecodeError

TEXT_LENGTH_MAX = 8192
SEQUENCE_MAX = (1 << 63) - 1
# The longest pack a node may send has far fewer records.
COUNT_MAX = 65_536


def parse(text: str) -> list[tuple[int, int]]:
    """Return the (first, last) pairs that `text` lists, last included; raises DecodeError."""
    if not text:
        return []
    if len(text) > TEXT_LENGTH_MAX:
        raise DecodeError("sequence ranges too long")
    return [_pair(part) for part in text.split(",")]


def _pair(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    pair = _number(first), _number(last if dash else first)
    if pair[0] > pair[1]:
        raise DecodeError("sequence range runs backwards")
    return pair


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > SEQUENCE_MAX:
        raise DecodeError("not a sequence number")
    return int(text)


def expand(pairs: list[tuple[int, int]]) -> list[int]:
    """Return every number in `pairs`, in order; raises DecodeError beyond COUNT_MAX."""
    if sum(last - first + 1 for first, last in pairs) > COUNT_MAX:
        raise DecodeError("too many sequence numbers")
    return [number for first, last in pairs for number in range(first, last + 1)]


def render(numbers: Iterable[int]) -> str:
    """Return `numbers` as text that keeps their order; runs that rise by one become ranges."""
    texts: list[str] = []
    first = last = None
    for number in numbers:
        if last is not None and number != last + 1:
            texts.append(_render(first, last))
            first = number
        elif first is None:
            first = number
        last = number
    if last is not None:
        texts.append(_render(first, last))
    return ",".join(texts)


def _render(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
