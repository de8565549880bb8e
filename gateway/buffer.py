"""What an operator may ask of the durable buffer: how full, how sound, what of whom, and why."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway import status
from gateway.ledger import MISSING
from gateway.rows import Lane, StoredReading
from gateway.settings import Buffer as Bounds
from gateway.status import StoreStatus, UplinkStatus
from gateway.store import Store
from gateway.store_explain import BootStory, Shed
from gateway.store_replays import Replay
from gateway.store_selection import Selection
from gateway.store_verify import StoreCheck, StoreSize
from gateway.uplinks.senml_pack import UnitsOf

PAGE_MAX = 1000
LISTED_MAX = 10_000
REPLAYS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class BufferStatus:
    """How full the buffer is; None: the store cannot be read."""

    readings: int | None
    size: StoreSize | None
    store: StoreStatus
    uplinks: tuple[UplinkStatus, ...]
    missing: dict[str, int]  # by node
    damaged: dict[str, int]  # by node
    shed: dict[str, int]  # by uplink
    size_max_bytes: int
    disk_reserve_bytes: int
    replays: tuple[Replay, ...]  # the newest first


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of every number that a node has given to a reading."""

    endpoint: str
    boots: tuple[BootStory, ...]
    sheds: tuple[Shed, ...]

    @property
    def missing(self) -> int:
        """Return how many readings nobody can explain."""
        return sum(
            gap.last - gap.first + 1
            for story in self.boots
            for gap, _ in story.gaps
            if gap.reason == MISSING
        )


class Buffer:
    """The questions, over the store of a running gateway. Each raises StoreError but `status`."""

    def __init__(self, store: Store, bounds: Bounds, units_of: UnitsOf) -> None:
        self._store = store
        self._bounds = bounds
        self.units_of = units_of

    @property
    def epoch(self) -> int:
        """Return the store's epoch, part of some readings' keys."""
        return self._store.epoch

    async def status(self, uplinks: tuple[UplinkStatus, ...]) -> BufferStatus:
        """Return how full and how sound the buffer is, as far as it can be read."""
        store = self._store
        return BufferStatus(
            await status.readable(store.readings_count(), None),
            await status.readable(store.size(), None),
            await status.of_store(store),
            uplinks,
            await status.readable(store.missing_by_node(), {}),
            await status.readable(store.set_aside_by_node(), {}),
            await status.readable(store.shed_by_uplink(), {}),
            self._bounds.size_max_bytes,
            self._bounds.disk_reserve_bytes,
            tuple(await status.readable(store.replays(REPLAYS_SHOWN_MAX), ())),
        )

    async def readings(
        self, selection: Selection, uplink: str | None, limit: int
    ) -> list[StoredReading]:
        """Return readings: the newest, newest first; of an uplink those that it is to get, in the
        order in which it gets them."""
        limit = min(limit, LISTED_MAX)
        if uplink is None:
            return await self._store.newest(selection, limit)
        found: list[StoredReading] = []
        for lane in Lane if selection.lane is None else (selection.lane,):
            cursor = await self._store.cursor(uplink, lane)
            of_lane = Selection(**_fields(selection) | {"lane": lane})
            found += await self._store.select(of_lane, cursor, limit - len(found))
        return found

    async def verify(self) -> StoreCheck:
        """Check the whole file and every row."""
        return await self._store.verify()

    async def replay(self, uplink: str, wanted: Selection, now_ms: int) -> Replay | None:
        """Have `uplink` get again what it has had of `wanted`; None: too many jobs wait."""
        return await self._store.add_replay(uplink, wanted, now_ms)

    async def cancel_replay(self, number: int, now_ms: int) -> Replay | None:
        """End a replay that has not ended; None: there is none of that number."""
        return await self._store.finish_replay(number, now_ms, is_cancelled=True)

    async def explain(self, endpoint: str) -> Explanation:
        """Return what became of every number of a node."""
        boots = await self._store.boots(endpoint)
        sheds = await self._store.sheds(endpoint)
        return Explanation(endpoint, tuple(boots), tuple(sheds))

    async def export(self, selection: Selection) -> AsyncIterator[list[StoredReading]]:
        """Yield the chosen readings, page by page, by their ids."""
        after_id = 0
        while page := await self._store.select(selection, after_id, PAGE_MAX):
            yield page
            after_id = page[-1].id


def _fields(selection: Selection) -> dict:
    return {name: getattr(selection, name) for name in Selection.__slots__}
