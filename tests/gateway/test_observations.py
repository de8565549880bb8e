"""Clients that cannot Send are observed; what they notify is stored before it is acknowledged."""

import asyncio

from aiocoap import CHANGED

from gateway import registration
from gateway.observations import paths_to_observe
from gateway.operations import OperationFailed
from gateway.rows import ReadingRow
from gateway.sessions import Session
from gateway.store import StoreError
from protocol import senml
from protocol.senml import Record
from tests.gateway.coap_street import run
from tests.gateway.service_street import Fixed, client, running, scripted_node, until

BURST = 100


async def rows_of(gateway) -> list[ReadingRow]:
    return [each.row for each in reversed(await gateway.store.readings("n", 1000))]


def test_objects_that_measure_are_observed_and_descriptive_ones_are_not():
    links = b"</1/0>,</3/0>,</6/0>,</3303/0>,</3303/1>,</3410/0>,</3452/0>,</40000/0>,</3416>"
    known = registration.parse(("ep=a",), 40, links)
    session = Session("x", known, "peer", 0, 0)
    assert paths_to_observe(session) == [(6, 0), (3303, 0), (3303, 1)]


def test_client_without_journal_is_observed_after_it_registered(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            assert request.path == ["3303", "0"]
            node.answer(request, b"\xff", observe=None)
            node.close()

    run(case())


def test_client_of_ours_is_not_observed(tmp_path):
    async def case():
        links = b"</3303/0>,</42800/0>"
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register(links=links)
            await until(lambda: not gateway._care._tasks)
            assert gateway.node("n").observed == ()

    run(case())


def test_journal_object_of_another_manufacturer_is_not_ours(tmp_path):
    async def case():
        manufacturer = senml.encode_cbor([Record("/3/0/0", "ACME")])
        objects = {("3", "0"): Fixed(manufacturer, 112)}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b"</3/0>,</42800/0>")
            await until(lambda: dict(gateway.node("n").row.facts))
            session = gateway._sessions.get("n")
            assert not gateway._presence.has_journal(session)

    run(case())


