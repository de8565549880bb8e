"""A damaged store is set aside with its date, and salvaged row by row into a fresh one."""

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from gateway import store_aside, store_database
from gateway.migrations import MIGRATIONS
from gateway.rows import CommandState, Lane, PackResult
from gateway.store import StoreError
from protocol.number import Decimal
from simulator.disk import PAGE_BYTES, Disk, Trouble, cut, overwrite
from tests.gateway.open_store import COMMAND, NODE, run
from tests.gateway.uplink_rows import EPOCH, TIME_MS, row

STORES = Path(__file__).with_name("stores")
ASIDE = "store.db.damaged-19700101T000000Z"  # as EPOCH is


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A filled store closed in order, and the same one as a power cut leaves it."""
    folder = tmp_path_factory.mktemp("stores")
    cut_off = folder / "cut off"
    cut_off.mkdir()

    async def scenario(store):
        await fill(store)
        for suffix in ("", "-wal", "-mark"):
            shutil.copy(f"{folder}/store.db{suffix}", cut_off)

    run(folder / "store.db", scenario)
    return folder


@pytest.fixture
def path(stores, tmp_path):
    """A store with the readings 1 to 400."""
    for suffix in ("", "-mark"):
        shutil.copy(f"{stores}/store.db{suffix}", tmp_path)
    return tmp_path / "store.db"


@pytest.fixture
def cut_off(stores, tmp_path):
    """The same, all in its log: the gateway was killed."""
    shutil.copytree(stores / "cut off", tmp_path / "cut off")
    return tmp_path / "cut off" / "store.db"


@pytest.fixture
def disk():
    disk = Disk("salvaging")
    yield disk
    disk.close()


async def fill(store):
    for first in range(1, 401, 20):
        rows = [row(sequence) for sequence in range(first, first + 20)]
        await store.commit_pack(rows, urgent=True)


async def look(store):
    """Return the numbers that are stored, and the kinds of the incidents."""
    stored = [each.row.sequence for each in await store.readings("lamp", 1000)]
    return sorted(stored), [each.kind for each in await store.incidents(10)]


EVERYTHING = list(range(1, 401)), ["store_salvaged"]


def page_of(path, table):
    """Return the offset of a table's root page."""
    connection = apsw.Connection(str(path))
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).get
    connection.close()
    return (root - 1) * PAGE_BYTES


def zero(path, table):
    overwrite(path, page_of(path, table), bytes(PAGE_BYTES))


def names(path):
    return sorted(each.name for each in path.parent.iterdir())


def test_rows_that_no_tree_leads_to_are_found_all_the_same(path):
    zero(path, "readings")
    before = path.read_bytes()
    assert run(path, look) == EVERYTHING
    assert (path.parent / ASIDE).read_bytes() == before, "the old file is not as it was"
    assert names(path) == ["store.db", "store.db-mark", ASIDE, f"{ASIDE}.report.json"]


def test_lost_first_page_costs_nothing(path):
    overwrite(path, 0, bytes(PAGE_BYTES))
    assert run(path, look) == EVERYTHING


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 1",
                                    f"user_version = {len(MIGRATIONS) + 1}", "user_version = 0"])
def test_header_that_says_something_else_costs_nothing(path, pragma):
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    assert run(path, look) == EVERYTHING


def test_file_that_is_no_database_is_set_aside_as_it_is(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"all my poems\n" * 500)
    assert run(path, look) == ([], ["store_salvaged"])
    assert (path.parent / ASIDE).read_bytes() == b"all my poems\n" * 500


def test_store_of_the_first_version_is_salvaged_too(tmp_path):
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    connection.execute((STORES / "v0001.sql").read_text())
    connection.close()
    zero(path, "observations")

    async def scenario(store):
        duplicate = await store.commit_pack([row(7, time_ms=TIME_MS)], urgent=True)
        values = {each.row.sequence: each.row.value for each in await store.readings("lamp", 9)}
        return duplicate, values, await store.nodes(), await store.command("c1")

    stored = {7: 50, 8: Decimal(215, -1), 9: True, None: "text"}
    assert run(path, scenario) == (PackResult(0, 1), stored, [NODE], COMMAND)


