"""Our endpoint and aiocoap, each as client and as server, over UDP on the loopback."""

import asyncio
import os

import aiocoap
from aiocoap import resource
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_values import (
    NotificationReceived,
    Request,
    RequestFailed,
    Response,
    ResponseReceived,
)
from tests.ports import free_port
from tests.protocol.coap_udp import LIMIT_S, Shelf, UdpPeer

BODY = os.urandom(3000)


def served(scenario, bodies=None, block_size=1024):
    """Run `scenario(client, server, shelf, uri)` with aiocoap as client of our endpoint."""

    async def run():
        shelf = Shelf(bodies if bodies is not None else {})
        server = await UdpPeer.open(Endpoint(os.urandom, None, block_size), shelf)
        client = await aiocoap.Context.create_client_context()
        try:
            uri = f"coap://127.0.0.1:{server.port}"
            await asyncio.wait_for(scenario(client, server, shelf, uri), LIMIT_S)
        finally:
            await client.shutdown()
            server.close()

    asyncio.run(run())


def asking(scenario, site, block_size=1024):
    """Run `scenario(client, address)` with our endpoint as client of an aiocoap server."""

    async def run():
        address = ("127.0.0.1", free_port())
        server = await aiocoap.Context.create_server_context(
            site, bind=address, transports=["udp6"])
        client = await UdpPeer.open(ObservingEndpoint(os.urandom, None, block_size))
        try:
            await asyncio.wait_for(scenario(client, address), LIMIT_S)
        finally:
            client.close()
            await server.shutdown()

    asyncio.run(run())


