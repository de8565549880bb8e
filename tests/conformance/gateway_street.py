"""The gateway under test, and clients of it that are not ours, with OSCORE or without."""

import asyncio
import contextlib
import os

from aiocoap import resource

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from protocol.credentials import SALT_LENGTH, SECRET_LENGTH, Credentials
from tests import aiocoap_oscore
from tests.conformance.results import SECURITIES
from tests.gateway import service_street
from tests.gateway.scripted_node import ScriptedNode
from tests.ports import LOOPBACK
from tests.protocol.block_cipher import aes

OSCORE, NONE = SECURITIES
ENDPOINTS = ("n", "urn:x:1")


class GatewayStreet:
    """A gateway with its data in `folder`, and clients that keep their keys while it restarts."""

    def __init__(self, folder, security):
        self.folder = folder
        self._security = security
        self._keys = {endpoint: keys_of(number) for number, endpoint in enumerate(ENDPOINTS)}
        self._contexts = {endpoint: aiocoap_oscore.PeerContext(keys)
                          for endpoint, keys in self._keys.items()}

    @contextlib.asynccontextmanager
    async def running(self, folder=None, **seams):
        """A started gateway that knows the keys of ENDPOINTS: gives (gateway, port)."""
        folder = folder or self.folder
        async with service_street.running(folder, security=self._security, **seams) as started:
            gateway, _ = started
            if self._security == OSCORE and not gateway.contexts.rows():
                for endpoint, keys in self._keys.items():
                    await gateway.contexts.add(endpoint, keys)
            yield started

    @contextlib.asynccontextmanager
    async def with_client(self, objects=None, endpoint="n", **seams):
        """A started gateway and a client: gives both."""
        async with (
            self.running(**seams) as (gateway, port),
            self.client(port, objects, endpoint) as client,
        ):
            yield gateway, client

    @contextlib.asynccontextmanager
    async def client(self, port, objects=None, endpoint="n"):
        """A client made with aiocoap, which has the keys of `endpoint` and serves `objects`."""
        site = resource.Site()
        for path, served in (objects or {}).items():
            site.add_resource(path, served)
        own = self._contexts[endpoint] if self._security == OSCORE else None
        context = await aiocoap_oscore.serving(site, (LOOPBACK, 0), own)
        try:
            yield service_street.Client(context, port)
        finally:
            await context.shutdown()

    def repeat_number(self, endpoint="n"):
        """Let the client's next request bear the number of its last one."""
        self._contexts[endpoint].sender_sequence_number -= 1

    async def scripted_node(self, port):
        """A client made of messages, over OSCORE by the node's own code."""
        loop = asyncio.get_running_loop()
        transport, node = await loop.create_datagram_endpoint(
            lambda: ProtectedNode(self._keys["n"]), remote_addr=(LOOPBACK, port))
        node.transport = transport
        return node


def keys_of(number):
    """Return fresh keys for client `number`, as it holds them."""
    ids = bytes((0, 0, 0, 2 * number)), bytes((0, 0, 0, 2 * number + 1))
    return Credentials(os.urandom(SECRET_LENGTH), os.urandom(SALT_LENGTH), *ids)


class ProtectedNode(ScriptedNode):
    """A ScriptedNode whose messages are protected."""

    def __init__(self, keys):
        super().__init__()
        self._context = oscore.SecurityContext(
            aes, keys.master_secret, keys.master_salt, keys.sender_id, keys.recipient_id)
        self._sequence = 0
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
        message = coap.Message(type, code, mid, token, sorted(options), payload)
        if coap.is_request(code):
            message, self._asking[token] = oscore.protect_request(
                self._context, message, self._next_sequence())
        elif code != coap.EMPTY:
            asked = self._asked[token]
            sequence = self._next_sequence() if asked.is_spent else None
            message = oscore.protect_response(self._context, message, asked, sequence)
        self.transport.sendto(coap.encode(message))

    def _next_sequence(self):
        self._sequence += 1
        return self._sequence
