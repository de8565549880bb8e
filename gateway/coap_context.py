"""aiocoap's context over the gateway's own message layer and any datagram transport.

The one module that leans on aiocoap's private side (its token layer, its pipes, its list of
request interfaces). `tests/gateway/test_coap_context.py` fails when a new aiocoap changes what is
used here; the version is pinned for that reason.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from random import Random

import aiocoap
from aiocoap import Message, error, interfaces
from aiocoap.numbers import constants
from aiocoap.numbers.codes import INTERNAL_SERVER_ERROR
from aiocoap.pipe import Pipe
from aiocoap.tokenmanager import TokenManager
from aiocoap.util import hostportjoin

from gateway.coap_codec import decode
from gateway.coap_message_layer import GatewayTuning, MessageLayer
from gateway.coap_security import SecurityLayer
from gateway.coap_transport import DatagramTransport, Local, Peer
from gateway.contexts import Contexts
from protocol.errors import DecodeError

TOKEN_BYTES = 4
"""RFC 7252 section 5.3.1 asks for at least 32 random bits where nothing else protects answers."""


class NodeAddress(interfaces.EndpointAddress):
    """A peer of one transport. Equal if the peer is; `local` only steers the answer's source."""

    __slots__ = ("peer", "local", "layer", "maximum_block_size_exp")

    scheme = "coap"
    is_multicast = False
    is_multicast_locally = False

    def __init__(self, peer: Peer, local: Local, layer: MessageLayer) -> None:
        self.peer = peer
        self.local = local
        self.layer = layer
        self.maximum_block_size_exp = constants.MAX_REGULAR_BLOCK_SIZE_EXP

    def __hash__(self) -> int:
        return hash(self.peer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeAddress) and self.peer == other.peer

    def __repr__(self) -> str:
        return self.hostinfo

    @property
    def hostinfo(self) -> str:
        """Return "host:port"."""
        return hostportjoin(*self.peer)

    @property
    def hostinfo_local(self) -> str:
        """Raise: the gateway has no one name."""
        raise error.AnonymousHost

    @property
    def uri_base(self) -> str:
        """Return "coap://host:port"."""
        return "coap://" + self.hostinfo

    @property
    def uri_base_local(self) -> str:
        """Raise: the gateway has no one name."""
        raise error.AnonymousHost

    @property
    def blockwise_key(self) -> Peer:
        """Return what the blocks of one body share."""
        return self.peer


class Tokens(TokenManager):
    """aiocoap's token layer with random tokens and errors that end one request only."""

    def __init__(self, context: aiocoap.Context, random: Random) -> None:
        super().__init__(context)
        self._random = random
        self._given_token = b""
        self.security: SecurityLayer | None = None

    def next_token(self) -> bytes:
        """Return a token that is not in use: protected responses are matched by it alone."""
        token = self._given_token
        while not token:
            token = self._random.randbytes(TOKEN_BYTES)
            if self.security is not None and self.security.is_in_use(token):
                token = b""
        return token

    def request(self, request: Pipe) -> None:
        """Send a request; what protects it hears of the end of the interest in it."""
        if self.security is not None:
            request.on_event(lambda event: self._hear(request, event), is_interest=False)
        super().request(request)

    def _hear(self, request: Pipe, event: Pipe.Event) -> bool:
        if event.is_last:
            self.security.forget(request.request)
        return not event.is_last

    def request_with(self, token: bytes, pipe: Pipe) -> None:
        """Send a request under a token that is in use: the end of an observation needs it."""
        self._given_token = token
        try:
            self.request(pipe)
        finally:
            self._given_token = b""

    def fail(self, message: Message, exception: Exception) -> None:
        """End the request that `message` belongs to, or the interest in a response."""
        pipe = (self.outgoing_requests or {}).get((message.token, message.remote))
        if pipe is not None and pipe.request is message:
            pipe.add_exception(exception)


