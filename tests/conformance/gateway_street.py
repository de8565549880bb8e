"""The gateway under test, and clients of it that are not ours, with OSCORE or without."""

import contextlib
import os

from aiocoap import resource

from protocol.credentials import SALT_LENGTH, SECRET_LENGTH, Credentials
from tests import aiocoap_oscore
from tests.conformance.results import SECURITIES
from tests.gateway import service_street
from tests.gateway.scripted_node import ProtectedScriptedNode
from tests.ports import LOOPBACK

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
        take_sequence = self._contexts["n"].new_sequence_number
        return await ProtectedScriptedNode.connect(port, self._keys["n"], take_sequence)


def keys_of(number):
    """Return fresh keys for client `number`, as it holds them."""
    ids = bytes((0, 0, 0, 2 * number)), bytes((0, 0, 0, 2 * number + 1))
    return Credentials(os.urandom(SECRET_LENGTH), os.urandom(SALT_LENGTH), *ids)
