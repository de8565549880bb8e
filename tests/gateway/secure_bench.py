"""The gateway's CoAP under OSCORE without a network: datagrams go in and out as bytes."""

import asyncio
import contextlib
from random import Random

from gateway.coap_context import CoapContext
from gateway.coap_server import GatewayResource
from gateway.store import InlineExecutor, Store
from protocol import coap_message as coap
from protocol import oscore
from tests.gateway.coap_street import Handlers
from tests.gateway.oscore_keys import credentials_of_node, opened
from tests.gateway.protected_node import context_of

PEER = ("192.0.2.1", 5683)


class Wire:
    """A transport that keeps what is sent, and hands over what the test receives."""

    def __init__(self):
        self.sent = []

    def open(self, receive):
        self._receive = receive

    def receive(self, datagram, peer=PEER):
        self._receive(datagram, peer, None)

    def send(self, datagram, peer, local):
        self.sent.append((datagram, peer))
        return True

    def addresses(self):
        return []

    def close(self):
        pass


class Bench:
    """A context over a wire; `node(n)` has keys that the gateway knows."""

    def __init__(self, context, wire, contexts, handlers, site):
        self.context, self.wire, self.contexts = context, wire, contexts
        self.handlers, self.site = handlers, site
        self.layer, self.messages = context._security, context._layer
        self._keys, self._sequences, self._mid = {}, {}, 0

    async def add_nodes(self, numbers):
        await self.contexts.add_all([(f"n{each}", credentials_of_node(each)) for each in numbers])

    def request(self, number, payload, code=coap.POST, path="dp", options=(), type=coap.CON,
                token=b"tokn"):
        """Return the datagram of a node's next request."""
        if number not in self._keys:
            self._keys[number] = context_of(credentials_of_node(number))
        sequence = self._sequences[number] = self._sequences.get(number, -1) + 1
        self._mid = (self._mid + 1) % 0x10000
        found = sorted([(coap.URI_PATH, path.encode()), *options], key=lambda each: each[0])
        message = coap.Message(type, code, self._mid, token, found, payload)
        return coap.encode(oscore.protect_request(self._keys[number], message, sequence)[0])

    def tables(self):
        """Return how much is kept for peers, by table."""
        return {
            "recent": len(self.messages._recent),
            "unanswered": len(self.messages._unanswered),
            "exchanges": len(self.messages._exchanges),
            "backlogs": len(self.messages._backlogs),
            "incoming": len(self.context._tokens.incoming_requests),
            "outgoing": len(self.layer._outgoing),
            "tasks": len(self.layer._tasks),
            "addresses": len(self.layer._addresses),
            "challenges": len(self.layer._challenges),
            "bodies": len(self.site._bodies),
            "log": len(self.layer._peer_log._entries),
        }


@contextlib.asynccontextmanager
async def bench(folder, payload_bytes_max=65_536, is_killed=False):
    """A bench on a store in `folder`; an exception that nobody handles fails the test.

    What is killed in the end leaves its replay windows unfinished.
    """
    failures = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: failures.append(context))
    store = Store(str(folder / "store.db"), InlineExecutor, urgent_ms=0, measurement_ms=0)
    await store.open(1)
    contexts = await opened(store)
    handlers, wire = Handlers(), Wire()
    site = GatewayResource(handlers, handlers, payload_bytes_max)
    context = CoapContext(wire, Random(1), site, site.malformed, contexts)
    context.open()
    try:
        yield Bench(context, wire, contexts, handlers, site)
    finally:
        await context.shutdown()
        if not is_killed:
            await contexts.close()
        await store.close()
    assert not failures, failures
    assert not site.counters["errors"]