class CoapContext(aiocoap.Context):
    """A CoAP endpoint, server and client, over one datagram transport.

    `serversite` answers requests through `render_to_pipe`. `on_malformed(peer)` hears of each
    datagram that is no CoAP message. With `contexts` everything is protected; without, nothing.
    """

    def __init__(
        self,
        transport: DatagramTransport,
        random: Random,
        serversite: interfaces.Resource | None = None,
        on_malformed: Callable[[Peer], None] = lambda peer: None,
        contexts: Contexts | None = None,
    ) -> None:
        super().__init__(asyncio.get_running_loop(), serversite, loggername="gateway.coap")
        self._transport = transport
        self._on_malformed = on_malformed
        self._tuning = GatewayTuning()
        self._tokens = Tokens(self, random)
        self._security = None if contexts is None else SecurityLayer(self._tokens, contexts)
        self._layer = MessageLayer(
            self._security or self._tokens, self._transmit, random, contexts is not None)
        if self._security is not None:
            self._security.layer = self._layer
        self._tokens.security = self._security
        self._tokens.token_interface = self._security or self._layer
        self.request_interfaces.append(self._tokens)

    @property
    def counters(self) -> Counter[str]:
        """Return the message layer's counters."""
        return self._layer.counters

    @property
    def security_counters(self) -> Counter[str]:
        """Return what protection has counted."""
        return Counter() if self._security is None else self._security.counters

    def open(self) -> None:
        """Start to receive. Raises OSError if the address is taken."""
        self._transport.open(self._receive)

    async def shutdown(self) -> None:
        """Stop receiving, cancel what is under way."""
        self._transport.close()
        # A request that was just cancelled must have heard of it before its token ends.
        await asyncio.sleep(0)
        await super().shutdown()

    def address(self, peer: Peer) -> NodeAddress:
        """Return the remote that requests to `peer` go to."""
        return NodeAddress(peer, None, self._layer)

    def address_of(self, endpoint: str, peer: Peer) -> Hashable | None:
        """Return the remote of a node last heard at `peer`; None if nothing can be sent to it."""
        if self._security is None:
            return self.address(peer)
        return self._security.address(endpoint, self.address(peer))

    def send(
        self, message: Message, on_response: Callable[[Message | Exception], bool]
    ) -> Callable:
        """Send one request message (no block-wise) and hand every response to
        `on_response`, at once and in order; it returns whether it wants more. An exception is
        the last.

        For observations: aiocoap's own iterator keeps one notification and drops the others.
        A message that has a token keeps it. Returns what ends the interest.
        """
        pipe = Pipe(message, self.log)

        def take(event: Pipe.Event) -> bool:
            answer = event.exception if event.message is None else event.message
            return bool(on_response(answer)) and not event.is_last

        stop = pipe.on_event(take)
        if message.token:
            self._tokens.request_with(message.token, pipe)
        else:
            self._tokens.request(pipe)
        return stop

    async def ping(self, remote: NodeAddress) -> None:
        """Return once the peer has answered a CoAP ping; cancel it to give up."""
        answered = self.loop.create_future()
        remote = getattr(remote, "outer", remote)
        stop = self._layer.ping(remote, lambda: answered.done() or answered.set_result(None))
        try:
            await answered
        finally:
            stop()

    def render_to_pipe(self, pipe: Pipe) -> None:
        """Let the site answer. aiocoap makes a second pipe for what a site raises, and a name for
        the task from the whole message: a quarter of the time of a request."""
        task = self.loop.create_task(self._drive(pipe))
        pipe.on_interest_end(task.cancel)

    async def _drive(self, pipe: Pipe) -> None:
        try:
            await self._render_to_pipe(pipe)
        except error.RenderableError as refusal:
            pipe.add_response(refusal.to_message(), is_last=True)
        except Exception:
            self.log.exception("the site failed")
            pipe.add_response(Message(code=INTERNAL_SERVER_ERROR), is_last=True)

    def _transmit(self, datagram: bytes, remote: NodeAddress) -> None:
        self._transport.send(datagram, remote.peer, remote.local)

    def _receive(self, datagram: bytes, peer: Peer, local: Local) -> None:
        remote = NodeAddress(peer, local, self._layer)
        try:
            message = decode(datagram, remote, self._tuning)
        except DecodeError:
            self._reject(datagram, remote)
            return
        self._layer.dispatch_message(message)

    def _reject(self, datagram: bytes, remote: NodeAddress) -> None:
        self.counters["malformed datagrams"] += 1
        self._on_malformed(remote.peer)
        is_confirmable = len(datagram) >= 4 and datagram[0] & 0xF0 == 0x40
        if is_confirmable:
            self._layer.reset(remote, int.from_bytes(datagram[2:4], "big"))
