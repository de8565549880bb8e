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
)
from protocol.coap_message import Message
from protocol.coap_values import (
    ObservationEnded,
    RequestReceived,
    Response,
    decode_request,
    response_options,
    usable_options,
)
from protocol.errors import DecodeError

EXCHANGES_MAX = 8
OBSERVATIONS_MAX = 24
BUSY_MAX_AGE_S = 8
# At least one notification in 24 hours must be confirmable (RFC 7641 4.5).
CONFIRM_INTERVAL_MS = 24 * 3600 * 1000


class _Exchange:
    """A request that waits for its response, then perhaps an observation."""

    def __init__(self, message, peer, now_ms):
        self.peer = peer
        self.token = message.token
        self.mid = message.mid
        self.type = coap.ACK if message.type == coap.CON else coap.NON
        self.key = None
        self.is_observing = False
        self.block1 = None
        self.block2 = None
        # When the request came; of an observation, when it was last confirmable.
        self.since_ms = now_ms


class Server:
    """Answers requests. The attributes it shares with Client are made in coap_endpoint."""

    def __init__(self):
        lifetime_ms = self._parameters.exchange_lifetime_ms
        self._bodies = RequestBodies(self._body_length_max, lifetime_ms)
        self._snapshots = Snapshots()
        self._exchanges = {}
        self._observations = {}
        self._last_exchange = 0
        self._last_sequence = 0

    def send_response(self, exchange, response, now_ms):
        """Answer the `exchange` of a RequestReceived, once; later than 247 s is too late.

        A success with `response.observe` not None accepts an observation. What there is no memory
        to send becomes 5.00: a request that is acknowledged and never answered is asked in vain.
        """
        asked = self._exchanges.pop(exchange, None)
        if asked is None or self._is_expired(asked, now_ms):
            self._layer.count("late response")
            return
        if response.observe is None or not coap.is_success(response.code):
            asked.is_observing = False
        elif asked.is_observing and len(self._observations) >= OBSERVATIONS_MAX:
            asked.is_observing = False
            self._events.append(ObservationEnded(exchange, "busy"))
        if asked.is_observing:
            self._observations[exchange] = asked
        try:
            self._reply(asked, asked.type, response, now_ms)
        except MemoryError:
            if self._observations.pop(exchange, None):
                self._events.append(ObservationEnded(exchange, "busy"))
            self._refuse(asked, coap.INTERNAL_SERVER_ERROR, now_ms)

    def notify(self, exchange, response, now_ms, confirmable):
        """Send a newer state to the observer `exchange`; False if that observation is over.

        An error code ends the observation.
        """
        observer = self._observations.get(exchange)
        if observer is None:
            return False
        if not coap.is_success(response.code):
            del self._observations[exchange]
            observer.is_observing = False
        type = coap.NON
        if confirmable or now_ms - observer.since_ms >= CONFIRM_INTERVAL_MS:
            type = coap.CON
            observer.since_ms = now_ms
        self._reply(observer, type, response, now_ms)
        return True

    def end_observation(self, exchange):
        """Forget the observer `exchange` without telling it."""
        observer = self._observations.pop(exchange, None)
        if observer:
            self._layer.cancel(observer.peer, observer.token, False)

    def _lose_observer(self, peer, token, reason):
        for number in tuple(self._observations):
            observer = self._observations[number]
            if observer.token == token and observer.peer == peer:
                self.end_observation(number)
                self._events.append(ObservationEnded(number, reason))

    def _receive_request(self, message, peer, now_ms):
        exchange = _Exchange(message, peer, now_ms)
        options = usable_options(message.options)
        if options is None:
            self._layer.count("bad option")
            # A NON request is rejected in silence (RFC 7252 5.4.1).
            if exchange.type == coap.ACK:
                self._refuse(exchange, _refusal(message.options), now_ms)
            return
        try:
            self._serve(exchange, message, options, now_ms)
        except DecodeError:
            self._refuse(exchange, coap.BAD_REQUEST, now_ms)
        except MemoryError:
            self._refuse(exchange, coap.SERVICE_UNAVAILABLE, now_ms)

    def _serve(self, exchange, message, options, now_ms):
        if message.code > coap.IPATCH:
            self._refuse(exchange, coap.METHOD_NOT_ALLOWED, now_ms)
            return
        exchange.key = request_key(message.code, options, exchange.peer)
        block1 = block_option(options, coap.BLOCK1)
        exchange.block2 = block_option(options, coap.BLOCK2)
        payload = message.payload
        if block1:
            length = coap.uint_option(options, coap.SIZE1)
            code, payload = self._bodies.receive(exchange.key, block1, payload, length, now_ms)
            if code in (None, coap.CONTINUE):
                block1.szx = min(block1.szx, self._szx)
                exchange.block1 = block1
            if code:
                self._refuse(exchange, code, now_ms)
                return
        request = decode_request(message, options, payload)
        is_safe = message.code in (coap.GET, coap.FETCH)
        if not is_safe:
            request.observe = None
        if exchange.block2 and exchange.block2.number:
            request.observe = None
            response = self._snapshots.find(exchange.key)
            if response:
                self._reply(exchange, exchange.type, response, now_ms)
                return
            if not is_safe:
                self._refuse(exchange, coap.REQUEST_ENTITY_INCOMPLETE, now_ms)
                return
        self._hand_over(exchange, request, now_ms)

    def _hand_over(self, exchange, request, now_ms):
        """Let the user answer."""
        exchange.is_observing = request.observe == 0
        if request.observe is not None:
            reason = "replaced" if exchange.is_observing else "cancelled"
            self._lose_observer(exchange.peer, exchange.token, reason)
        for number in tuple(self._exchanges):
            if self._is_expired(self._exchanges[number], now_ms):
                del self._exchanges[number]
        if len(self._exchanges) >= EXCHANGES_MAX:
            self._refuse(exchange, coap.SERVICE_UNAVAILABLE, now_ms)
            return
        self._last_exchange += 1
        self._exchanges[self._last_exchange] = exchange
        self._events.append(RequestReceived(self._last_exchange, exchange.peer, request))

    def _is_expired(self, exchange, now_ms):
        return now_ms - exchange.since_ms >= self._parameters.exchange_lifetime_ms

    def _refuse(self, exchange, code, now_ms):
        """Answer without asking the user."""
        response = Response(code)
        if code == coap.SERVICE_UNAVAILABLE:
            self._layer.count("busy")
            response.max_age_s = BUSY_MAX_AGE_S
        elif code == coap.REQUEST_ENTITY_TOO_LARGE:
            response.options = ((coap.SIZE1, coap.encode_uint(self._body_length_max)),)
        exchange.is_observing = False
        self._reply(exchange, exchange.type, response, now_ms)

    def _reply(self, exchange, type, response, now_ms):
        """Send `response`, or the block of it that `exchange` asks for."""
        code = response.code
        options = response_options(response)
        if exchange.is_observing:
            self._last_sequence = (self._last_sequence + 1) & 0xFFFFFF
            coap.add_option(options, coap.OBSERVE, coap.encode_uint(self._last_sequence))
        if exchange.block1:
            coap.add_option(options, coap.BLOCK1, exchange.block1.encode())
            exchange.block1 = None
        payload = response.payload
        asked = exchange.block2
        if asked is None or not coap.is_success(code):
            asked = Block(0, False, self._szx)
        szx = min(asked.szx, self._szx)
        if asked.number and asked.offset() >= len(payload):
            code, options, payload = coap.BAD_REQUEST, [], b""
        elif asked.number or len(payload) > 16 << szx:
            block, payload = cut(payload, asked.offset(), szx)
            if coap.option(options, coap.ETAG) is None:
                coap.add_option(options, coap.ETAG, entity_tag(response.payload))
            coap.add_option(options, coap.BLOCK2, block.encode())
            if not (asked.number and block.has_more):
                self._snapshots.keep(exchange.key, response if block.has_more else None)
        message = Message(type, code, exchange.mid, exchange.token, options, payload)
        self._layer.send(message, exchange.peer, now_ms)


def _refusal(options):
    """Return the code for a request with a critical option that cannot be used."""
    for number in (coap.PROXY_URI, coap.PROXY_SCHEME):
        if coap.option(options, number) is not None:
            return coap.PROXYING_NOT_SUPPORTED
    return coap.BAD_OPTION
