"""The serving half of a CoAP endpoint: requests in, responses and notifications out.

RFC 7252 section 5, RFC 7641 section 4, RFC 7959.
"""

from protocol import coap_message as coap
from protocol.coap_block import (
    Block,
    RequestBodies,
    Snapshots,
    block_option,
    cut,
    entity_tag,
    request_key,
)  # fmt: skip
from protocol.coap_message import Message
from protocol.coap_values import (
    ObservationEnded,
    RequestReceived,
    Response,
    decode_request,
    response_options,
    usable_options,
)  # fmt: skip
from protocol.errors import DecodeError

EXCHANGES_MAX = 8
OBSERVATIONS_MAX = 24
BUSY_MAX_AGE_S = 8
# "A notification at least every 24 hours must be confirmable" (RFC 7641 4.5).
CONFIRM_INTERVAL_MS = 24 * 3600 * 1000

_METHODS = (coap.GET, coap.POST, coap.PUT, coap.DELETE, coap.FETCH, coap.PATCH, coap.IPATCH)


class _Exchange:
    """A request that waits for its response, then perhaps an observation."""

    def __init__(self, message, peer, now_ms):
        self.peer = peer
        self.token = message.token
        self.mid = message.mid
        self.is_confirmable = message.type == coap.CON
        self.key = None
        self.observe = None
        self.block1 = None
        self.block2 = None
        # When the request came; of an observation, when it was last known to be wanted.
        self.confirmed_ms = now_ms


