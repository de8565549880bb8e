"""The time of day and commands on their way to nodes that listen."""

import asyncio

from aiocoap import CHANGED, Message, resource

from gateway.clock import SystemClock
from gateway.commands import CommandRefused, Request
from gateway.rows import CommandState
from protocol import senml
from tests.gateway.coap_street import run
from tests.gateway.service_street import client, running, scripted_node, until

AWAKE = "&lt=600&lwm2m=1.1&b=U"
SLEEPY = AWAKE + "&Q"
LAMP = b"</3/0>,</3416/0>,</42800/0>"


class Still(SystemClock):
    """A clock whose time of day stands, and whose uptime runs ahead by `slept_s`."""

    def __init__(self, is_trusted=True):
        self._is_trusted = is_trusted
        self.slept_s = 0

    def monotonic_s(self):
        return super().monotonic_s() + self.slept_s

    def unix_ms(self):
        return 1_800_000_000_000

    def is_trusted(self):
        return self._is_trusted


class Stepping(SystemClock):
    """A clock that is trusted, and has been set by `stepped_ms`."""

    stepped_ms = 0

    def unix_ms(self):
        return super().unix_ms() + self.stepped_ms


class Written(resource.Resource):
    """Keeps what is written to it; a write takes `delay_s`."""

    def __init__(self, delay_s=0.0):
        super().__init__()
        self.delay_s = delay_s
        self.values = []

    async def render_put(self, request):
        await asyncio.sleep(self.delay_s)
        leaves = {record.name: record.value for record in senml.decode_cbor(request.payload)}
        self.values.append(leaves)
        return Message(code=CHANGED)

    render_post = render_put


def test_node_that_sleeps_sooner_than_the_standard_says_is_not_asked_too_late(tmp_path):
    async def case():
        clock, text = Still(), "[limits]\nawake_window_s = 40"
        async with (
            running(tmp_path, text=text, clock=clock) as (gateway, port),
            client(port) as node,
        ):
            await node.register("n", SLEEPY)
            assert gateway.node("n").state == "registered"
            clock.slept_s = 41
            assert gateway.node("n").state == "sleeping"

    run(case())


def test_node_gets_the_time_when_it_registers(tmp_path):
    async def case():
        time = Written()
        async with (
            running(tmp_path, clock=Still()) as (_, port),
            client(port, {("3", "0", "13"): time}) as node,
        ):
            await node.register(links=LAMP)
            await until(lambda: time.values)
            assert time.values == [{"/3/0/13": 1_800_000_000}]

    run(case())


def test_node_gets_no_time_from_a_clock_that_is_not_trusted(tmp_path):
    async def case():
        time = Written()
        async with (
            running(tmp_path, clock=Still(is_trusted=False)) as (gateway, port),
            client(port, {("3", "0", "13"): time}) as node,
        ):
            await node.register(links=LAMP)
            await until(lambda: not gateway._care._tasks)
            assert time.values == []

    run(case())


def test_node_gets_the_time_anew_before_a_command_once_the_clock_has_stepped(tmp_path):
    async def case():
        clock, time, lamp = Stepping(), Written(), Written()
        things = {("3", "0", "13"): time, ("3416", "0"): lamp}
        async with (
            running(tmp_path, clock=clock) as (gateway, port),
            client(port, things) as node,
        ):
            await node.register(links=LAMP)
            await until(lambda: time.values and not gateway._care._tasks)
            clock.stepped_ms = -5_400_000
            await gateway.submit(Request("c", "n", "dim", level=30, for_s=3600))
            await until(lambda: lamp.values)
            before, after = (each["/3/0/13"] for each in time.values)
            assert -5_400 <= after - before < -5_300
            assert lamp.values[0]["/3416/0/51"] - after in range(3590, 3660)

    run(case())


def test_time_that_was_repeated_on_its_way_is_given_again(tmp_path):
    async def case():
        async with running(tmp_path, clock=Still()) as (gateway, port):
            tuning = gateway._operations._tuning
            patience_s, tuning.ACK_TIMEOUT = tuning.ACK_TIMEOUT, 0.05
            node = await scripted_node(port)
            await node.register("</3/0>")
            lost, repeated = await node.request(), await node.request()
            assert lost.message.mid == repeated.message.mid
            tuning.ACK_TIMEOUT = patience_s
            node.changed(repeated)
            fresh = await node.request()
            while fresh.message.mid == lost.message.mid:
                fresh = await node.request()
            assert fresh.path == ["3", "0", "13"]
            node.changed(fresh)
            await until(lambda: gateway._time.counters["written"] == 2)
            assert (await node.request()).path == ["3", "0"]
            node.close()

    run(case())


