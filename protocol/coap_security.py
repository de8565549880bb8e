"""OSCORE between messages and requests: a message layer that protects (RFC 8613 section 8).

The layer below sees protected messages alone, so that a retransmission is byte-identical and a
duplicate gets the answer that the first one got. What is not authentic is counted and dropped
without a word. A peer's first request after our boot may be a recorded one: it is answered with
a challenge (RFC 8613 B.1.2, RFC 9175), and acted on when it comes again with our Echo.
"""

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from protocol.coap_exchange import MessageReceived
from protocol.coap_message import Message
from protocol.errors import ProtocolError, SecurityError
from protocol.replay_window import ReplayWindow

ECHO_LENGTH = 8
REPLAY_WINDOW = 32
# As many as the endpoint above has of each.
ASKED_MAX = 16
RECEIVED_MAX = 12
OBSERVED_MAX = 24
# A challenge costs a sequence number; what was recorded may come again and again, at any rate.
CHALLENGE_INTERVAL_MS = 1000

_DISCOVERY = (b".well-known", b"core")


class HeldContext:
    """A security context in use: `credentials` (encoded), derived `context`, replay `window`.

    `is_new`: no request under it was ever answered, so that none can be replayed; else the
    window wants a challenge first.
    """

    def __init__(self, aes, credentials, encoded, is_new):
        self.credentials = encoded
        self.context = oscore.SecurityContext(
            aes, credentials.master_secret, credentials.master_salt, credentials.sender_id,
            credentials.recipient_id, credentials.id_context)
        self.window = ReplayWindow(REPLAY_WINDOW)
        # The greatest number that was challenged.
        self.challenged = -1
        if is_new:
            self.window.initialise(0)


class _Exchange:
    """A request, ours or the peer's, and what its responses are bound to.

    `held` None: it came unprotected, and was let pass. `piv` is that of the newest notification.
    """

    def __init__(self, peer, token, held, request_id):
        self.peer = peer
        self.token = token
        self.held = held
        self.request_id = request_id
        self.piv = None


