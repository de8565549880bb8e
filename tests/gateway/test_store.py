"""The store: what is acknowledged is there, whatever happens; and nothing counts twice."""

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from gateway.rows import (
    Backlog,
    CommandState,
    IncidentRow,
    Lane,
    ObservationRow,
    PackResult,
)
from gateway.store import InlineExecutor, Store, StoreError, one_thread
from gateway.store_values import from_columns, to_columns
from protocol.data_types import ObjectLink
from protocol.number import Decimal
from tests.gateway.open_store import COMMAND, NODE, run
from tests.gateway.uplink_rows import EPOCH, TIME_MS, alarm, row


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.mark.parametrize("new_executor", [one_thread, InlineExecutor])
def test_readings_come_back_as_they_went_in(path, new_executor):
    values = [0, -5, 1 << 63, Decimal(215, -1), True, "é", b"\x00\xff", ObjectLink(3416, 0)]
    rows = [row(index, value=value) for index, value in enumerate(values)]
    rows.append(row(None, boot=None, stated_time="4000000000"))

    async def scenario(store):
        assert await store.commit_pack(rows, urgent=True) == PackResult(len(rows), 0)
        return await store.readings("lamp", 100)

    stored = run(path, scenario, new_executor)
    assert [each.row for each in reversed(stored)] == rows


@given(
    st.one_of(
        st.integers(-(1 << 63), (1 << 64) - 1),
        st.builds(Decimal, st.integers(), st.integers(-30, 30)),
        *(st.booleans(), st.text(), st.binary()),
    )
)
def test_any_value_keeps_its_type_and_precision(value):
    kind, column = to_columns(value)
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (value ANY NOT NULL) STRICT")
    try:
        connection.execute("INSERT INTO t VALUES (?)", (column,))
    except UnicodeEncodeError:
        return
    again = from_columns(kind, connection.execute("SELECT value FROM t").get)
    assert (again, type(again)) == (value, type(value))


def test_sequence_numbers_of_a_boot_are_stored_once(path):
    async def scenario(store):
        await store.commit_pack([row(1), row(2)], urgent=True)
        again = await store.commit_pack([row(2), row(3), row(3)], urgent=True)
        other = await store.commit_pack([row(2, boot=2), row(2, "bin")], urgent=True)
        return again, other, await store.readings_count()

    assert run(path, scenario) == (PackResult(1, 2), PackResult(2, 0), 5)


def test_duplicates_are_recognised_after_a_restart(path):
    async def commit(store):
        return await store.commit_pack([row(1)], urgent=True)

    assert run(path, commit).stored == 1
    assert run(path, commit) == PackResult(0, 1)


def test_unsequenced_readings_without_a_time_of_their_own_never_collide(path):
    untimed = changed(row(None, boot=None), time_source="gateway")

    async def scenario(store):
        return await store.commit_pack([untimed] * 3, urgent=True)

    assert run(path, scenario).stored == 3


def test_value_that_a_client_dated_itself_is_stored_once(path):
    dated = row(None, boot=None)

    async def commit(store):
        return await store.commit_pack([dated], urgent=True)

    async def commit_again(store):
        others = [
            row(None, boot=None, value=51),
            row(None, boot=None, value=Decimal(50, 0)),
            row(None, boot=None, time_ms=TIME_MS + 1),
            row(None, "bin", boot=None),
            row(None, boot=None, path="/3416/0/4"),
        ]
        return await store.commit_pack([dated, *others], urgent=True)

    assert run(path, commit) == PackResult(1, 0)
    assert run(path, commit_again) == PackResult(5, 1)


def test_packs_that_wait_together_share_one_commit(path):
    async def scenario(store):
        before = page_count(path)
        packs = [store.commit_pack([row(index)], urgent=False) for index in range(50)]
        await asyncio.gather(*packs)
        return page_count(path) - before

    # One page of the log holds dozens of rows; fifty commits would write each page anew.
    assert run(path, scenario, measurement_ms=100) < 20


def page_count(path):
    return Path(f"{path}-wal").stat().st_size // 4096


