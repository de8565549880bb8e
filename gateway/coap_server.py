"""What the gateway serves over CoAP: /rd, /dp and /.well-known/core (OMA LwM2M Transport 6.4)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from aiocoap import Message, interfaces
from aiocoap.numbers import codes
from aiocoap.numbers.codes import Code
from aiocoap.optiontypes import BlockOption
from aiocoap.pipe import Pipe

from gateway.coap_bodies import Incomplete, RequestBodies
from gateway.coap_log import PeerLog
from gateway.refusal import Refused
from protocol import coap_message as coap

RESOURCES = b'</rd>;rt="core.rd",</dp>;ct="110 112"'
LINK_FORMAT = 40
BLOCK_EXPONENT_MAX = 6
RETRY_AFTER_S = 30
"""What a 5.03 says as Max-Age: when to try again (RFC 7252 section 5.9.3.4)."""

_PROXY_OPTIONS = (coap.PROXY_URI, coap.PROXY_SCHEME)
_SERVED = {("rd",), ("dp",), (".well-known", "core")}
_CODES = {code.dotted: code for code in Code}

log = logging.getLogger("gateway.coap")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request with its whole body; `remote` is opaque, hashable, and equal for equal peers.

    `message` is equal for a peer's message and its retransmission: its message id and token.
    """

    remote: Hashable
    queries: tuple[str, ...]
    content_format: int | None
    payload: bytes
    message: bytes = b""

    @property
    def owner(self) -> str | None:
        """Return the node whose keys protect the request; None: nothing does."""
        return getattr(self.remote, "endpoint", None)


class Registry(Protocol):
    """The registration interface. Each call raises Refused, or returns once it is durable."""

    async def register(self, request: Incoming) -> str:
        """Return the last level of the new registration's location."""

    async def update(self, registration_id: str, request: Incoming) -> None:
        """Refresh and change a registration."""

    async def deregister(self, registration_id: str, request: Incoming) -> None:
        """End a registration."""


class Reports(Protocol):
    """The Send interface."""

    async def receive(self, request: Incoming) -> None:
        """Return once what was sent is durable; raises Refused."""


class GatewayResource(interfaces.Resource):
    """The one resource of the gateway's context: it looks at the path itself.

    aiocoap's Site copies each request with all its options to strip the path, a third of a
    request's time.
    """

    def __init__(self, registry: Registry, reports: Reports, payload_bytes_max: int) -> None:
        self._registry = registry
        self._reports = reports
        self._bodies = RequestBodies(payload_bytes_max)
        self._peer_log = PeerLog(log)
        self.counters: Counter[str] = Counter()

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        """Return False: bodies are assembled here, within limits."""
        return False

    async def render(self, request: Message) -> Message:
        """Return the answer to any request."""
        loop = asyncio.get_running_loop()
        try:
            return await self._serve(request, loop.time())
        except Incomplete:
            return Message(code=codes.CONTINUE, block1=request.opt.block1)
        except Refused as refused:
            return self._refuse(request, refused, loop.time())
        except Exception:
            self.counters["errors"] += 1
            log.exception("request from %r failed", request.remote)
            return Message(code=codes.INTERNAL_SERVER_ERROR)

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer the request of `pipe`; adding the last response cancels this task."""
        response = await self.render(pipe.request)
        # The message layer keeps back the classes that the client does not want (RFC 7967).
        no_response = pipe.request.opt.no_response
        if no_response is not None:
            response.opt.no_response = no_response
        pipe.add_response(response, is_last=True)

    def malformed(self, peer: Hashable) -> None:
        """Note that a peer sent what is no CoAP message."""
        self._peer_log.warning(peer, "not a CoAP message", asyncio.get_running_loop().time())

    def _refuse(self, request: Message, refused: Refused, now_s: float) -> Message:
        self.counters[f"refused {refused.code}"] += 1
        what = f"{request.code} /{'/'.join(request.opt.uri_path)} refused: {refused}"
        self._peer_log.warning(request.remote, what, now_s)
        response = Message(code=_CODES[refused.code], payload=refused.reason.encode())
        if refused.code == "4.13":
            response.opt.size1 = self._bodies.length_max
        elif refused.code == "5.03":
            response.opt.max_age = RETRY_AFTER_S
        return response

    async def _serve(self, request: Message, now_s: float) -> Message:
        _check_options(request)
        path = request.opt.uri_path
        if path not in _SERVED and not (len(path) == 2 and path[0] == "rd"):
            raise Refused("4.04", "no such resource")
        if path[0] == ".well-known":
            return _discover(request)
        incoming = Incoming(
            request.remote,
            request.opt.uri_query,
            request.opt.content_format,
            self._bodies.take(request, now_s),
            b"%d %s" % (request.mid or 0, request.token),
        )
        response = await self._dispatch(request.code, path, incoming)
        block = request.opt.block1
        if block is not None:
            response.opt.block1 = block
        return response

    async def _dispatch(self, code: Code, path: tuple[str, ...], incoming: Incoming) -> Message:
        if path == ("dp",) and code is codes.POST:
            await self._reports.receive(incoming)
            return Message(code=codes.CHANGED)
        if path == ("rd",) and code is codes.POST:
            registration_id = await self._registry.register(incoming)
            return Message(code=codes.CREATED, location_path=("rd", registration_id))
        if len(path) == 2 and code is codes.POST:
            await self._registry.update(path[1], incoming)
            return Message(code=codes.CHANGED)
        if len(path) == 2 and code is codes.DELETE:
            await self._registry.deregister(path[1], incoming)
            return Message(code=codes.DELETED)
        raise Refused("4.05", "no such method here")


def _check_options(request: Message) -> None:
    """Refuse what cannot be acted on."""
    number = getattr(request, "unusable_option", None)
    if request.opt.oscore is not None:
        number = coap.OSCORE  # nothing here could read it (RFC 7252 section 5.4.1)
    if number in _PROXY_OPTIONS:
        raise Refused("5.05", "this is no proxy")
    if number is not None:
        raise Refused("4.02", f"option {number}")
    if request.opt.if_match or request.opt.if_none_match:
        raise Refused("4.12", "nothing here is conditional")


def _discover(request: Message) -> Message:
    if request.code is not codes.GET:
        raise Refused("4.05", "no such method here")
    if request.opt.accept not in (None, LINK_FORMAT):
        raise Refused("4.06", "only application/link-format (40)")
    asked = request.opt.block2 or BlockOption.BlockwiseTuple(0, False, BLOCK_EXPONENT_MAX)
    size = 16 << min(asked.size_exponent, BLOCK_EXPONENT_MAX)
    start = asked.block_number * size
    if start >= len(RESOURCES):
        raise Refused("4.00", "no such block")
    response = Message(code=codes.CONTENT, payload=RESOURCES[start : start + size])
    response.opt.content_format = LINK_FORMAT
    has_more = start + size < len(RESOURCES)
    if has_more or request.opt.block2 is not None:
        exponent = min(asked.size_exponent, BLOCK_EXPONENT_MAX)
        response.opt.block2 = (asked.block_number, has_more, exponent)
    return response
