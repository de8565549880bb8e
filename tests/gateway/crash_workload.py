"""A store at work on a disk that writes everything down, and what must hold after a power cut."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import apsw
from msgspec.structs import replace as changed

from gateway import store_aside, store_checksums
from gateway.rows import Lane, lane_of
from gateway.store import InlineExecutor, Store
from protocol import object_table
from simulator.disk import Disk
from tests.gateway.open_store import COMMAND
from tests.gateway.uplink_rows import EPOCH, alarm, row

ENDPOINTS = ("lamp", "bin", "bay")
UPLINK = "city"
SIZE_BYTES_MAX = 1 << 20
SHED_MAX = 5


@dataclass(frozen=True)
class Packs:
    """Packs of one group commit: (endpoint, sequence numbers) each, received at `step`."""

    step: int
    packs: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Cursor:
    """The readings up to `up_to_id` of a lane are delivered; `keys` are those since the last."""

    lane: Lane
    up_to_id: int
    keys: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Deletion:
    """Delivered readings received before `step` may be gone."""

    step: int


@dataclass(frozen=True)
class Shed:
    """The oldest measurements may be gone, delivered or not."""

    keys: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Attempts:
    """The one command was tried so often."""

    count: int


@dataclass(frozen=True)
class Began:
    """`what` may be durable from here on."""

    what: object


@dataclass(frozen=True)
class Done:
    """`what` is acknowledged: it must be durable from here on."""

    what: object


@dataclass(frozen=True)
class Marked:
    """What stands in the file beside the store."""

    content: bytes


class Workload:
    """A store's day, drawn from `seed`: packs, cursors, deletions, a command."""

    def __init__(self, disk: Disk, seed: int) -> None:
        self._disk = disk
        self._random = Random(seed)
        self._sequences = dict.fromkeys(ENDPOINTS, 0)
        self._step = 0
        self._attempts = 0
        self._cursors = dict.fromkeys(Lane, 0)

    def run(self, path: str, steps: int) -> None:
        """Work in two sessions of `steps` each; the first one ends in order."""
        for _ in range(2):
            asyncio.run(self._session(path, steps))

    async def _session(self, path: str, steps: int) -> None:
        self._path = path
        store = open_store(path, vfs=self._disk.name)
        await store.open(EPOCH)
        try:
            for _ in range(steps):
                self._step += 1
                works = (self._commit, self._commit, self._commit, self._advance, self._delete,
                         self._shed, self._try_command)
                await self._random.choice(works)(store)
        finally:
            await store.close()

    async def _noted(self, what: object, *work) -> None:
        self._disk.note(Began(what))
        await asyncio.gather(*work)
        # The mark is never synced, but it may have reached the disk.
        self._disk.note(Marked(Path(f"{self._path}-mark").read_bytes()))
        self._disk.note(Done(what))

    async def _commit(self, store: Store) -> None:
        packs = [self._pack() for _ in range(self._random.randint(1, 4))]
        noted = Packs(self._step, tuple(
            (rows[0].endpoint, tuple(each.sequence for each in rows)) for rows in packs))
        await self._noted(noted, *(store.commit_pack(rows, urgent=True) for rows in packs))

    def _pack(self) -> list:
        endpoint = self._random.choice(ENDPOINTS)
        rows = []
        for _ in range(self._random.randint(1, 8)):
            self._sequences[endpoint] += 1
            make = alarm if self._random.random() < 0.3 else row
            rows.append(make(self._sequences[endpoint], endpoint, value="x" * 200))
        return [changed(each, received_ms=self._step) for each in rows]

    async def _advance(self, store: Store) -> None:
        lane = self._random.choice(tuple(Lane))
        readings = await store.readings_after(lane, self._cursors[lane], 20)
        if not readings:
            return
        self._cursors[lane] = readings[-1].id
        keys = frozenset((each.row.endpoint, each.row.sequence) for each in readings)
        cursor = Cursor(lane, readings[-1].id, keys)
        await self._noted(cursor, store.advance(UPLINK, lane, cursor.up_to_id))

    async def _delete(self, store: Store) -> None:
        deletion = Deletion(self._step - 3)
        await self._noted(deletion, store.delete_delivered([UPLINK], deletion.step, 30))

    async def _shed(self, store: Store) -> None:
        readings = [each for name in ENDPOINTS for each in await store.readings(name, 10_000)
                    if lane_of(each.row.reading_class) == Lane.MEASUREMENT]
        oldest = sorted(readings, key=lambda each: each.id)[:SHED_MAX]
        keys = frozenset((each.row.endpoint, each.row.sequence) for each in oldest)
        work = store.shed([UPLINK], object_table.MEASUREMENT, 1 << 62, SHED_MAX)
        await self._noted(Shed(keys), work)

    async def _try_command(self, store: Store) -> None:
        self._attempts += 1
        command = replace(COMMAND, attempts=self._attempts)
        await self._noted(Attempts(self._attempts), store.save_command(command))