def test_urgent_pack_takes_waiting_ones_along(path):
    async def scenario(store):
        slow = asyncio.ensure_future(store.commit_pack([row(1)], urgent=False))
        await store.commit_pack([alarm(2)], urgent=True)
        return await asyncio.wait_for(slow, 30)

    assert run(path, scenario, measurement_ms=3_600_000).stored == 1


def test_closing_commits_what_waits(path):
    async def scenario(store):
        waiting = asyncio.ensure_future(store.commit_pack([row(1)], urgent=False))
        await asyncio.sleep(0)
        return waiting

    async def main():
        store = Store(str(path), measurement_ms=3_600_000)
        await store.open(EPOCH)
        waiting = await scenario(store)
        await store.close()
        assert (await waiting).stored == 1
        with pytest.raises(StoreError, match="closed"):
            await store.commit_pack([row(2)], urgent=True)

    asyncio.run(main())


def test_work_that_sqlite_rejects_costs_no_other(path):
    async def scenario(store):
        bad = changed(row(1), received_ms=None)
        packs = ([bad], [row(2)])
        commits = [store.commit_pack(each, urgent=True) for each in packs]
        return await asyncio.gather(*commits, return_exceptions=True)

    rejected, stored = run(path, scenario)
    assert (rejected.reason, stored) == ("rejected", PackResult(1, 0))


def test_pack_is_stored_whole_or_not_at_all(path):
    async def scenario(store):
        with pytest.raises(StoreError):
            await store.commit_pack([row(1), changed(row(2), received_ms=None)], urgent=True)
        return await store.readings_count()

    assert run(path, scenario) == 0


def test_lanes_and_cursors_are_independent(path):
    async def scenario(store):
        await store.commit_pack([row(1), alarm(2), row(3), alarm(4)], urgent=True)
        await store.advance("city", Lane.URGENT, 2)
        await store.advance("city", Lane.URGENT, 1)
        urgent = await store.readings_after(Lane.URGENT, 2, 10)
        measured = await store.readings_after(Lane.MEASUREMENT, 0, 10)
        depth = [await store.backlog("city", lane) for lane in Lane]
        return ids(urgent), ids(measured), depth, await store.cursor("city", Lane.URGENT)

    depth = [Backlog(1, TIME_MS), Backlog(2, TIME_MS)]
    assert run(path, scenario) == ([4], [1, 3], depth, 2)


def ids(readings):
    return [each.id for each in readings]


def test_ids_are_never_used_twice(path):
    async def scenario(store):
        await store.commit_pack([row(1)], urgent=True)
        for lane in Lane:
            await store.advance("city", lane, 100)
        assert await store.delete_delivered(["city"], TIME_MS + 1, 10) == 1
        await store.commit_pack([row(2)], urgent=True)
        return ids(await store.readings("lamp", 10))

    assert run(path, scenario) == [2]


def test_readings_stay_until_every_uplink_has_them_and_they_are_old(path):
    async def scenario(store):
        await store.commit_pack([row(sequence) for sequence in range(4)], urgent=True)
        await store.advance("a", Lane.MEASUREMENT, 3)
        await store.advance("b", Lane.MEASUREMENT, 2)
        young = await store.delete_delivered(["a", "b"], TIME_MS, 10)
        old = await store.delete_delivered(["a", "b"], TIME_MS + 1, 10)
        unknown = await store.delete_delivered(["a", "new"], TIME_MS + 1, 10)
        return young, old, unknown, ids(await store.readings("lamp", 10))

    assert run(path, scenario) == (0, 2, 0, [4, 3])


def test_latest_reading_of_each_path(path):
    async def scenario(store):
        rows = [row(1, value=10), row(2, value=20), alarm(3), row(1, "bin", value=5)]
        await store.commit_pack(rows, urgent=True)
        return [(each.row.endpoint, each.row.value) for each in await store.latest_readings()]

    assert run(path, scenario) == [("lamp", 20), ("lamp", True), ("bin", 5)]


def test_listeners_hear_of_new_readings_and_not_of_duplicates(path):
    async def scenario(store):
        calls = []
        store.call_on_readings(lambda: calls.append(1))
        await store.commit_pack([row(1)], urgent=True)
        await store.commit_pack([row(1)], urgent=True)
        return len(calls)

    assert run(path, scenario) == 1


