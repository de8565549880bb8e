"""A node made of messages that speaks OSCORE by `protocol.oscore`: not the gateway's own code."""

import asyncio

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from protocol.errors import ProtocolError
from simulator.aes import aes

SENML_CBOR = 112
LINK_FORMAT = 40
LINKS = b"</1/0>,</3/0>,</3303/0>"


def context_of(credentials):
    """The security context of the holder of `credentials`."""
    return oscore.SecurityContext(
        aes, credentials.master_secret, credentials.master_salt,
        credentials.sender_id, credentials.recipient_id, credentials.id_context)


class Asked:
    """A request of the gateway, as the node reads it."""

    def __init__(self, outer, inner, request_id, context):
        self.outer, self.inner = outer, inner
        self.request_id, self.context = request_id, context
        self.path = "/" + "/".join(coap.text_options(inner.options, coap.URI_PATH))
        self.observe = coap.uint_option(inner.options, coap.OBSERVE)
        self.echo = coap.option(inner.options, coap.ECHO)


class ProtectedNode(asyncio.DatagramProtocol):
    """One UDP socket and one context; `received` and `sent` keep every datagram."""

    def __init__(self, credentials, sequence=0):
        self.credentials = credentials
        self.context = context_of(credentials)
        self.sequence = sequence
        self.location = ()
        self.received, self.sent = [], []
        self.asked = asyncio.Queue()
        self.empties = asyncio.Queue()
        self._responses = asyncio.Queue()
        self._mid = 20_000 + sequence
        self._requests = {}

    @classmethod
    async def connect(cls, port, credentials, sequence=0):
        loop = asyncio.get_running_loop()
        transport, node = await loop.create_datagram_endpoint(
            lambda: cls(credentials, sequence), local_addr=("127.0.0.1", 0))
        node.transport, node.gateway = transport, ("127.0.0.1", port)
        return node

    async def move(self):
        """Go on from another address, as behind a NAT that has forgotten the node."""
        self.transport.close()
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0))

    def use(self, credentials, sequence=0):
        self.credentials, self.context = credentials, context_of(credentials)
        self.sequence = sequence

    def await_what(self, other):
        """Wait for the responses that another socket of this node waits for."""
        self._requests.update(other._requests)

    def connection_made(self, transport):
        pass

    def datagram_received(self, data, address):
        self.received.append(data)
        message = coap.decode(data)
        if message.code == coap.EMPTY:
            self.empties.put_nowait(message)
        elif coap.is_request(message.code):
            self._take_request(message)
        else:
            self._responses.put_nowait((data, message))

    def _take_request(self, message):
        option = oscore_option.decode(coap.option(message.options, coap.OSCORE))
        try:
            inner, request_id = oscore.unprotect_request(self.context, message, option)
        except ProtocolError:
            return
        self.asked.put_nowait(Asked(message, inner, request_id, self.context))

    # Requests

    def send_raw(self, datagram):
        self.sent.append(datagram)
        self.transport.sendto(datagram, self.gateway)

    def request(self, code, path, payload=b"", queries=(), content_format=None, options=(),
                type=coap.CON, sequence=None, token=None):
        """Send a protected request; return (datagram, its token)."""
        mid, token = self._next_mid(), token or self._mid.to_bytes(4, "big")
        found = [(coap.URI_PATH, each.encode()) for each in path.strip("/").split("/")]
        found += [(coap.URI_QUERY, each.encode()) for each in queries] + list(options)
        if content_format is not None:
            found.append((coap.CONTENT_FORMAT, coap.encode_uint(content_format)))
        found.sort(key=lambda option: option[0])
        inner = coap.Message(type, code, mid, token, found, payload)
        if sequence is None:
            sequence, self.sequence = self.sequence, self.sequence + 1
        outer, self._requests[token] = oscore.protect_request(self.context, inner, sequence)
        datagram = coap.encode(outer)
        self.send_raw(datagram)
        return datagram, token

    async def response(self):
        """Return the next response, as (inner message, outer).

        The inner one is None if it is unprotected, or answers another's request.
        """
        data, outer = await self._responses.get()
        value = coap.option(outer.options, coap.OSCORE)
        if value is None:
            return None, outer
        if outer.token not in self._requests:
            return None, outer
        option = oscore_option.decode(value)
        context = self.context
        if option.kid_context is not None and option.kid_context != context.id_context:
            context = context_of(self.credentials.renewed(option.kid_context))
        inner, _ = oscore.unprotect_response(
            context, outer, option, self._requests[outer.token])
        return inner, outer

    async def ask(self, *arguments, **options):
        """Send a request; answer a challenge; return the inner response."""
        self.request(*arguments, **options)
        inner, outer = await self.response()
        echo = None if inner is None else coap.option(inner.options, coap.ECHO)
        if echo is not None:
            self.request(*arguments, **{**options, "options": [(coap.ECHO, echo)]})
            inner, outer = await self.response()
        return inner or outer

    async def register(self, endpoint="", links=LINKS, queries=("lt=60", "lwm2m=1.1", "b=U")):
        queries = ((f"ep={endpoint}",) if endpoint else ()) + queries
        answer = await self.ask(
            coap.POST, "/rd", links, queries=queries, content_format=LINK_FORMAT)
        self.location = coap.text_options(answer.options, coap.LOCATION_PATH)
        return answer

    async def update(self, queries=()):
        return await self.ask(coap.POST, "/".join(self.location), queries=queries)

    async def send(self, payload):
        return await self.ask(coap.POST, "/dp", payload, content_format=SENML_CBOR)

    # Answers

    async def asked_for(self, path):
        """Return the gateway's next request for `path`; everything else is not found."""
        while True:
            asked = await self.asked.get()
            if asked.path == path:
                return asked
            self.answer(asked, coap.NOT_FOUND)

    def answer(self, asked, code, payload=b"", content_format=None, options=(), sequence=None,
               type=coap.ACK, mid=None):
        found = list(options)
        if content_format is not None:
            found.append((coap.CONTENT_FORMAT, coap.encode_uint(content_format)))
        found.sort(key=lambda option: option[0])
        mid = asked.outer.mid if mid is None else mid
        inner = coap.Message(type, code, mid, asked.outer.token, found, payload)
        outer = oscore.protect_response(asked.context, inner, asked.request_id, sequence)
        datagram = coap.encode(outer)
        self.send_raw(datagram)
        return datagram

    def notify(self, asked, payload, type=coap.CON):
        sequence, self.sequence = self.sequence, self.sequence + 1
        return self.answer(asked, coap.CONTENT, payload, SENML_CBOR, [(coap.OBSERVE, b"")],
                           sequence, type, self._next_mid())

    async def is_quiet(self):
        """Tell whether nothing came before the answer to a ping that is sent now."""
        before = len(self.received)
        mid = self._next_mid()
        self.transport.sendto(coap.encode(coap.Message(coap.CON, coap.EMPTY, mid, b"")),
                              self.gateway)
        message = await self.empties.get()
        return message.mid == mid and len(self.received) == before + 1

    def close(self):
        self.transport.close()

    def _next_mid(self):
        self._mid += 1
        return self._mid
