"""A store with something of everything, damaged copies of it, and what of it is left."""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import apsw

from gateway.rows import CommandState, Lane, lane_of
from gateway.store import InlineExecutor, Store, StoreError
from gateway.store_aside import set_aside
from tests.gateway.open_store import COMMAND, NODE
from tests.gateway.uplink_rows import EPOCH, alarm, row

UPLINK = "city"
ENDPOINTS = ("lamp", "bin", "bay", "gone")
NAME = "faubourg.db"
READINGS_PER_PACK = 6


def make(folder: Path, packs: int, is_closed: bool) -> dict:
    """Fill a store in `folder`; return its readings by id. Not closed: most is in the log."""
    folder.mkdir()
    work = folder if is_closed else folder.with_name(folder.name + "-open")
    work.mkdir(exist_ok=True)
    return asyncio.run(_fill(work, folder, packs))


async def _fill(work: Path, folder: Path, packs: int) -> dict:
    store = Store(str(work / NAME), InlineExecutor, urgent_ms=0, measurement_ms=0)
    await store.open(EPOCH)
    await store.save_node(NODE)
    await store.save_command(COMMAND)
    numbers = dict.fromkeys(ENDPOINTS, 0)
    for index in range(packs):
        await store.commit_pack(_pack(index, numbers), urgent=True)
        if index == packs // 3:
            await _deliver(store)
    readings = {}
    for lane in Lane:
        for each in await store.readings_after(lane, 0, 100_000):
            readings[each.id] = each.row
    if work != folder:
        for file in work.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copy(file, folder / file.name)
    await store.close()
    return readings


def _pack(index: int, numbers: dict) -> list:
    endpoint = ENDPOINTS[index % len(ENDPOINTS)]
    rows = []
    for place in range(READINGS_PER_PACK):
        if index % 10 == 7:
            rows.append(row(None, endpoint, boot=None, value=index * 100 + place))
            continue
        numbers[endpoint] += 1
        make_row = alarm if place == 2 else row
        rows.append(make_row(numbers[endpoint], endpoint, value="é" * (index % 90)))
    return rows


async def _deliver(store: Store) -> None:
    for lane in Lane:
        readings = await store.readings_after(lane, 0, 100_000)
        await store.advance(UPLINK, lane, readings[len(readings) // 2].id)
    await store.save_node(NODE)


@dataclass(frozen=True)
class Left:
    """What is left of a store after it was opened."""

    readings: dict
    cursors: dict
    named: set  # (endpoint, boot, sequence) of readings that are known to be lost
    noted: set  # their ids, and those of lost readings without a number
    unnamed: int  # readings of which only their number is known
    incidents: tuple[str, ...]
    epoch: int
    command: CommandState | None
    is_salvaged: bool
    failures: list[str]  # of salvages, which are bugs
    explained: dict  # by (endpoint, boot): numbers that the ledger calls damaged


def opened(folder: Path) -> Left:
    """Start on what is in `folder`, as the gateway does, and read everything."""
    return asyncio.run(_opened(folder))


async def _opened(folder: Path) -> Left:
    path = str(folder / NAME)
    store = Store(path, InlineExecutor, urgent_ms=0, measurement_ms=0)
    await store.open(EPOCH + 1)
    try:
        cursors, readings = await _read(store)
        incidents = tuple(each.kind for each in await store.incidents(50))
        command = await store.command(COMMAND.id)
        epoch = store.epoch
    finally:
        await store.close()
    connection = apsw.Connection(path)
    damaged = list(connection.execute(
        "SELECT endpoint, boot, sequence FROM damaged_readings"))
    noted = {each for (each,) in connection.execute("SELECT reading_id FROM damaged_readings")}
    explained = connection.execute("""SELECT name, boot, first, gaps.last FROM gaps
        JOIN boots ON boots.id = boot_id JOIN endpoints ON endpoints.id = endpoint_id
        WHERE reason = 'damaged'""").fetchall()
    connection.close()
    reports = [json.loads(Path(f"{each}.report.json").read_text()) for each in set_aside(path)]
    return Left(
        readings, cursors, {key for key in damaged if is_named(key)}, noted,
        sum(not is_named(key) for key in damaged)
        + sum(each["traceless_readings"] for each in reports),
        incidents, epoch, None if command is None else command.state, bool(reports),
        [each["failure"] for each in reports if each["failure"]],
        {(name, boot, number) for name, boot, first, last in explained
         for number in range(first, last + 1)},
    )


def sent_again(folder: Path, rows: list) -> int:
    """Have nodes send `rows` once more; return how many of them were stored."""
    async def scenario():
        store = Store(str(folder / NAME), InlineExecutor, urgent_ms=0, measurement_ms=0)
        await store.open(EPOCH + 2)
        try:
            return sum([(await store.commit_pack([each], urgent=True)).stored for each in rows])
        finally:
            await store.close()

    return asyncio.run(scenario())


async def _read(store: Store) -> tuple[dict, dict]:
    """Return cursors and readings; damage that only reading finds is mended meanwhile."""
    for _ in range(1000):
        try:
            cursors = {lane: await store.cursor(UPLINK, lane) for lane in Lane}
            found = [await store.readings_after(lane, 0, 100_000) for lane in Lane]
        except StoreError:
            await asyncio.sleep(0)
        else:
            return cursors, {each.id: each.row for lane in found for each in lane}
    raise AssertionError("the store stays damaged")


def is_named(key: tuple) -> bool:
    return None not in key and key[0] != "?"


def key(reading) -> tuple:
    return reading.endpoint, reading.boot, reading.sequence


def vanished(before: dict, left: Left) -> set:
    """Return the ids of readings that some uplink lacks and that are neither here nor named."""
    here = {(reading_id, str(each)) for reading_id, each in left.readings.items()}
    return {reading_id for reading_id, each in before.items()
            if (reading_id, str(each)) not in here and key(each) not in left.named
            and reading_id > left.cursors[lane_of(each.reading_class)]}
