"""What the store keeps: over kills, failing disks, damaged files, and upgrades."""


import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from gateway.migrations import MIGRATIONS
from gateway.rows import (
    Lane,
    PackResult,
)
from gateway.store import StoreError
from protocol.number import Decimal
from simulator.disk import Disk, Trouble
from tests.gateway.open_store import COMMAND, NODE, run
from tests.gateway.uplink_rows import TIME_MS, row

STORES = Path(__file__).with_name("stores")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def refusal_to_open(path):
    with pytest.raises(StoreError) as caught:
        run(path, lambda store: None)
    return caught.value.reason


def test_folder_that_is_not_there_is_an_error(tmp_path):
    assert refusal_to_open(tmp_path / "none" / "store.db") == "cannot open"


def test_there_is_a_stored_database_of_every_version():
    names = {file.name for file in STORES.glob("*.sql")}
    assert names == {f"v{number:04}.sql" for number in range(1, len(MIGRATIONS) + 1)}


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_database_of_every_earlier_version_keeps_its_content(path, version):
    connection = apsw.Connection(str(path))
    connection.execute((STORES / f"v{version:04}.sql").read_text())
    connection.close()

    async def scenario(store):
        duplicate = await store.commit_pack([row(7, time_ms=TIME_MS)], urgent=True)
        stored = {each.row.sequence: each.row.value for each in await store.readings("lamp", 9)}
        depth = await store.backlog("city", Lane.MEASUREMENT)
        return duplicate, stored, depth.count, await store.nodes(), await store.command("c1")

    duplicate, stored, depth, nodes, command = run(path, scenario)
    assert duplicate == PackResult(0, 1)
    assert stored == {7: 50, 8: Decimal(215, -1), 9: True, None: "text"}
    assert (depth, nodes, command) == (2, [NODE], COMMAND)


WRITER = """
import asyncio, sys
from gateway.store import Store
from tests.gateway.uplink_rows import row

async def main(path):
    store = Store(path, urgent_ms=1)
    await store.open(1)
    async def write(first):
        for sequence in range(first, 1_000_000, 8):
            await store.commit_pack([row(sequence)], urgent=True)
            print(sequence, flush=True)
    await asyncio.gather(*(write(first) for first in range(8)))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("lines", [1, 40, 333])
def test_killed_writer_has_lost_nothing_that_it_acknowledged(path, lines):
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        acknowledged = {int(child.stdout.readline()) for _ in range(lines)}
    finally:
        os.kill(child.pid, signal.SIGKILL)
    acknowledged |= {int(line) for line in child.stdout.read().split(b"\n")[:-1]}
    child.wait()

    async def scenario(store):
        return {each.row.sequence for each in await store.readings("lamp", 1_000_000)}

    assert acknowledged <= run(path, scenario)


@pytest.fixture
def disk():
    disk = Disk("failing")
    yield disk
    disk.close()


@pytest.mark.parametrize(("operation", "trouble"), [
    ("write", Trouble.FULL), ("sync", Trouble.IO), ("write", Trouble.READ_ONLY)])
def test_failing_disk_is_never_success_and_passes(path, disk, operation, trouble):
    async def scenario(store):
        await store.commit_pack([row(1)], urgent=True)
        disk.fail(operation, trouble)
        commits = [store.commit_pack([row(sequence)], urgent=True) for sequence in (2, 3)]
        failures = await asyncio.gather(*commits, return_exceptions=True)
        disk.heal()
        again = await store.commit_pack([row(2), row(3)], urgent=True)
        return [failure.reason for failure in failures], again.stored + again.duplicates

    failures, kept = run(path, scenario, vfs=disk.name)
    assert failures == [trouble.value] * 2
    assert kept == 2


def test_slow_disk_delays_acknowledgements_and_nothing_else(path, disk):
    async def scenario(store):
        ended = []

        async def end(name, work):
            await work
            ended.append(name)

        disk.sync_delay_s, disk.counts["sync"] = 1.0, 0
        commit = asyncio.ensure_future(end("commit", store.commit_pack([row(1)], urgent=True)))
        while not disk.counts["sync"]:
            await asyncio.sleep(0.001)
        await end("read", store.readings_count())
        await commit
        disk.sync_delay_s = 0
        return ended

    assert run(path, scenario, vfs=disk.name, urgent_ms=0) == ["read", "commit"]


def test_locked_file_is_an_error_and_not_success(path, monkeypatch):
    monkeypatch.setattr("gateway.store_database.BUSY_TIMEOUT_MS", 1)

    async def scenario(store):
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            await store.commit_pack([row(1)], urgent=True)
        other.execute("ROLLBACK")
        other.close()
        return caught.value.reason, await store.commit_pack([row(1)], urgent=True)

    assert run(path, scenario) == ("busy", PackResult(1, 0))
