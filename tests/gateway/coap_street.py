"""What the CoAP tests share: a gateway's context on loopback, and recording handlers."""

import asyncio
import contextlib
from random import Random

import aiocoap

from gateway.coap_context import CoapContext
from gateway.coap_server import GatewayResource, Incoming
from gateway.coap_transport import UdpTransport
from gateway.refusal import Refused

LIMIT_S = 90
"""Ends a test that hangs; no test depends on it otherwise."""


def run(coroutine):
    """Run one test's coroutine in an event loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT_S))


class Handlers:
    """Registry and reports that keep what they were given; `refusal` is raised if set."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Incoming]] = []
        self.refusal: Refused | None = None
        self.gate: asyncio.Event | None = None

    async def register(self, request):
        await self._take("register", request)
        return "abcd"

    async def update(self, registration_id, request):
        await self._take("update " + registration_id, request)

    async def deregister(self, registration_id, request):
        await self._take("deregister " + registration_id, request)

    async def receive(self, request):
        await self._take("send", request)

    async def _take(self, name, request):
        self.requests.append((name, request))
        if self.gate is not None:
            await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal


@contextlib.asynccontextmanager
async def serving(site=None, seed=1, malformed=lambda peer: None):
    """A context on a free loopback port: gives (context, port)."""
    transport = UdpTransport([("127.0.0.1", 0)])
    context = CoapContext(transport, Random(seed), site, malformed)
    context.open()
    try:
        yield context, transport.addresses()[0][1]
    finally:
        await context.shutdown()


@contextlib.asynccontextmanager
async def serving_handlers(payload_bytes_max=65_536):
    """The gateway's resource over recording handlers: gives (handlers, site, port)."""
    handlers = Handlers()
    site = GatewayResource(handlers, handlers, payload_bytes_max)
    async with serving(site, malformed=site.malformed) as (_, port):
        yield handlers, site, port


@contextlib.asynccontextmanager
async def client():
    """A client of aiocoap's own, with its own message layer and transport."""
    context = await aiocoap.Context.create_client_context(transports=["udp6"])
    try:
        yield context
    finally:
        await context.shutdown()


class RawPeer(asyncio.DatagramProtocol):
    """A UDP socket that sends bytes as they are and keeps what comes back."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    @classmethod
    async def connect(cls, port):
        loop = asyncio.get_running_loop()
        transport, peer = await loop.create_datagram_endpoint(cls, remote_addr=("127.0.0.1", port))
        peer.transport = transport
        return peer

    def datagram_received(self, data, address):
        self.received.put_nowait(data)

    def send(self, datagram):
        self.transport.sendto(datagram)

    async def answer(self):
        return await self.received.get()

    async def ask(self, datagram):
        self.send(datagram)
        return await self.answer()

    async def is_quiet(self):
        """Tell whether nothing came although a ping sent now was answered."""
        self.send(bytes.fromhex("4000fffe"))
        return await self.answer() == bytes.fromhex("7000fffe") and self.received.empty()

    def close(self):
        self.transport.close()
