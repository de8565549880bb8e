"""What one uplink does with one lane: read ahead, pack, keep the order, move the cursor.

A core. At most one pack of a node is under way, so that a refused one is never overtaken; the
cursor moves over readings delivered without a gap, and whatever lies behind it and was delivered
is not sent again. A node whose readings are refused takes no room from the others, or one wrong
entry in a broker's access list would in time stop them all.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable

from gateway.rows import Lane, StoredReading
from gateway.uplinks.senml_pack import READINGS_MAX, Pack, travels_with

READ_AHEAD_MAX = 2000
# Of nodes whose own readings are refused, together: days of some lamps.
STUCK_READINGS_MAX = 10_000


class LaneWindow:
    """The readings of `lane` behind `cursor`, as far as they are read."""

    def __init__(self, lane: Lane, cursor: int) -> None:
        self.lane = lane
        self.cursor = cursor
        self.last_read = cursor
        # Ids that are not delivered, in their order.
        self._open: OrderedDict[int, None] = OrderedDict()
        self._waiting: dict[str, deque[StoredReading]] = {}
        # Nodes that have something to send, no pack under way, and no rest to keep.
        self._ready: deque[str] = deque()
        self._resting: dict[str, int] = {}
        self._refusals: dict[str, int] = {}
        self._stuck: set[str] = set()

    @property
    def is_idle(self) -> bool:
        """Return whether everything that was loaded is delivered."""
        return not self._open

    def room(self) -> int:
        """Return how many readings may be read ahead now."""
        stuck = sum(len(self._waiting[endpoint]) for endpoint in self._stuck)
        return READ_AHEAD_MAX + min(stuck, STUCK_READINGS_MAX) - len(self._open)

    def load(self, readings: Iterable[StoredReading]) -> None:
        """Take the readings that follow `last_read`, in the order of their ids."""
        for reading in readings:
            self.last_read = reading.id
            self._open[reading.id] = None
            endpoint = reading.row.endpoint
            if endpoint not in self._waiting:
                self._waiting[endpoint] = deque()
                self._ready.append(endpoint)
            self._waiting[endpoint].append(reading)

    def next_pack(self, now_ms: int) -> Pack | None:
        """Return the next pack; it is under way until one of the three calls below says more."""
        for endpoint in [each for each, until in self._resting.items() if until <= now_ms]:
            del self._resting[endpoint]
            self._ready.append(endpoint)
        if not self._ready:
            return None
        waiting = self._waiting[self._ready.popleft()]
        readings = [waiting.popleft()]
        while waiting and len(readings) < READINGS_MAX and travels_with(readings[0], waiting[0]):
            readings.append(waiting.popleft())
        return Pack(tuple(readings))

    def shortened(self, pack: Pack) -> Pack:
        """Return the first half of `pack`, under way in its place; the rest waits again."""
        half = len(pack.readings) // 2
        self._waiting[pack.endpoint].extendleft(reversed(pack.readings[half:]))
        return Pack(pack.readings[:half])

    def delivered(self, pack: Pack) -> None:
        """Note that the back end has `pack`; the cursor moves as far as there is no gap."""
        for reading in pack.readings:
            del self._open[reading.id]
        self.cursor = next(iter(self._open)) - 1 if self._open else self.last_read
        self._refusals.pop(pack.endpoint, None)
        self._stuck.discard(pack.endpoint)
        if self._waiting[pack.endpoint]:
            self._ready.append(pack.endpoint)
        else:
            del self._waiting[pack.endpoint]

    def lost(self, pack: Pack) -> None:
        """Note that nobody knows what became of `pack`: it goes out again."""
        self._waiting[pack.endpoint].extendleft(reversed(pack.readings))
        self._ready.append(pack.endpoint)

    def refusals(self, endpoint: str) -> int:
        """Return how often in a row a node's pack was refused."""
        return self._refusals.get(endpoint, 0)

    def refused(self, pack: Pack, until_ms: int, is_general: bool = False) -> None:
        """Note that the back end will not have `pack` now: it goes out again at `until_ms`.

        `is_general`: it would not have those of other nodes either.
        """
        if not is_general:
            self._stuck.add(pack.endpoint)
        self._waiting[pack.endpoint].extendleft(reversed(pack.readings))
        self._refusals[pack.endpoint] = self._refusals.get(pack.endpoint, 0) + 1
        self._resting[pack.endpoint] = until_ms

    def next_timeout_ms(self) -> int | None:
        """Return when the first rest ends."""
        return min(self._resting.values(), default=None)
