"""One replay under way: what of its readings goes to the uplink next, and how far it has come."""

from gateway.rows import Lane
from gateway.store import Store
from gateway.store_replays import Replay
from gateway.uplinks.lane_window import LaneWindow

READ_MAX = 500


class ReplayFeed:
    """Feeds `window` with the readings of `job`, both lanes in the order of their ids."""

    def __init__(self, job: Replay) -> None:
        self.job = job
        self.window = LaneWindow(Lane.MEASUREMENT, job.position)
        self.resent = job.resent
        self._read_to = job.position
        self._is_read = False

    @property
    def is_over(self) -> bool:
        """Return whether all of it has gone again."""
        return self._is_read and self.window.is_idle

    async def refill(self, store: Store) -> None:
        """Read ahead where there is room. Raises StoreError."""
        if self._is_read or self.window.room() < READ_MAX:
            return
        found = await store.select(self.job.selection, self._read_to, READ_MAX)
        self._is_read = len(found) < READ_MAX
        if found:
            self._read_to = found[-1].id
        self.window.load(reading for reading in found if self.job.holds(reading))
