"""The gateway's CoAP context as a client, and what it relies on in aiocoap."""

import asyncio
import inspect
import re

import aiocoap
from aiocoap import CONTENT, GET, PUT, Message, error, interfaces, oscore, resource, tokenmanager
from aiocoap.numbers.contentformat import ContentFormat
from aiocoap.pipe import Pipe
from aiocoap.tokenmanager import TokenManager

from gateway.coap_codec import decode
from gateway.coap_message_layer import MessageLayer
from gateway.recent_messages import RecentMessages
from tests.gateway.coap_street import RawPeer, client, run, serving

NOTIFICATIONS = 100


class Scripted(asyncio.DatagramProtocol):
    """A node made of bytes: it answers what the test tells it to, and keeps what it gets."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, tuple]] = asyncio.Queue()

    @classmethod
    async def listen(cls):
        loop = asyncio.get_running_loop()
        transport, node = await loop.create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        node.transport = transport
        node.peer = transport.get_extra_info("sockname")
        return node

    def datagram_received(self, data, address):
        self.received.put_nowait((data, address))

    async def request(self):
        data, self.gateway = await self.received.get()
        return data

    def send(self, datagram):
        self.transport.sendto(datagram, self.gateway)

    def close(self):
        self.transport.close()


def token_of(request):
    return request[4 : 4 + (request[0] & 15)]


async def observing(context, node, on_notification=lambda message: None):
    """Start an observation and answer it; gives (token, the list of notifications)."""
    arrived = []

    def take(response):
        if isinstance(response, Message) and response.acknowledgement is not None:
            arrived.append(response)
            on_notification(response)
        return isinstance(response, Message)

    message = Message(code=GET, observe=0, uri_path=("3", "0", "9"))
    message.remote = context.address(node.peer)
    context.send(message, take)
    request = await node.request()
    token = token_of(request)
    node.send(bytes((0x64, 0x45)) + request[2:4] + token + b"\x61\x01\xff0")
    return token, arrived


def notification(mid, token, observe, payload):
    return (
        bytes((0x44, 0x45))
        + mid.to_bytes(2, "big")
        + token
        + bytes((0x61, observe, 0xFF))
        + payload
    )


def test_resource_of_aiocoap_is_read_and_written_in_blocks():
    class Store(resource.Resource):
        body = bytes(3000)

        async def render_get(self, request):
            return Message(code=CONTENT, payload=self.body)

        async def render_put(self, request):
            self.body = request.payload
            return Message(code=aiocoap.CHANGED)

    async def case():
        async with serving() as (context, _), serving(Store()) as (_, port):
            remote = context.address(("127.0.0.1", port))
            put = Message(code=PUT, payload=b"x" * 2500, uri_path=("store",))
            put.remote = remote
            assert (await context.request(put).response).code.dotted == "2.04"
            get = Message(code=GET, uri_path=("store",))
            get.remote = remote
            assert (await context.request(get).response).payload == b"x" * 2500

    run(case())


def test_every_notification_of_a_burst_arrives_in_order():
    async def case():
        async with serving() as (context, _):
            node = await Scripted.listen()
            token, arrived = await observing(context, node)
            for number in range(NOTIFICATIONS):
                node.send(notification(number, token, 2 + number, b"%d" % number))
            for number in range(NOTIFICATIONS):
                assert await node.request() == b"\x60\x00" + number.to_bytes(2, "big")
            payloads = [int(message.payload) for message in arrived]
            assert payloads == list(range(NOTIFICATIONS))
            node.close()

    run(case())


def test_held_acknowledgement_leaves_when_it_is_sent_and_repetitions_count_once():
    async def case():
        async with serving() as (context, _):
            node = await Scripted.listen()
            token, arrived = await observing(
                context, node, lambda message: message.acknowledgement.hold())
            for _ in range(3):
                node.send(notification(7, token, 9, b"held"))
            while context.counters["duplicates"] < 2:
                await asyncio.sleep(0.001)
            assert len(arrived) == 1 and node.received.empty()
            arrived[0].acknowledgement.send()
            assert await node.request() == bytes.fromhex("60000007")
            node.send(notification(7, token, 9, b"held"))
            assert await node.request() == bytes.fromhex("60000007")
            assert len(arrived) == 1
            node.close()

    run(case())


def test_dropped_acknowledgement_lets_the_repetition_count_as_new():
    async def case():
        def drop(message):
            message.acknowledgement.hold()
            message.acknowledgement.drop()

        async with serving() as (context, _):
            node = await Scripted.listen()
            token, arrived = await observing(context, node, drop)
            node.send(notification(7, token, 9, b"a"))
            node.send(notification(7, token, 9, b"a"))
            while len(arrived) < 2:
                await asyncio.sleep(0.001)
            assert node.received.empty()
            node.close()

    run(case())


def test_notification_with_an_unknown_token_is_reset_confirmable_or_not():
    async def case():
        async with serving() as (_, port):
            peer = await RawPeer.connect(port)
            confirmable = notification(0x0102, b"abcd", 5, b"x")
            assert await peer.ask(confirmable) == bytes.fromhex("70000102")
            non_confirmable = bytes((0x54,)) + notification(0x0103, b"abcd", 5, b"x")[1:]
            assert await peer.ask(non_confirmable) == bytes.fromhex("70000103")
            peer.close()

    run(case())


def test_lost_request_is_repeated_and_the_repetitions_are_counted():
    async def case():
        async with serving() as (context, _):
            node = await Scripted.listen()
            # Long enough for no third one before the answer.
            message = Message(code=GET, uri_path=("3",), transport_tuning=quick(1))
            message.remote = context.address(node.peer)
            response = context.request(message).response
            first, second = await node.request(), await node.request()
            assert first == second
            node.send(bytes((0x64, 0x45)) + first[2:4] + token_of(first))
            assert (await response).code.dotted == "2.05"
            assert message.retransmissions == 1
            node.close()

    run(case())


def test_dead_node_ends_its_own_request_only():
    async def case():
        async with serving() as (context, _):
            dead, live = await Scripted.listen(), await Scripted.listen()
            requests = []
            for node in (dead, live):
                message = Message(code=GET, uri_path=("3",), transport_tuning=quick())
                message.remote = context.address(node.peer)
                requests.append(context.request(message).response)
            dead.close()
            request = await live.request()
            live.send(bytes((0x64, 0x45)) + request[2:4] + token_of(request))
            assert (await requests[1]).code.dotted == "2.05"
            try:
                await requests[0]
                raise AssertionError("a closed port answered")
            except error.ConRetransmitsExceeded:
                live.close()

    run(case())


def test_separate_response_ends_the_retransmissions():
    async def case():
        async with serving() as (context, _):
            node = await Scripted.listen()
            message = Message(code=GET, uri_path=("3",))
            message.remote = context.address(node.peer)
            response = context.request(message).response
            request = await node.request()
            node.send(b"\x60\x00" + request[2:4])
            node.send(bytes((0x44, 0x45)) + b"\x77\x77" + token_of(request) + b"\xffok")
            assert (await response).payload == b"ok"
            assert await node.request() == b"\x60\x00\x77\x77"
            node.close()

    run(case())


def test_second_request_to_a_node_waits_for_the_first():
    async def case():
        async with serving() as (context, _):
            node = await Scripted.listen()
            responses = []
            for path in ("3", "4"):
                message = Message(code=GET, uri_path=(path,))
                message.remote = context.address(node.peer)
                responses.append(context.request(message).response)
            first = await node.request()
            await asyncio.sleep(0.05)
            assert node.received.empty()
            node.send(b"\x60\x00" + first[2:4])
            assert (await node.request())[-1:] == b"4"
            for response in responses:
                response.cancel()
            node.close()

    run(case())


def test_reset_fails_the_request_at_once():
    async def case():
        async with serving() as (context, _):
            node = await Scripted.listen()
            message = Message(code=GET, uri_path=("3",))
            message.remote = context.address(node.peer)
            response = context.request(message).response
            request = await node.request()
            node.send(b"\x70\x00" + request[2:4])
            try:
                await response
                raise AssertionError("a reset counted as an answer")
            except error.MessageError:
                node.close()

    run(case())


def test_message_ids_and_tokens_follow_from_the_seed():
    async def trace(seed):
        async with serving(seed=seed) as (context, _):
            node = await Scripted.listen()
            message = Message(code=GET, uri_path=("3",))
            message.remote = context.address(node.peer)
            request = context.request(message)
            datagram = await node.request()
            request.response.cancel()
            node.close()
            return datagram

    async def case():
        assert await trace(7) == await trace(7) != await trace(8)

    run(case())


def test_recent_messages_are_forgotten_by_age_and_by_number():
    recent = RecentMessages(60.0, capacity=3)
    for number in range(4):
        recent.add((number,), float(number))
    assert (0,) not in recent and len(recent) == 3
    recent.add((9,), 62.5)
    assert (2,) not in recent and (3,) in recent


def test_aiocoap_calls_only_what_the_message_layer_has():
    source = inspect.getsource(tokenmanager)
    used = set(re.findall(r"self\.token_interface\.(\w+)", source))
    assert used == {"send_message", "fill_or_recognize_remote", "shutdown"}
    assert not MessageLayer.__abstractmethods__


def test_aiocoap_keeps_the_private_parts_that_the_context_uses():
    assert aiocoap.meta.version == "0.4.17"
    assert list(inspect.signature(Pipe.__init__).parameters) == ["self", "request", "log"]
    context = aiocoap.Context(loop=asyncio.new_event_loop())
    assert context.request_interfaces == [] and TokenManager(context).outgoing_requests == {}
    context.loop.close()
    assert issubclass(MessageLayer, interfaces.TokenInterface)


def quick(ack_timeout_s=0.05):
    """Transmission parameters that, by default, give up within a second."""
    tuning = aiocoap.numbers.constants.TransportTuning()
    tuning.ACK_TIMEOUT = ack_timeout_s
    tuning.MAX_RETRANSMIT = 3
    return tuning


def test_two_contexts_of_ours_and_aiocoaps_understand_each_other():
    async def case():
        async with serving() as (_, port), client() as foreign:
            message = Message(code=GET, uri=f"coap://127.0.0.1:{port}/x")
            assert (await foreign.request(message).response).code.dotted == "4.04"

    run(case())


def test_oscore_of_aiocoap_has_what_the_gateway_builds_on():
    for owner, names in (
        (oscore.CanProtect, ("protect", "new_sequence_number", "post_seqnoincrease")),
        (oscore.CanUnprotect, ("unprotect",)),
        (oscore.SecurityContextUtils, ("derive_keys",)),
        (oscore.ReplayWindow, ("initialize_empty", "initialize_from_persisted", "persist",
                               "initialize_from_freshlyseen", "is_initialized", "is_valid",
                               "strike_out")),
        (oscore.ReplayErrorWithEcho, ("to_message",)),
    ):
        for name in names:
            assert callable(getattr(owner, name)), name
    source = inspect.getsource(oscore.CanUnprotect.unprotect)
    # The window is struck only after decryption, which reads the code and the Echo option.
    assert source.index("alg_symmetric.decrypt(") < source.index("strike_out(")
    assert "self.recipient_replay_window.initialize_from_freshlyseen(seqno)" in source
    assert "can_reuse_nonce=replay_error is None" in source
    assert "retval = self.sender_sequence_number" in inspect.getsource(
        oscore.CanProtect.new_sequence_number)
    assert inspect.signature(oscore.RequestIdentifiers).parameters.keys() == {
        "kid", "partial_iv", "can_reuse_nonce", "request_code"}


def test_content_formats_that_strangers_invent_are_kept_nowhere():
    before = len(ContentFormat.__members__), len(ContentFormat._value2member_map_)
    for number in range(60_000, 60_100):
        # CON GET with Content-Format and Accept
        options = b"\xc2" + number.to_bytes(2, "big") + b"\x52" + number.to_bytes(2, "big")
        message = decode(b"\x40\x01\x00\x01" + options, None, None)
        assert message.opt.content_format == message.opt.accept == number
    assert (len(ContentFormat.__members__), len(ContentFormat._value2member_map_)) == before
