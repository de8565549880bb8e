"""The cases that judge the server, against the whole gateway and clients that are not ours."""

import asyncio

import cbor2
from aiocoap import CHANGED, DELETE, POST, Message, resource
from aiocoap.numbers import codes

from gateway.commands import Request
from gateway.operations import Operation
from tests.conformance import senml
from tests.gateway.coap_street import run
from tests.gateway.service_street import until

LINKS = b'</>;rt="oma.lwm2m";ct="%d",</1/0>,</3/0>,</3303/0>'
SERVER = ("1", "0")


class ShiftedClock:
    """The event loop's time, with more of it gone by when the test wishes so."""

    offset_s = 0.0

    def monotonic_s(self):
        return asyncio.get_running_loop().time() + self.offset_s

    def unix_ms(self):
        return 1_800_000_000_000

    def is_trusted(self):
        return False


class Recorder(resource.Resource):
    """A client's resource that takes everything and keeps the requests."""

    def __init__(self):
        super().__init__()
        self.requests = []

    async def render_put(self, request):
        self.requests.append(request)
        return Message(code=CHANGED)

    render_post = render_ipatch = render_put


def last(recorder):
    """Return the method, content format and payload of the newest request."""
    request = recorder.requests[-1]
    return request.code, request.opt.content_format, request.payload


def test_1_1_int_101_gateway_registers_a_client(gateway_street):
    async def case():
        async with gateway_street.with_client(endpoint="urn:x:1") as (gateway, node):
            answer = await node.register("urn:x:1", "&lt=90&lwm2m=1.1&b=U", LINKS % 112)
            assert answer.code == codes.CREATED
            assert len(answer.opt.location_path) == 2 and answer.opt.location_path[0] == "rd"
            row = gateway.node("urn:x:1").row
            assert (row.lifetime_s, row.binding, row.lwm2m_version) == (90, "U", "1.1")
            assert gateway.node("urn:x:1").objects == ((1, 0), (3, 0), (3303, 0))

    run(case())


def test_1_1_int_102_gateway_takes_an_update(gateway_street):
    async def case():
        async with gateway_street.with_client() as (gateway, node):
            await node.register()
            answer = await node.update("?lt=90", b"</1/0>,</3/0>", content_format=40)
            assert answer.code == CHANGED and answer.payload == b""
            assert gateway.node("n").row.lifetime_s == 90
            assert gateway.node("n").objects == ((1, 0), (3, 0))

    run(case())


def test_1_1_int_103_gateway_takes_a_deregistration(gateway_street):
    async def case():
        async with gateway_street.with_client() as (gateway, node):
            await node.register()
            answer = await node.ask(DELETE, "/" + "/".join(node.location))
            assert answer.code == codes.DELETED
            assert gateway.node("n").state == "gone"
            assert (await node.update()).code == codes.NOT_FOUND

    run(case())


def test_1_1_int_104_gateway_triggers_an_update(gateway_street):
    async def case():
        trigger = Recorder()
        async with gateway_street.with_client({(*SERVER, "8"): trigger}) as (gateway, node):
            await node.register()
            result = await gateway.operate("n", Operation("execute", (1, 0, 8)))
            assert result.code == "2.04" and last(trigger) == (POST, None, b"")
            assert (await node.update()).code == CHANGED

    run(case())


def test_1_1_int_105_gateway_discards_an_update_after_the_lifetime(gateway_street):
    async def case():
        clock = ShiftedClock()
        async with gateway_street.with_client(clock=clock) as (gateway, node):
            await node.register(parameters="&lt=60&lwm2m=1.1&b=U")
            before = node.location
            clock.offset_s = 600
            gateway._wake.set()
            await until(lambda: gateway.node("n").state == "gone")
            assert (await node.update()).code == codes.NOT_FOUND
            assert (await node.register()).code == codes.CREATED
            assert node.location != before

    run(case())


def test_1_1_int_107_gateway_extends_the_lifetime(gateway_street):
    async def case():
        clock, lifetime = ShiftedClock(), Recorder()
        objects = {(*SERVER, "1"): lifetime}
        async with gateway_street.with_client(objects, clock=clock) as (gateway, node):
            await node.register(parameters="&lt=60&lwm2m=1.1&b=U", links=LINKS % 112)
            await gateway.operate("n", Operation("write", (1, 0, 1), 120))
            assert senml.values(last(lifetime)[2]) == {"/1/0/1": 120}
            await node.update("?lt=120")
            clock.offset_s = 100
            assert gateway.node("n").state == "registered"

    run(case())


def test_1_1_int_108_gateway_takes_queue_mode(gateway_street):
    async def case():
        async with gateway_street.with_client() as (gateway, node):
            answer = await node.register(parameters="&lt=90&lwm2m=1.1&b=U&Q")
            assert answer.code == codes.CREATED
            assert gateway.node("n").row.queue_mode

    run(case())


def test_1_1_int_109_gateway_holds_requests_back_in_queue_mode(gateway_street):
    async def case():
        clock, level = ShiftedClock(), Recorder()
        objects = {("3416", "0", "4"): level}
        async with gateway_street.with_client(objects, clock=clock) as (gateway, node):
            links = b"</1/0>,</3416>;ver=2.0,</3416/0>"
            await node.register(parameters="&lt=900&lwm2m=1.1&b=U&Q", links=links)
            await until(lambda: not gateway._care._tasks)
            clock.offset_s = 100
            assert gateway.node("n").state == "sleeping"
            await gateway.submit(Request("a", "n", "write", path="/3416/0/4", value=50))
            await until(lambda: not gateway._care._tasks)
            assert level.requests == []
            await node.update()
            assert (await gateway.wait_result("a", 20)).state == "done"
            assert len(level.requests) == 1

    run(case())


