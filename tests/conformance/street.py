"""A node as a process, and the scripted server, made with aiocoap, that it registers with."""

import asyncio
import os
from pathlib import Path

import aiocoap
import aiocoap.resource
from aiocoap.numbers import codes

from protocol.credentials import SALT_LENGTH, SECRET_LENGTH, Credentials
from tests import aiocoap_oscore
from tests.conformance import senml
from tests.conformance.node_process import NodeProcess
from tests.conformance.wire import LIMIT_S, Wire
from tests.ports import LOOPBACK, free_port

LIFETIME_S = 3600
NODE_ID, SERVER_ID = b"\0\0\0\x02", b"\0\0\0\x03"
LINK_FORMAT, TEXT, OCTET_STREAM, VALUE_CBOR, TLV = 40, 0, 42, 60, 11542
# What the cases call a configuration: what object 1 holds when a case begins.
CONFIGURATION = {"/1/0/2": 0, "/1/0/3": 0, "/1/0/5": 86400, "/1/0/6": True, "/1/0/23": False}


class Site(aiocoap.resource.Resource):
    """The whole server: `/rd` and what lies below it, and `/dp`.

    Requests to the registration interface and Sends go to the queues; `update_codes` are the
    answers to the next Updates, 2.04 when there are none. With `is_protected` what comes without
    OSCORE is refused.
    """

    def __init__(self, is_protected: bool) -> None:
        super().__init__()
        self._is_protected = is_protected
        self.registrations: asyncio.Queue[aiocoap.Message] = asyncio.Queue()
        self.sends: asyncio.Queue[aiocoap.Message] = asyncio.Queue()
        self.update_codes: list = []
        self.remote = None
        self.locations = 0

    async def render(self, request: aiocoap.Message) -> aiocoap.Message:
        is_open = not isinstance(request.remote, aiocoap_oscore.OSCOREAddress)
        if is_open and self._is_protected:
            return aiocoap.Message(code=codes.UNAUTHORIZED)
        self.remote = request.remote
        path = request.opt.uri_path
        if path == ("dp",) and request.code == codes.POST:
            self.sends.put_nowait(request)
            return aiocoap.Message(code=codes.CHANGED)
        self.registrations.put_nowait(request)
        if path == ("rd",) and request.code == codes.POST:
            self.locations += 1
            return aiocoap.Message(code=codes.CREATED, location_path=self.location)
        if path != self.location:
            return aiocoap.Message(code=codes.NOT_FOUND)
        if request.code == codes.DELETE:
            return aiocoap.Message(code=codes.DELETED)
        return aiocoap.Message(code=self.update_codes.pop(0) if self.update_codes
                               else codes.CHANGED)

    @property
    def location(self) -> tuple[str, ...]:
        return ("rd", f"n{self.locations}")


