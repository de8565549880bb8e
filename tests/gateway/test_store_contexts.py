"""Security contexts at rest: numbers that never go back, and what a salvage makes of them."""

from dataclasses import replace
from functools import partial

import apsw
import pytest

from gateway import store_checksums, store_contexts
from gateway.rows import ContextState, Numbers, StoredContext
from simulator.disk import PAGE_BYTES, overwrite
from tests.gateway.open_store import run
from tests.gateway.uplink_rows import row

KID = bytes.fromhex("00000002")
CONTEXT = StoredContext(1, KID, None, "lamp", ContextState.CURRENT, b"sealed", 1000)
STEP = 128


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def stored(number, state, sealed=b"sealed"):
    return StoredContext(number, KID, None, f"lamp-{number}", state, sealed, 1000)


def test_context_comes_back_as_it_was_stored(path):
    numbers = Numbers(256, (7, 0xFFFFFFFF), True, 2000)
    rows = [CONTEXT, StoredContext(2, KID, bytes(8), "lamp", ContextState.TRIAL, b"other", 1001,
                                   numbers)]

    async def fill(store):
        await store.change_contexts(rows)

    run(path, fill)
    assert run(path, lambda store: store.contexts()) == rows


def test_numbers_are_reserved_and_windows_are_open_from_the_start_on(path):
    async def scenario(store):
        rows = [stored(number, state) for number, state in enumerate(ContextState, 1)]
        rows[0] = replace(rows[0], numbers=Numbers(10, (3, 1), True))
        rows[2] = replace(rows[2], numbers=Numbers(10, (3, 1), True))
        await store.change_contexts(rows)
        left = await store.begin_contexts(STEP)
        assert [(each.numbers.sender_limit, each.numbers.is_settled) for each in left] == [
            (10, True), (0, False), (10, True), (0, False)]
        return await store.contexts()

    now = run(path, scenario)
    assert [each.numbers.sender_limit for each in now] == [10 + STEP, STEP, 10, 0]
    assert [each.state for each in now] == list(ContextState)
    assert not now[0].numbers.is_settled


def test_sender_limit_never_goes_back(path):
    async def scenario(store):
        await store.change_contexts([CONTEXT])
        await store.raise_limits({1: 300})
        await store.raise_limits({1: 200})
        # As after a salvage: the row was made before more was reserved.
        await store.change_contexts([CONTEXT])
        return await store.contexts()

    assert run(path, scenario)[0].numbers == Numbers(300)


def test_windows_go_along_with_whatever_is_written(path):
    heard = []

    async def scenario(store):
        await store.change_contexts([CONTEXT])
        work = partial(store_contexts.save_windows, windows={1: (9, 5, 2000)})
        store.accompany(lambda: (work, heard.append))
        await store.commit_pack([row(1)], urgent=True)
        assert heard == [None]
        return await store.contexts()

    assert run(path, scenario)[0].numbers == Numbers(0, (9, 5), False, 2000)


def test_numbers_of_a_deleted_context_are_not_kept(path):
    async def scenario(store):
        await store.change_contexts([CONTEXT, stored(2, ContextState.TRIAL)])
        await store.change_contexts(states=[(2, ContextState.CURRENT)], deleted=[1])
        await store.raise_limits({1: 200})
        return await store.contexts()

    [left] = run(path, scenario)
    assert (left.serial, left.state) == (2, ContextState.CURRENT)
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT count(*) FROM context_numbers").get == 1
    store_checksums.install(connection)
    assert not store_checksums.damaged(connection, "contexts")


def page_of(path, table):
    query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    return apsw.Connection(str(path)).execute(query, (table,)).get


@pytest.mark.parametrize("table", ["readings", "contexts", "context_numbers"])
def test_salvaged_context_never_sends_again(path, table):
    async def fill(store):
        await store.change_contexts([CONTEXT, stored(2, ContextState.REVOKED),
                                     stored(3, ContextState.TRIAL)])
        await store.begin_contexts(STEP)
        await store.commit_pack([row(number) for number in range(1, 5)], urgent=True)

    run(path, fill)
    # The rows at a page's end are whole still.
    overwrite(path, (page_of(path, table) - 1) * PAGE_BYTES, bytes(20))
    found = run(path, lambda store: store.contexts())
    assert [each.state for each in found] == ["restored", "revoked", "restored"]


def test_salvage_does_not_bring_back_a_context_that_was_deleted(path):
    async def fill(store):
        many = [stored(number, ContextState.CURRENT, bytes(400)) for number in range(1, 200)]
        await store.change_contexts(many)
        await store.change_contexts(deleted=range(2, 200))
        await store.commit_pack([row(number) for number in range(1, 5)], urgent=True)

    run(path, fill)
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA freelist_count").get > 10
    connection.close()
    overwrite(path, (page_of(path, "readings") - 1) * PAGE_BYTES, bytes(20))
    assert [each.serial for each in run(path, lambda store: store.contexts())] == [1]
