"""A store that fails: the gateway keeps running and controlling, and acknowledges no reading."""

import asyncio
from itertools import count

import pytest
from aiocoap import POST

from gateway import store_watch
from gateway.commands import CommandRefused, Request
from gateway.rows import CommandState
from gateway.store import StoreError
from simulator.disk import Disk, Trouble
from tests.gateway.coap_street import run
from tests.gateway.service_street import client, running, scripted_node, until

PACK = [{-2: "/3303/0/", 0: "5700", 2: 21.5}]
# What of the disk fails, and how.
TROUBLES = {
    "full": (("write", Trouble.FULL),),
    "read-only": (("write", Trouble.READ_ONLY),),
    "sync": (("sync", Trouble.IO),),
    "dead": (("write", Trouble.IO), ("read", Trouble.IO), ("sync", Trouble.IO)),
}
names = (f"failing-{number}" for number in count())


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch):
    monkeypatch.setattr(store_watch, "PROBE_S", 0.01)


@pytest.fixture(params=TROUBLES)
def fail(request):
    """Give a function that makes a disk fail in one of several ways."""

    def make(disk):
        for operation, trouble in TROUBLES[request.param]:
            disk.fail(operation, trouble)

    return make


def house(folder, case, security="oscore"):
    """Run `case(gateway, port, disk)` on a gateway whose disk fails when it is told to.

    Where nodes are answered meanwhile the security is "none": under OSCORE a reply leaves only
    once it is durable that its request was seen (test_protected_failing_store).
    """

    async def main():
        disk = Disk(next(names))
        async with running(folder, vfs=disk.name, security=security) as (gateway, port):
            try:
                await case(gateway, port, disk)
            finally:
                disk.heal()
                await until(lambda: gateway.store.health.failure is None)
        disk.close()

    run(main())


def test_pack_is_refused_for_now_and_taken_once_the_disk_is_well(tmp_path, fail):
    async def case(gateway, port, disk):
        async with client(port) as node:
            await node.register()
            fail(disk)
            refused = await node.send(PACK)
            assert refused.code.dotted == "5.03" and refused.opt.max_age > 0
            disk.heal()
            assert (await node.send(PACK)).code.dotted == "2.04"
        assert len(await gateway.store.readings("n", 9)) == 1

    house(tmp_path, case, "none")


def test_node_registers_in_memory_and_is_stored_when_the_disk_is_well(tmp_path, fail):
    async def case(gateway, port, disk):
        fail(disk)
        async with client(port) as node:
            assert (await node.register()).code.dotted == "2.01"
            assert gateway.node("n").state == "registered"
            assert gateway.counters()["registrations: not stored"] >= 1
            assert (await node.update()).code.dotted == "2.04"
        disk.heal()
        await until(lambda: gateway.store.health.failure is None)
        async with asyncio.timeout(10):
            while not await gateway.store.nodes():
                await asyncio.sleep(0.01)

    house(tmp_path, case, "none")


def test_command_of_the_api_runs_and_says_that_it_is_not_durable(tmp_path, fail):
    async def case(gateway, port, disk):
        node = await scripted_node(port)
        await node.register("</3416/0>,</42800/0>")
        fail(disk)
        command = await gateway.submit(Request("c", "n", "dim", level=30))
        node.changed(await node.request())
        result = await gateway.wait_result(command.id, 10)
        assert command.detail == "not durable, the store fails"
        assert result.state == CommandState.DONE and result.detail.startswith("not durable")
        assert [row.id for row in await gateway.commands(with_ended=True)] == ["c"]
        disk.heal()
        await until(lambda: not gateway.runner._volatile)
        kept = await gateway.store.command("c")
        assert kept.state == CommandState.DONE
        node.close()

    house(tmp_path, case)


def test_command_of_a_broker_stays_there(tmp_path, fail):
    async def case(gateway, port, disk):
        fail(disk)
        with pytest.raises(StoreError):
            await gateway.submit(Request("c", "n", "dim", level=30, origin="city"))
        assert gateway.runner.pending("n") == []

    house(tmp_path, case)


def test_commands_in_memory_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.command_runner.VOLATILE_MAX", 2)

    async def case(gateway, port, disk):
        disk.fail("write", Trouble.FULL)
        for number in range(2):
            await gateway.submit(Request(f"c{number}", "n", "dim", level=30))
        with pytest.raises((StoreError, CommandRefused)):
            await gateway.submit(Request("c2", "n", "dim", level=30))

    house(tmp_path, case)


def test_status_says_that_the_store_fails_and_it_is_one_incident(tmp_path, fail):
    async def case(gateway, port, disk):
        fail(disk)
        async with client(port) as node:
            await node.register()
            for _ in range(3):
                await node.send(PACK)
            failing = await gateway.status()
        disk.heal()
        await until(lambda: gateway.store.health.failure is None)
        well = await gateway.status()
        assert failing.store.reason is not None and well.store.reason is None
        assert [each.kind for each in failing.incidents] == ["store_failing"]
        assert [each.kind for each in well.incidents] == ["store_failing"]

    house(tmp_path, case, "none")


def test_deregistration_and_requests_to_nodes_go_on(tmp_path, fail):
    async def case(gateway, port, disk):
        async with client(port) as node:
            await node.register()
            fail(disk)
            answer = await node.ask(4, "/" + "/".join(node.location))
            assert answer.code.dotted == "2.02" and gateway.node("n").state == "gone"
            again = await node.ask(POST, "/rd?ep=n&lt=60&lwm2m=1.1&b=U", b"</3/0>",
                                   content_format=40)
            assert again.code.dotted == "2.01"

    house(tmp_path, case, "none")


def test_failure_that_is_over_before_anybody_looked_is_counted_and_costs_nothing(tmp_path):
    async def case(gateway, port, disk):
        await gateway.store.add_counts({"written before": 1})
        gateway.store.health.failed(StoreError("io", "for a moment"))
        gateway.store.health.works()
        await until(lambda: gateway.counters().get("store: failures"))
        await gateway.store.add_counts({"written since": 1})
        assert "bugs: store watch" not in gateway.counters()

    house(tmp_path, case)
