"""Sets of whole numbers as sorted ranges: ((1, 50), (53, 60)), both ends included.

Ranges never touch: what could be one range is one. Every function returns such a tuple.
"""

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]


def of(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Return the numbers in `pairs`, which may overlap and stand in any order."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pairs):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def of_numbers(numbers: Iterable[int]) -> Ranges:
    """Return `numbers` as ranges."""
    ordered = sorted(set(numbers))
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        return ((ordered[0], ordered[-1]),)
    return of((number, number) for number in ordered)


def union(one: Ranges, other: Ranges) -> Ranges:
    """Return what is in either."""
    if not one or not other:
        return one or other
    return of(one + other)


def difference(one: Ranges, other: Ranges) -> Ranges:
    """Return what is in `one` and not in `other`."""
    if not one or not other:
        return one
    left: list[tuple[int, int]] = []
    index = 0
    for first, last in one:
        while index < len(other) and other[index][1] < first:
            index += 1
        at = index
        while at < len(other) and other[at][0] <= last:
            if other[at][0] > first:
                left.append((first, other[at][0] - 1))
            first = other[at][1] + 1
            at += 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """Return what is in both."""
    if not one or not other:
        return ()
    return difference(one, difference(one, other))


def span(first: int, last: int) -> Ranges:
    """Return the numbers from `first` to `last`; none if there are none."""
    return ((first, last),) if first <= last else ()


def contains(ranges: Ranges, number: int) -> bool:
    """Return whether `number` is in `ranges`."""
    return any(first <= number <= last for first, last in ranges)


def count(ranges: Ranges) -> int:
    """Return how many numbers there are."""
    return sum(last - first + 1 for first, last in ranges)


def last(ranges: Ranges, most: int) -> Ranges:
    """Return the last `most` numbers."""
    kept: list[tuple[int, int]] = []
    for first, end in reversed(ranges):
        if most <= 0:
            break
        kept.append((max(first, end - most + 1), end))
        most -= end - kept[-1][0] + 1
    return tuple(reversed(kept))


def to_text(ranges: Ranges) -> str:
    """Return "1-50,53"; "" for none."""
    if not ranges:
        return ""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def from_text(text: str) -> Ranges:
    """Return what `to_text` wrote."""
    if not text:
        return ()
    pairs = [part.partition("-") for part in text.split(",")]
    return tuple([(int(first), int(last or first)) for first, _, last in pairs])