def test_notification_is_acknowledged_after_its_commit(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            node.answer(request, pack(0), observe=1)
            await until(lambda: gateway.node("n").latest)
            commit, gate = gateway.store.commit_pack, asyncio.Event()

            async def held(rows, urgent):
                await gate.wait()
                return await commit(rows, urgent)

            gateway.store.commit_pack = held
            node.notify(request, 7, 2, pack(1))
            node.notify(request, 7, 2, pack(1))
            assert await node.is_quiet()
            gate.set()
            assert await node.acknowledged() == 7
            assert [row.value for row in await rows_of(gateway)] == [0, 1]
            node.close()

    run(case())


def test_burst_of_notifications_is_stored_whole_and_in_order(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            node.answer(request, pack(0), observe=1)
            for number in range(1, BURST + 1):
                node.notify(request, number, 1 + number, pack(number))
            for number in range(1, BURST + 1):
                assert await node.acknowledged() == number
            assert [row.value for row in await rows_of(gateway)] == list(range(BURST + 1))
            node.close()

    run(case())


def test_notification_that_cannot_be_stored_is_not_acknowledged_and_taken_when_repeated(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            node.answer(request, pack(0), observe=1)
            await until(lambda: gateway.node("n").latest)
            commit = gateway.store.commit_pack

            async def full(rows, urgent):
                raise StoreError("full", "disk full")

            gateway.store.commit_pack = full
            node.notify(request, 7, 2, pack(1))
            await until(lambda: gateway._observations.counters["not stored"])
            assert await node.is_quiet()
            gateway.store.commit_pack = commit
            node.notify(request, 7, 2, pack(1))
            assert await node.acknowledged() == 7
            assert [row.value for row in await rows_of(gateway)] == [0, 1]
            node.close()

    run(case())


def test_overtaken_notification_is_stored_before_the_one_in_front(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            node.answer(request, pack(0), observe=1)
            with node.newest_first():
                node.notify(request, 1, 8, pack(8))
                node.notify(request, 2, 9, pack(9))
            assert {await node.acknowledged(), await node.acknowledged()} == {1, 2}
            times = {row.value: row.time_ms for row in await rows_of(gateway)}
            assert times[8] == times[9] - 1
            assert gateway.node("n").latest[0].value == 9
            node.close()

    run(case())


def test_malformed_notification_is_acknowledged_and_counted(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            node.answer(request, pack(0), observe=1)
            node.notify(request, 1, 2, b"\xff\xff\xff")
            assert await node.acknowledged() == 1
            assert gateway._observations.counters["malformed"] == 1
            node.close()

    run(case())


def test_client_that_registers_again_is_observed_again_and_its_old_token_is_reset(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            first = await node.observe_request()
            node.answer(first, pack(0), observe=1)
            await until(lambda: gateway.node("n").latest)
            await node.register("</3303/0>")
            second = await node.observe_request()
            node.answer(second, pack(1), observe=1)
            assert first.token != second.token
            node.notify(first, 50, 9, pack(2))
            assert await node.reset() == 50
            node.close()

    run(case())


def test_client_is_observed_again_after_a_restart_of_the_gateway(tmp_path):
    async def case():
        async with running(tmp_path) as (_, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            node.answer(await node.observe_request(), pack(0), observe=1)
        async with running(tmp_path, port=port) as (gateway, _):
            node.answer(await node.observe_request(), pack(1), observe=1)
            await until(lambda: gateway.node("n").observed == ((3303, 0),))
            node.close()

    run(case())


def test_client_that_moved_is_observed_again(tmp_path):
    async def case():
        # Under OSCORE a node goes on notifying from wherever it is, for its keys tell who it is.
        async with running(tmp_path, security="none") as (gateway, port):
            node, moved = await scripted_node(port), await scripted_node(port)
            await node.register("</3303/0>")
            node.answer(await node.observe_request(), pack(0), observe=1)
            await until(lambda: gateway.node("n").latest)
            moved.location = node.location
            assert (await moved.update()).code == CHANGED
            assert (await moved.observe_request()).path == ["3303", "0"]
            node.close(), moved.close()

    run(case())


def test_live_view_shows_every_value_and_ends_the_observation_with_its_last_viewer(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</40000/0>")
            watching = asyncio.ensure_future(watch(gateway, (40000, 0), 3))
            request = await node.observe_request()
            node.answer(request, pack(0, "/40000/0/1"), observe=1)
            for number in (1, 2):
                node.notify(request, number, 1 + number, pack(number, "/40000/0/1"))
                await node.acknowledged()
            assert await watching == [0, 1, 2]
            cancelled = await node.request()
            assert cancelled.observe == 1 and cancelled.token == request.token
            assert await rows_of(gateway) == []
            node.close()

    run(case())


def test_second_viewer_sees_the_newest_value_at_once(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            node.answer(await node.observe_request(), pack(4), observe=1)
            await until(lambda: gateway.node("n").latest)
            assert await watch(gateway, (3303, 0), 1) == [4]
            assert gateway.node("n").observed == ((3303, 0),)
            node.close()

    run(case())


def test_live_view_of_what_cannot_be_observed_is_refused(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register(links=b"</9/0>")
            try:
                await watch(gateway, (9, 0, 1), 1)
                raise AssertionError("observed nothing at all")
            except OperationFailed as failure:
                assert "4.04" in str(failure)

    run(case())


async def watch(gateway, path, count):
    seen = []
    async with gateway.observe("n", path) as notifications:
        async for values in notifications:
            seen.append(values[0].value)
            if len(seen) == count:
                break
    return seen


def pack(value, name="/3303/0/5700"):
    return senml.encode_cbor([Record(name, value)])
