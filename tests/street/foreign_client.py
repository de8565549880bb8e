"""LwM2M clients made with aiocoap alone, as other people's are: nothing of ours is in them."""

import asyncio
import struct

import aiocoap
from aiocoap import resource

from tests import aiocoap_oscore

TEXT, SENML_JSON, SENML_CBOR, TLV = 0, 110, 112, 11542


class Values(resource.ObservableResource):
    """An object, an instance or a resource: what it holds in each content format it knows.

    Without Accept it answers in the first one; notifications come in the format of the request.
    """

    def __init__(self, payloads):
        super().__init__()
        self.payloads = payloads
        self.written = []

    async def render_get(self, request):
        accept = request.opt.accept
        number = next(iter(self.payloads)) if accept is None else int(accept)
        if number not in self.payloads:
            return aiocoap.Message(code=aiocoap.NOT_ACCEPTABLE)
        return aiocoap.Message(
            code=aiocoap.CONTENT, payload=self.payloads[number], content_format=number)

    async def render_put(self, request):
        number = int(request.opt.content_format or 0)
        if number not in self.payloads:
            return aiocoap.Message(code=aiocoap.UNSUPPORTED_CONTENT_FORMAT)
        self.written.append((number, request.payload))
        return aiocoap.Message(code=aiocoap.CHANGED)

    def change(self, payloads):
        """Hold other values, and notify who observes."""
        self.payloads = payloads
        self.updated_state()

    @property
    def is_observed(self):
        """Tell whether anybody observes."""
        return bool(self._observations)


class ForeignClient:
    """One client of the gateway at `port` that serves `objects`: {"3303/0/5700": Values}.

    With `keys`, its Credentials, it speaks OSCORE.
    """

    def __init__(self, port, objects=None, keys=None):
        self._base = f"coap://127.0.0.1:{port}"
        self._objects = objects or {}
        self._own = None if keys is None else aiocoap_oscore.PeerContext(keys)
        self._context = None
        self.location = ()

    async def __aenter__(self):
        site = resource.Site()
        for path, values in self._objects.items():
            site.add_resource(path.split("/"), values)
        self._context = await aiocoap_oscore.serving(site, ("127.0.0.1", 0), self._own)
        return self

    async def __aexit__(self, *_):
        await self._context.shutdown()

    async def ask(self, code, path, queries=(), payload=b"", content_format=None):
        """Return the gateway's answer."""
        message = aiocoap.Message(code=code, uri=self._base, payload=payload,
                                  content_format=content_format)
        message.opt.uri_path = path
        message.opt.uri_query = queries
        return await self._context.request(message).response

    async def register(self, endpoint, links, *queries):
        """Register; return the answer."""
        answer = await self.ask(aiocoap.POST, ("rd",), (f"ep={endpoint}", *queries),
                                links.encode(), 40)
        self.location = answer.opt.location_path
        return answer

    async def deregister(self):
        """End the registration."""
        return await self.ask(aiocoap.DELETE, self.location)

    async def send(self, payload, content_format=SENML_JSON):
        """Send a pack; return the answer."""
        return await self.ask(aiocoap.POST, ("dp",), (), payload, content_format)


def tlv_double(value):
    """Return resource 5700 with a Float of 64 bits in TLV (OMA LwM2M Core 7.4.5)."""
    # A resource (11), 16 bits of id, one byte of length.
    return b"\xe8" + struct.pack(">HBd", 5700, 8, value)


async def eventually(condition, limit_s=60):
    """Return what `condition()`, called in a thread, gives once it gives something."""
    async with asyncio.timeout(limit_s):
        while not (found := await asyncio.to_thread(condition)):
            await asyncio.sleep(0.05)
        return found
