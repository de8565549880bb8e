"""An uplink's two lanes over the store: what to deliver next, and durable cursors behind it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from gateway.rows import IncidentRow, Lane
from gateway.store import Store, StoreError
from gateway.uplinks import senml_pack
from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.replay import ReplayFeed
from gateway.uplinks.senml_pack import Pack
from gateway.uplinks.troubles import Troubles

READ_MAX = 500
STORE_RETRY_S = 5.0
BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 60.0

log = logging.getLogger(__name__)


def backoff_s(attempt: int, random: Callable[[], float]) -> float:
    """Return the wait before the next try after `attempt` failures in a row (full jitter).

    `random()` gives a fraction from 0 to 1.
    """
    return random() * min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 16))


class Pump:
    """Feeds one uplink, `name` in the settings; urgent readings first, replays last.

    `wake` is set when there may be something new to do. `counters` says what went well and wrong.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        unix_ms: Callable[[], int],
        units_of: senml_pack.UnitsOf = senml_pack.no_units,
    ) -> None:
        self.name = name
        self._units_of = units_of
        self.counters: Counter[str] = Counter()
        self.wake = asyncio.Event()
        self.troubles = Troubles(self.note, unix_ms)
        self._store = store
        self._unix_ms = unix_ms
        self._windows: tuple[LaneWindow, ...] = ()
        self._saved: dict[Lane, int] = {}
        self._has_more = {lane: True for lane in Lane}
        self._replay: ReplayFeed | None = None
        self._are_replays_changed = True
        self._moved = asyncio.Event()
        # asyncio itself holds tasks by weak references only.
        self._notes: set[asyncio.Task] = set()
        store.call_on_readings(self._on_readings)
        store.call_on_replays(self._on_replays)

    @property
    def epoch(self) -> int:
        """Return the store's epoch, part of some idempotency keys."""
        return self._store.epoch

    def _on_readings(self) -> None:
        self._has_more = {lane: True for lane in Lane}
        self.wake.set()

    async def open(self) -> None:
        """Begin behind the durable cursors; a new uplink with the oldest reading that is stored.

        What was under way before is forgotten, and goes out again.
        """
        cursors = [(lane, await self._store.cursor(self.name, lane)) for lane in Lane]
        self._windows = tuple(LaneWindow(lane, cursor) for lane, cursor in cursors)
        self._saved = dict(cursors)
        self._replay = None
        self._on_replays(self.name)
        self._on_readings()

    def _on_replays(self, uplink: str) -> None:
        if uplink == self.name:
            self._are_replays_changed = True
            self.wake.set()

    async def refill(self) -> None:
        """Read ahead where there is room."""
        for window in self._windows:
            while self._has_more[window.lane] and window.room() >= READ_MAX:
                # Before the read: what is committed during it must not be overlooked.
                self._has_more[window.lane] = False
                readings = await self._store.readings_after(
                    window.lane, window.last_read, READ_MAX
                )
                window.load(readings)
                if len(readings) == READ_MAX:
                    self._has_more[window.lane] = True
        await self._refill_replay()

    async def _refill_replay(self) -> None:
        if self._replay is not None and self._replay.is_over:
            await self.save()
            await self._store.finish_replay(self._replay.job.id, self._unix_ms())
        if self._are_replays_changed:
            self._are_replays_changed = False
            job = await self._store.next_replay(self.name)
            if job is None or self._replay is None or self._replay.job.id != job.id:
                self._replay = None if job is None else ReplayFeed(job)
        if self._replay is not None:
            await self._replay.refill(self._store)
            if self._replay.is_over:
                self.wake.set()

    def replay_of(self, window: LaneWindow) -> int | None:
        """Return the number of the replay that `window` is of, or None if it is a lane's."""
        is_replay = self._replay is not None and window is self._replay.window
        return self._replay.job.id if is_replay else None

    def next_pack(
        self, now_ms: int, with_replay: bool = True
    ) -> tuple[LaneWindow, Pack] | None:
        """Return the next pack with its window; the urgent lane's first, a replay's last."""
        windows = self._windows
        if with_replay and self._replay is not None:
            windows = (*windows, self._replay.window)
        for window in windows:
            pack = window.next_pack(now_ms)
            if pack is not None:
                return window, pack
        return None

    def encode(self, pack: Pack, labels: Sequence[tuple[str, str]] = ()) -> str:
        """Return a pack as SenML JSON, with the nodes' own units where the registry has none."""
        return senml_pack.encode(pack, labels, self._units_of)

    def next_timeout_ms(self) -> int | None:
        """Return when something that rests may be tried again."""
        windows = self._windows
        if self._replay is not None:
            windows = (*windows, self._replay.window)
        times = [window.next_timeout_ms() for window in windows]
        return min((each for each in times if each is not None), default=None)

    def delivered(self, window: LaneWindow, pack: Pack) -> None:
        """Note that the back end has `pack`."""
        before = window.cursor
        window.delivered(pack)
        self.troubles.end(pack.endpoint)
        if self.replay_of(window) is not None:
            self._replay.resent += len(pack.readings)
            self.counters["readings replayed"] += len(pack.readings)
        else:
            self.counters["packs delivered"] += 1
            self.counters["readings delivered"] += len(pack.readings)
        if window.cursor != before:
            self._moved.set()

    async def keep_cursors(self) -> None:
        """Make the cursors durable as they move, for ever."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self.save()
            except StoreError as error:
                self.counters["cursor not saved"] += 1
                log.error("uplink %s: %s", self.name, error)
                await asyncio.sleep(STORE_RETRY_S)
                self._moved.set()

    @property
    def is_behind(self) -> bool:
        """Return whether more is stored than is delivered, or a replay is under way."""
        if self._replay is not None:
            return True
        is_open = any(window.cursor != window.last_read for window in self._windows)
        return is_open or any(self._has_more.values())

    async def save(self, urgent: bool = False) -> None:
        """Make the cursors that have moved durable."""
        moved = {
            window.lane: window.cursor
            for window in self._windows
            if window.cursor != self._saved[window.lane]
        }
        writes = [
            self._store.advance(self.name, lane, at, urgent) for lane, at in moved.items()
        ]
        replay = self._replay
        if replay is not None and replay.window.cursor != replay.job.position:
            place = replay.window.cursor, replay.resent
            writes.append(self._store.proceed_replay(replay.job.id, *place, urgent))
        await asyncio.gather(*writes)
        self._saved.update(moved)

    def note(self, kind: str, detail: str) -> None:
        """Log an incident of this uplink, and have it stored meanwhile."""
        log.warning("uplink %s: %s: %s", self.name, kind, detail)
        task = asyncio.ensure_future(self._store_incident(kind, detail))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _store_incident(self, kind: str, detail: str) -> None:
        try:
            await self._store.add_incident(IncidentRow(self._unix_ms(), kind, self.name, detail))
        except StoreError:
            self.counters["incidents not saved"] += 1