class SecurityLayer:
    """Has the calls and events of coap_exchange.MessageLayer, and wraps one: a core.

    `keys` is what holds the contexts:

        keys.held()                      the HeldContexts under which messages are understood
        keys.sending()                   the one for our own requests, or None
        keys.take_sequence(held)         a number never used before, or None: then nothing is sent
        keys.confirm(held)               a message under it was authentic, and no replay
        keys.renewed(held, id_context)   the HeldContext that an answer's kid context leads to
        keys.adopt(held)                 such an answer was authentic

    `is_discovery_open`: an unprotected GET of /.well-known/core is let pass.
    """

    def __init__(self, layer, keys, random_bytes, is_discovery_open=False):
        self.counters = layer.counters
        self._layer = layer
        layer.is_protected = True
        self._keys = keys
        self._echo = random_bytes(ECHO_LENGTH)
        self._is_discovery_open = is_discovery_open
        self._asked = []
        self._received = []
        self._observed = []
        self._challenge_ms = 0
        self._now_ms = 0

    def send(self, message, peer, now_ms):
        """Protect `message` and send it; False if there was no room, key or number for it."""
        if coap.is_request(message.code):
            return self._send_request(message, peer, now_ms)
        return self._send_response(message, peer, now_ms)

    def acknowledge(self, message, peer):
        """Answer a received CON with an Empty ACK."""
        self._layer.acknowledge(message, peer)

    def reset(self, message, peer):
        """Reject a received CON or NON."""
        self._layer.reset(message, peer)

    def cancel(self, peer, token, is_request):
        """Stop sending the CON with this token, and forget its exchange."""
        exchanges = self._asked if is_request else self._observed
        _remove(exchanges, _find(exchanges, peer, token))
        self._layer.cancel(peer, token, is_request)

    def receive_datagram(self, datagram, peer, now_ms):
        """Take one datagram; whatever is wrong with it is counted."""
        self._now_ms = now_ms
        self._layer.receive_datagram(datagram, peer, now_ms)

    def handle_timeout(self, now_ms):
        """Do what is due."""
        self._now_ms = now_ms
        self._layer.handle_timeout(now_ms)

    def next_timeout_ms(self):
        """Return when handle_timeout is due, or None."""
        return self._layer.next_timeout_ms()

    def datagrams_to_send(self):
        """Return [(datagram, peer)], and forget them."""
        return self._layer.datagrams_to_send()

    def next_event(self):
        """Return a MessageReceived with what was protected, or a MessageSent, or None."""
        event = self._layer.next_event()
        while event:
            if not isinstance(event, MessageReceived):
                return event
            inner = self._open(event.message, event.peer)
            if inner:
                event.message = inner
                return event
            self._layer.forget(event.message, event.peer)
            event = self._layer.next_event()
        return None

    def count(self, name):
        """Count one more `name`."""
        self._layer.count(name)

    def _send_request(self, message, peer, now_ms):
        held = self._keys.sending()
        if held is None:
            self.count("no keys")
            return False
        sequence = self._keys.take_sequence(held)
        if sequence is None:
            return False
        outer, request_id = oscore.protect_request(held.context, message, sequence)
        _note(self._asked, _Exchange(peer, message.token, held, request_id), ASKED_MAX)
        return self._layer.send(outer, peer, now_ms)

    def _send_response(self, message, peer, now_ms):
        """Protect a response as an answer to its request, or as a notification."""
        exchange = _find(self._received, peer, message.token)
        is_first = exchange is not None
        if not is_first:
            exchange = _find(self._observed, peer, message.token)
        if exchange is None:
            self.count("security: answer to nothing")
            return False
        outer = message
        if exchange.held:
            outer = self._protected(exchange, message)
            if outer is None:
                return False
        is_sent = self._layer.send(outer, peer, now_ms)
        # Not before: what finds no memory is answered once more, with less.
        if is_first:
            self._received.remove(exchange)
        if coap.option(message.options, coap.OBSERVE) is None:
            _remove(self._observed, exchange)
        elif is_first:
            _note(self._observed, exchange, OBSERVED_MAX)
        return is_sent

    def _protected(self, exchange, message):
        """Return the outer message; None without a number where one is needed."""
        sequence = None
        if exchange.request_id.is_spent:
            sequence = self._keys.take_sequence(exchange.held)
            if sequence is None:
                return None
        return oscore.protect_response(
            exchange.held.context, message, exchange.request_id, sequence)

    def _open(self, message, peer):
        """Return what `message` protects; None if it is nothing for the endpoint."""
        value = coap.option(message.options, coap.OSCORE)
        try:
            if value is None:
                return self._receive_unprotected(message, peer)
            option = oscore_option.decode(value)
            if coap.is_request(message.code):
                return self._receive_request(message, option, peer)
            return self._receive_response(message, option, peer)
        except SecurityError:
            self.count("security: not authentic")
        except ProtocolError:
            self.count("security: malformed")
        except MemoryError:
            # Forgotten, it is taken again when it is retransmitted.
            self.count("no memory")
        return None

    def _receive_unprotected(self, message, peer):
        if not coap.is_request(message.code):
            # A 4.01 that is not protected may be anybody's: time alone ends the request.
            self.count("security: unprotected response")
            return None
        path = []
        for number, value in message.options:
            if number == coap.URI_PATH:
                path.append(value)
        is_discovery = message.code == coap.GET and tuple(path) == _DISCOVERY
        if not (self._is_discovery_open and is_discovery):
            self.count("security: unprotected request")
            return None
        _note(self._received, _Exchange(peer, message.token, None, None), RECEIVED_MAX)
        return message

    def _receive_request(self, message, option, peer):
        is_replay = False
        for held in self._keys.held():
            context = held.context
            is_same = option.kid_context in (None, context.id_context)
            if option.kid != context.recipient_id or option.piv is None or not is_same:
                continue
            window = held.window
            number = int.from_bytes(option.piv, "big")
            if window.is_initialised and not window.accepts(number):
                is_replay = True
                continue
            try:
                inner, request_id = oscore.unprotect_request(context, message, option)
            except SecurityError:
                # Both contexts of a rotation go by the same ids.
                continue
            exchange = _Exchange(peer, message.token, held, request_id)
            return self._take_request(exchange, inner, number)
        if is_replay:
            self.count("security: replay")
            return None
        raise SecurityError()

    def _take_request(self, exchange, inner, number):
        """Return the authentic request `inner` if it is fresh; else challenge its sender."""
        held = exchange.held
        if not held.window.is_initialised:
            if coap.option(inner.options, coap.ECHO) != self._echo:
                self._challenge(exchange, inner, number)
                return None
            held.window.initialise(number)
        _note(self._received, exchange, RECEIVED_MAX)
        held.window.strike(number)
        self._keys.confirm(held)
        return inner

    def _challenge(self, exchange, inner, number):
        """Answer 4.01 with our Echo, under a number of our own.

        The nonce of a request that may be a replay may have protected its answer, then.
        """
        held = exchange.held
        # The peer's own request is newer than what was recorded of it: no flood keeps it waiting.
        if number <= held.challenged and self._now_ms < self._challenge_ms:
            self.count("security: challenge too soon")
            return
        held.challenged = max(held.challenged, number)
        exchange.request_id.is_spent = True
        response = Message(coap.ACK if inner.type == coap.CON else coap.NON, coap.UNAUTHORIZED,
                           inner.mid, inner.token, [(coap.ECHO, self._echo)])
        outer = self._protected(exchange, response)
        if outer:
            self.count("security: challenges")
            self._challenge_ms = self._now_ms + CHALLENGE_INTERVAL_MS
            self._layer.send(outer, exchange.peer, self._now_ms)

    def _receive_response(self, message, option, peer):
        exchange = _find(self._asked, peer, message.token)
        if exchange is None:
            self.count("security: unexpected response")
            return None
        held = exchange.held
        if option.kid_context not in (None, held.context.id_context):
            self._renew(exchange, message, option)
            return None
        inner, piv = oscore.unprotect_response(
            held.context, message, option, exchange.request_id)
        is_notification = coap.option(inner.options, coap.OBSERVE) is not None
        piv = -1 if piv is None else piv
        if exchange.piv is not None and piv <= exchange.piv:
            self.count("security: replay")
            return None
        exchange.piv = piv
        if not is_notification:
            self._asked.remove(exchange)
        self._keys.confirm(held)
        return inner

    def _renew(self, exchange, message, option):
        """Go over to the context that the peer answers under: it may not use the old one."""
        # What was dropped since must not come back by what is derived from it.
        if exchange.held not in self._keys.held():
            raise SecurityError()
        candidate = self._keys.renewed(exchange.held, option.kid_context)
        oscore.unprotect_response(candidate.context, message, option, exchange.request_id)
        self.count("security: renewals")
        self._asked.remove(exchange)
        self._keys.adopt(candidate)


def _find(exchanges, peer, token):
    for exchange in exchanges:
        if exchange.token == token and exchange.peer == peer:
            return exchange
    return None


def _remove(exchanges, exchange):
    if exchange in exchanges:
        exchanges.remove(exchange)


def _note(exchanges, exchange, count_max):
    """Add an exchange in the place of one of the same token, or else of the oldest."""
    _remove(exchanges, _find(exchanges, exchange.peer, exchange.token))
    if len(exchanges) >= count_max:
        del exchanges[0]
    exchanges.append(exchange)