def test_command_to_a_node_that_listens_is_done_at_once(tmp_path):
    async def case():
        lamp = Written()
        async with (
            running(tmp_path, clock=Still()) as (gateway, port),
            client(port, {("3416", "0"): lamp}) as node,
        ):
            await node.register(parameters=AWAKE, links=LAMP)
            await gateway.submit(Request("c1", "n", "dim", level=30, for_s=60))
            row = await gateway.wait_result("c1", 10)
            assert (row.state, row.code) == (CommandState.DONE, "2.04")
            assert lamp.values == [{"/3416/0/51": 1_800_000_060, "/3416/0/1": 30}]

    run(case())


def test_command_to_a_sleeping_node_goes_out_when_it_speaks(tmp_path):
    async def case():
        lamp = Written()
        async with (
            running(tmp_path, clock=Still()) as (gateway, port),
            client(port, {("3416", "0"): lamp}) as node,
        ):
            await node.register(parameters=SLEEPY, links=LAMP)
            await until(lambda: not gateway._care._tasks)
            gateway._sessions.did_not_answer("n")
            await gateway.submit(Request("c1", "n", "dim", level=30))
            row = await gateway.wait_result("c1", 0.2)
            assert row.state == CommandState.QUEUED and lamp.values == []
            await node.update()
            assert (await gateway.wait_result("c1", 10)).state == CommandState.DONE

    run(case())


def test_command_that_waits_survives_a_restart(tmp_path):
    async def case():
        lamp = Written()
        async with running(tmp_path, clock=Still()) as (gateway, port):
            await gateway.submit(Request("c1", "n", "dim", level=30))
        async with (
            running(tmp_path, clock=Still()) as (gateway, port),
            client(port, {("3416", "0"): lamp}) as node,
        ):
            await node.register(parameters=AWAKE, links=LAMP)
            assert (await gateway.wait_result("c1", 10)).state == CommandState.DONE
            assert lamp.values == [{"/3416/0/1": 30}]

    run(case())


def test_same_command_again_is_not_done_again(tmp_path):
    async def case():
        lamp = Written()
        async with (
            running(tmp_path, clock=Still()) as (gateway, port),
            client(port, {("3416", "0"): lamp}) as node,
        ):
            await node.register(parameters=AWAKE, links=LAMP)
            await gateway.submit(Request("c1", "n", "dim", level=30))
            await gateway.wait_result("c1", 10)
            again = await gateway.submit(Request("c1", "n", "dim", level=70))
            assert (again.state, again.level) == (CommandState.DONE, 30)
            assert len(lamp.values) == 1

    run(case())


def test_command_that_the_node_refuses_has_failed_with_its_code(tmp_path):
    async def case():
        async with running(tmp_path, clock=Still()) as (gateway, port), client(port) as node:
            await node.register(parameters=AWAKE, links=LAMP)
            await gateway.submit(Request("c1", "n", "execute", path="/3/0/4"))
            row = await gateway.wait_result("c1", 10)
            assert (row.state, row.code) == (CommandState.FAILED, "4.04")

    run(case())


def test_command_that_nobody_fetched_expires(tmp_path):
    async def case():
        async with running(tmp_path, clock=Still()) as (gateway, _):
            await gateway.submit(Request("c1", "n", "dim", level=30, expires_s=1))
            assert (await gateway.wait_result("c1", 10)).state == CommandState.EXPIRED

    run(case())


def test_command_that_is_refused_for_want_of_room_is_not_done_after_a_restart(tmp_path):
    async def case():
        text = "[limits]\ncommands_per_node_max = 1"
        async with running(tmp_path, text=text) as (gateway, _):
            requests = [Request(f"c{number}", "n", "resume") for number in range(4)]
            outcomes = await asyncio.gather(
                *(gateway.submit(each) for each in requests), return_exceptions=True
            )
            assert sum(isinstance(each, CommandRefused) for each in outcomes) == 3
            assert len(await gateway.store.unfinished_commands()) == 1

    run(case())