async def written(gateway_street, operation, path, content_format):
    """Return what a client that knows one format gets for `operation`."""
    recorder = Recorder()
    async with gateway_street.with_client({path: recorder}) as (gateway, node):
        await node.register(links=LINKS % content_format)
        assert (await gateway.operate("n", operation)).code == "2.04"
        return last(recorder)


LEAVES = (((1, 0, 1), 61), ((1, 0, 6), True))


def test_1_1_int_226_gateway_writes_a_partial_update(gateway_street):
    operation = Operation("write", (1, 0), leaves=LEAVES)
    code, number, payload = run(written(gateway_street, operation, SERVER, 112))
    assert (code, number) == (codes.POST, 112)
    assert senml.values(payload) == {"/1/0/1": 61, "/1/0/6": True}


def test_1_1_int_227_gateway_replaces_a_resource(gateway_street):
    operation = Operation("write", (1, 0, 1), 63)
    code, number, payload = run(written(gateway_street, operation, (*SERVER, "1"), 112))
    assert (code, number) == (codes.PUT, 112)
    assert senml.values(payload) == {"/1/0/1": 63}


def test_1_1_int_230_gateway_writes_a_composite(gateway_street):
    operation = Operation("write-composite", leaves=(*LEAVES, ((3, 0, 15), "UTC0")))
    code, number, payload = run(written(gateway_street, operation, (), 112))
    assert (code, number) == (codes.iPATCH, 112)
    assert senml.values(payload) == {"/1/0/1": 61, "/1/0/6": True, "/3/0/15": "UTC0"}


def test_1_1_int_233_gateway_writes_senml_cbor(gateway_street):
    operation = Operation("write", (1, 0), leaves=LEAVES)
    _, number, payload = run(written(gateway_street, operation, SERVER, 112))
    assert number == 112 and senml.values(payload) == {"/1/0/1": 61, "/1/0/6": True}


def test_1_1_int_234_gateway_writes_senml_json(gateway_street):
    operation = Operation("write", (1, 0), leaves=LEAVES)
    _, number, payload = run(written(gateway_street, operation, SERVER, 110))
    assert number == 110
    assert senml.values(payload, senml.JSON) == {"/1/0/1": 61, "/1/0/6": True}


BINDING = cbor2.dumps([{0: "/3/0/16", 3: "U"}])


async def observed(gateway, node):
    """Begin a live view of 3/0/16, leave it; return the request to observe and the one to end."""
    await node.register("</1/0>,</3/0>")
    view = gateway.observe("n", (3, 0, 16))
    entering = asyncio.ensure_future(view.__aenter__())
    request = await node.observe_request()
    node.answer(request, BINDING, observe=1)
    values = await entering
    assert [each.value for each in await anext(values)] == ["U"]
    await view.__aexit__(None, None, None)
    return request, await node.request()


def test_1_1_int_302_gateway_resets_what_it_does_not_observe(gateway_street):
    """Deviation: an observation is ended by Observe 1, and by Reset if more comes."""

    async def case():
        async with gateway_street.running() as (gateway, port):
            node = await gateway_street.scripted_node(port)
            request, ending = await observed(gateway, node)
            node.answer(ending, BINDING, observe=None)
            node.notify(request, 7, 2, BINDING)
            assert await node.reset() == 7
            node.close()

    run(case())


def test_1_1_int_303_gateway_cancels_by_observe_1(gateway_street):
    async def case():
        async with gateway_street.running() as (gateway, port):
            node = await gateway_street.scripted_node(port)
            request, ending = await observed(gateway, node)
            assert (request.observe, ending.observe) == (0, 1)
            assert (ending.token, ending.path) == (request.token, request.path)
            node.close()

    run(case())


async def sent(gateway_street, payload, content_format):
    """Return the answer to a Send, and the paths and values in the store."""
    async with gateway_street.with_client() as (gateway, node):
        await node.register()
        answer = await node.ask(POST, "/dp", payload, content_format=content_format)
        rows = [each.row for each in await gateway.store.readings("n", 10)]
        return answer, {row.path: row.value for row in rows}


def test_1_1_int_306_gateway_takes_a_send(gateway_street):
    entries = {"/3303/0/5701": "Cel", "/3303/0/5700": 21, "/3303/0/5500": True}
    answer, stored = run(sent(gateway_street, senml.pack(senml.CBOR, entries), senml.CBOR))
    assert answer.code == CHANGED and answer.payload == b""
    assert stored["/3303/0/5700"] == 21 and stored["/3303/0/5701"] == "Cel"


def test_1_1_int_307_gateway_mutes_send(gateway_street):
    operation = Operation("write", (1, 0, 23), True)
    code, _, payload = run(written(gateway_street, operation, (*SERVER, "23"), 112))
    assert code == codes.PUT and senml.values(payload) == {"/1/0/23": True}


def test_1_1_int_311_gateway_takes_a_send_of_two_objects(gateway_street):
    entries = {"/1/0/1": 3600, "/3/0/11/0": 0}
    answer, stored = run(sent(gateway_street, senml.pack(senml.JSON, entries), senml.JSON))
    assert answer.code == CHANGED
    assert stored == {"/1/0/1": 3600, "/3/0/11/0": 0}