def lose_a_leaf(path):
    """Lose a page of readings; return the numbers that stood in it."""
    connection = apsw.Connection(str(path))
    content = path.read_bytes()
    numbers = [number for (number,) in connection.execute(
        """SELECT sequence FROM readings WHERE id BETWEEN 200 AND 230""")]
    connection.close()
    # Each of the rows holds its own number as a value of two bytes: the page of most of them.
    pages = [content[at : at + PAGE_BYTES] for at in range(0, len(content), PAGE_BYTES)]
    leaf = next(index for index, page in enumerate(pages)
                if page[0] == 0x0D and b"/3416/0/3" in page and index > 5
                and numbers[0].to_bytes(2, "big") in page)
    overwrite(path, leaf * PAGE_BYTES, bytes(PAGE_BYTES))


def test_lost_readings_are_named_and_welcome_again(path):
    lose_a_leaf(path)

    async def scenario(store):
        before, kinds = await look(store)
        again = await store.commit_pack([row(number) for number in range(1, 401)], urgent=True)
        return before, kinds, again

    before, kinds, again = run(path, scenario)
    lost = set(range(1, 401)) - set(before)
    assert lost and kinds == ["store_salvaged"]
    assert again == PackResult(len(lost), len(before))
    report = (path.parent / f"{ASIDE}.report.json").read_text()
    assert f"{min(lost)}-{max(lost)}" in report


def test_new_readings_never_get_the_ids_of_lost_ones(path):
    lose_a_leaf(path)

    async def scenario(store):
        await store.commit_pack([row(1000)], urgent=True)
        return store.epoch, (await store.readings("lamp", 1))[0].id

    assert run(path, scenario) == (EPOCH, 401)


def test_node_s_name_is_found_in_the_index(path):
    zero(path, "endpoints")
    assert run(path, look) == EVERYTHING


def test_damaged_cursor_means_delivering_again_and_never_skipping(path):
    async def deliver(store):
        await store.advance("city", Lane.MEASUREMENT, 10)

    run(path, deliver)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE cursors SET reading_id = 300")
    connection.close()

    async def cursor(store):
        return await store.cursor("city", Lane.MEASUREMENT)

    assert run(path, cursor) == 0
    assert run(path, look) == EVERYTHING


def test_command_that_may_have_been_sent_is_not_repeated(path):
    async def scenario(store):
        await store.save_command(replace(COMMAND, state=CommandState.QUEUED))

    async def command(store):
        return (await store.command(COMMAND.id)).state

    run(path, scenario)
    zero(path, "sqlite_autoindex_commands_1")
    assert run(path, command) == CommandState.QUEUED, "its row is the newest one"
    overwrite(path, 0, bytes(PAGE_BYTES))
    assert run(path, command) == CommandState.UNKNOWN, "nobody knows whether it is"


