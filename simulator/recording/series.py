"""Figures over a run in a bounded number of buckets, however long the run goes on."""

import math
from abc import ABC, abstractmethod
from collections import Counter

from simulator.record import Series

BUCKETS_MAX = 480
# Widths that divide hours and days, in seconds; a run that goes on longer doubles the last.
_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
# A quarter of a doubling: medians are good to 9 %.
_BINS_PER_DOUBLING = 4


class Buckets:
    """The time axis that all series of a run share; it widens when the run outgrows it."""

    def __init__(self, planned_s: float) -> None:
        fitting = (width for width in _WIDTHS_S if planned_s <= width * (BUCKETS_MAX - 1))
        self.width_us = next(fitting, _WIDTHS_S[-1]) * 1_000_000
        self._halved: list[Figure] = []

    def add(self, figure: "Figure") -> None:
        """Have `figure` halved whenever the buckets widen."""
        self._halved.append(figure)

    def index(self, time_us: int) -> int:
        """Return the bucket that holds a moment; widens until there is one."""
        index = time_us // self.width_us
        while index >= BUCKETS_MAX:
            for figure in self._halved:
                figure.halve()
            self.width_us *= 2
            index = time_us // self.width_us
        return index


class Figure(ABC):
    """A named figure on the run's buckets."""

    def __init__(self, buckets: Buckets, name: str, unit: str) -> None:
        self.name = name
        self.unit = unit
        self._buckets = buckets
        buckets.add(self)

    @abstractmethod
    def halve(self) -> None:
        """Make one bucket of every two."""

    @abstractmethod
    def series(self, end_us: int) -> Series:
        """Return what there was until `end_us`."""


class Count(Figure):
    """How many of something came, per bucket."""

    def __init__(self, buckets: Buckets, name: str, unit: str) -> None:
        super().__init__(buckets, name, unit)
        self._counts: list[int] = []

    def add(self, time_us: int, number: int = 1) -> None:
        """Count `number` more at a moment."""
        try:
            self._counts[time_us // self._buckets.width_us] += number
        except IndexError:
            # A bucket that nothing came in yet, or one that is not there: seldom.
            index = self._buckets.index(time_us)
            self._counts += [0] * (index + 1 - len(self._counts))
            self._counts[index] += number

    def halve(self) -> None:
        counts = self._counts
        self._counts = [sum(counts[at:at + 2]) for at in range(0, len(counts), 2)]

    def series(self, end_us: int) -> Series:
        length = self._buckets.index(end_us) + 1
        padded = self._counts + [0] * (length - len(self._counts))
        return Series(self.name, self.unit, "count", tuple(padded[:length]))


class Gauge(Figure):
    """A value that stays until it is set anew; not known before it was set first."""

    def __init__(self, buckets: Buckets, name: str, unit: str) -> None:
        super().__init__(buckets, name, unit)
        # Of each bucket: least, greatest, value times microseconds, microseconds.
        self._cells: list[list[float]] = []
        self._value: float | None = None
        self._since_us = 0

    def set(self, time_us: int, value: float) -> None:
        """Have the value from this moment on."""
        if self._value is not None:
            self._hold_until(time_us)
        self._value = value
        self._since_us = time_us
        cell = self._cell(self._buckets.index(time_us))
        cell[0] = min(cell[0], value)
        cell[1] = max(cell[1], value)

    def _cell(self, index: int) -> list[float]:
        while len(self._cells) <= index:
            self._cells.append([math.inf, -math.inf, 0.0, 0])
        return self._cells[index]

    def _hold_until(self, time_us: int) -> None:
        last = self._buckets.index(time_us)
        width_us = self._buckets.width_us
        value = self._value
        for index in range(self._since_us // width_us, last + 1):
            begin_us = max(self._since_us, index * width_us)
            length_us = min(time_us, (index + 1) * width_us) - begin_us
            if length_us <= 0:
                continue
            cell = self._cell(index)
            cell[0] = min(cell[0], value)
            cell[1] = max(cell[1], value)
            cell[2] += value * length_us
            cell[3] += length_us

    def halve(self) -> None:
        cells = self._cells
        if len(cells) % 2:
            cells.append([math.inf, -math.inf, 0.0, 0])
        self._cells = [[min(a[0], b[0]), max(a[1], b[1]), a[2] + b[2], a[3] + b[3]]
                       for a, b in zip(cells[::2], cells[1::2])]

    def series(self, end_us: int) -> Series:
        if self._value is not None:
            self._hold_until(end_us)
            self._since_us = end_us
        cells = self._cells
        return Series(
            self.name, self.unit, "gauge",
            tuple(rounded(_mean(cell)) for cell in cells),
            tuple(rounded(cell[0]) if math.isfinite(cell[0]) else None for cell in cells),
            tuple(rounded(cell[1]) if math.isfinite(cell[1]) else None for cell in cells))


def _mean(cell: list[float]) -> float | None:
    if cell[3]:
        return cell[2] / cell[3]
    return cell[1] if math.isfinite(cell[1]) else None


class Quantiles(Figure):
    """Median and 95th percentile of values per bucket, from a histogram of ratios."""

    def __init__(self, buckets: Buckets, name: str, unit: str) -> None:
        super().__init__(buckets, name, unit)
        self._bins: list[Counter[int]] = []

    def add(self, time_us: int, value: float) -> None:
        """Count a value, 0.001 and up."""
        index = self._buckets.index(time_us)
        while len(self._bins) <= index:
            self._bins.append(Counter())
        self._bins[index][math.floor(math.log2(max(value, 0.001)) * _BINS_PER_DOUBLING)] += 1

    def halve(self) -> None:
        bins = self._bins
        self._bins = [sum(bins[at:at + 2], Counter()) for at in range(0, len(bins), 2)]

    def series(self, end_us: int) -> Series:
        return Series(self.name, self.unit, "quantile",
                      tuple(quantile(bins, 50) for bins in self._bins), (),
                      tuple(quantile(bins, 95) for bins in self._bins))

    def overall(self, percent: int) -> float | None:
        """Return a percentile of all values of the run."""
        return quantile(sum(self._bins, Counter()), percent)


def quantile(bins: Counter[int], percent: int) -> float | None:
    """Return the value below which `percent` of the counted lie, or None."""
    rank = math.ceil(bins.total() * percent / 100)
    for number in sorted(bins):
        rank -= bins[number]
        if rank <= 0:
            return rounded(2 ** ((number + 0.5) / _BINS_PER_DOUBLING))
    return None


def rounded(value: float | None) -> float | None:
    """Return a value to four digits: no plot shows more."""
    if value is None:
        return None
    short = float(f"{value:.4g}")
    return int(short) if short == int(short) else short
