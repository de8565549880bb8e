"""A set of whole numbers that mostly follow one another, kept as ranges."""

from bisect import bisect_right
from collections.abc import Iterator


class NumberSet:
    """Numbers as ranges: memory grows with the gaps, not with the numbers."""

    __slots__ = ("_firsts", "_lasts", "size")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        for first, last in zip(self._firsts, self._lasts, strict=True):
            yield from range(first, last + 1)

    @property
    def gaps(self) -> int:
        """Return how many gaps are between its numbers."""
        return max(len(self._firsts) - 1, 0)

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def add(self, number: int) -> bool:
        """Take a number; return whether it is new."""
        lasts = self._lasts
        if lasts and number == lasts[-1] + 1:
            lasts[-1] = number
            self.size += 1
            return True
        return self.add_range(number, number) > 0

    def add_range(self, first: int, last: int) -> int:
        """Take all from `first` to `last`; return how many of them are new."""
        if first > last:
            return 0
        firsts, lasts = self._firsts, self._lasts
        # Neighbours join, too.
        start = bisect_right(lasts, first - 2)
        end = bisect_right(firsts, last + 1)
        before = sum(lasts[i] - firsts[i] + 1 for i in range(start, end))
        if start < end:
            first, last = min(first, firsts[start]), max(last, lasts[end - 1])
        firsts[start:end], lasts[start:end] = [first], [last]
        news = last - first + 1 - before
        self.size += news
        return news

    def ranges(self) -> list[tuple[int, int]]:
        """Return (first, last) of each range, in order."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def without(self, *others: "NumberSet") -> "NumberSet":
        """Return the numbers that none of `others` holds."""
        left = self.ranges()
        for other in others:
            left = [piece for first, last in left for piece in other.gaps_within(first, last)]
        result = NumberSet()
        for first, last in left:
            result.add_range(first, last)
        return result

    def gaps_within(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return what of `first` to `last` is not here, as ranges."""
        gaps = []
        index = bisect_right(self._lasts, first - 1)
        while index < len(self._firsts) and self._firsts[index] <= last:
            if self._firsts[index] > first:
                gaps.append((first, self._firsts[index] - 1))
            first = self._lasts[index] + 1
            index += 1
        if first <= last:
            gaps.append((first, last))
        return gaps

    def close_lowest_gap(self) -> None:
        """Take the numbers between the two lowest ranges, too."""
        if len(self._firsts) > 1:
            self.add_range(self._lasts[0] + 1, self._firsts[1] - 1)

    def to_text(self) -> str:
        """Return the numbers as people write them: "1-7, 9"."""
        return ", ".join(str(first) if first == last else f"{first}-{last}"
                         for first, last in self.ranges())
