"""OSCORE between the message layer and aiocoap's token layer (RFC 8613, RFC 9175).

Message ids, retransmissions and duplicates are those of the outer message: a duplicate is
answered with the same ciphertext. Tokens, block-wise transfers and Observe are the inner one's.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial

from aiocoap import Message, error, interfaces, oscore
from aiocoap.numbers import codes
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import NON

from gateway.challenges import Challenges
from gateway.coap_codec import IncomingMessage, oscore_option_of
from gateway.coap_log import PeerLog
from gateway.coap_message_layer import MessageLayer, Monitor
from gateway.contexts import Contexts
from gateway.key_renewal import Renewals
from gateway.node_keys import NodeKeys
from gateway.outgoing_requests import Outgoing, OutgoingRequests
from gateway.protected_address import ProtectedAddress
from gateway.received_request import Received
from gateway.rows import ContextState
from gateway.security_context import SecurityContext
from gateway.store import StoreError
from gateway.vault import VaultError

AMPLIFICATION_MAX = 3
"""A reply to an address that nobody has verified has at most so many times the request's bytes."""
HEADER_BYTES = 4
NO_RESPONSE_TO_SUCCESS = 2  # RFC 7967 section 2.1

log = logging.getLogger("gateway.coap")


class SecurityLayer(interfaces.TokenInterface):
    """Protects what goes to nodes, and lets nothing in that is not authentic and fresh.

    `tokens` is aiocoap's token layer above; `layer`, the message layer below, is set afterwards.
    A request handed up has its node as `remote`, a ProtectedAddress. A reply leaves once the
    strike of its request from the replay window is durable; where it cannot be, none does.
    """

    layer: MessageLayer

    def __init__(self, tokens, contexts: Contexts) -> None:
        self._tokens = tokens
        self._contexts = contexts
        self._outgoing = OutgoingRequests()
        self._addresses: dict[str, ProtectedAddress] = {}
        self._tasks: dict[asyncio.Task, None] = {}  # in the order of their making
        self._peer_log = PeerLog(log)
        self.counters: Counter[str] = Counter()
        self._renewals = Renewals(contexts, self.counters)
        self._challenges = Challenges(self.counters)
        contexts.call_on_revoked(self._revoked)

    # What the message layer and aiocoap ask of a layer

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop."""
        return self._tokens.loop

    @property
    def client_credentials(self):
        """Return aiocoap's map of credentials, of which nothing here makes use."""
        return self._tokens.client_credentials

    async def fill_or_recognize_remote(self, message: Message) -> bool:
        """Return whether the message goes to a node that keys are shared with."""
        return getattr(message.remote, "layer", None) is self

    async def shutdown(self) -> None:
        """Send nothing any more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.layer.shutdown()

    def address(self, endpoint: str, outer: interfaces.EndpointAddress) -> ProtectedAddress | None:
        """Return the remote for requests to a node, last heard at `outer`; None: no keys."""
        if self._contexts.node(endpoint) is None:
            return None
        return self._address(endpoint, outer)

    def is_in_use(self, token: bytes) -> bool:
        """Return whether a request under this token still waits for responses."""
        return token in self._outgoing

    def forget(self, message: Message) -> None:
        """Forget a request whose responses nobody waits for any more."""
        self._outgoing.forget(message)

    def fail(self, outer: Message, exception: Exception) -> None:
        """End the request that an outer message belongs to."""
        entry = self._outgoing.of_outer(outer)
        if entry is not None:
            self._tokens.fail(entry.message, exception)

    # Requests of nodes

    def process_request(self, outer: IncomingMessage) -> None:
        """Take a request from the message layer."""
        if outer.opt.oscore is None:
            self._refuse(outer, codes.UNAUTHORIZED, "", "unprotected request")
            return
        option = oscore_option_of(outer)
        is_usable = outer.unusable_option is None and outer.code in (codes.POST, codes.FETCH)
        if option is None or not is_usable or option.kid is None or option.piv is None:
            self._refuse(outer, codes.BAD_OPTION, "", "malformed protection")
            return
        contexts = self._contexts.find(option.kid, option.kid_context)
        if not contexts:
            self._refuse(outer, codes.UNAUTHORIZED, "Security context not found", "unknown kid")
            return
        self._receive(outer, contexts, int.from_bytes(option.piv, "big"))

    def _receive(
        self, outer: IncomingMessage, contexts: list[SecurityContext], number: int
    ) -> None:
        is_replay = False
        for context in contexts:
            try:
                inner, request_id = context.unprotect_request(outer, number)
            except oscore.ReplayErrorWithEcho as challenge:
                self._challenge(outer, challenge)
                return
            except oscore.ReplayError:
                is_replay = True
            except (oscore.ProtectionInvalid, VaultError):
                continue
            else:
                self._accept(outer, inner, context, request_id, number)
                return
        if is_replay:
            self._refuse(outer, codes.UNAUTHORIZED, "Replay detected", "replay")
        else:
            self._refuse(outer, codes.BAD_REQUEST, "Decryption failed", "not authentic")

    def _accept(
        self,
        outer: IncomingMessage,
        inner: IncomingMessage,
        context: SecurityContext,
        request_id: oscore.RequestIdentifiers,
        number: int,
    ) -> None:
        is_newest = self._contexts.used(context, number)
        version = context.recipient_replay_window.version
        received = Received(context, request_id, version, outer)
        if context.state is ContextState.RESTORED:
            self._spawn(self._renew(received, is_newest))
            return
        # Where a node is its newest message tells, not one that was held back.
        known = None if is_newest else self._addresses.get(context.endpoint)
        inner.remote = known or self._address(context.endpoint, outer.remote)
        inner.security = received
        # The server acts on no Observe of nodes.
        inner.opt.observe = None
        self._tokens.process_request(inner)

    async def _renew(self, received: Received, is_newest: bool) -> None:
        """Answer under a context that only this gateway can have made, and nothing else."""
        response = await self._renewals.respond(
            received.context, received.request_id, is_newest, self.loop.time())
        if response is None:
            self.layer.ignore(received.outer)
        else:
            self._reply(received.outer, response)

    def _challenge(
        self, outer: IncomingMessage, challenge: oscore.ReplayErrorWithEcho
    ) -> None:
        """Ask a node for its request anew, to know that it is no replay."""
        response = self._challenges.respond(challenge, self.loop.time())
        if response is None:
            self.layer.ignore(outer)
        else:
            self._reply(outer, response)

    def _refuse(self, outer: IncomingMessage, code: Code, text: str, what: str) -> None:
        """Answer what nobody can be known to have sent, briefly; NON with silence."""
        self.counters[what] += 1
        self._peer_log.warning(outer.remote, f"refused: {what}", self.loop.time())
        if outer.mtype is NON:
            self.layer.ignore(outer)
        else:
            size = HEADER_BYTES + len(outer.token)
            asked = size + len(outer.opt.oscore or b"") + len(outer.payload)
            is_short = size + 1 + len(text) <= AMPLIFICATION_MAX * asked
            self._reply(outer, Message(code=code, payload=text.encode() if is_short else b""))
        # A copy is refused again; in the memory for duplicates it would take a node's place.
        self.layer.forget(outer)

    # Responses to nodes

    def _reply(
        self, outer: IncomingMessage, response: Message, monitor: Monitor = lambda: None
    ) -> None:
        response.token, response.remote, response.request = outer.token, outer.remote, outer
        try:
            self.layer.send_message(response, monitor)
        except error.NetworkError:
            self.counters["replies without room"] += 1

    def _send_response(self, message: Message, monitor: Monitor) -> None:
        received = message.request.security
        if received.context.recipient_replay_window.durable >= received.version:
            self._protect_response(message, received, monitor)
        else:
            self._spawn(self._send_when_durable(message, received, monitor))

    async def _send_when_durable(
        self, message: Message, received: Received, monitor: Monitor
    ) -> None:
        try:
            await self._contexts.settle(received.context, received.version)
        except StoreError:
            self.counters["replies withheld"] += 1
            self.layer.ignore(received.outer)
            return
        self._protect_response(message, received, monitor)

    def _protect_response(
        self, message: Message, received: Received, monitor: Monitor
    ) -> None:
        outer = received.outer
        no_response, message.opt.no_response = message.opt.no_response, None
        is_unwanted = bool(no_response and no_response & 1 << message.code.class_ - 1)
        if is_unwanted:
            response = Message(code=codes.CHANGED, no_response=NO_RESPONSE_TO_SUCCESS)
        else:
            try:
                response = received.context.protect_response(message, received.request_id)
            except (oscore.ContextUnavailable, VaultError):
                self.counters["replies withheld"] += 1
                self.layer.ignore(outer)
                return
        self._reply(outer, response, monitor)

    # Requests to nodes

    def send_message(self, message: Message, monitor: Monitor) -> Callable[[], None] | None:
        """Send a request or response of the token layer, protected.

        Raises NetworkError for a node that nothing can be sent to now.
        """
        if message.code.is_response():
            self._send_response(message, monitor)
            return None
        entry = Outgoing(message, monitor)
        self._outgoing.add(entry)
        try:
            self._send_request(entry, message)
        except error.Error:
            self._outgoing.forget(message)
            raise
        return entry.stop

    def _send_request(self, entry: Outgoing, message: Message) -> None:
        node = self._contexts.node(message.remote.endpoint)
        try:
            if node is None:
                raise oscore.ContextUnavailable("no keys")
            outer, entry.request_id = node.active.protect_request(message)
        except (oscore.ContextUnavailable, VaultError) as failure:
            self.counters["requests withheld"] += 1
            raise error.NetworkError(f"{message.remote.endpoint}: {failure}") from None
        entry.context = node.active
        outer.token = entry.message.token
        outer.remote = message.remote.outer
        outer.mtype = message.mtype
        entry.outer = outer
        entry.cancel = self.layer.send_message(outer, entry.monitor)

    # Responses of nodes

    def process_response(self, outer: IncomingMessage) -> bool:
        """Take a response from the message layer; False if nobody waits for it."""
        entry = self._outgoing.of_token(outer.token)
        if entry is None:
            return False
        inner = self._unprotected(outer, entry)
        if inner is None:
            # It is no answer to anything: the peer hears nothing, and may repeat itself.
            if outer.acknowledgement is not None:
                outer.acknowledgement.hold()
                outer.acknowledgement.drop()
            return True
        node = self._contexts.node(entry.context.endpoint)
        if node is not None:
            self._heard(node, entry, outer)
        if inner.code == codes.UNAUTHORIZED and inner.opt.echo and not entry.is_repeated:
            return self._repeat(entry, inner.opt.echo)
        inner.remote = entry.message.remote
        inner.acknowledgement = outer.acknowledgement
        entry.message.retransmissions = getattr(entry.outer, "retransmissions", 0)
        return self._tokens.process_response(inner)

    def _unprotected(self, outer: IncomingMessage, entry: Outgoing) -> IncomingMessage | None:
        option = oscore_option_of(outer)
        if option is None or outer.unusable_option is not None:
            self.counters["responses unprotected"] += 1
            return None
        try:
            inner = entry.context.unprotect_response(outer, entry.request_id)
        except (oscore.ProtectionInvalid, VaultError):
            self.counters["responses not authentic"] += 1
            return None
        if inner.unusable_option is not None or not entry.is_new(option.piv):
            self.counters["responses replayed or unusable"] += 1
            return None
        if inner.opt.observe is not None:
            inner.opt.observe = entry.order_of(option.piv)
        if outer.acknowledgement is not None:
            outer.acknowledgement.on_drop = partial(entry.drop, option.piv)
        return inner

    def _heard(self, node: NodeKeys, entry: Outgoing, outer: IncomingMessage) -> None:
        self._address(node.endpoint, outer.remote)
        if entry.context is node.trial and entry.context.may_protect:
            self._spawn(self._contexts.confirm_trial(entry.context))

    def _repeat(self, entry: Outgoing, echo: bytes) -> bool:
        """Send a request again, with proof that it is fresh (RFC 9175 section 2.3)."""
        self.counters["challenges answered"] += 1
        entry.repeat()
        again = entry.message.copy(echo=echo)
        again.token, again.remote = entry.message.token, entry.message.remote
        again.mtype, again.mid = None, None
        again.transport_tuning = entry.message.transport_tuning
        try:
            self._send_request(entry, again)
        except error.Error as failure:
            self._tokens.fail(entry.message, failure)
        return True

    # Inner

    def _address(
        self, endpoint: str, outer: interfaces.EndpointAddress
    ) -> ProtectedAddress:
        address = self._addresses.get(endpoint)
        if address is None:
            address = self._addresses[endpoint] = ProtectedAddress(endpoint, outer, self)
        elif address.outer == outer:
            address.outer = outer  # it may have another local address
        else:
            address.outer = outer
            for entry in self._outgoing.of_endpoint(endpoint):
                self.layer.move(entry.outer, outer)
        return address

    def _revoked(self, endpoint: str) -> None:
        self._challenges.forget(endpoint)
        for entry in self._outgoing.of_endpoint(endpoint):
            self._tokens.fail(entry.message, error.NetworkError(f"{endpoint}: keys revoked"))

    def _spawn(self, coroutine) -> None:
        task = self.loop.create_task(coroutine)
        self._tasks[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            self.counters["store failures"] += 1
            log.warning("keys are not stored: %s", task.exception())
