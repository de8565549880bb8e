"""The node over UDP on loopback, against a server made with aiocoap, cbor2 and nothing of ours."""

import asyncio
import json

import aiocoap
import aiocoap.resource
import cbor2
import pytest
from aiocoap.numbers import codes

from firmware.node import Node
from protocol.settings import Settings
from tests.firmware.board import Board
from tests.ports import free_port

LIMIT_S = 60


class Wire(asyncio.DatagramProtocol):
    """The node's shell: one socket, one timer."""

    def __init__(self, board: Board, server_port: int, security: str = "none", **settings) -> None:
        self.node = Node(board, Settings(
            server_uri=f"coap://127.0.0.1:{server_port}", registration_spread_s=0,
            security=security, **settings))
        self._address = ("127.0.0.1", server_port)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def now_ms(self) -> int:
        return int((self._loop.time() - self._began) * 1000)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        self.node.start(self.now_ms())
        self.settle()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.node.receive_datagram(data, address, self.now_ms())
        self.settle()

    def settle(self) -> None:
        for datagram, _ in self.node.datagrams_to_send():
            self.transport.sendto(datagram, self._address)
        if self._timer:
            self._timer.cancel()
        due_ms = self.node.next_timeout_ms()
        if due_ms is not None:
            delay_s = max(due_ms - self.now_ms(), 0) / 1000
            self._timer = self._loop.call_later(delay_s, self.tick)

    def tick(self) -> None:
        self.node.handle_timeout(self.now_ms())
        self.settle()

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        self.transport.close()


