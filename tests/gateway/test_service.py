"""The whole gateway with clients made with aiocoap: registering, sending, restarting."""

import asyncio
import contextlib
import json

import cbor2
import pytest
from aiocoap import DELETE, POST

from gateway import process
from gateway.commands import Request
from gateway.composition import StartError, locked
from gateway.operations import BUSY, Operation, OperationFailed
from gateway.rows import CommandState
from gateway.settings import SettingsError
from gateway.store import StoreError
from protocol import coap_message as coap
from tests.gateway.coap_street import run
from tests.gateway.service_street import Fixed, client, running, scripted_node, until

PACK = [{-2: "/3303/0/", 0: "5700", 2: 21.5}]


async def stored(gateway, endpoint="n"):
    return [each.row for each in await gateway.store.readings(endpoint, 1000)]


def test_registered_client_is_listed_with_its_objects(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            answer = await node.register("urn:x:1")
            assert answer.code.dotted == "2.01" and answer.opt.location_path[0] == "rd"
            view = gateway.node("urn:x:1")
            assert view.state == "registered" and view.objects == ((1, 0), (3, 0), (3303, 0))

    run(case())


def test_sent_reading_is_in_the_store_when_it_is_acknowledged(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register()
            answer = await node.send(PACK)
            rows = await stored(gateway)
            assert answer.code.dotted == "2.04"
            assert [(row.path, str(row.value.to_text())) for row in rows] == [
                ("/3303/0/5700", "21.5")
            ]

    run(case())


def test_acknowledgement_of_a_send_waits_for_the_commit(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register()
            commit, gate = gateway.store.commit_pack, asyncio.Event()

            async def held(*arguments):
                await gate.wait()
                return await commit(*arguments)

            gateway.store.commit_pack = held
            sending = asyncio.ensure_future(node.send(PACK))
            await asyncio.sleep(0.3)
            assert not sending.done() and await stored(gateway) == []
            gate.set()
            assert (await sending).code.dotted == "2.04"

    run(case())


@pytest.mark.parametrize(
    ("items", "content_format", "code"),
    [
        (PACK, 11543, "4.15"),
        (PACK, None, "4.15"),
        ([], 112, "4.00"),
        ({"a": 1}, 112, "4.00"),
        ([{0: "/3303/0/5700"}], 112, "4.00"),
        ([{0: "/9/0/1", 2: 1}], 112, "4.04"),
    ],
)
def test_wrong_packs_are_refused_and_nothing_is_stored(tmp_path, items, content_format, code):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register()
            answer = await node.send(items, content_format)
            assert answer.code.dotted == code and await stored(gateway) == []

    run(case())


def test_send_of_a_stranger_is_not_found(tmp_path):
    async def case():
        async with running(tmp_path) as (_, port), client(port) as node:
            assert (await node.send(PACK)).code.dotted == "4.04"

    run(case())


def test_send_that_cannot_be_stored_is_refused_for_now(tmp_path):
    async def case():
        async def full(*arguments):
            raise StoreError("full", "disk full")

        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register()
            gateway.store.commit_pack = full
            assert (await node.send(PACK)).code.dotted == "5.03"

    run(case())


def test_deregistered_client_is_gone_and_may_not_send(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register()
            answer = await node.ask(DELETE, "/" + "/".join(node.location))
            assert answer.code.dotted == "2.02" and gateway.node("n").state == "gone"
            assert (await node.send(PACK)).code.dotted == "4.04"
            assert (await node.update()).code.dotted == "4.04"

    run(case())


def test_registration_survives_a_restart_of_the_gateway(tmp_path):
    async def case():
        async with running(tmp_path) as (_, port), client(port) as node:
            await node.register("n ☃/+#")
            location = node.location
        async with (
            running(tmp_path, port=port) as (gateway, port),
            client(port, endpoint="n ☃/+#") as node,
        ):
            node.location = location
            assert gateway.node("n ☃/+#").state == "registered"
            assert (await node.update()).code.dotted == "2.04"
            assert (await node.send(PACK)).code.dotted == "2.04"

    run(case())


def test_newest_reading_is_shown_also_after_a_restart(tmp_path):
    async def case():
        async with running(tmp_path) as (_, port), client(port) as node:
            await node.register()
            await node.send(PACK)
        async with running(tmp_path) as (gateway, _):
            assert [row.path for row in gateway.node("n").latest] == ["/3303/0/5700"]

    run(case())


def test_expired_registration_is_gone(tmp_path):
    class Fast:
        offset_s = 0.0

        def monotonic_s(self):
            return asyncio.get_running_loop().time() + self.offset_s

        def unix_ms(self):
            return 1_800_000_000_000

        def is_trusted(self):
            return False

    async def case():
        clock = Fast()
        async with running(tmp_path, clock=clock) as (gateway, port), client(port) as node:
            await node.register(parameters="&lt=1")
            clock.offset_s = 1.5
            assert gateway.node("n").state == "late"
            clock.offset_s = 200
            gateway._wake.set()
            await until(lambda: gateway.node("n").state == "gone")

    run(case())


def test_second_gateway_on_the_port_does_not_start(tmp_path):
    async def case():
        async with running(tmp_path / "a") as (_, port):
            with pytest.raises(StartError, match="another gateway"):
                async with running(tmp_path / "b", port=port):
                    pass

    run(case())


def test_second_gateway_on_the_data_folder_does_not_start(tmp_path):
    with locked(str(tmp_path)):
        with pytest.raises(StartError, match="another gateway"):
            with locked(str(tmp_path)):
                pass
    with locked(str(tmp_path)):
        pass


def test_malformed_register_disturbs_nobody(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            assert (await node.ask(POST, "/rd?lt=x", b"</3/0>")).code.dotted == "4.00"
            assert (await node.ask(POST, "/rd?ep=n", b"\xff")).code.dotted == "4.00"
            assert gateway.nodes() == []
            assert (await node.register()).code.dotted == "2.01"
            status = await gateway.status()
            assert status.counters["requests: refused 4.00"] == 2

    run(case())


def test_gateway_stops_while_nodes_go_on_sending(tmp_path):
    async def endless(node, codes):
        while True:
            codes.append((await node.send(cbor2.dumps(PACK))).code)

    async def case():
        house = contextlib.AsyncExitStack()
        gateway, port = await house.enter_async_context(running(tmp_path))
        commit, codes, sending = gateway.store.commit_pack, [], []

        async def slow(*arguments):
            await asyncio.sleep(0.1)
            return await commit(*arguments)

        gateway.store.commit_pack = slow
        for number in range(4):
            node = await scripted_node(port, f"n{number}")
            await node.register("</3303/0>", f"n{number}")
            sending.append(asyncio.ensure_future(endless(node, codes)))
            await asyncio.sleep(0.025)
        await until(lambda: len(codes) > 8)
        async with asyncio.timeout(60):
            await house.aclose()
        for each in sending:
            each.cancel()
        assert set(codes) <= {coap.CHANGED, coap.SERVICE_UNAVAILABLE}

    run(case())


def test_unit_that_only_the_node_knows_goes_out_with_its_readings(tmp_path):
    async def case():
        units = Fixed(b"Cel")
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("3303", "0", "5701"): units}) as node,
        ):
            await node.register(links=b"</1/0>,</3303/0>,</42800/0>")
            await until(lambda: dict(gateway.node("n").row.facts).get("/3303/0/5701") == "Cel")
            await node.send(PACK)
            await until(lines.exists)
            await until(lines.read_text)
            assert json.loads(lines.read_text())[0]["u"] == "Cel"

    lines = tmp_path / "data/readings.jsonl"
    run(case())


def test_long_object_list_in_one_datagram_is_taken_whole(tmp_path):
    async def case():
        links = ",".join(f"</3303/{number}>" for number in range(300))
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            assert (await node.register(links)).code == coap.CREATED
            assert len(gateway.node("n").objects) == 300

    run(case())


def test_notification_counts_as_heard(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3303/0>")
            request = await node.observe_request()
            node.answer(request, cbor2.dumps(PACK), 1)
            await until(lambda: gateway.counters().get("observations: requested"))
            seen_ms = gateway.node("n").row.seen_ms
            await asyncio.sleep(0.05)
            node.notify(request, 7, 2, cbor2.dumps(PACK))
            await node.acknowledged()
            assert gateway.node("n").row.seen_ms > seen_ms

    run(case())


def test_execute_that_could_not_be_noted_as_sent_is_sent_later(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</3416/0>,</42800/0>")
            save = gateway.store.save_command

            async def full(row):
                raise StoreError("full", "disk full")

            gateway.store.save_command = full
            command = await gateway.submit(Request("c", "n", "execute", path="/3/0/4"))
            await until(lambda: gateway.counters().get("care: not stored"))
            gateway.store.save_command = save
            await gateway.submit(Request("c2", "n", "dim", level=40))
            request = await node.request()
            node.changed(request)
            result = await gateway.wait_result(command.id, 10)
            assert (request.path, result.state) == (["3", "0", "4"], CommandState.DONE)

    run(case())


def test_unknown_group_stops_the_start_with_its_key(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(
        '[gateway]\nid = "t"\ndata = "data"\nlisten = "127.0.0.1:0"\nsecurity = "none"\n'
        '[management]\ngroup = "no-such-group"\n'
    )
    with pytest.raises(SettingsError, match='management.group = "no-such-group": allowed'):
        process.run(path)


def test_operation_whose_turn_never_came_puts_no_node_to_sleep(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            node = await scripted_node(port)
            await node.register("</42800/0>", queries=(b"Q",))
            first = asyncio.ensure_future(gateway.operate("n", Operation("read", (3, 0))))
            await node.request()
            with pytest.raises(OperationFailed) as failed:
                await gateway.operate("n", Operation("read", (3, 0), timeout_s=0.05))
            assert failed.value.reason == BUSY
            assert gateway.node("n").state == "registered"
            first.cancel()

    run(case())
