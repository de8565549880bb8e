"""Nothing counts twice, nothing is lost silently: from a node's Send to the ledger."""

import contextlib

import cbor2
import pytest
from msgspec.structs import replace as changed

from gateway.ledger import Statement
from gateway.rows import Payload, TimeSource
from gateway.store_payloads import EXCHANGE_LIFETIME_MS
from tests.gateway.coap_street import run
from tests.gateway.open_store import run as run_store
from tests.gateway.service_street import client, running, scripted_node
from tests.gateway.uplink_rows import TIME_MS, row

LINKS = b"</1/0>,</3/0>,</3416/0>,</42800/0>"
UNTIMED = [{0: "/3303/0/5700", 2: 21.5}]
TIMED = [{0: "/3303/0/5700", 2: 21.5, 6: 1_764_999_000}]
HOUR_MS = 3_600_000


def pack(boot, ranges="", values=(), **stated):
    items = [{0: "/42800/0/0", 2: boot}, {0: "/42800/0/1", 3: ranges}]
    for name, number in (("oldest", 2), ("last", 4), ("oldest_boot", 5)):
        if name in stated:
            items.append({0: f"/42800/0/{number}", 2: stated[name]})
    if "dropped" in stated:
        items.append({0: "/42800/0/3", 3: stated["dropped"]})
    return [*items, *({0: "/3416/0/3", 2: value} for value in values)]


async def gaps(gateway):
    """Return what is not here, as (boot, first, last, reason)."""
    return [
        (story.account.boot, gap.first, gap.last, gap.reason)
        for story in await gateway.store.boots("n")
        for gap, _ in story.gaps
    ]


def sending(folder, *packs, links=LINKS):
    """Return (codes of the answers, gaps, kinds of incidents) after `packs` of one node."""

    async def case():
        async with running(folder) as (gateway, port), client(port) as node:
            await node.register(links=links)
            codes = [(await node.send(each)).code.dotted for each in packs]
            incidents = [each.kind for each in await gateway.store.incidents(99)]
            return codes, await gaps(gateway), incidents

    return run(case())


def test_reading_that_the_node_let_go_and_we_never_had_is_missing_and_an_incident(tmp_path):
    packs = [pack(7, "1-2", (10, 20), oldest=1, last=2, oldest_boot=7)]
    packs += [pack(7, "5", (50,), oldest=5, last=5, oldest_boot=7)] * 2
    codes, found, incidents = sending(tmp_path, *packs)
    assert codes == ["2.04"] * 3
    assert found == [(7, 3, 4, "missing")] and incidents == ["readings_missing"]


def test_refused_value_of_an_accepted_pack_is_explained(tmp_path):
    items = [*pack(7, "1-2", (10,), oldest=1, last=2), {0: "/3416/0", 2: 20}]
    codes, found, _ = sending(tmp_path, items, pack(7, "3", (30,), oldest=3))
    assert codes == ["2.04", "2.04"]
    assert found == [(7, 2, 2, "refused: not the path of a resource")]


def test_pack_that_says_only_its_journal_is_durable_when_it_is_acknowledged(tmp_path):
    async def case():
        house = contextlib.AsyncExitStack()
        gateway, port = await house.enter_async_context(running(tmp_path))
        async with house, client(port) as node:
            await node.register(links=LINKS)
            await node.send(pack(7, "1", (10,), oldest=1, last=6, oldest_boot=7))
            answer = await node.send(pack(7, oldest=6, last=6, dropped="2-5:full"))
            assert answer.code.dotted == "2.04"
            return await gaps(gateway)

    assert run(case()) == [(7, 2, 5, "dropped: full")]


def test_boot_that_the_node_is_through_with_leaves_nothing_pending(tmp_path):
    packs = [
        pack(7, "1-2", (10, 20), oldest=1, last=4, oldest_boot=7),
        pack(8, "1", (10,), oldest=1, last=1, oldest_boot=7),
        pack(7, "3", (30,), oldest=3, last=4, oldest_boot=7),
        pack(8, "2", (10,), oldest=1, last=1, oldest_boot=8),
    ]
    assert sending(tmp_path, *packs[:3])[1] == []
    packs[3] = pack(8, "2", (10,), oldest=2, last=2, oldest_boot=8)
    assert sending(tmp_path, packs[3])[1] == [(7, 4, 4, "missing")]


def test_reset_of_a_node_of_release_0_1_0_explains_what_it_held(tmp_path):
    packs = [pack(7, "1-2,5", (10, 20, 50), oldest=3), pack(8, "1", (10,), oldest=1)]
    _, found, incidents = sending(tmp_path, *packs)
    assert found == [(7, 3, 4, "node reset")] and incidents == []


def test_erased_node_counts_anew_and_its_old_numbers_are_explained(tmp_path):
    packs = [pack(9_000, "1-2", (10, 20), oldest=1, last=4, oldest_boot=9_000)]
    packs += [pack(12, "1-2", (10, 20), oldest=1, last=2, oldest_boot=12)]
    _, found, incidents = sending(tmp_path, *packs)
    assert found == [(9_000, 3, 4, "journal erased")] and incidents == []


