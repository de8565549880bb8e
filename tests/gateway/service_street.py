"""A whole gateway in the test's own process, and clients made with aiocoap to go with it."""

import asyncio
import contextlib
import os
from pathlib import Path
from random import Random

import aiocoap
import cbor2
from aiocoap import GET, POST, Message, resource

from gateway import settings
from gateway.clock import SystemClock
from gateway.coap_transport import UdpTransport
from gateway.service import Gateway
from protocol.credentials import Credentials
from tests import aiocoap_oscore
from tests.gateway.scripted_node import ProtectedScriptedNode, ScriptedNode

_GATEWAYS = {}
"""Those that run, by port."""
_KEYS = {}
"""Of one test, by data folder and endpoint: a client that comes again goes on with them."""
LINKS = b"</1/0>,</3/0>,</3303/0>"


@contextlib.asynccontextmanager
async def running(
    folder, *, port=0, text="", transport=None, clock=None, security="oscore", **seams
):
    """A started gateway on loopback: gives (gateway, port)."""
    parsed = settings.parse(
        f"""
        [gateway]
        id = "test"
        data = "data"
        security = "{security}"
        time = "system"
        [commit]
        urgent_ms = 1
        measurement_ms = 5
        {text}
        """,
        Path(folder),
    )
    transport = transport or UdpTransport([("127.0.0.1", port)])
    gateway = Gateway(
        parsed, transport=transport, clock=clock or SystemClock(), random=Random(1), **seams
    )
    await gateway.start()
    port = gateway.addresses()[0][1]
    _GATEWAYS[port] = gateway
    try:
        yield gateway, port
    finally:
        del _GATEWAYS[port]
        await gateway.stop()


def forget_keys():
    """Forget the clients' keys, at the end of a test."""
    _KEYS.clear()


class Client:
    """A client of aiocoap's own: it registers, sends, and serves what the test gives it."""

    def __init__(self, context, port, gateway=None):
        self.context = context
        self._gateway = gateway  # one that protects, and has this client's keys
        self.base = f"coap://127.0.0.1:{port}"
        self.location = ()

    async def ask(self, code, path, payload=b"", **options):
        path, _, queries = path.partition("?")
        message = Message(code=code, uri=self.base, payload=payload, **options)
        message.opt.uri_path = path.strip("/").split("/")
        message.opt.uri_query = queries.split("&") if queries else ()
        return await self.context.request(message).response

    async def register(self, endpoint="n", parameters="&lt=60&lwm2m=1.1&b=U", links=LINKS):
        await self.become(endpoint)
        answer = await self.ask(POST, "/rd?ep=" + endpoint + parameters, links, content_format=40)
        self.location = answer.opt.location_path
        return answer

    async def become(self, endpoint):
        """Speak under the keys of `endpoint` from now on."""
        if self._gateway is not None:
            keys = await keys_of(self._gateway, endpoint)
            aiocoap_oscore.add(self.context, keys.peer)

    async def update(self, parameters="", payload=b"", **options):
        path = "/" + "/".join(self.location) + parameters
        return await self.ask(POST, path, payload, **options)

    async def send(self, items, content_format=112):
        return await self.ask(POST, "/dp", cbor2.dumps(items), content_format=content_format)


@contextlib.asynccontextmanager
async def client(port, objects=None, endpoint="n", security=None):
    """A client whose resources are `objects`: path tuples of str to aiocoap resources.

    It protects what it says if the gateway at `port` does, unless `security` is "none": under the
    keys of `endpoint` until it registers as another.
    """
    site = resource.Site()
    for path, served in (objects or {}).items():
        site.add_resource(path, served)
    gateway = None if security == "none" else _protecting(port)
    first = None if gateway is None else (await keys_of(gateway, endpoint)).peer
    context = await aiocoap_oscore.serving(site, ("127.0.0.1", 0), first)
    try:
        yield Client(context, port, gateway)
    finally:
        await context.shutdown()


async def scripted_node(port, endpoint="n"):
    """A ScriptedNode that speaks as `client` does, under the keys of `endpoint`."""
    gateway = _protecting(port)
    if gateway is None:
        return await ScriptedNode.connect(port)
    keys = await keys_of(gateway, endpoint)
    return await ProtectedScriptedNode.connect(port, keys.credentials, keys.take_sequence)


def _protecting(port):
    """Return the gateway at `port` if it protects what it says; else None."""
    gateway = _GATEWAYS.get(port)
    return None if gateway is None or gateway.contexts is None else gateway


class Keys:
    """What a node shares with its gateway: `credentials`, and `peer`, aiocoap's view of them."""

    def __init__(self, credentials):
        self.credentials = credentials
        self.peer = aiocoap_oscore.PeerContext(credentials)
        self.take_sequence = self.peer.new_sequence_number


async def keys_of(gateway, endpoint):
    """Return the Keys of `endpoint`, which the gateway gets if it has none."""
    place = gateway.settings.gateway.data, endpoint
    if place not in _KEYS:
        sender_id, recipient_id = gateway.contexts.allocate_ids()
        given = Credentials(os.urandom(16), os.urandom(8), sender_id, recipient_id)
        await gateway.contexts.add(endpoint, given)
        _KEYS[place] = Keys(given)
    return _KEYS[place]


class Fixed(resource.Resource):
    """A resource that answers GET with one payload, and keeps what is written to it."""

    def __init__(self, payload=b"", content_format=0, only_accept=None):
        super().__init__()
        self.payload = payload
        self.content_format = content_format
        self.only_accept = only_accept
        self.asked: list[int | None] = []
        self.written: list[tuple[int | None, bytes]] = []

    async def render_get(self, request):
        accept = request.opt.accept
        self.asked.append(None if accept is None else int(accept))
        if self.only_accept is not None and self.asked[-1] not in (None, *self.only_accept):
            return Message(code=aiocoap.NOT_ACCEPTABLE)
        return Message(
            code=aiocoap.CONTENT, payload=self.payload, content_format=self.content_format
        )

    async def render_put(self, request):
        number = request.opt.content_format
        number = None if number is None else int(number)
        if self.only_accept is not None and number not in self.only_accept:
            return Message(code=aiocoap.UNSUPPORTED_CONTENT_FORMAT)
        self.written.append((number, request.payload))
        return Message(code=aiocoap.CHANGED)

    render_post = render_put


async def until(condition):
    """Wait until `condition()` holds."""
    while not condition():
        await asyncio.sleep(0.005)


__all__ = [
    "GET",
    "Client",
    "Fixed",
    "client",
    "forget_keys",
    "keys_of",
    "running",
    "scripted_node",
    "until",
]
