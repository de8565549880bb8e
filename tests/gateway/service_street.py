"""A whole gateway in the test's own process, and clients made with aiocoap to go with it."""

import asyncio
import contextlib
from pathlib import Path
from random import Random

import aiocoap
import cbor2
from aiocoap import GET, POST, Message, resource

from gateway import settings
from gateway.clock import SystemClock
from gateway.coap_transport import UdpTransport
from gateway.service import Gateway

LINKS = b"</1/0>,</3/0>,</3303/0>"


@contextlib.asynccontextmanager
async def running(
    folder, *, port=0, text="", transport=None, clock=None, security="none", **seams
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
    try:
        yield gateway, gateway.addresses()[0][1]
    finally:
        await gateway.stop()


class Client:
    """A client of aiocoap's own: it registers, sends, and serves what the test gives it."""

    def __init__(self, context, port):
        self.context = context
        self.base = f"coap://127.0.0.1:{port}"
        self.location = ()

    async def ask(self, code, path, payload=b"", **options):
        path, _, queries = path.partition("?")
        message = Message(code=code, uri=self.base, payload=payload, **options)
        message.opt.uri_path = path.strip("/").split("/")
        message.opt.uri_query = queries.split("&") if queries else ()
        return await self.context.request(message).response

    async def register(self, endpoint="n", parameters="&lt=60&lwm2m=1.1&b=U", links=LINKS):
        answer = await self.ask(POST, "/rd?ep=" + endpoint + parameters, links, content_format=40)
        self.location = answer.opt.location_path
        return answer

    async def update(self, parameters="", payload=b"", **options):
        path = "/" + "/".join(self.location) + parameters
        return await self.ask(POST, path, payload, **options)

    async def send(self, items, content_format=112):
        return await self.ask(POST, "/dp", cbor2.dumps(items), content_format=content_format)


@contextlib.asynccontextmanager
async def client(port, objects=None):
    """A client whose resources are `objects`: path tuples of str to aiocoap resources."""
    site = resource.Site()
    for path, served in (objects or {}).items():
        site.add_resource(path, served)
    # udp6 alone keeps requests and services on one socket, as LwM2M needs it.
    context = await aiocoap.Context.create_server_context(
        site, bind=("127.0.0.1", 0), transports=["udp6"]
    )
    try:
        yield Client(context, port)
    finally:
        await context.shutdown()


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


__all__ = ["GET", "Client", "Fixed", "client", "running", "until"]