def test_log_that_lost_its_end_is_found_out(cut_off):
    cut(Path(f"{cut_off}-wal"), Path(f"{cut_off}-wal").stat().st_size * 2 // 3)
    stored, kinds = run(cut_off, look)
    assert kinds == ["store_salvaged"]
    assert stored == list(range(1, len(stored) + 1)) and len(stored) < 400
    report = (cut_off.parent / f"{ASIDE}.report.json").read_text()
    assert f'"traceless_readings": {400 - len(stored)}' in report


def test_lost_file_beside_its_log_is_salvaged_from_the_log(cut_off):
    cut_off.unlink()
    assert run(cut_off, look) == EVERYTHING
    assert store_aside.set_aside(str(cut_off)) == [str(cut_off.parent / ASIDE)]


def test_undamaged_store_is_left_alone_after_a_power_cut(cut_off):
    assert run(cut_off, look) == (list(range(1, 401)), [])
    assert names(cut_off) == ["store.db", "store.db-mark"]


class PowerCut(Exception):
    """The end of the process, at a call of the operating system."""


@pytest.mark.parametrize("call", range(1, 12))
def test_salvage_that_power_ends_anywhere_is_done_again(path, monkeypatch, call):
    zero(path, "readings")
    Path(f"{path}-wal").write_bytes(b"")
    before = path.read_bytes()
    calls = iter(range(1, call + 1))

    def cutting(real):
        def called(*arguments):
            if next(calls, None) is None:
                raise PowerCut
            return real(*arguments)
        return called

    with monkeypatch.context() as patch:
        for name in ("rename", "fsync"):
            patch.setattr(os, name, cutting(getattr(os, name)))
        try:
            run(path, look)
        except PowerCut:
            pass
    assert run(path, look) == EVERYTHING
    aside = store_aside.set_aside(str(path))
    assert len(aside) == 1 and Path(aside[0]).read_bytes() == before
    assert not [name for name in names(path) if ".salvag" in name]


def test_only_so_many_damaged_stores_are_kept(path):
    for _ in range(store_aside.SET_ASIDE_MAX + 2):
        zero(path, "readings")
        run(path, look)
    kept = store_aside.set_aside(str(path))
    assert len(kept) == store_aside.SET_ASIDE_MAX
    assert len([name for name in names(path) if "damaged" in name]) == 2 * len(kept)


def test_full_disk_leaves_the_damaged_store_as_it_is(path, disk):
    zero(path, "readings")
    before = path.read_bytes()
    disk.fail("write", Trouble.FULL, after=5)
    with pytest.raises(StoreError) as caught:
        run(path, look, vfs=disk.name)
    assert (caught.value.reason, path.read_bytes()) == ("full", before)
    assert names(path) == ["store.db", "store.db-mark"], "the attempt takes room"
    disk.heal()
    assert run(path, look, vfs=disk.name) == EVERYTHING


def test_store_set_aside_gives_way_where_a_salvage_needs_its_room(path, disk):
    zero(path, "readings")
    assert run(path, look) == EVERYTHING
    zero(path, "readings")
    disk.fail("write", Trouble.FULL, after=5, times=1)
    assert run(path, look, vfs=disk.name)[0] == EVERYTHING[0]
    assert len(store_aside.set_aside(str(path))) == 1
    assert not [name for name in names(path) if ".salvag" in name]


def test_bug_in_the_salvage_itself_is_no_crash_loop(path, monkeypatch):
    def broken(self, now_ms):
        assert not self._places.tables, "a bug"

    zero(path, "readings")
    with monkeypatch.context() as patch:
        patch.setattr("gateway.store_salvage.Salvage._take_trees", broken)
        assert run(path, look) == ([], ["store_salvaged"])
    report = (path.parent / f"{ASIDE}.report.json").read_text()
    assert '"failure": "AssertionError: a bug' in report and '"traceless_readings": 400' in report


def test_damage_while_running_is_mended_without_a_restart(path, monkeypatch):
    # Without a cache the damage is seen at once.
    pragmas = (*store_database.WRITER_PRAGMAS, "cache_size = 0")
    monkeypatch.setattr(store_database, "WRITER_PRAGMAS", pragmas)

    async def scenario(store):
        heard = []
        store.call_on_readings(lambda: heard.append(1))
        connection = apsw.Connection(str(path))
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.close()
        zero(path, "readings")
        reasons = set()
        for _ in range(3000):
            try:
                await store.commit_pack([row(401)], urgent=True)
                break
            except StoreError as error:
                reasons.add(error.reason)
                await asyncio.sleep(0.01)
        assert heard, "the uplinks were not told"
        return reasons, await look(store)

    reasons, (stored, kinds) = run(path, scenario, urgent_ms=0)
    assert reasons == {"damaged"}
    assert (stored, kinds) == (list(range(1, 402)), ["store_salvaged"])
