"""Operations at clients of aiocoap's making: formats, refusals, silence."""

import asyncio

import pytest
from aiocoap import CHANGED, CONTENT, CREATED, DELETED, Message, resource

from gateway.operations import ASLEEP, NO_ANSWER, UNKNOWN_NODE, Operation, OperationFailed
from protocol import senml, tlv
from protocol.number import Decimal
from protocol.object_table import type_of
from protocol.senml import Record
from tests.gateway.coap_street import run
from tests.gateway.service_street import Fixed, client, running, scripted_node

VERSION_1_0 = "&lt=60&lwm2m=1.0&b=U"
SENML = senml.encode_cbor([Record("/3303/0/5700", Decimal(215, -1))])


async def read(gateway, path, **fields):
    return await gateway.operate("n", Operation("read", path, **fields))


def values(result):
    return {value.path: value.value for value in result.values}


def test_client_of_1_1_is_read_in_senml_cbor(tmp_path):
    async def case():
        served = Fixed(SENML, 112)
        objects = {("3303", "0"): served, ("3", "0"): Fixed()}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b"</3303/0>")
            result = await read(gateway, (3303, 0))
            assert result.code == "2.05" and served.asked[-1] == 112
            assert values(result) == {(3303, 0, 5700): Decimal(215, -1)}
            assert (result.values[0].name, result.values[0].unit) == ("sensor-value", "")

    run(case())


def test_client_of_1_0_is_read_in_tlv(tmp_path):
    async def case():
        payload = tlv.encode((3, 0), [((3, 0, 0), "ACME"), ((3, 0, 9), 95)], type_of)
        served = Fixed(payload, 11542, only_accept=(11542,))
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("3", "0"): served}) as node,
        ):
            await node.register(parameters=VERSION_1_0, links=b"</3/0>")
            result = await read(gateway, (3, 0))
            assert values(result) == {(3, 0, 0): "ACME", (3, 0, 9): 95}

    run(case())


def test_client_that_does_not_know_the_format_is_asked_in_the_next_and_remembered(tmp_path):
    async def case():
        served = Fixed(b"-7", 0, only_accept=())
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("3", "0", "13"): served}) as node,
        ):
            await node.register(links=b"</3303/0>")
            first = await read(gateway, (3, 0, 13))
            await read(gateway, (3, 0, 13))
            assert values(first) == {(3, 0, 13): -7}
            assert served.asked == [112, 110, 11542, None, None]

    run(case())


@pytest.mark.parametrize(
    ("payload", "content_format", "path", "value"),
    [
        (b"ACME", 0, (3, 0, 0), "ACME"),
        (b"ACME", None, (3, 0, 0), "ACME"),
        (b"1", 0, (3416, 0, 5), True),
        (b"\x00\xff", 42, (5, 0, 0), b"\x00\xff"),
        (b"\x18\x5f", 60, (3, 0, 9), 95),
        (b'[{"bn":"/3/0/","n":"9","v":95}]', 110, (3, 0, 9), 95),
        (b'{"e":[{"n":"","v":95}]}', 11543, (3, 0, 9), 95),
        (b"\xc8\x00\x04ACME", 11542, (3, 0, 0), "ACME"),
        (b"whatever", 0, (40000, 0, 1), "whatever"),
    ],
)
def test_answer_is_understood_in_any_format(tmp_path, payload, content_format, path, value):
    async def case():
        objects = {tuple(str(id) for id in path): Fixed(payload, content_format)}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b"</3303/0>")
            assert values(await read(gateway, path)) == {path: value}

    run(case())


def test_answer_that_makes_no_sense_is_told_and_disturbs_nothing(tmp_path):
    async def case():
        objects = {("3303", "0"): Fixed(b"\xff\xff", 112)}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b"</3/0>")
            result = await read(gateway, (3303, 0))
            assert result.code == "2.05" and result.values == ()
            assert "cannot be read" in result.detail

    run(case())


def test_long_answer_comes_in_blocks(tmp_path):
    async def case():
        text = "x" * 5000
        objects = {("3", "0", "0"): Fixed(text.encode(), 0)}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b"</3303/0>")
            assert values(await read(gateway, (3, 0, 0))) == {(3, 0, 0): text}

    run(case())


def test_single_value_is_written_as_the_client_knows_it(tmp_path):
    async def case():
        served = Fixed(only_accept=(0,))
        objects = {("3416", "0", "1"): served}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b"</3303/0>")
            result = await gateway.operate("n", Operation("write", (3416, 0, 1), 30))
            assert result.code == "2.04" and served.written == [(0, b"30")]

    run(case())


def test_long_value_is_written_in_blocks(tmp_path):
    async def case():
        served = Fixed(only_accept=(42,))
        objects = {("5", "0", "0"): served}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(parameters=VERSION_1_0, links=b"</3303/0>")
            body = bytes(range(256)) * 16
            await gateway.operate("n", Operation("write", (5, 0, 0), body))
            assert served.written == [(42, body)]

    run(case())