class Site(aiocoap.resource.Resource):
    """The whole server: `/rd`, what lies below it, and `/dp`."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: asyncio.Queue = asyncio.Queue()
        self.packs: asyncio.Queue = asyncio.Queue()
        self.update_code = codes.CHANGED
        self.remote = None

    async def render(self, request: aiocoap.Message) -> aiocoap.Message:
        self.remote = request.remote
        if request.opt.uri_path == ("dp",):
            assert request.opt.content_format == 112
            await self.packs.put(cbor2.loads(request.payload))
            return aiocoap.Message(code=codes.CHANGED)
        await self.requests.put(request)
        if request.code == codes.DELETE:
            return aiocoap.Message(code=codes.DELETED)
        if request.opt.uri_path == ("rd",):
            return aiocoap.Message(code=codes.CREATED, location_path=("rd", "a1"))
        return aiocoap.Message(code=self.update_code)


class Peer:
    """The aiocoap server with one registered node."""

    async def __aenter__(self) -> "Peer":
        port = free_port()
        self.site = Site()
        self.context = await aiocoap.Context.create_server_context(
            self.site, bind=("127.0.0.1", port), transports=["udp6"])
        self.board = Board()
        _, self.wire = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Wire(self.board, port), local_addr=("127.0.0.1", 0))
        self.registration = await self.heard()
        return self

    async def __aexit__(self, *_) -> None:
        self.wire.close()
        await self.context.shutdown()

    async def heard(self) -> aiocoap.Message:
        return await asyncio.wait_for(self.site.requests.get(), LIMIT_S)

    def message(self, code, path: str, payload: bytes = b"", **options) -> aiocoap.Message:
        message = aiocoap.Message(code=code, payload=payload, **options)
        message.remote = self.site.remote
        message.opt.uri_path = tuple(path.split("/")) if path else ()
        return message

    async def ask(self, code, path: str, payload: bytes = b"", **options) -> aiocoap.Message:
        request = self.context.request(self.message(code, path, payload, **options))
        return await asyncio.wait_for(request.response, LIMIT_S)


def run(scenario) -> None:
    async def main() -> None:
        async with Peer() as peer:
            await scenario(peer)

    asyncio.run(main())


def test_int_101_registration_is_what_aiocoap_understands():
    async def scenario(peer: Peer) -> None:
        request = peer.registration
        assert request.code == codes.POST
        assert request.opt.content_format == 40
        assert set(request.opt.uri_query) == {
            "ep=urn:dev:mac:246f28fffe010203", "lt=3600", "lwm2m=1.1", "b=U"}
        links = aiocoap.util.linkformat.parse(request.payload.decode())
        assert {"/1/0", "/3/0", "/3416/0"} <= {link.href for link in links.links}

    run(scenario)


def test_int_104_105_103_update_discarded_update_and_deregistration():
    async def scenario(peer: Peer) -> None:
        assert (await peer.ask(codes.POST, "1/0/8")).code == codes.CHANGED
        assert (await peer.heard()).opt.uri_path == ("rd", "a1")
        peer.site.update_code = codes.NOT_FOUND
        await peer.ask(codes.POST, "1/0/8")
        await peer.heard()
        assert (await peer.heard()).opt.uri_path == ("rd",)
        peer.wire.node.shutdown(peer.wire.now_ms())
        peer.wire.settle()
        assert (await peer.heard()).code == codes.DELETE

    run(scenario)


@pytest.mark.parametrize(("path", "accept", "content_format"), [
    ("3/0/0", None, 0), ("3/0/0", 0, 0), ("3/0", 11542, 11542), ("3/0/0", 60, 60),
    ("3", None, 112), ("3/0", 110, 110)])
def test_int_201_to_237_values_are_read_in_every_format(path, accept, content_format):
    async def scenario(peer: Peer) -> None:
        options = {} if accept is None else {"accept": accept}
        response = await peer.ask(codes.GET, path, **options)
        assert response.code == codes.CONTENT
        assert response.opt.content_format == content_format
        assert b"Faubourg" in response.payload

    run(scenario)


def test_int_212_a_value_is_written_as_cbor_by_cbor2():
    async def scenario(peer: Peer) -> None:
        response = await peer.ask(codes.PUT, "1/0/1", cbor2.dumps(1800), content_format=60)
        assert response.code == codes.CHANGED
        assert "lt=1800" in (await peer.heard()).opt.uri_query
        read = await peer.ask(codes.GET, "1/0/1", accept=60)
        assert cbor2.loads(read.payload) == 1800

    run(scenario)


def test_int_233_half_floats_in_senml_are_understood():
    async def scenario(peer: Peer) -> None:
        payload = cbor2.dumps([{-2: "/3416/0/", 0: "49", 2: 2.5}], canonical=True)
        response = await peer.ask(codes.POST, "3416/0", payload, content_format=112)
        assert response.code == codes.CHANGED
        assert (await peer.ask(codes.GET, "3416/0/49")).payload == b"2.5"

    run(scenario)


def test_int_230_and_280_composites_go_both_ways():
    async def scenario(peer: Peer) -> None:
        payload = cbor2.dumps([{-2: "/", 0: "1/0/2", 2: 101}, {0: "1/0/6", 4: True},
                               {0: "3/0/13", 2: 0}])
        written = await peer.ask(codes.iPATCH, "", payload, content_format=112)
        assert written.code == codes.CHANGED
        names = cbor2.dumps([{0: "/1/0/2"}, {0: "/3/0/0"}, {0: "/9/9/9"}])
        response = await peer.ask(codes.FETCH, "", names, content_format=112, accept=112)
        values = [record.get(2, record.get(3)) for record in cbor2.loads(response.payload)]
        assert values == [101, "Faubourg"]

    run(scenario)


def test_int_221_security_is_unauthorized():
    async def scenario(peer: Peer) -> None:
        assert (await peer.ask(codes.GET, "0/0")).code == codes.UNAUTHORIZED

    run(scenario)


def test_int_260_discover_is_link_format_that_aiocoap_parses():
    async def scenario(peer: Peer) -> None:
        response = await peer.ask(codes.GET, "3416", accept=40)
        links = aiocoap.util.linkformat.parse(response.payload.decode()).links
        assert "/3416/0/1" in {link.href for link in links}

    run(scenario)


def test_int_301_and_303_observation_begins_notifies_and_ends():
    async def scenario(peer: Peer) -> None:
        request = peer.context.request(peer.message(codes.GET, "3416/0/4", observe=0))
        first = await asyncio.wait_for(request.response, LIMIT_S)
        assert first.payload == b"100"
        notifications = request.observation.__aiter__()
        for level in (b"40", b"60"):
            await peer.ask(codes.PUT, "3416/0/4", level, content_format=0)
            told = await asyncio.wait_for(notifications.__anext__(), LIMIT_S)
            assert told.payload == level
        request.observation.cancel()
        response = await peer.ask(codes.GET, "3416/0/4", observe=1)
        assert response.opt.observe is None

    run(scenario)


def test_int_311_a_send_is_senml_that_cbor2_reads():
    async def scenario(peer: Peer) -> None:
        peer.wire.node.reporting.report((3416, 0, 5), True)
        peer.wire.tick()
        pack = await asyncio.wait_for(peer.site.packs.get(), LIMIT_S)
        assert pack[0][-2] == "/42800/0/"
        assert any(record.get(4) is True for record in pack)

    run(scenario)


def test_a_large_read_is_cut_into_blocks_and_put_together():
    async def scenario(peer: Peer) -> None:
        names = cbor2.dumps([{0: "/"}])
        response = await peer.ask(codes.FETCH, "", names, content_format=112, accept=110)
        assert len(response.payload) > 1024
        assert len(json.loads(response.payload)) > 40

    run(scenario)
