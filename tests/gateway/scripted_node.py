"""A node made of messages: it registers, answers what it is told to, and notifies at will."""

import asyncio
import contextlib

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from simulator.aes import aes

SENML_CBOR = 112


class Request:
    """A request of the gateway, as the tests look at it."""

    def __init__(self, message):
        self.message = message
        self.token = message.token
        self.path = list(coap.text_options(message.options, coap.URI_PATH))
        self.observe = coap.uint_option(message.options, coap.OBSERVE)


class ScriptedNode(asyncio.DatagramProtocol):
    """One UDP socket; the gateway's responses, requests and empty messages in their queues."""

    def __init__(self):
        self.location = ()
        self._mid = 40_000
        self._requests = asyncio.Queue()
        self._responses = asyncio.Queue()
        self._empties = asyncio.Queue()
        self._held_back = None

    @classmethod
    async def connect(cls, port, *arguments):
        loop = asyncio.get_running_loop()
        transport, node = await loop.create_datagram_endpoint(
            lambda: cls(*arguments), local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", port)
        )
        node.transport = transport
        return node

    def datagram_received(self, data, address):
        message = coap.decode(data)
        if message.code == coap.EMPTY:
            self._empties.put_nowait(message)
        elif coap.is_request(message.code):
            self._requests.put_nowait(Request(message))
        else:
            self._responses.put_nowait(message)

    async def register(self, links, endpoint="n", queries=()):
        options = [(coap.URI_PATH, b"rd"), (coap.CONTENT_FORMAT, b"\x28")]
        options += [(coap.URI_QUERY, f"ep={endpoint}".encode()), (coap.URI_QUERY, b"lt=60")]
        options += [(coap.URI_QUERY, query) for query in (b"lwm2m=1.1", *queries)]
        self._send(coap.CON, coap.POST, self._next_mid(), b"r", options, links.encode())
        response = await self._responses.get()
        self.location = coap.text_options(response.options, coap.LOCATION_PATH)
        return response

    async def update(self):
        options = [(coap.URI_PATH, segment.encode()) for segment in self.location]
        self._send(coap.CON, coap.POST, self._next_mid(), b"u", options, b"")
        return await self._responses.get()

    async def send(self, payload):
        options = [(coap.URI_PATH, b"dp"), (coap.CONTENT_FORMAT, bytes((SENML_CBOR,)))]
        self._send(coap.CON, coap.POST, self._next_mid(), b"s", options, payload)
        return await self._responses.get()

    async def request(self):
        return await self._requests.get()

    async def observe_request(self):
        """Return the next request to observe; whatever else is asked is not found."""
        while True:
            request = await self.request()
            if request.observe == 0:
                return request
            self._send(coap.ACK, coap.NOT_FOUND, request.message.mid, request.token, [], b"")

    def answer(self, request, payload, observe):
        options = [] if observe is None else [(coap.OBSERVE, coap.encode_uint(observe))]
        options.append((coap.CONTENT_FORMAT, bytes((SENML_CBOR,))))
        self._send(coap.ACK, coap.CONTENT, request.message.mid, request.token, options, payload)

    def changed(self, request):
        self._send(coap.ACK, coap.CHANGED, request.message.mid, request.token, [], b"")

    def notify(self, request, mid, observe, payload):
        options = [(coap.OBSERVE, coap.encode_uint(observe))]
        options.append((coap.CONTENT_FORMAT, bytes((SENML_CBOR,))))
        self._send(coap.CON, coap.CONTENT, mid, request.token, options, payload)

    async def acknowledged(self):
        message = await self._empties.get()
        assert message.type == coap.ACK
        return message.mid

    async def reset(self):
        message = await self._empties.get()
        assert message.type == coap.RST
        return message.mid

    async def is_quiet(self):
        """Tell whether nothing came before the answer to a ping that is sent now."""
        mid = self._next_mid()
        self._send(coap.CON, coap.EMPTY, mid, b"", [], b"")
        message = await self._empties.get()
        return (message.type, message.mid) == (coap.RST, mid)

    @contextlib.contextmanager
    def newest_first(self):
        """Have what is sent meanwhile arrive the other way round."""
        self._held_back = []
        yield
        datagrams, self._held_back = self._held_back, None
        for datagram in reversed(datagrams):
            self._send_datagram(datagram)

    def close(self):
        self.transport.close()

    def _next_mid(self):
        self._mid += 1
        return self._mid

    def _send(self, type, code, mid, token, options, payload):
        message = coap.Message(type, code, mid, token, options, payload)
        options.sort(key=lambda option: option[0])
        self._send_datagram(coap.encode(message))

    def _send_datagram(self, datagram):
        if self._held_back is None:
            self.transport.sendto(datagram)
        else:
            self._held_back.append(datagram)


class ProtectedScriptedNode(ScriptedNode):
    """A ScriptedNode whose messages are protected, by the node's own code.

    `keys` are its credentials (protocol.credentials), `take_sequence()` gives a number never used
    before.
    """

    def __init__(self, keys, take_sequence):
        super().__init__()
        self._context = oscore.SecurityContext(
            aes, keys.master_secret, keys.master_salt, keys.sender_id, keys.recipient_id)
        self._take_sequence = take_sequence
        self._asked, self._asking = {}, {}

    def datagram_received(self, data, address):
        outer = coap.decode(data)
        if outer.code == coap.EMPTY:
            super().datagram_received(data, address)
            return
        option = oscore_option.decode(coap.option(outer.options, coap.OSCORE))
        if coap.is_request(outer.code):
            inner, request_id = oscore.unprotect_request(self._context, outer, option)
            self._asked[outer.token] = request_id
        else:
            request_id = self._asking[outer.token]
            inner, _ = oscore.unprotect_response(self._context, outer, option, request_id)
        super().datagram_received(coap.encode(inner), address)

    def _send(self, type, code, mid, token, options, payload):
        options.sort(key=lambda option: option[0])
        message = coap.Message(type, code, mid, token, options, payload)
        if coap.is_request(code):
            message, self._asking[token] = oscore.protect_request(
                self._context, message, self._take_sequence())
        elif code != coap.EMPTY:
            asked = self._asked[token]
            sequence = self._take_sequence() if asked.is_spent else None
            message = oscore.protect_response(self._context, message, asked, sequence)
        self._send_datagram(coap.encode(message))