class Body(resource.ObservableResource):
    """A body that can be read, replaced, fetched, posted to and observed."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def replace(self, body):
        self.body = body
        self.updated_state()

    async def render_get(self, request):
        return aiocoap.Message(payload=self.body, content_format=42)

    async def render_put(self, request):
        self.replace(request.payload)
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_post(self, request):
        return aiocoap.Message(code=aiocoap.CREATED, payload=request.payload[::-1],
                               location_path=("rd", "5"))

    async def render_fetch(self, request):
        return aiocoap.Message(code=aiocoap.CONTENT, payload=request.payload * 2)


class Slow(resource.Resource):
    """Answers after aiocoap has sent an empty acknowledgement."""

    async def render_get(self, request):
        await asyncio.sleep(0.5)
        return aiocoap.Message(payload=b"at last")


def site(body=b"22.3 C"):
    root = resource.Site()
    root.add_resource(["x"], Body(body))
    root.add_resource(["slow"], Slow())
    return root


def test_aiocoap_gets_puts_and_deletes():
    async def scenario(client, server, shelf, uri):
        async def ask(code, payload=b""):
            message = aiocoap.Message(code=code, uri=uri + "/x", payload=payload)
            return await client.request(message).response

        assert (await ask(aiocoap.GET)).code == aiocoap.NOT_FOUND
        assert (await ask(aiocoap.PUT, b"22.3 C")).code == aiocoap.CHANGED
        answer = await ask(aiocoap.GET)
        assert (answer.payload, int(answer.opt.content_format)) == (b"22.3 C", 42)
        assert (await ask(aiocoap.DELETE)).code == aiocoap.DELETED

    served(scenario)


def test_aiocoap_sends_path_query_and_accept():
    async def scenario(client, server, shelf, uri):
        message = aiocoap.Message(code=aiocoap.GET, uri=uri + "/3416/0/\u00e9?pmin=1&pmax=5")
        message.opt.accept = 112
        await client.request(message).response
        request = shelf.requests[0]
        assert request.path == ("3416", "0", "\u00e9")
        assert (request.queries, request.accept) == (("pmin=1", "pmax=5"), 112)

    served(scenario)


@settings(max_examples=15)
@given(st.integers(0, 4000), st.sampled_from([16, 64, 256, 1024]))
def test_aiocoap_gets_bodies_of_any_length(length, block_size):
    async def scenario(client, server, shelf, uri):
        message = aiocoap.Message(code=aiocoap.GET, uri=uri + "/x")
        answer = await client.request(message).response
        assert answer.payload == BODY[:length]

    served(scenario, {("x",): BODY[:length]}, block_size)


@settings(max_examples=15)
@given(st.integers(0, 3000), st.sampled_from([16, 64, 256, 1024]),
       st.sampled_from([aiocoap.POST, aiocoap.FETCH, aiocoap.iPATCH]))
def test_aiocoap_sends_and_gets_bodies_of_any_length(length, block_size, code):
    async def scenario(client, server, shelf, uri):
        message = aiocoap.Message(code=code, uri=uri + "/x", payload=BODY[:length])
        answer = await client.request(message).response
        wanted = BODY[:length] * 2 if code == aiocoap.FETCH else BODY[:length][::-1]
        assert answer.payload == wanted

    served(scenario, block_size=block_size)


def test_aiocoap_is_told_4_13_for_a_body_over_the_limit():
    async def scenario(client, server, shelf, uri):
        message = aiocoap.Message(code=aiocoap.PUT, uri=uri + "/x", payload=bytes(5000))
        answer = await client.request(message).response
        assert answer.code == aiocoap.REQUEST_ENTITY_TOO_LARGE
        assert shelf.requests == []

    served(scenario)


def test_aiocoap_waits_for_a_separate_response():
    async def scenario(client, server, shelf, uri):
        message = aiocoap.Message(code=aiocoap.GET, uri=uri + "/slow")
        assert (await client.request(message).response).payload == b"at last"
        assert len(shelf.requests) == 1

    served(scenario)


def test_aiocoap_observes_short_and_long_states_and_cancels():
    async def scenario(client, server, shelf, uri):
        request = client.request(aiocoap.Message(code=aiocoap.GET, uri=uri + "/x", observe=0))
        assert (await request.response).payload == b"0"
        notifications = request.observation.__aiter__()
        for body in (b"1", BODY, b"3"):
            # The rest of a long notification is asked for with GET.
            shelf.bodies["x",] = body
            server.notify(Response(coap.CONTENT, body, 42))
            assert (await notifications.__anext__()).payload == body
        request.observation.cancel()
        # aiocoap forgets the observation at its next notification and rejects the one after it.
        while server.events.empty():
            server.notify(Response(coap.CONTENT, b"4", 42))
            await asyncio.sleep(0.05)
        assert (await server.next_event()).reason == "reset"

    served(scenario, {("x",): b"0"})


def test_aiocoap_answers_our_requests():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("x",)), address)
        assert (event.response.code, event.response.payload) == (coap.CONTENT, b"22.3 C")
        assert event.response.content_format == 42
        event = await client.ask(Request(coap.GET, ("nowhere",)), address)
        assert event.response.code == coap.NOT_FOUND
        event = await client.ask(Request(coap.POST, ("x",), (), b"abc"), address)
        assert event.response.location == ("rd", "5")

    asking(scenario, site())


def test_aiocoap_answers_a_nonconfirmable_request():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("x",), is_confirmable=False), address)
        assert event.response.payload == b"22.3 C"

    asking(scenario, site())


def test_aiocoap_answers_late():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("slow",)), address)
        assert isinstance(event, ResponseReceived)
        assert event.response.payload == b"at last"
        assert event.retransmissions == 0

    asking(scenario, site())


@settings(max_examples=15)
@given(st.integers(0, 2000), st.sampled_from([16, 64, 256, 1024]),
       st.sampled_from([coap.POST, coap.FETCH]))
def test_aiocoap_takes_and_gives_bodies_of_any_length(length, block_size, code):
    async def scenario(client, address):
        event = await client.ask(Request(code, ("x",), (), BODY[:length], 42), address)
        wanted = BODY[:length] * 2 if code == coap.FETCH else BODY[:length][::-1]
        assert event.response.payload == wanted

    asking(scenario, site(), block_size)


@settings(max_examples=10)
@given(st.integers(0, 4096), st.sampled_from([16, 64, 1024]))
def test_we_get_bodies_of_any_length_from_aiocoap(length, block_size):
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("x",)), address)
        assert event.response.payload == (BODY * 2)[:length]

    asking(scenario, site((BODY * 2)[:length]), block_size)


def test_body_over_our_limit_from_aiocoap_fails():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("x",)), address)
        assert isinstance(event, RequestFailed) and event.reason == "size"

    asking(scenario, site(bytes(5000)))


def test_we_observe_short_and_long_states_of_aiocoap_and_cancel():
    root = site(b"0")
    body = root._resources["x",]

    async def scenario(client, address):
        handle = client.endpoint.send_request(
            Request(coap.GET, ("x",), observe=0), address, client.now_ms())
        client.pump()
        assert (await client.next_event()).response.payload == b"0"
        for state in (b"1", BODY, b"3"):
            body.replace(state)
            event = await client.next_event()
            assert isinstance(event, NotificationReceived)
            assert event.response.payload == state
        client.endpoint.cancel_observation(handle, client.now_ms())
        client.pump()
        while body._observations:
            await asyncio.sleep(0.01)
        assert client.events.empty()

    asking(scenario, root)
