"""The file uplink: every reading once, in order, over crashes and full disks."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

import apsw
import pytest

from gateway import sequence_ranges, store_checksums
from gateway.rows import Lane
from gateway.settings import FileUplink as FileSettings
from gateway.store import Store, one_thread
from gateway.uplinks.file import FileUplink
from gateway.uplinks.json_lines import JsonLines
from gateway.uplinks.lane_window import READ_AHEAD_MAX
from gateway.uplinks.pump import Pump
from tests.gateway.uplink_rows import EPOCH, TIME_MS, alarm, row

LIMIT_S = 30


@asynccontextmanager
async def uplink_at(folder, measurement_ms=1, **settings):
    """Run the uplink over a store in `folder` until the body ends; give (store, uplink, pump)."""
    store = Store(str(folder / "store.db"), urgent_ms=1, measurement_ms=measurement_ms)
    await store.open(EPOCH)
    pump = Pump("file", store, lambda: TIME_MS)
    executor = one_thread()
    settings = FileSettings(path=str(folder / "out.jsonl"), **settings)
    uplink = FileUplink(settings, pump, executor, lambda: 0.0)
    task = asyncio.ensure_future(uplink.run())
    try:
        yield store, uplink, pump
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        executor.shutdown()
        await store.close()


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not await condition():
            await asyncio.sleep(0.005)


async def drained(store):
    for lane in Lane:
        if (await store.backlog("file", lane)).count:
            return False
    return True


def lines(folder):
    files = sorted(folder.glob("out.jsonl*"), reverse=True)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def sequences(folder):
    keys = [line[0]["id"].split(":")[1] for line in lines(folder)]
    return [each for key in keys for each in sequence_ranges.expand(sequence_ranges.parse(key))]


def test_readings_stand_in_the_file_as_senml_with_their_key(tmp_path):
    async def main():
        async with uplink_at(tmp_path) as (store, _, _):
            await store.commit_pack([row(1), row(2, value=20)], urgent=True)
            await until(lambda: drained(store))

    asyncio.run(main())
    (line,) = lines(tmp_path)
    assert (line[0]["bn"], line[0]["id"], line[0]["rows"]) == ("lamp", "1:1-2", "77:1-2")
    assert [record["v"] for record in line] == [50, 20]


def test_backlog_does_not_wait_for_the_commits_of_measurements(tmp_path):
    count = READ_AHEAD_MAX + 600

    async def written():
        return len(sequences(tmp_path)) == count

    async def main():
        async with uplink_at(tmp_path, measurement_ms=3_600_000) as (store, _, _):
            await store.commit_pack([row(each + 1) for each in range(count)], urgent=True)
            await until(written)

    asyncio.run(main())
    assert sequences(tmp_path) == list(range(1, count + 1))


def test_urgent_lane_goes_first(tmp_path):
    async def main():
        store = Store(str(tmp_path / "store.db"))
        await store.open(EPOCH)
        await store.commit_pack([row(1), alarm(2), row(3)], urgent=True)
        await store.close()
        async with uplink_at(tmp_path) as (store, _, _):
            await until(lambda: drained(store))

    asyncio.run(main())
    assert sequences(tmp_path) == [2, 1, 3]


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_crash_between_file_and_cursor_doubles_no_line(tmp_path, kept):
    """The file has everything, the cursor only `kept` of it: as after a crash at that point."""

    async def deliver(*rows):
        async with uplink_at(tmp_path) as (store, _, _):
            await store.commit_pack(rows, urgent=True)
            await until(lambda: drained(store))

    def set_back():
        connection = apsw.Connection(str(tmp_path / "store.db"))
        store_checksums.install(connection)
        connection.execute(
            "UPDATE cursors SET reading_id = ?1, checksum = row_checksum(uplink, lane, ?1)",
            (kept,))
        connection.close()

    asyncio.run(deliver(row(1), row(2, "bin"), row(3)))
    set_back()
    asyncio.run(deliver(row(4)))
    assert sorted(sequences(tmp_path)) == [1, 2, 3, 4]


def test_torn_last_line_is_cut_off_and_written_again(tmp_path):
    async def main():
        async with uplink_at(tmp_path) as (store, _, _):
            await store.commit_pack([row(1)], urgent=True)
            await until(lambda: drained(store))

    (tmp_path / "out.jsonl").write_text('[{"bn":"lamp","id":"1:1","rows":"77:1","n":"/34')
    asyncio.run(main())
    assert sequences(tmp_path) == [1]


def test_lines_of_another_store_hide_no_reading(tmp_path):
    (tmp_path / "out.jsonl").write_text('[{"bn":"x","id":"1:9","rows":"5:1-100","v":1}]\nnoise\n')

    async def main():
        async with uplink_at(tmp_path) as (store, _, _):
            await store.commit_pack([row(1)], urgent=True)
            await until(lambda: drained(store))

    asyncio.run(main())
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 3


def test_file_is_rotated_by_size_and_old_ones_are_dropped(tmp_path):
    async def main():
        async with uplink_at(tmp_path, rotate_bytes=4096, keep=2) as (store, _, _):
            for sequence in range(0, 400, 20):
                rows = [row(sequence + index) for index in range(20)]
                await store.commit_pack(rows, urgent=True)
                await until(lambda: drained(store))

    asyncio.run(main())
    names = sorted(file.name for file in tmp_path.glob("out.jsonl*"))
    assert names == ["out.jsonl", "out.jsonl.1", "out.jsonl.2"]
    kept = sequences(tmp_path)
    assert kept == list(range(kept[0], 400))


def test_folder_that_cannot_be_written_keeps_the_readings_until_it_can(tmp_path):
    blocked = tmp_path / "out.jsonl"
    blocked.mkdir()

    async def main():
        async with uplink_at(tmp_path) as (store, uplink, pump):
            await store.commit_pack([row(1)], urgent=True)

            async def failed():
                return pump.counters["failures"] >= 2

            await until(failed)
            assert (await store.backlog("file", Lane.MEASUREMENT)).count == 1
            blocked.rmdir()
            await until(lambda: drained(store))

            async def told():
                return len(await store.incidents(5)) > 1

            await until(told)
            return [each.kind for each in await store.incidents(5)]

    assert asyncio.run(main()) == ["uplink_recovered", "uplink_failed"]
    assert sequences(tmp_path) == [1]


class FullDisk(JsonLines):
    """Has space for one line of the first long batch, and for everything after it."""

    failures = 0

    def append(self, lines):
        if self.failures == 0 and len(lines[0]) > 300:
            self.failures += 1
            super().append(lines[:1])
            raise OSError("no space left")
        super().append(lines)


def test_batch_that_was_half_written_is_completed_not_doubled(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.uplinks.file.JsonLines", FullDisk)

    async def main():
        async with uplink_at(tmp_path) as (store, _, _):
            rows = [row(sequence, node) for node in "ab" for sequence in range(10)]
            await store.commit_pack(rows, urgent=True)
            await until(lambda: drained(store))

    asyncio.run(main())
    assert sequences(tmp_path) == [*range(10), *range(10)]


def test_file_stays_open_until_the_batch_under_way_is_written(tmp_path):
    async def main():
        executor = Patient()
        store = Store(str(tmp_path / "store.db"), urgent_ms=1)
        await store.open(EPOCH)
        pump = Pump("file", store, lambda: TIME_MS)
        settings = FileSettings(path=str(tmp_path / "out.jsonl"))
        task = asyncio.ensure_future(FileUplink(settings, pump, executor, lambda: 0.0).run())
        await store.commit_pack([row(1)], urgent=True)
        while "append" not in executor.names:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.05)
        executor.gate.set()
        await asyncio.gather(task, return_exceptions=True)
        executor.shutdown()
        await store.close()
        return executor.failures

    assert asyncio.run(main()) == []


class Patient(ThreadPoolExecutor):
    """One thread, in which each append waits for the gate."""

    def __init__(self):
        super().__init__(max_workers=1)
        self.gate = threading.Event()
        self.names = []
        self.failures = []

    def submit(self, function, *arguments):
        return super().submit(self._run, function, *arguments)

    def _run(self, function, *arguments):
        self.names.append(function.__name__)
        if function.__name__ == "append":
            self.gate.wait(30)
        try:
            return function(*arguments)
        except Exception as failure:
            self.failures.append(failure)
            raise