def test_readings_that_went_to_another_gateway_meanwhile_are_not_missing(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register(links=LINKS)
            await node.send(pack(7, "1", (10,), oldest=1, last=3, oldest_boot=7))
            await node.ask(4, "/" + "/".join(node.location))
            await node.register(links=LINKS)
            await node.send(pack(8, "9", (10,), oldest=9, last=9, oldest_boot=8))
            return await gaps(gateway)

    assert run(case()) == [(7, 2, 3, "elsewhere"), (8, 1, 8, "elsewhere")]


def test_acknowledged_reading_is_a_duplicate_long_after_its_row_was_deleted(tmp_path):
    async def scenario(store):
        statement = Statement("lamp", 1, TIME_MS, oldest=1, last=3)
        await store.commit_pack([row(1), row(2), row(3)], True, statement)
        assert await store.delete_delivered((), TIME_MS + 1, 100) == 3
        again = await store.commit_pack([row(2), row(4)], True, statement)
        return again.stored, again.duplicates

    assert run_store(tmp_path / "s.db", scenario) == (1, 1)


# Clients without object 42800


async def stored(gateway):
    return [each.row for each in await gateway.store.readings("n", 99)]


def test_dated_reading_of_a_foreign_client_counts_once_over_restarts(tmp_path):
    async def case():
        for _ in range(2):
            async with running(tmp_path) as (gateway, port), client(port) as node:
                await node.register()
                for _ in range(2):
                    assert (await node.send(TIMED)).code.dotted == "2.04"
        async with running(tmp_path) as (gateway, _):
            return await stored(gateway)

    (only,) = run(case())
    assert only.sequence is None and only.time_source == TimeSource.NODE


def test_undated_pack_that_comes_again_after_a_restart_counts_once(tmp_path):
    async def case():
        for _ in range(2):
            async with running(tmp_path) as (gateway, port), client(port) as node:
                await node.register()
                assert (await node.send(UNTIMED)).code.dotted == "2.04"
        async with running(tmp_path) as (gateway, _):
            return await stored(gateway)

    assert len(run(case())) == 1


def test_same_undated_value_measured_again_is_a_reading_of_its_own(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register()
            await node.send(UNTIMED)
            await node.send(UNTIMED)
            return await stored(gateway)

    assert len(run(case())) == 2


def test_retransmission_counts_once_after_the_message_layer_has_forgotten_it(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            for _ in range(2):
                node._mid = 50_000
                await node.send(cbor2.dumps(UNTIMED))
                for recent in _recent(gateway):
                    recent._entries.clear()
            return await stored(gateway)

    assert len(run(case())) == 1


def _recent(gateway):
    layer = gateway._context._layer
    return [each for each in vars(layer).values() if hasattr(each, "_entries")]


def payload(message=b"m", uptime_ms=1_000_000, unix_ms=TIME_MS, digest=b"d"):
    return Payload(digest, message, uptime_ms, unix_ms)


def counts_twice(folder, first, second, is_restarted=True):
    """Return whether an undated reading counts again, given how each copy came."""
    untimed = changed(row(None, boot=None), time_source="gateway")

    async def send(store, *payloads):
        return [(await store.commit_pack([untimed], True, None, each)).stored for each in payloads]

    path = folder / "s.db"
    if not is_restarted:
        return run_store(path, lambda store: send(store, first, second)) == [1, 1]
    run_store(path, lambda store: send(store, first))
    return run_store(path, lambda store: send(store, second), epoch=TIME_MS) == [1]


@pytest.mark.parametrize("step_ms", [-HOUR_MS, 0, HOUR_MS])
def test_repetition_is_recognised_though_the_clock_steps_an_hour(tmp_path, step_ms):
    second = payload(b"other", 1_060_000, TIME_MS + 60_000 + step_ms)
    assert not counts_twice(tmp_path, payload(), second)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, 0])
def test_repetition_is_recognised_after_the_machine_itself_began_anew(tmp_path, step_ms):
    second = payload(b"other", 30_000, TIME_MS + 60_000 + step_ms)
    assert not counts_twice(tmp_path, payload(), second)


def test_value_that_comes_after_the_exchange_lifetime_is_new(tmp_path):
    later_ms = EXCHANGE_LIFETIME_MS + 1
    second = payload(b"other", 1_000_000 + later_ms, TIME_MS + later_ms)
    assert counts_twice(tmp_path, payload(), second)


def test_other_content_is_new_and_so_is_the_same_in_another_message(tmp_path):
    assert counts_twice(tmp_path, payload(), payload(digest=b"e"))
    (tmp_path / "same").mkdir()
    assert counts_twice(tmp_path / "same", payload(), payload(b"other"), is_restarted=False)

