"""Power cuts while keys are used and changed: no nonce twice, no answered request ever again.

At every sync of a workload, whatever part of the unsynced writes arrived.
"""

import asyncio
import shutil
from random import Random

import pytest
from aiocoap import oscore

from gateway import context_durability, security_context
from gateway.store import InlineExecutor, Store
from simulator.crash_states import crash_states
from simulator.disk import Disk
from tests.full_size import is_full_size
from tests.gateway.oscore_keys import credentials_of_node, opened
from tests.gateway.uplink_rows import EPOCH, row

STEPS = 80 if is_full_size() else 14
SUBSETS = 8 if is_full_size() else 1
SEEDS = range(12 if is_full_size() else 2)
NODES = ("lamp", "bin", "bay")
WORKS = ("_add", *3 * ["_send"], "_receive", "_receive", "_report", "_begin", "_confirm", "_fail",
         "_revoke")
SENT, ANSWERED, REVOKED = "sent", "answered", "revoked"


@pytest.fixture
def disk():
    disk = Disk("keys")
    yield disk
    disk.close()


def open_store(path, vfs):
    return Store(path, InlineExecutor, urgent_ms=0, measurement_ms=0, vfs=vfs)


class Workload:
    """What nodes and operators have a gateway do with its contexts, drawn from a seed.

    What leaves the gateway is noted: (SENT, serial, sender number), (ANSWERED, serial, number of
    the request), (REVOKED, endpoint).
    """

    def __init__(self, disk, seed, works=WORKS):
        self._disk = disk
        self._works = works
        self._random = Random(seed)
        self._secret = 0
        self._received = {}  # by serial: the node's next number

    async def session(self, path, is_stopped_in_order):
        store = open_store(path, self._disk.name)
        await store.open(EPOCH)
        self._contexts = await opened(store, seed=self._random.random())
        self._store = store
        for endpoint in NODES:
            await self._add(endpoint, 0)
        works = [getattr(self, name) for name in self._works]
        for step in range(STEPS):
            await self._random.choice(works)(self._random.choice(NODES), step)
        if is_stopped_in_order:
            await self._contexts.close()
        await store.close()

    def _note(self, *what):
        self._disk.note(what)

    def _credentials(self, endpoint):
        self._secret += 1
        return credentials_of_node(NODES.index(endpoint), self._secret)

    async def _add(self, endpoint, step):
        if self._contexts.node(endpoint) is None:
            await self._contexts.add(endpoint, self._credentials(endpoint))

    async def _send(self, endpoint, step):
        node = self._contexts.node(endpoint)
        for _ in range(self._random.choice((1, 30, 90)) if node else 0):
            try:
                number = node.active.new_sequence_number()
            except oscore.ContextUnavailable:
                return
            self._note(SENT, node.active.serial, number)

    def _strike(self, endpoint):
        node = self._contexts.node(endpoint)
        if node is None:
            return None
        context = self._random.choice(node.contexts)
        number = self._received.get(context.serial, 0)
        self._contexts.used(context, number)
        self._received[context.serial] = number + self._random.choice((1, 1, 1, 7, 40))
        window = context.recipient_replay_window
        if window.is_initialized():
            window.strike_out(number)
        else:
            window.initialize_from_freshlyseen(number)
        return context, number, window.version

    async def _receive(self, endpoint, step):
        struck = self._strike(endpoint)
        if struck is not None:
            context, number, version = struck
            await self._contexts.settle(context, version)
            self._note(ANSWERED, context.serial, number)

    async def _report(self, endpoint, step):
        struck = self._strike(endpoint)
        if struck is not None:
            context, number, version = struck
            await self._store.commit_pack([row(step + 1, endpoint)], urgent=True)
            assert context.recipient_replay_window.durable >= version
            self._note(ANSWERED, context.serial, number)

    async def _begin(self, endpoint, step):
        if self._contexts.node(endpoint) is not None:
            await self._contexts.begin_trial(endpoint, self._credentials(endpoint))

    async def _confirm(self, endpoint, step):
        node = self._contexts.node(endpoint)
        if node is not None and node.trial is not None:
            await self._contexts.confirm_trial(node.trial)

    async def _fail(self, endpoint, step):
        await self._contexts.fail_trial(endpoint)

    async def _revoke(self, endpoint, step):
        if self._contexts.node(endpoint) is not None and self._random.random() < 0.1:
            serial = self._contexts.node(endpoint).current.serial
            await self._contexts.revoke(endpoint)
            self._note(REVOKED, serial, endpoint)


async def check(path, vfs, notes):
    """Open what a power cut left, as the gateway does, and hold it against what had left it."""
    store = open_store(path, vfs)
    await store.open(EPOCH)
    try:
        contexts = await opened(store)
        held = {each.serial: each for name in NODES if (node := contexts.node(name))
                for each in node.contexts}
    finally:
        await store.close()
    for what, serial, value in notes:
        context = held.get(serial)
        if context is None:
            continue
        assert what != REVOKED, f"{value} is let in again"
        if what == SENT:
            assert context.sender_sequence_number > value, f"{value} would be sent twice"
        else:
            window = context.recipient_replay_window
            assert window.is_replay(value), f"request {value} would be answered again"


def cut_everywhere(folder, disk, seed, works=WORKS):
    workload = Workload(disk, seed, works)
    for is_stopped_in_order in (False, True, False):
        asyncio.run(workload.session(str(folder / "store.db"), is_stopped_in_order))
    left, count = Disk("keys-left"), 0
    try:
        for state in crash_states(disk.log, Random(seed), SUBSETS):
            state.write_to(folder / "left")
            asyncio.run(check(str(folder / "left/store.db"), left.name, state.notes))
            shutil.rmtree(folder / "left")
            left.log.clear()
            count += 1
    finally:
        left.close()
    return count, [note[0] for note in state.notes]


@pytest.mark.parametrize("seed", SEEDS)
def test_power_cut_at_any_sync_repeats_no_nonce_and_answers_no_request_again(
    tmp_path, disk, seed
):
    count, notes = cut_everywhere(tmp_path, disk, seed)
    assert count > 3 * STEPS and notes.count(SENT) > STEPS and notes.count(ANSWERED) > 5


def test_number_that_is_used_before_its_limit_is_durable_is_found_out(
    tmp_path, disk, monkeypatch
):
    def at_once(self, context):
        context.sender_limit += context_durability.SENDER_STEP

    monkeypatch.setattr(context_durability.Durability, "want_numbers", at_once)
    with pytest.raises(AssertionError, match="sent twice"):
        cut_everywhere(tmp_path, disk, 1, ["_send", "_report"])


def test_reply_that_does_not_wait_for_its_strike_is_found_out(tmp_path, disk, monkeypatch):
    async def at_once(self, context, version):
        pass

    monkeypatch.setattr(context_durability.Durability, "settle", at_once)
    with pytest.raises(AssertionError, match="answered again"):
        cut_everywhere(tmp_path, disk, 1)


def test_window_that_is_believed_after_any_stop_is_found_out(tmp_path, disk, monkeypatch):
    load = security_context.ReplayWindow.load
    monkeypatch.setattr(security_context.ReplayWindow, "load",
                        lambda self, window, is_complete: load(self, None, True))
    with pytest.raises(AssertionError, match="answered again"):
        cut_everywhere(tmp_path, disk, 1)

