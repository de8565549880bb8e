"""The nodes' contexts over restarts: no number twice, no window believed that is not complete."""

import asyncio

import pytest

from gateway.context_durability import LOW_WATER, SENDER_STEP
from gateway.contexts import ContextError
from gateway.rows import ContextState
from gateway.store import StoreError
from gateway.vault import VaultError
from simulator.disk import Disk, Trouble
from tests.gateway.open_store import run
from tests.gateway.oscore_keys import credentials_of_node, opened

KEYS = credentials_of_node(1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def disk():
    disk = Disk("contexts")
    yield disk
    disk.close()


def states(contexts):
    return [(row.endpoint, row.state.value) for row in contexts.rows()]


def sent(context, count):
    """The sender numbers that are given next."""
    return [context.new_sequence_number() for _ in range(count)]


def test_context_is_found_by_its_kid_after_a_restart(path):
    async def before(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        await contexts.close()

    async def after(store):
        contexts = await opened(store)
        [found] = contexts.find(KEYS.sender_id, None)
        assert contexts.find(KEYS.sender_id, b"other") == contexts.find(b"none", None) == []
        assert contexts.node("lamp").active is found and contexts.node("bin") is None
        return found.credentials_of_node()

    run(path, before)
    assert run(path, after) == KEYS


def test_no_sender_number_is_given_twice_whatever_a_stop_is_like(path):
    numbers = []

    async def session(store):
        contexts = await opened(store)
        if not contexts.rows():
            await contexts.add("lamp", KEYS)
        [context] = contexts.find(KEYS.sender_id, None)
        numbers.extend(sent(context, 5))
        if len(numbers) == 10:
            await contexts.close()

    for _ in range(4):
        run(path, session)
    assert numbers == sorted(set(numbers)) and len(numbers) == 20


def test_numbers_are_reserved_before_they_run_out_and_none_is_given_beyond(path, disk):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        [context] = contexts.find(KEYS.sender_id, None)
        sent(context, SENDER_STEP - LOW_WATER)
        while context.sender_limit == SENDER_STEP:
            await store.write_nothing()
        assert context.sender_limit == 2 * SENDER_STEP
        disk.fail("write", Trouble.FULL)
        sent(context, SENDER_STEP + LOW_WATER)
        with pytest.raises(Exception, match="no sender number is reserved"):
            sent(context, 1)
        assert context.sender_sequence_number == 2 * SENDER_STEP
        disk.heal()

    run(path, scenario, vfs=disk.name)


def test_replay_window_is_believed_after_a_stop_in_order_alone(path):
    async def session(store, is_stopped_in_order=True):
        contexts = await opened(store)
        if not contexts.rows():
            await contexts.add("lamp", KEYS)
        [context] = contexts.find(KEYS.sender_id, None)
        window = context.recipient_replay_window
        found = window.is_initialized(), window.is_replay(7)
        if not window.is_replay(7):
            window.strike_out(7)
            await contexts.settle(context, window.version)
        if is_stopped_in_order:
            await contexts.close()
        return found

    assert run(path, session) == (True, False)
    assert run(path, lambda store: session(store, False)) == (True, True)
    # What was seen for certain is a replay all the same.
    assert run(path, session) == (False, True)


def test_window_is_not_called_durable_when_the_store_fails(path, disk):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        [context] = contexts.find(KEYS.sender_id, None)
        context.recipient_replay_window.strike_out(3)
        disk.fail("write", Trouble.FULL)
        with pytest.raises(StoreError):
            await contexts.settle(context, 1)
        disk.heal()
        await contexts.settle(context, 1)

    run(path, scenario, vfs=disk.name)


def test_key_that_does_not_fit_is_refused_at_the_start(path):
    async def fill(store):
        await (await opened(store)).add("lamp", KEYS)

    run(path, fill)
    with pytest.raises(VaultError, match="another key"):
        run(path, lambda store: opened(store, key=bytes(32)))


def test_ids_are_even_and_given_once(path):
    async def scenario(store):
        contexts = await opened(store)
        assert contexts.allocate_ids() == (bytes(4), bytes((0, 0, 0, 1)))
        await contexts.add("lamp", credentials_of_node(0))
        assert contexts.allocate_ids()[0] == bytes((0, 0, 0, 2))
        with pytest.raises(ContextError, match="keys already"):
            await contexts.add("lamp", KEYS)
        with pytest.raises(ContextError, match="another node's"):
            await contexts.add("bin", credentials_of_node(0))
        with pytest.raises(ContextError, match="twice"):
            await contexts.add_all([("bin", KEYS), ("bay", KEYS)])
        assert states(contexts) == [("lamp", "current")]

    run(path, scenario)


def test_revoked_node_stays_named_and_can_be_added_again(path):
    heard = []

    async def scenario(store):
        contexts = await opened(store)
        contexts.call_on_revoked(heard.append)
        await contexts.add("lamp", KEYS)
        await contexts.revoke("lamp")
        assert contexts.find(KEYS.sender_id, None) == [] and contexts.node("lamp") is None
        with pytest.raises(ContextError, match="no keys"):
            await contexts.revoke("lamp")
        contexts = await opened(store)
        assert states(contexts) == [("lamp", "revoked")]
        assert contexts.find(KEYS.sender_id, None) == []
        await contexts.add("lamp", credentials_of_node(1, secret=2))
        return states(contexts), len(await store.contexts())

    assert run(path, scenario) == ([("lamp", "current")], 1)
    assert heard == ["lamp"]


def test_trial_takes_the_place_of_the_context_in_force_or_is_dropped(path):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        await contexts.begin_trial("lamp", credentials_of_node(1, secret=2))
        await contexts.fail_trial("lamp")
        assert [each.endpoint for each in await store.contexts()] == ["lamp"]
        trial = await contexts.begin_trial("lamp", credentials_of_node(1, secret=3))
        assert contexts.node("lamp").active is not trial
        contexts.used(trial, 0)
        assert contexts.find(KEYS.sender_id, None)[0] is trial
        await contexts.confirm_trial(trial)
        assert states(contexts) == [("lamp", "current")]
        return [(each.serial, each.state) for each in await store.contexts()]

    assert run(path, scenario) == [(3, ContextState.CURRENT)]


def test_trial_is_over_before_the_next_one_is_durable(path):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        first = await contexts.begin_trial("lamp", credentials_of_node(1, secret=2))
        beginning = asyncio.ensure_future(
            contexts.begin_trial("lamp", credentials_of_node(1, secret=3)))
        await asyncio.sleep(0)
        assert first not in contexts.find(KEYS.sender_id, None)
        second = await beginning
        # What proves the first one says nothing of the second.
        await contexts.confirm_trial(first)
        assert states(contexts) == [("lamp", "current"), ("lamp", "trial")]
        assert contexts.node("lamp").trial is second

    run(path, scenario)


def test_keys_that_a_failing_store_could_not_forget_do_not_come_back(path, disk):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        trial = await contexts.begin_trial("lamp", credentials_of_node(1, secret=2))
        disk.fail("write", Trouble.FULL)
        with pytest.raises(StoreError):
            await contexts.confirm_trial(trial)
        disk.heal()
        await contexts.begin_trial("lamp", credentials_of_node(1, secret=3))
        return [each.serial for each in await store.contexts()]

    assert run(path, scenario, vfs=disk.name) == [2, 3]
    found = run(path, lambda store: opened(store), vfs=disk.name).node("lamp")
    assert (found.current.serial, found.trial.serial) == (2, 3)


def test_contexts_survive_a_store_that_is_salvaged_while_it_runs(path):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        [context] = contexts.find(KEYS.sender_id, None)
        context.recipient_replay_window.strike_out(9)
        store._file.failed(StoreError("damaged", "as if a page had rotted"))
        while (await until_mended(store))[0].state is ContextState.RESTORED:
            pass
        await contexts.settle(context, 1)
        return await store.contexts()

    [row] = run(path, scenario)
    assert (row.state, row.numbers.window) == (ContextState.CURRENT, (0, 1 << 9))
    assert row.numbers.sender_limit == SENDER_STEP


async def until_mended(store):
    while True:
        try:
            return await store.contexts()
        except StoreError:
            await store._file._mending


def test_numbers_that_a_damaged_store_has_reserved_are_not_used(path):
    async def scenario(store):
        contexts = await opened(store)
        await contexts.add("lamp", KEYS)
        [context] = contexts.find(KEYS.sender_id, None)
        contexts._durability.is_paused = True
        sent(context, SENDER_STEP)
        await contexts._durability._reserving
        assert context.sender_limit == SENDER_STEP
        contexts._durability.is_paused = False
        with pytest.raises(Exception, match="no sender number is reserved"):
            sent(context, 1)
        await contexts._durability._reserving
        assert sent(context, 1) == [SENDER_STEP]

    run(path, scenario)
