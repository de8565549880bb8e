"""What crosses the border of a CoAP endpoint: requests, responses, events."""

from protocol import coap_message as coap


class Request:
    """A request with its whole body.

    `path` and `queries` are tuples of str, one per option: ("3416", "0"), ("pmin=10",).
    `content_format` and `accept` are ints or None; `observe` is None, 0 (register) or 1
    (deregister). `options` holds what has no field of its own, as (number, bytes): Echo, ETag,
    Request-Tag.
    """

    _fields = (
        "code", "path", "queries", "payload", "content_format", "accept", "observe",
        "is_confirmable", "options",
    )  # fmt: skip

    def __init__(
        self,
        code,
        path=(),
        queries=(),
        payload=b"",
        content_format=None,
        accept=None,
        observe=None,
        is_confirmable=True,
        options=(),
    ):
        self.code = code
        self.path = path
        self.queries = queries
        self.payload = payload
        self.content_format = content_format
        self.accept = accept
        self.observe = observe
        self.is_confirmable = is_confirmable
        self.options = options


class Response:
    """A response with its whole body.

    `location` is a tuple of str (Location-Path); `max_age_s` and `content_format` are None where
    absent. `observe`: a server that accepts an observation gives any int, the endpoint writes the
    sequence number; a client reads that number. `options` as in Request: ETag, Location-Query,
    Echo.
    """

    _fields = (
        "code", "payload", "content_format", "observe", "location", "max_age_s", "options"
    )  # fmt: skip

    def __init__(
        self,
        code,
        payload=b"",
        content_format=None,
        observe=None,
        location=(),
        max_age_s=None,
        options=(),
    ):
        self.code = code
        self.payload = payload
        self.content_format = content_format
        self.observe = observe
        self.location = location
        self.max_age_s = max_age_s
        self.options = options


class RequestReceived:
    """A peer asks; answer `exchange` (an int) with send_response."""

    _fields = ("exchange", "peer", "request")

    def __init__(self, exchange, peer, request):
        self.exchange = exchange
        self.peer = peer
        self.request = request


class ResponseReceived:
    """The answer to the request `handle`.

    `round_trip_ms` runs from the first transmission of the (last) request message to its answer;
    `retransmissions` counts how often that message was repeated.
    """

    _fields = ("handle", "response", "round_trip_ms", "retransmissions")

    def __init__(self, handle, response, round_trip_ms, retransmissions):
        self.handle = handle
        self.response = response
        self.round_trip_ms = round_trip_ms
        self.retransmissions = retransmissions


class NotificationReceived:
    """A newer state of what `handle` observes; an error code is the last one."""

    _fields = ("handle", "response")

    def __init__(self, handle, response):
        self.handle = handle
        self.response = response


class RequestFailed:
    """No answer will come; an observation of this handle is over too.

    `reason`: "timeout", "reset" (the peer rejected it), "busy" (no room here), "size" (the answer
    exceeds the body limit), "bad response" (its blocks or critical options make no sense).
    """

    _fields = ("handle", "reason")

    def __init__(self, handle, reason):
        self.handle = handle
        self.reason = reason


class ObservationEnded:
    """The observation accepted with `exchange` is over, not by our own doing.

    `reason`: "reset", "timeout", "cancelled" (by the observer), "replaced" (by its new
    registration), "busy" (no room: it never began).
    """

    _fields = ("exchange", "reason")

    def __init__(self, exchange, reason):
        self.exchange = exchange
        self.reason = reason


# Number, least and greatest length of the options an endpoint acts on (RFC 7252 5.10, RFC 7641,
# RFC 7959, RFC 9175). Others are ignored or, if critical, refused.
_USABLE = bytes((
    coap.URI_HOST, 1, 255, coap.ETAG, 1, 8, coap.OBSERVE, 0, 3, coap.URI_PORT, 0, 2,
    coap.LOCATION_PATH, 0, 255, coap.URI_PATH, 0, 255, coap.CONTENT_FORMAT, 0, 2,
    coap.MAX_AGE, 0, 4, coap.URI_QUERY, 0, 255, coap.ACCEPT, 0, 2, coap.LOCATION_QUERY, 0, 255,
    coap.BLOCK2, 0, 3, coap.BLOCK1, 0, 3, coap.SIZE2, 0, 4, coap.SIZE1, 0, 4, coap.ECHO, 1, 40,
))  # fmt: skip
_REPEATABLE = (
    coap.ETAG, coap.LOCATION_PATH, coap.URI_PATH, coap.URI_QUERY, coap.LOCATION_QUERY,
    coap.REQUEST_TAG,
)  # fmt: skip
# The options that Request and Response have no field for.
_OTHERS = (coap.ETAG, coap.LOCATION_QUERY, coap.ECHO, coap.REQUEST_TAG)


def usable_options(options):
    """Return `options` without the elective ones that cannot be used (RFC 7252 5.4).

    None if a critical one cannot: unknown, of a wrong length, or one too many.
    """
    usable = []
    previous = None
    for number, value in options:
        is_repeated = number == previous and number not in _REPEATABLE
        previous = number
        if not is_repeated and _is_usable(number, len(value)):
            usable.append((number, value))
        elif coap.is_critical(number):
            return None
    return usable


def _is_usable(number, length):
    if number == coap.REQUEST_TAG:
        return length <= 8
    for index in range(0, len(_USABLE), 3):
        if _USABLE[index] == number:
            return _USABLE[index + 1] <= length <= _USABLE[index + 2]
    return False


def request_options(request):
    """Return the options of `request`, a list in order, without the Block options."""
    texts = ((coap.URI_PATH, request.path), (coap.URI_QUERY, request.queries))
    numbers = (
        (coap.OBSERVE, request.observe),
        (coap.CONTENT_FORMAT, request.content_format),
        (coap.ACCEPT, request.accept),
    )
    return _options(request.options, texts, numbers)


def response_options(response):
    """Return the options of `response`, a list in order, without Observe and the Block options."""
    numbers = (
        (coap.CONTENT_FORMAT, response.content_format),
        (coap.MAX_AGE, response.max_age_s),
    )
    return _options(response.options, ((coap.LOCATION_PATH, response.location),), numbers)


def _options(others, texts, numbers):
    options = []
    for number, value in others:
        coap.add_option(options, number, value)
    for number, values in texts:
        for value in values:
            coap.add_option(options, number, value.encode())
    for number, value in numbers:
        if value is not None:
            coap.add_option(options, number, coap.encode_uint(value))
    return options


def _others(options):
    others = []
    for entry in options:
        if entry[0] in _OTHERS:
            others.append(entry)
    return others


def decode_request(message, options, payload):
    """Return the Request of `message` with its usable `options` and its whole body.

    DecodeError if path or query is not UTF-8.
    """
    return Request(
        message.code,
        coap.text_options(options, coap.URI_PATH),
        coap.text_options(options, coap.URI_QUERY),
        payload,
        coap.uint_option(options, coap.CONTENT_FORMAT),
        coap.uint_option(options, coap.ACCEPT),
        coap.uint_option(options, coap.OBSERVE),
        message.type == coap.CON,
        _others(options),
    )


def decode_response(message, options):
    """Return the Response of `message` with its usable `options`.

    DecodeError if its location is not UTF-8.
    """
    return Response(
        message.code,
        message.payload,
        coap.uint_option(options, coap.CONTENT_FORMAT),
        coap.uint_option(options, coap.OBSERVE),
        coap.text_options(options, coap.LOCATION_PATH),
        coap.uint_option(options, coap.MAX_AGE),
        _others(options),
    )