def test_several_values_are_written_together(tmp_path):
    async def case():
        served = Fixed()
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("3416", "0"): served}) as node,
        ):
            await node.register(links=b"</3303/0>")
            leaves = (((3416, 0, 51), 1_800_000_000), ((3416, 0, 1), 30))
            await gateway.operate("n", Operation("write", (3416, 0), leaves=leaves))
            ((number, payload),) = served.written
            names = [record.name for record in senml.decode_cbor(payload)]
            assert number == 112 and names == ["/3416/0/51", "/3416/0/1"]

    run(case())


class Anything(resource.Resource):
    """Answers every method with its success code, and keeps the last request."""

    def __init__(self):
        super().__init__()
        self.last = None

    async def _take(self, request, code):
        self.last = request
        return Message(code=code)

    async def render_post(self, request):
        return await self._take(request, CHANGED if request.opt.content_format != 112 else CREATED)

    async def render_put(self, request):
        return await self._take(request, CHANGED)

    async def render_delete(self, request):
        return await self._take(request, DELETED)

    async def render_get(self, request):
        self.last = request
        links = b"</3303/0>;pmin=5,</3303/0/5700>"
        return Message(code=CONTENT, payload=links, content_format=40)

    async def render_fetch(self, request):
        self.last = request
        return Message(code=CONTENT, payload=SENML, content_format=112)

    async def render_ipatch(self, request):
        return await self._take(request, CHANGED)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (Operation("execute", (3303, 0, 5605)), "2.04"),
        (Operation("execute", (3303, 0, 5605), arguments="0='x'"), "2.04"),
        (Operation("discover", (3303,)), "2.05"),
        (Operation("write-attributes", (3303, 0), attributes=("pmin=1", "pmax=")), "2.04"),
        (Operation("create", (3303,), leaves=(((3303, 1, 5750), "x"),)), "2.01"),
        (Operation("delete", (3303, 1)), "2.02"),
        (Operation("read-composite", paths=((3, 0, 0), (3303,))), "2.05"),
        (Operation("write-composite", leaves=(((3, 0, 13), 5),)), "2.04"),
        (Operation("ping"), "0.00"),
    ],
)
def test_operation_is_asked_and_answered(tmp_path, operation, code):
    async def case():
        served = Anything()
        path = tuple(str(id) for id in operation.path)
        async with running(tmp_path) as (gateway, port), client(port, {path: served}) as node:
            await node.register(links=b"</3/0>")
            result = await gateway.operate("n", operation)
            assert result.code == code
            if operation.kind == "discover":
                assert [link.target for link in result.links] == ["/3303/0", "/3303/0/5700"]
            if operation.kind == "execute":
                assert served.last.payload.decode() == operation.arguments
            if operation.kind == "write-attributes":
                assert served.last.opt.uri_query == operation.attributes

    run(case())


def test_alternate_root_stands_before_every_path(tmp_path):
    async def case():
        served = Fixed(b"ACME", 0)
        objects = {("lwm2m", "3", "0", "0"): served}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(links=b'</lwm2m>;rt="oma.lwm2m",</lwm2m/4/0>')
            assert values(await read(gateway, (3, 0, 0))) == {(3, 0, 0): "ACME"}

    run(case())


def test_refusal_of_the_node_is_a_result(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port), client(port) as node:
            await node.register(links=b"</3303/0>")
            assert (await read(gateway, (9, 0, 1))).code == "4.04"

    run(case())


async def reason_of(awaitable):
    with pytest.raises(OperationFailed) as failed:
        await awaitable
    return failed.value.reason


def test_unknown_sleeping_and_silent_nodes_are_told_apart(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            assert await reason_of(read(gateway, (3,))) == UNKNOWN_NODE
            async with client(port) as node:
                await node.register(parameters="&lt=60&lwm2m=1.1&b=U&Q", links=b"</9/0>")
            assert await reason_of(read(gateway, (3,), timeout_s=0.2)) == NO_ANSWER
            assert await reason_of(read(gateway, (3,))) == ASLEEP

    run(case())


async def register_in_silence(port, endpoint):
    """A node that registers and then answers nothing; its port stays taken while it lives.

    A port given back is soon another's, who answers with a Reset.
    """
    node = await scripted_node(port, endpoint)
    assert (await node.register("</9/0>", endpoint)).code == CREATED
    return node


def test_silent_nodes_hold_up_nobody(tmp_path):
    async def case():
        async with running(tmp_path) as (gateway, port):
            names = [f"silent{number}" for number in range(60)]
            silent = [await register_in_silence(port, name) for name in names]
            waiting = [
                asyncio.ensure_future(gateway.operate(name, Operation("read", (3,), timeout_s=90)))
                for name in names
            ]
            async with client(port, {("3", "0", "0"): Fixed(b"ACME", 0)}) as node:
                await node.register(links=b"</9/0>")
                assert values(await read(gateway, (3, 0, 0))) == {(3, 0, 0): "ACME"}
            assert not any(each.done() for each in waiting)
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for each in silent:
                each.close()

    run(case())