def open_store(path: str, **options) -> Store:
    # A store that may be no larger folds its log into the file every few commits, so that power
    # fails in that too.
    options.setdefault("size_bytes_max", SIZE_BYTES_MAX)
    return Store(path, InlineExecutor, urgent_ms=0, measurement_ms=0, **options)


def check(path: str, notes: tuple, vfs: str | None = None) -> None:
    """Open what a power cut left, and hold it against the notes made before; AssertionError."""
    asyncio.run(_check(path, notes, vfs))


async def _check(path: str, notes: tuple, vfs: str | None) -> None:
    marks = [each.content for each in notes if isinstance(each, Marked)]
    Path(f"{path}-mark").write_bytes(marks[-1] if marks else b"")
    store = open_store(path, vfs=vfs)
    await store.open(EPOCH)
    try:
        stored = {}
        for endpoint in ENDPOINTS:
            for each in await store.readings(endpoint, 100_000):
                assert (endpoint, each.row.sequence) not in stored, "a reading counts twice"
                stored[endpoint, each.row.sequence] = each
        cursors = {lane: await store.cursor(UPLINK, lane) for lane in Lane}
        command = await store.command(COMMAND.id)
        received = {(name, number) for name in ENDPOINTS for boot in await store.boots(name)
                    for first, last in boot.received for number in range(first, last + 1)}
        shed = {(name, number) for name in ENDPOINTS for each in await store.sheds(name)
                for number in range(each.first, each.last + 1)}
    finally:
        await store.close()
    began = [each.what for each in notes if isinstance(each, Began)]
    done = [each.what for each in notes if isinstance(each, Done)]
    delivered = _check_cursors(stored, cursors, began, done)
    assert not shed & stored.keys(), "shed, and still here"
    allowed = {key for each in began if isinstance(each, Shed) for key in each.keys}
    assert shed <= allowed, "shed, and nobody asked for it"
    _check_packs(stored, delivered, shed, began, done)
    assert stored.keys() <= received, "readings that the ledger does not know of"
    gone = received - stored.keys()
    assert gone <= delivered | shed, "the ledger knows of readings that are not here"
    _check_rows(path)
    assert not store_aside.set_aside(path), "a power cut is taken for damage"
    tried = 0 if command is None else command.attempts
    assert _last(done, Attempts, "count") <= tried <= _last(began, Attempts, "count")


def _check_rows(path: str) -> None:
    connection = apsw.Connection(path)
    for table in store_checksums.tables(connection):
        assert not store_checksums.damaged(connection, table), f"wrong checksums in {table}"
    connection.close()


def _check_cursors(stored, cursors, began, done) -> set:
    """Return the keys of the readings that the cursors as found call delivered."""
    delivered = set()
    for lane, at in cursors.items():
        of_lane = [each for each in began if isinstance(each, Cursor) and each.lane == lane]
        moved = [each for each in done if isinstance(each, Cursor) and each.lane == lane]
        assert at in {0, *(each.up_to_id for each in of_lane)}, "a cursor nobody has set"
        assert at >= _last(moved, Cursor, "up_to_id"), "an acknowledged cursor went back"
        for each in of_lane:
            delivered |= each.keys if each.up_to_id <= at else set()
        for key, reading in stored.items():
            if lane_of(reading.row.reading_class) == lane:
                assert (reading.id <= at) == (key in delivered), "a cursor beyond the delivered"
    return delivered


def _check_packs(stored, delivered, shed, began, done) -> None:
    deletable = _last(began, Deletion, "step")
    acknowledged = {each for each in done if isinstance(each, Packs)}
    may_be_shed = {key for each in began if isinstance(each, Shed) for key in each.keys}
    for group in began:
        if not isinstance(group, Packs):
            continue
        for endpoint, sequences in group.packs:
            keys = {(endpoint, sequence) for sequence in sequences}
            gone = keys - stored.keys() - shed
            if group.step < deletable:
                gone -= delivered
            gone -= delivered & may_be_shed
            here = keys & stored.keys()
            assert not gone or not here, f"half a pack of {endpoint}: {gone} are gone"
            assert not gone or group not in acknowledged, f"acknowledged and lost: {gone}"


def _last(notes, kind, name: str) -> int:
    return max((getattr(each, name) for each in notes if isinstance(each, kind)), default=0)
