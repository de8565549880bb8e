"""The gateway's durable store: SQLite through APSW; with its parts `store_*` all that speaks SQL.

Writes go through one connection and are answered after their COMMIT has reached the disk (WAL,
synchronous=FULL); reads have a connection of their own. Every call raises StoreError when the
file cannot be read or written; then nothing of it has happened.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway import (
    store_copy,
    store_damage,
    store_explain,
    store_nodes,
    store_packs,
    store_readings,
    store_replays,
    store_selection,
    store_shed,
    store_verify,
)
from gateway.ledger import Statement
from gateway.rows import (
    Backlog,
    Lane,
    NodeRow,
    ObservationRow,
    PackResult,
    Payload,
    ReadingRow,
    StoredReading,
    lane_of,
)
from gateway.store_contexts import ContextRecords
from gateway.store_database import StoreError
from gateway.store_executors import InlineExecutor, NewExecutor, one_thread
from gateway.store_explain import BootStory, Shed
from gateway.store_file import StoreFile
from gateway.store_records import Records
from gateway.store_replays import Replay
from gateway.store_selection import Selection
from gateway.store_shed import Shedding
from gateway.store_tail import Tail
from gateway.store_verify import StoreCheck, StoreSize
from gateway.store_writer import Companion

__all__ = ["InlineExecutor", "NewExecutor", "Store", "StoreError", "one_thread"]

T = TypeVar("T")

SET_ASIDE_TRIES_MAX = 3


class Store(Records, ContextRecords):
    """Nodes, readings, cursors, ledger, commands, counters and incidents in the file `path`.

    `unix_ms()` dates what the store itself finds out; without it the time of opening does.
    """

    def __init__(
        self,
        path: str,
        new_executor: NewExecutor = one_thread,
        *,
        urgent_ms: int = 50,
        measurement_ms: int = 1000,
        vfs: str | None = None,
        unix_ms: Callable[[], int] | None = None,
        size_bytes_max: int = 1 << 40,
    ) -> None:
        self._urgent_ms = urgent_ms
        self._measurement_ms = measurement_ms
        self._unix_ms = unix_ms or (lambda: self._start)
        self._start = 0
        self._listeners: list[Callable[[], None]] = []
        self._replay_listeners: list[Callable[[str], None]] = []
        self._mending_listeners: list[Callable[[], None]] = []
        # Whoever deletes readings that an uplink may still want lets it forget.
        self._tail = Tail()
        self.is_short = False  # the disk's reserve is reached: measurements are not taken
        self._file = StoreFile(
            path,
            vfs,
            new_executor,
            self._unix_ms,
            size_bytes_max,
            on_commit=self._on_commit,
            on_mended=self._on_mended,
        )
        self.health = self._file.health

    @property
    def epoch(self) -> int:
        """Return when the file was made (Unix milliseconds): with it, reading ids are unique."""
        return self._file.epoch

    async def open(self, now_ms: int) -> None:
        """Open the file, made if it is not there; check it, and bring its schema up to date.

        `now_ms` (Unix milliseconds) becomes the epoch of a new file. A damaged one is salvaged
        and set aside, here and whenever damage is found. Raises StoreError where the disk does
        not let it.
        """
        self._start = now_ms
        await self._file.open(now_ms)

    async def close(self) -> None:
        """Commit what waits and close the file."""
        await self._file.close()

    def call_on_readings(self, listener: Callable[[], None]) -> None:
        """Have `listener()` called whenever new readings are durable: uplinks wake up on it."""
        self._listeners.append(listener)

    def call_on_replays(self, listener: Callable[[str], None]) -> None:
        """Have `listener(uplink)` called whenever a replay of an uplink was added or ended."""
        self._replay_listeners.append(listener)

    def accompany(self, companion: Callable[[], Companion | None]) -> None:
        """Let what `companion()` gives go along in the transaction of every group of writes."""
        self._file.companion = companion

    def call_on_mended(self, listener: Callable[[], None]) -> None:
        """Have `listener()` called whenever a salvaged store has taken a damaged one's place."""
        self._mending_listeners.append(listener)

    async def commit_pack(
        self,
        rows: Sequence[ReadingRow],
        urgent: bool,
        statement: Statement | None = None,
        payload: Payload | None = None,
    ) -> PackResult:
        """Store one pack whole, and account for it; return once all of it is durable.

        What was here before is a duplicate and left out: by (endpoint, boot, sequence), whether
        or not the reading is still stored; without sequence by endpoint, path, time and value
        where the reading has its own time, else the whole pack by `payload`. `statement` is what
        the pack says of its node's journal. `urgent` packs wait for company at most `urgent_ms`,
        others `measurement_ms`. While the store `is_short`, packs of measurements alone raise
        StoreError("reserve").
        """
        if self.is_short and rows and all(_is_measurement(row) for row in rows):
            raise StoreError("reserve", "what is left of the disk is for alarms and events")
        arguments = (tuple(rows), statement, payload, self._start)
        wait_ms = self._urgent_ms if urgent else self._measurement_ms
        return await self._write(store_packs.commit, *arguments, wait_ms=wait_ms)

    def _on_commit(self, outcomes: list) -> None:
        packs = [each for each in outcomes if isinstance(each, PackResult) and each.stored]
        for pack in packs:
            if pack.readings:
                self._tail.add(pack.readings)
        if packs:
            self._tell_listeners()

    def _on_mended(self) -> None:
        self._tail.forget()
        for listener in self._mending_listeners:
            listener()
        self._tell_listeners()

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()

    async def readings(self, endpoint: str, limit: int) -> list[StoredReading]:
        """Return the newest `limit` readings of a node, newest first."""
        return await self._find(store_readings.of_node, endpoint, limit)

    async def latest_readings(self) -> list[StoredReading]:
        """Return the newest stored reading of each node and path; of recent ones only."""
        return await self._find(store_readings.latest)

    async def readings_count(self) -> int:
        """Return how many readings are stored."""
        return await self._read(store_readings.count)

    async def delete_delivered(self, uplinks: Sequence[str], before_ms: int, limit: int) -> int:
        """Delete old readings that every one of `uplinks` has; return how many.

        Old is received before `before_ms`. Call it again while it returns anything: one call
        looks at `limit` rows of each lane, so that no commit waits long behind it.
        """
        arguments = (tuple(uplinks), before_ms, limit)
        return await self._write(store_readings.delete_delivered, *arguments)

    async def shed(
        self, uplinks: Sequence[str], reading_class: int, before_ms: int, limit: int
    ) -> Shedding:
        """Delete the oldest readings of a class, received before `before_ms`, `limit` at most.

        What one of `uplinks` lacks of them stands in the ledger.
        """
        arguments = (tuple(uplinks), reading_class, before_ms, limit, self._unix_ms())
        shedding = await self._write(store_shed.shed, *arguments)
        if shedding.deleted:
            self._tail.forget()
        return shedding

    async def boots(self, endpoint: str) -> list[BootStory]:
        """Return what became of every number that a node has given, boot by boot."""
        return await self._read(store_explain.boots, endpoint)

    async def sheds(self, endpoint: str) -> list[Shed]:
        """Return what of a node was deleted before an uplink had it, oldest first."""
        return await self._read(store_explain.sheds, endpoint)

    async def missing_by_node(self) -> dict[str, int]:
        """Return how many readings are missing, of each node that misses any."""
        return await self._read(store_explain.missing_by_node)

    async def shed_by_uplink(self) -> dict[str, int]:
        """Return how many readings were deleted before each uplink had them."""
        return await self._read(store_explain.shed_by_uplink)

    async def set_aside_by_node(self) -> dict[str, int]:
        """Return how many stored readings were damaged and set aside, by node."""
        return await self._read(store_explain.set_aside_by_node)

    # What may take long has a thread and a connection of its own.

    async def select(
        self, selection: Selection, after_id: int, limit: int
    ) -> list[StoredReading]:
        """Return the `limit` chosen readings that follow `after_id`, by their ids."""
        return await self._find(store_selection.select, selection, after_id, limit, apart=True)

    async def newest(self, selection: Selection, limit: int) -> list[StoredReading]:
        """Return the newest `limit` chosen readings, newest first."""
        return await self._find(store_selection.newest, selection, limit, apart=True)

    async def verify(self) -> StoreCheck:
        """Check the whole file and every row's checksum; nothing is changed."""
        return await self._read_apart(store_verify.verify)

    async def copy_to(self, path: str) -> None:
        """Write all that is stored now to a new file at `path`, mode 0600."""
        await self._read_apart(store_copy.copy, path)

    async def size(self) -> StoreSize:
        """Return what the store takes on the disk."""
        return await self._read(store_verify.size)

    async def cursor(self, uplink: str, lane: Lane) -> int:
        """Return the reading id up to which `uplink` has everything of `lane`."""
        return await self._read(store_readings.cursor, uplink, lane)

    async def readings_after(self, lane: Lane, after_id: int, limit: int) -> list[StoredReading]:
        """Return the `limit` readings of `lane` that follow `after_id`, by their ids."""
        found = self._tail.after(lane, after_id, limit)
        return found or await self._find(store_readings.after, lane, after_id, limit)

    async def advance(
        self, uplink: str, lane: Lane, up_to_id: int, urgent: bool = False
    ) -> None:
        """Move an uplink's cursor forward, durably; a cursor never moves back."""
        arguments = (uplink, lane, up_to_id)
        wait_ms = self._urgent_ms if urgent else self._measurement_ms
        await self._write(store_readings.advance, *arguments, wait_ms=wait_ms)

    async def backlog(self, uplink: str, lane: Lane) -> Backlog:
        """Return how much waits for `uplink` in `lane`."""
        return await self._read(store_readings.depth, uplink, lane)

    async def add_replay(
        self, uplink: str, wanted: Selection, now_ms: int
    ) -> Replay | None:
        """Add a job: `uplink` gets again what it has had of `wanted`, whatever its lane.

        None: too many wait already.
        """
        replay = await self._write(store_replays.add, uplink, wanted, now_ms)
        self._tell_of_replay(uplink)
        return replay

    async def next_replay(self, uplink: str) -> Replay | None:
        """Return the oldest replay of `uplink` that has not ended."""
        return await self._read(store_replays.next_of, uplink)

    async def replays(self, limit: int) -> list[Replay]:
        """Return the newest `limit` replays, newest first."""
        return await self._read(store_replays.recent, limit)

    async def proceed_replay(
        self, number: int, position: int, resent: int, urgent: bool = False
    ) -> None:
        """Note that everything of a replay up to id `position` has gone again."""
        arguments = (number, position, resent)
        wait_ms = self._urgent_ms if urgent else self._measurement_ms
        await self._write(store_replays.proceed, *arguments, wait_ms=wait_ms)

    async def finish_replay(
        self, number: int, now_ms: int, is_cancelled: bool = False
    ) -> Replay | None:
        """End a replay; return it as it is now, also one that had ended, None if there is none."""
        replay = await self._write(store_replays.finish, number, now_ms, is_cancelled)
        if replay is not None:
            self._tell_of_replay(replay.uplink)
        return replay

    def _tell_of_replay(self, uplink: str) -> None:
        for listener in self._replay_listeners:
            listener(uplink)

    async def save_node(self, row: NodeRow) -> None:
        """Add or replace a node."""
        await self._write(store_nodes.save, row)

    async def nodes(self) -> list[NodeRow]:
        """Return every node, by endpoint name."""
        return await self._read(store_nodes.all_nodes)

    async def delete_registration(self, endpoint: str) -> None:
        """Keep a node as one that is not registered."""
        await self._write(store_nodes.delete_registration, endpoint)

    async def delete_node(self, endpoint: str) -> None:
        """Forget a node and its observations; its readings stay."""
        await self._write(store_nodes.delete, endpoint)

    async def save_observation(self, row: ObservationRow) -> None:
        """Add or replace what is to be observed at a path."""
        await self._write(store_nodes.save_observation, row)

    async def delete_observation(self, endpoint: str, path: str) -> None:
        """Forget what was to be observed at a path."""
        await self._write(store_nodes.delete_observation, endpoint, path)

    async def observations(self) -> list[ObservationRow]:
        """Return what is to be observed, by endpoint name and path."""
        return await self._read(store_nodes.all_observations)

    async def _write(
        self, work: Callable[..., T], *arguments: object, wait_ms: int | None = None
    ) -> T:
        wait_ms = self._urgent_ms if wait_ms is None else wait_ms
        return await self._file.write(lambda connection: work(connection, *arguments), wait_ms)

    async def _find(
        self, work: Callable, *arguments: object, apart: bool = False
    ) -> list[StoredReading]:
        """Return the readings that `work` finds; damaged rows are set aside and accounted for."""
        read = self._read_apart if apart else self._read
        for _ in range(SET_ASIDE_TRIES_MAX):
            found = await read(work, *arguments)
            if not found.damaged:
                return found.readings
            await self._write(store_damage.set_aside, found.damaged, self._unix_ms())
            self._tail.forget()
        error = StoreError("damaged", f"reading {found.damaged[0]} cannot be read")
        self._file.failed(error)
        raise error

    async def _read_apart(self, work: Callable[..., T], *arguments: object) -> T:
        return await self._file.read_apart(work, *arguments)

    async def _read(self, work: Callable[..., T], *arguments: object) -> T:
        return await self._file.read(work, *arguments)


def _is_measurement(row: ReadingRow) -> bool:
    return lane_of(row.reading_class) == Lane.MEASUREMENT