def test_nodes_and_what_is_known_of_them(path):
    known = replace(NODE, facts=(("/3/0/0", "Faubourg"), ("/3/0/9", 80)))

    async def scenario(store):
        await store.save_node(NODE)
        await store.save_node(known)
        first = await store.nodes()
        await store.delete_registration("lamp")
        second = await store.nodes()
        await store.save_observation(ObservationRow("lamp", "/3416/0/3", "pmax=60"))
        await store.delete_node("lamp")
        return first, second, await store.nodes(), await store.observations()

    unregistered = replace(known, registration_id=None)
    assert run(path, scenario) == ([known], [unregistered], [], [])


def test_observations_wanted_are_kept(path):
    wanted = [ObservationRow("a", "/3303/0/5700", "pmin=1"), ObservationRow("a", "/3435/0/2")]

    async def scenario(store):
        for each in wanted:
            await store.save_observation(each)
        await store.save_observation(replace(wanted[1], attributes="pmax=9"))
        await store.delete_observation("a", "/3303/0/5700")
        return await store.observations()

    assert run(path, scenario) == [replace(wanted[1], attributes="pmax=9")]


def test_command_is_stored_once_per_id(path):
    async def scenario(store):
        first = await store.add_command(COMMAND)
        await store.save_command(replace(COMMAND, state=CommandState.DONE, finished_ms=1500))
        return first, await store.add_command(replace(COMMAND, path="/3/0/4"))

    first, again = run(path, scenario)
    assert first == COMMAND
    assert again == replace(COMMAND, state=CommandState.DONE, finished_ms=1500)


def test_commands_are_found_by_what_is_left_to_do(path):
    done = replace(COMMAND, id="c2", state=CommandState.DONE, finished_ms=1500, created_ms=1001)

    async def scenario(store):
        for each in (COMMAND, done):
            await store.save_command(each)
        assert await store.unfinished_commands() == [COMMAND]
        assert await store.unreported_commands("city", 5) == [done]
        assert await store.commands(5) == [done, COMMAND]
        await store.mark_reported("c2")
        assert await store.unreported_commands("city", 5) == []
        assert await store.delete_finished_commands(1501, 5) == 1
        return await store.command("c2")

    assert run(path, scenario) is None


def test_counters_and_incidents_last(path):
    incidents = [IncidentRow(index, "uplink_lost", "city", str(index)) for index in range(3)]

    async def scenario(store):
        await asyncio.gather(store.add_counts({"a": 2}), store.add_counts({"a": 3, "b": 1}))
        for each in incidents:
            await store.add_incident(each)

    async def look(store):
        return await store.counts(), await store.incidents(2)

    run(path, scenario, measurement_ms=0)
    assert run(path, look) == ({"a": 5, "b": 1}, [incidents[2], incidents[1]])


def test_epoch_is_that_of_the_file(path):
    async def epoch(store):
        return store.epoch

    assert run(path, epoch) == EPOCH
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT value FROM properties WHERE name = 'epoch'").get == EPOCH


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=8))
def test_any_packs_leave_each_sequence_number_once(tmp_path_factory, packs):
    path = tmp_path_factory.mktemp("packs") / "store.db"

    async def scenario(store):
        commits = [
            store.commit_pack([row(each) for each in pack], urgent=True) for pack in packs
        ]
        results = await asyncio.gather(*commits)
        return results, [each.row.sequence for each in await store.readings("lamp", 100)]

    results, sequences = run(path, scenario, InlineExecutor, urgent_ms=0)
    assert sorted(sequences) == sorted({each for pack in packs for each in pack})
    assert sum(each.stored + each.duplicates for each in results) == sum(map(len, packs))


def test_store_and_its_log_are_open_to_their_owner_alone(path):
    before = os.umask(0)

    async def scenario(store):
        await store.commit_pack([row(1)], urgent=True)
        return {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}

    try:
        assert run(path, scenario) == {0o600}
    finally:
        os.umask(before)


def test_store_of_an_older_release_loses_its_wide_mode(path):
    async def nothing(store):
        pass

    run(path, nothing)
    path.chmod(0o644)
    run(path, nothing)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
