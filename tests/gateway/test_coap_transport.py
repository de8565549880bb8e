"""Datagrams over real sockets and over memory, which a simulation gives instead."""

import asyncio
import socket

import pytest

from gateway.coap_transport import DATAGRAMS_PER_TURN_MAX, UdpTransport
from gateway.store import InlineExecutor
from protocol.coap_endpoint import Endpoint
from protocol.coap_exchange import MessageLayer
from protocol.coap_message import CHANGED, CONTENT, CREATED, POST
from protocol.coap_security import SecurityLayer
from protocol.coap_values import Request, RequestReceived, Response, ResponseReceived
from protocol.senml import Record, encode_cbor
from tests.firmware.secure_street import ServerKeys
from tests.gateway.coap_street import run
from tests.gateway.service_street import keys_of, running
from tests.portable import seeded_bytes

GATEWAY = ("10.0.0.1", 5683)
NODE = ("10.0.0.2", 40_000)


class MemoryTransport:
    """The gateway's end of a network in memory."""

    def __init__(self):
        self.sent = []
        self._receive = None

    def open(self, receive):
        self._receive = receive

    def send(self, datagram, peer, local):
        self.sent.append((datagram, peer))
        return True

    def deliver(self, datagram, peer):
        self._receive(datagram, peer, None)

    def addresses(self):
        return [GATEWAY]

    def close(self):
        self._receive = lambda datagram, peer, local: None


class MemoryNode:
    """Our own endpoint core over the same memory; it answers every request with `answer`.

    It says everything under `credentials`.
    """

    def __init__(self, transport, answer, credentials):
        seeds = iter(range(10**6))

        def random_bytes(count):
            return seeded_bytes(next(seeds), count)

        layer = SecurityLayer(
            MessageLayer(random_bytes), ServerKeys(credentials.mirrored()), random_bytes)
        self._transport = transport
        self._endpoint = Endpoint(random_bytes, message_layer=layer)
        self._answer = answer

    async def ask(self, request):
        """Return the gateway's response."""
        handle = self._endpoint.send_request(request, GATEWAY, self._now_ms())
        while True:
            response = self._step(handle)
            if response is not None:
                return response
            await asyncio.sleep(0.001)

    async def serve(self, condition):
        """Answer what the gateway asks until `condition()` holds."""
        while not condition():
            self._step(None)
            await asyncio.sleep(0.001)

    def _step(self, handle):
        while self._transport.sent:
            datagram, peer = self._transport.sent.pop(0)
            assert peer == NODE
            self._endpoint.receive_datagram(datagram, GATEWAY, self._now_ms())
        found = None
        while (event := self._endpoint.next_event()) is not None:
            if isinstance(event, ResponseReceived) and event.handle == handle:
                found = event.response
            elif isinstance(event, RequestReceived):
                self._endpoint.send_response(event.exchange, self._answer, self._now_ms())
        for datagram, _ in self._endpoint.datagrams_to_send():
            self._transport.deliver(datagram, NODE)
        return found

    def _now_ms(self):
        return int(asyncio.get_running_loop().time() * 1000)


def test_our_own_endpoint_registers_sends_and_is_read_over_memory(tmp_path):
    async def case():
        transport = MemoryTransport()
        answer = Response(CONTENT, encode_cbor([Record("/3/0/0", "Faubourg")]), 112)
        seams = {"transport": transport, "new_executor": InlineExecutor}
        async with running(tmp_path, **seams) as (gateway, _):
            node = MemoryNode(transport, answer, (await keys_of(gateway, "n")).credentials)
            queries = ("ep=n", "lt=60", "lwm2m=1.1", "b=U")
            links = b"</3/0>,</3303/0>,</42800/0>"
            registered = await node.ask(Request(POST, ("rd",), queries, links, 40))
            assert registered.code == CREATED and registered.location[0] == "rd"
            pack = encode_cbor([Record("/3303/0/5700", 21), Record("/42800/0/0", 1)])
            assert (await node.ask(Request(POST, ("dp",), (), pack, 112))).code == CHANGED
            await node.serve(lambda: gateway.node("n").row.facts)
            assert dict(gateway.node("n").row.facts)["/3/0/0"] == "Faubourg"

    run(case())


def test_large_pack_of_our_own_endpoint_arrives_in_blocks(tmp_path):
    async def case():
        transport = MemoryTransport()
        seams = {"transport": transport, "new_executor": InlineExecutor}
        async with running(tmp_path, **seams) as (gateway, _):
            credentials = (await keys_of(gateway, "n")).credentials
            node = MemoryNode(transport, Response(CHANGED), credentials)
            links = b"</3303/0>,</42800/0>"
            await node.ask(Request(POST, ("rd",), ("ep=n",), links, 40))
            records = [Record("/3303/0/5701", f"text {number:060}") for number in range(50)]
            pack = encode_cbor(records)
            assert len(pack) > 3000
            assert (await node.ask(Request(POST, ("dp",), (), pack, 112))).code == CHANGED
            assert len(await gateway.store.readings("n", 100)) == 50

    run(case())


def can_bind(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


# On wildcard addresses the answer has to come from the address that was asked.
ADDRESSES = [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.7")]
# Containers often have no IPv6: there is nothing to ask then.
ADDRESSES += [("::1", "::1"), ("::", "::1")] if can_bind("::1") else []


@pytest.mark.parametrize(("bound", "asked"), ADDRESSES)
def test_answer_comes_from_the_address_that_was_asked(bound, asked):
    async def case():
        transport = UdpTransport([(bound, 0)])
        transport.open(lambda data, peer, local: transport.send(data.upper(), peer, local))
        port = transport.addresses()[0][1]
        family = socket.AF_INET6 if ":" in asked else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.setblocking(False)
            # A connected socket hears its peer alone.
            peer.connect((asked, port))
            peer.send(b"hello")
            assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"HELLO"
        transport.close()

    run(case())


def test_burst_is_read_in_shares_that_let_others_run():
    async def case():
        received, shares = [], []
        transport = UdpTransport([("127.0.0.1", 0)])
        transport.open(lambda data, peer, local: received.append(data))
        count = 3 * DATAGRAMS_PER_TURN_MAX
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for _ in range(count):
                peer.sendto(b"x", transport.addresses()[0])
        while len(received) < count:
            await asyncio.sleep(0)
            shares.append(len(received))
        assert max(b - a for a, b in zip([0, *shares], shares)) <= DATAGRAMS_PER_TURN_MAX
        transport.close()

    run(case())


def test_taken_port_is_refused():
    async def case():
        first = UdpTransport([("127.0.0.1", 0)])
        first.open(lambda data, peer, local: None)
        second = UdpTransport(first.addresses())
        with pytest.raises(OSError):
            second.open(lambda data, peer, local: None)
        first.close()

    run(case())


def test_datagram_to_nowhere_is_lost_and_nothing_else():
    async def case():
        transport = UdpTransport([("127.0.0.1", 0)])
        transport.open(lambda data, peer, local: None)
        assert not transport.send(b"x", ("::1", 9), None)
        assert not transport.send(b"x" * 70_000, ("127.0.0.1", 9), None)
        assert transport.send(b"x", ("127.0.0.1", 9), None) and transport.lost_on_send == 2
        transport.close()

    run(case())
