"""One security context with a node, on aiocoap's OSCORE primitives (RFC 8613).

What aiocoap leaves to its user: which sender numbers are durable, which strikes of the replay
window are, and what an inner message may hold.
"""

import logging
from collections.abc import Callable

from aiocoap import Message, oscore

from gateway import coap_codec
from gateway.coap_codec import IncomingMessage
from gateway.rows import ContextState, StoredContext
from gateway.vault import Vault
from protocol import coap_message as coap
from protocol import credentials
from protocol.credentials import Credentials
from protocol.errors import DecodeError

WINDOW_SIZE = 32
ECHO_BYTES = 8

# At the level "debug" it would log what was encrypted, new keys among it.
logging.getLogger("aiocoap.cryptography").setLevel(logging.WARNING)


def label_of(kid: bytes, id_context: bytes | None) -> bytes:
    """Return the label that a context's credentials are sealed with."""
    return kid + (id_context or b"")


class ReplayWindow(oscore.ReplayWindow):
    """A replay window that counts its changes: `version` of them, `durable` of them stored.

    `floor` is what of it is known for certain where the rest is not (RFC 8613 B.1.2): a number
    that it has seen is a replay, of the others nobody knows.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__(WINDOW_SIZE, self._changed)
        self._on_change = on_change
        self.version = self.durable = 0
        self.floor: oscore.ReplayWindow | None = None

    def initialize_from_freshlyseen(self, seen: int) -> None:
        super().initialize_from_freshlyseen(seen)
        self._changed()

    def load(self, window: tuple[int, int] | None, is_complete: bool) -> None:
        """Take over what was stored."""
        target: oscore.ReplayWindow = self
        if not is_complete:
            target = self.floor = oscore.ReplayWindow(WINDOW_SIZE, lambda: None)
        if window is None:
            target.initialize_empty()
        else:
            target.initialize_from_persisted({"index": window[0], "bitfield": window[1]})

    def is_replay(self, number: int) -> bool:
        """Return whether a number was seen for certain."""
        if self.is_initialized():
            return not self.is_valid(number)
        return self.floor is not None and not self.floor.is_valid(number)

    @property
    def greatest(self) -> int:
        """Return the greatest number that was seen, -1 if none is known."""
        index, bits = self.stored() or (0, 0)
        return index + bits.bit_length() - 1

    def stored(self) -> tuple[int, int] | None:
        """Return (index, bits); None where nothing is known."""
        known = self if self.is_initialized() else self.floor
        if known is None:
            return None
        persisted = known.persist()
        return persisted["index"], persisted["bitfield"]

    def _changed(self) -> None:
        self.version += 1
        self._on_change()


class Replayed(oscore.ReplayErrorWithEcho):
    """An authentic request whose number was seen before; it can be asked for anew."""


class _Cipher(oscore.AES_CCM_16_64_128):
    """The AEAD, which also reads what it decrypts: strictly, as aiocoap does not.

    aiocoap is given the code and the Echo option, which is all it acts on.
    """

    inner: IncomingMessage | None = None

    def decrypt(self, ciphertext_and_tag, aad, key, iv):
        plaintext = super().decrypt(ciphertext_and_tag, aad, key, iv)
        try:
            self.inner = coap_codec.decode_inner(plaintext)
        except DecodeError:
            raise oscore.DecodeError("no CoAP message inside") from None
        echo = self.inner.opt.echo
        options = [] if echo is None else [(coap.ECHO, echo)]
        code = plaintext[0]
        return bytes((code,)) + coap.encode(coap.Message(coap.CON, code, 0, b"", options))[4:]


class SecurityContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """A context as the gateway has it; keys are derived at the first use.

    `on_change(context)` hears of each change of the window, `on_low(context)` when sender
    numbers become few; those below `sender_limit` may be used.
    """

    hashfun = oscore.hashfunctions["sha256"]

    def __init__(
        self,
        row: StoredContext,
        vault: Vault,
        echo: bytes,
        on_change: Callable[["SecurityContext"], None],
        on_low: Callable[["SecurityContext"], None],
        low_water: int,
    ) -> None:
        self.serial = row.serial
        self.endpoint = row.endpoint
        self.state = row.state
        self.kid = row.kid
        self.id_context = row.id_context
        self.created_ms = row.created_ms
        self.used_ms = row.numbers.used_ms
        self.sealed = row.sealed
        self.sender_sequence_number = self.sender_limit = row.numbers.sender_limit
        self.recipient_replay_window = ReplayWindow(lambda: on_change(self))
        self.alg_aead = _Cipher()
        self._vault = vault
        self._echo = echo
        self._on_low = on_low
        self._low_water = low_water
        self._is_open = False

    def __repr__(self) -> str:
        return f"<{self.state} context {self.serial} of {self.endpoint!r}>"

    @property
    def may_protect(self) -> bool:
        """Return whether anything may be sent under it."""
        return self.state in (ContextState.CURRENT, ContextState.TRIAL)

    @property
    def echo_recovery(self) -> bytes | None:
        """Return what aiocoap challenges with while nothing is known of the window."""
        return None if self.recipient_replay_window.is_initialized() else self._echo

    def credentials_of_node(self) -> Credentials:
        """Return the secret, as the node holds it. Raises VaultError."""
        label = label_of(self.kid, self.id_context)
        return credentials.decode(self._vault.open(self.sealed, label))

    def open(self) -> None:
        """Derive the keys. Raises VaultError."""
        if not self._is_open:
            mirrored = self.credentials_of_node().mirrored()
            self.sender_id, self.recipient_id = mirrored.sender_id, mirrored.recipient_id
            self.derive_keys(mirrored.master_salt, mirrored.master_secret)
            self._is_open = True

    def post_seqnoincrease(self) -> None:
        """Give a number only if the store will not give it again. Raises ContextUnavailable."""
        if self.sender_limit - self.sender_sequence_number <= self._low_water:
            self._on_low(self)
        if self.sender_sequence_number > self.sender_limit:
            self.sender_sequence_number -= 1
            raise oscore.ContextUnavailable("no sender number is reserved")

    def unprotect_request(
        self, outer: IncomingMessage, number: int
    ) -> tuple[IncomingMessage, oscore.RequestIdentifiers]:
        """Return the inner request, whose `number` is struck from the window.

        Raises aiocoap's ProtectionInvalid: ReplayErrorWithEcho, also as Replayed, ReplayError of
        a context that may not even ask anew, and others.
        """
        self.open()
        if self.recipient_replay_window.is_replay(number):
            raise self._replay(outer)
        _, request_id = self.unprotect(outer)
        return self._inner(outer, is_request=True), request_id

    def _replay(self, outer: IncomingMessage) -> oscore.ReplayError | Replayed:
        """Return what to raise for a request that was seen; raises ProtectionInvalid if it is
        not authentic."""
        if not self.may_protect:
            return oscore.ReplayError("Sequence number was reused")
        window, anything = self.recipient_replay_window, ReplayWindow(lambda: None)
        anything.load(None, is_complete=True)
        self.recipient_replay_window = anything
        try:
            _, request_id = self.unprotect(outer)
        finally:
            self.recipient_replay_window, self.alg_aead.inner = window, None
        # Its nonce may have protected the answer that it had.
        request_id.can_reuse_nonce = False
        return Replayed(self, request_id, self._echo)

    def unprotect_response(
        self, outer: IncomingMessage, request_id: oscore.RequestIdentifiers
    ) -> IncomingMessage:
        """Return the inner response. Raises aiocoap's ProtectionInvalid."""
        self.unprotect(outer, request_id)
        return self._inner(outer, is_request=False)

    def protect_request(
        self, message: Message
    ) -> tuple[Message, oscore.RequestIdentifiers]:
        """Return the outer request. Raises ContextUnavailable."""
        self._check()
        return self.protect(message)

    def protect_response(
        self, message: Message, request_id: oscore.RequestIdentifiers
    ) -> Message:
        """Return the outer response. Raises ContextUnavailable."""
        self._check()
        return self.protect(message, request_id)[0]

    def _check(self) -> None:
        if not self.may_protect:
            raise oscore.ContextUnavailable(f"a {self.state} context protects nothing")
        self.open()

    def _inner(self, outer: IncomingMessage, is_request: bool) -> IncomingMessage:
        inner, self.alg_aead.inner = self.alg_aead.inner, None
        if inner.code.is_request() is not is_request:
            raise oscore.DecodeError("a request in a response, or the other way")
        inner.mtype, inner.mid, inner.token = outer.mtype, outer.mid, outer.token
        inner.transport_tuning = outer.transport_tuning
        return inner