class Street:
    """One node and its server, for all cases of a module; the calls block until it is done.

    With `is_protected` both have the keys and speak OSCORE.
    """

    def __init__(self, interpreter: str, furniture: str, folder: Path, is_protected: bool = True,
                 **settings) -> None:
        self.keys = None
        if is_protected:
            secret, salt = os.urandom(SECRET_LENGTH), os.urandom(SALT_LENGTH)
            self.keys = Credentials(secret, salt, NODE_ID, SERVER_ID)
        self._runner = asyncio.Runner()
        self._runner.run(self._open())
        self.node = NodeProcess(
            interpreter, furniture, folder, self.wire.port, self.keys, **settings)

    async def _open(self) -> None:
        port = free_port()
        self.site = Site(self.keys is not None)
        own = self.keys and aiocoap_oscore.PeerContext(self.keys.mirrored())
        self.context = await aiocoap_oscore.serving(self.site, (LOOPBACK, port), own)
        self.wire = Wire(port, self.keys, own)
        await self.wire.open()

    def close(self) -> None:
        self._runner.run(self._close())
        self._runner.close()
        assert self.wire.unprotected == []

    async def _close(self) -> None:
        await self.node.close()
        await self.context.shutdown()
        self.wire.close()

    def run(self, coroutine):
        """Let the server work until `coroutine` is done; return its result."""
        return self._runner.run(coroutine)

    def now_s(self) -> float:
        """Return the event loop's time."""
        return self._runner.get_loop().time()

    # The node's side

    def start_node(self) -> aiocoap.Message:
        """Start the node; return its Register request."""
        self.run(self.node.start())
        return self.heard()

    def prepare(self) -> None:
        """Have a registered node in the configuration in which a case begins."""
        if not self.node.is_running:
            self.registration = self.start_node()
        entries = senml.pack(senml.CBOR, CONFIGURATION)
        assert self.ask(codes.iPATCH, "", entries, content_format=112).code == codes.CHANGED
        if self.text("1/0/1") != str(LIFETIME_S):
            self.set_lifetime(LIFETIME_S)
        for queue in (self.site.registrations, self.site.sends):
            while not queue.empty():
                queue.get_nowait()

    def set_lifetime(self, lifetime_s: int) -> None:
        """Write the lifetime, and take the Update that follows."""
        self.write("1/0/1", str(lifetime_s))
        while f"lt={lifetime_s}" not in self.heard().opt.uri_query:
            pass

    def heard(self) -> aiocoap.Message:
        """Return the next request of the node to the registration interface."""
        return self._next(self.site.registrations)

    def sent(self) -> list:
        """Return the records of the node's next Send: (path, value, time)."""
        request = self._next(self.site.sends)
        return senml.records(request.payload, request.opt.content_format)

    def sends_on_the_wire(self) -> int:
        """Return how many Sends the node has begun."""
        return len({message.mid for message in self.wire.from_node
                    if message.opt.uri_path == ("dp",)})

    def spoken(self, since: int) -> list[aiocoap.Message]:
        """Return what the node said of itself since there were `since` messages of it."""
        return [message for message in self.wire.from_node[since:]
                if message.mtype == aiocoap.CON]

    def _next(self, queue: asyncio.Queue) -> aiocoap.Message:
        return self.run(self._taken(queue))

    async def _taken(self, queue: asyncio.Queue) -> aiocoap.Message:
        taking = asyncio.ensure_future(queue.get())
        ending = asyncio.ensure_future(self.node.ended())
        await asyncio.wait((taking, ending), timeout=LIMIT_S,
                           return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not taking.done():
            taking.cancel()
            raise AssertionError(f"nothing came from the node; {self.node.bugs()}")
        return taking.result()

    # The server's side

    def ask(self, code, path: str, payload: bytes = b"", query: str = "", **options):
        """Return the node's answer to a request."""
        message = self.message(code, path, payload, query, **options)
        return self.run(asyncio.wait_for(self.context.request(message).response, LIMIT_S))

    def message(self, code, path: str, payload: bytes = b"", query: str = "", **options):
        message = aiocoap.Message(code=code, payload=payload, **options)
        message.remote = self.site.remote
        message.opt.uri_path = tuple(path.split("/")) if path else ()
        message.opt.uri_query = tuple(query.split("&")) if query else ()
        return message

    def text(self, path: str) -> str:
        """Return a resource, read as plain text."""
        response = self.ask(codes.GET, path, accept=TEXT)
        assert response.code == codes.CONTENT, (path, response.code)
        assert response.opt.content_format == TEXT
        return response.payload.decode()

    def write(self, path: str, text: str) -> None:
        """Write a resource as plain text."""
        response = self.ask(codes.PUT, path, text.encode(), content_format=TEXT)
        assert response.code == codes.CHANGED, (path, response.code)

    def values(self, path: str, content_format: int = senml.CBOR) -> dict:
        """Return {path: value} of what is at and below a path, read as SenML."""
        response = self.ask(codes.GET, path, accept=content_format)
        assert response.code == codes.CONTENT, (path, response.code)
        assert response.opt.content_format == content_format
        return senml.values(response.payload, content_format)

    def read_composite(self, paths: list[str], content_format: int = senml.CBOR) -> dict:
        """Return {path: value} of a Read-Composite."""
        response = self.ask(codes.FETCH, "", _names(paths, content_format),
                            content_format=content_format, accept=content_format)
        assert response.code == codes.CONTENT
        assert response.opt.content_format == content_format
        return senml.values(response.payload, content_format)

    def write_attributes(self, path: str, query: str) -> None:
        """Write notification attributes; a name without a value unsets one."""
        assert self.ask(codes.PUT, path, query=query).code == codes.CHANGED

    def observe(self, path: str) -> "Observation":
        """Observe a path."""
        return Observation(self, self.message(codes.GET, path, accept=senml.CBOR, observe=0))

    def observe_composite(self, paths: list[str]) -> "Observation":
        """Observe several paths at once."""
        return Observation(self, self.message(
            codes.FETCH, "", _names(paths, senml.CBOR), content_format=senml.CBOR,
            accept=senml.CBOR, observe=0))


class Observation:
    """An observation by the scripted server; `first` is {path: value} of the first answer."""

    def __init__(self, street: Street, message: aiocoap.Message) -> None:
        self._street = street
        self._message = message
        self._request = street.context.request(message)
        response = street.run(asyncio.wait_for(self._request.response, LIMIT_S))
        assert response.code == codes.CONTENT
        assert response.opt.observe is not None
        self.first = senml.values(response.payload, response.opt.content_format)
        self.token = next(said.token for said in reversed(street.wire.from_server)
                          if said.opt.observe == 0)
        self._taken = 0

    def notifications(self) -> list[aiocoap.Message]:
        """Return the confirmable messages that the node has sent, repeated ones once."""
        unique = {message.mid: message for message in self._street.wire.from_node
                  if message.token == self.token and message.mtype == aiocoap.CON}
        return list(unique.values())

    def next(self) -> dict:
        """Return {path: value} of the next notification."""
        async def told() -> aiocoap.Message:
            return (await self._street.wire.until(
                lambda: self.notifications()[self._taken:]))[0]

        message = self._street.run(told())
        assert message.opt.observe is not None
        self._taken += 1
        return senml.values(message.payload, message.opt.content_format)

    def reject(self) -> None:
        """Answer the next notification by Reset, as a server does that knows nothing of it."""
        self._street.wire.reject(self.token)

    def cancel(self) -> aiocoap.Message:
        """Cancel by the same request with Observe 1; return the answer."""
        message = self._message
        cancelling = aiocoap.Message(code=message.code, payload=message.payload, observe=1,
                                     _mtype=aiocoap.CON, _token=self.token)
        cancelling.opt.uri_path = message.opt.uri_path
        cancelling.opt.accept = message.opt.accept
        cancelling.opt.content_format = message.opt.content_format
        response = self._street.run(self._street.wire.ask(cancelling))
        assert response.token == self.token
        return response


def _names(paths: list[str], content_format: int) -> bytes:
    return senml.pack(content_format, dict.fromkeys(paths))