class Server:
    """Serves requests over a message layer; puts its events into the list `events`."""

    def __init__(self, layer, events, szx, body_length_max, exchange_lifetime_ms):
        self._layer = layer
        self._events = events
        self._szx = szx
        self._body_length_max = body_length_max
        self._exchange_lifetime_ms = exchange_lifetime_ms
        self._bodies = RequestBodies(body_length_max, exchange_lifetime_ms)
        self._snapshots = Snapshots()
        self._exchanges = {}
        self._observations = {}
        self._last_exchange = 0
        self._last_sequence = 0

    def receive(self, message, peer, now_ms):
        """Take a request from the message layer."""
        exchange = _Exchange(message, peer, now_ms)
        options = usable_options(message.options)
        if options is None:
            self._refuse_options(exchange, message, now_ms)
            return
        try:
            self._serve(exchange, message, options, now_ms)
        except DecodeError:
            self._refuse(exchange, coap.BAD_REQUEST, now_ms)

    def send_response(self, number, response, now_ms):
        """Answer the exchange `number`."""
        exchange = self._exchanges.pop(number, None)
        if exchange is None or self._is_expired(exchange, now_ms):
            self._layer.count("response without request")
            return
        sequence = None
        is_accepted = response.observe is not None and coap.is_success(response.code)
        if exchange.observe == 0 and is_accepted:
            if len(self._observations) < OBSERVATIONS_MAX:
                self._observations[number] = exchange
                sequence = self._next_sequence()
            else:
                self._events.append(ObservationEnded(number, "busy"))
        type = coap.ACK if exchange.is_confirmable else coap.NON
        self._reply(exchange, type, response, sequence, now_ms)

    def notify(self, number, response, now_ms, is_confirmable):
        """Send a newer state of the observation `number`; an error code ends it.

        Returns False if the observation is over already.
        """
        exchange = self._observations.get(number)
        if exchange is None:
            return False
        sequence = None
        if coap.is_success(response.code):
            sequence = self._next_sequence()
        else:
            del self._observations[number]
        exchange.block1 = None
        if is_confirmable or now_ms - exchange.confirmed_ms >= CONFIRM_INTERVAL_MS:
            exchange.confirmed_ms = now_ms
            self._reply(exchange, coap.CON, response, sequence, now_ms)
        else:
            self._reply(exchange, coap.NON, response, sequence, now_ms)
        return True

    def end_observation(self, number):
        """Forget the observation `number`, and what is still to be sent for it."""
        exchange = self._observations.pop(number, None)
        if exchange:
            self._layer.cancel(exchange.peer, exchange.token, False)

    def lose_observer(self, peer, token, reason):
        """Forget the observation with `token`, if there is one, and report it."""
        for number in tuple(self._observations):
            exchange = self._observations[number]
            if exchange.token == token and exchange.peer == peer:
                self.end_observation(number)
                self._events.append(ObservationEnded(number, reason))

    def _refuse_options(self, exchange, message, now_ms):
        self._layer.count("bad option")
        is_proxying = [
            number
            for number, _ in message.options
            if number in (coap.PROXY_URI, coap.PROXY_SCHEME)
        ]
        # A NON request is rejected in silence (RFC 7252 5.4.1, 5.7.2).
        if exchange.is_confirmable:
            code = coap.PROXYING_NOT_SUPPORTED if is_proxying else coap.BAD_OPTION
            self._refuse(exchange, code, now_ms)

    def _serve(self, exchange, message, options, now_ms):
        if message.code not in _METHODS:
            self._refuse(exchange, coap.METHOD_NOT_ALLOWED, now_ms)
            return
        exchange.key = request_key(message.code, options, exchange.peer)
        exchange.block1 = block_option(options, coap.BLOCK1)
        exchange.block2 = block_option(options, coap.BLOCK2)
        payload = message.payload
        if exchange.block1:
            code, payload = self._bodies.receive(
                exchange.key,
                exchange.block1,
                payload,
                coap.uint_option(options, coap.SIZE1),
                now_ms,
            )
            if code:
                self._refuse(exchange, code, now_ms)
                return
        if (
            exchange.block2
            and exchange.block2.number
            and self._serve_rest(exchange, message.code, now_ms)
        ):
            return
        self._hand_over(exchange, message, options, payload, now_ms)

    def _serve_rest(self, exchange, code, now_ms):
        """Answer a request for a later block from a snapshot; False if the user must answer it."""
        response = self._snapshots.find(exchange.key)
        if response:
            type = coap.ACK if exchange.is_confirmable else coap.NON
            self._reply(exchange, type, response, None, now_ms)
        elif code in (coap.GET, coap.FETCH):
            return False
        else:
            self._refuse(exchange, coap.REQUEST_ENTITY_INCOMPLETE, now_ms)
        return True

    def _hand_over(self, exchange, message, options, payload, now_ms):
        request = decode_request(message.code, options, payload, exchange.is_confirmable)
        if message.code not in (coap.GET, coap.FETCH):
            request.observe = None
        exchange.observe = request.observe
        if request.observe is not None:
            reason = "replaced" if request.observe == 0 else "cancelled"
            self.lose_observer(exchange.peer, exchange.token, reason)
        if not self._has_room(now_ms):
            self._refuse(exchange, coap.SERVICE_UNAVAILABLE, now_ms)
            return
        self._last_exchange += 1
        self._exchanges[self._last_exchange] = exchange
        self._events.append(RequestReceived(self._last_exchange, exchange.peer, request))

    def _has_room(self, now_ms):
        if len(self._exchanges) >= EXCHANGES_MAX:
            for number in tuple(self._exchanges):
                if self._is_expired(self._exchanges[number], now_ms):
                    del self._exchanges[number]
        return len(self._exchanges) < EXCHANGES_MAX

    def _is_expired(self, exchange, now_ms):
        return now_ms - exchange.confirmed_ms >= self._exchange_lifetime_ms

    def _refuse(self, exchange, code, now_ms):
        """Answer without asking the user."""
        response = Response(code)
        if code == coap.SERVICE_UNAVAILABLE:
            self._layer.count("busy")
            response.max_age_s = BUSY_MAX_AGE_S
        elif code == coap.REQUEST_ENTITY_TOO_LARGE:
            response.options = ((coap.SIZE1, coap.encode_uint(self._body_length_max)),)
        if code != coap.CONTINUE:
            exchange.block1 = None
        type = coap.ACK if exchange.is_confirmable else coap.NON
        self._reply(exchange, type, response, None, now_ms)

    def _reply(self, exchange, type, response, sequence, now_ms):
        options = response_options(response)
        if sequence is not None:
            coap.add_option(options, coap.OBSERVE, coap.encode_uint(sequence))
        if exchange.block1:
            block1 = exchange.block1
            granted = Block(block1.number, block1.has_more, min(block1.szx, self._szx))
            coap.add_option(options, coap.BLOCK1, granted.encode())
        code, payload = self._cut(exchange, response, options)
        message = Message(type, code, exchange.mid, exchange.token, options, payload)
        self._layer.send(message, exchange.peer, now_ms)

    def _cut(self, exchange, response, options):
        """Return (code, payload) of the block that `exchange` asks for; add its options."""
        body = response.payload
        asked = exchange.block2 or Block(0, False, self._szx)
        szx = min(asked.szx, self._szx)
        if asked.number == 0 and len(body) <= 16 << szx:
            return response.code, body
        if asked.offset() >= len(body):
            del options[:]
            return coap.BAD_REQUEST, b""
        block, payload = cut(body, asked.offset(), szx)
        if response.etag is None:
            coap.add_option(options, coap.ETAG, entity_tag(body))
        coap.add_option(options, coap.BLOCK2, block.encode())
        if not block.has_more:
            self._snapshots.drop(exchange.key)
        elif asked.number == 0:
            self._snapshots.keep(exchange.key, response)
        return response.code, payload

    def _next_sequence(self):
        self._last_sequence = (self._last_sequence + 1) & 0xFFFFFF
        return self._last_sequence
