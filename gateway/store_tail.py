"""The readings that were committed last, in memory: an uplink that keeps up reads nothing back.

A core. It answers for everything behind a lane's floor, and for nothing before it.
"""

from bisect import bisect_right
from collections.abc import Sequence

from gateway.rows import Lane, StoredReading, lane_of

READINGS_MAX = 2000
"""Of each lane; twice as many for a moment, so that one shift makes room for many."""


class Tail:
    """What follows each lane's floor, by id."""

    def __init__(self, readings_max: int = READINGS_MAX) -> None:
        self._readings_max = readings_max
        self._newest = -1
        self._floors = dict.fromkeys(Lane, 0)
        self._lanes: dict[Lane, list[StoredReading]] = {lane: [] for lane in Lane}

    def add(self, readings: Sequence[StoredReading]) -> None:
        """Take the readings of a commit, by id. Where others came between, it begins anew."""
        if readings[0].id != self._newest + 1:
            self._begin(readings[0].id - 1)
        for reading in readings:
            self._lanes[lane_of(reading.row.reading_class)].append(reading)
        self._newest = readings[-1].id
        for lane, kept in self._lanes.items():
            if len(kept) > 2 * self._readings_max:
                self._floors[lane] = kept[-self._readings_max - 1].id
                del kept[: -self._readings_max]

    def forget(self) -> None:
        """Answer for nothing that was committed so far: some of it is deleted."""
        self._begin(self._newest)

    def after(self, lane: Lane, after_id: int, limit: int) -> list[StoredReading]:
        """Return up to `limit` readings of `lane` that follow `after_id`; none: ask the file."""
        if after_id < self._floors[lane]:
            return []
        kept = self._lanes[lane]
        first = bisect_right(kept, after_id, key=lambda reading: reading.id)
        return kept[first : first + limit]

    def _begin(self, floor: int) -> None:
        self._newest = floor
        self._floors = dict.fromkeys(Lane, floor)
        self._lanes = {lane: [] for lane in Lane}
