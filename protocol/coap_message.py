"""CoAP messages and their options on the wire (RFC 7252 section 3)."""

from protocol import utf8
from protocol.errors import DecodeError, EncodeError

CON = 0
NON = 1
ACK = 2
RST = 3

EMPTY = 0
GET = 1
POST = 2
PUT = 3
DELETE = 4
FETCH = 5
PATCH = 6
IPATCH = 7

CREATED = 65
DELETED = 66
VALID = 67
CHANGED = 68
CONTENT = 69
CONTINUE = 95
BAD_REQUEST = 128
UNAUTHORIZED = 129
BAD_OPTION = 130
FORBIDDEN = 131
NOT_FOUND = 132
METHOD_NOT_ALLOWED = 133
NOT_ACCEPTABLE = 134
REQUEST_ENTITY_INCOMPLETE = 136
CONFLICT = 137
PRECONDITION_FAILED = 140
REQUEST_ENTITY_TOO_LARGE = 141
UNSUPPORTED_CONTENT_FORMAT = 143
INTERNAL_SERVER_ERROR = 160
NOT_IMPLEMENTED = 161
SERVICE_UNAVAILABLE = 163
PROXYING_NOT_SUPPORTED = 165

IF_MATCH = 1
URI_HOST = 3
ETAG = 4
IF_NONE_MATCH = 5
OBSERVE = 6
URI_PORT = 7
LOCATION_PATH = 8
OSCORE = 9
URI_PATH = 11
CONTENT_FORMAT = 12
MAX_AGE = 14
URI_QUERY = 15
ACCEPT = 17
LOCATION_QUERY = 20
BLOCK2 = 23
BLOCK1 = 27
SIZE2 = 28
PROXY_URI = 35
PROXY_SCHEME = 39
SIZE1 = 60
ECHO = 252
NO_RESPONSE = 258
REQUEST_TAG = 292

TOKEN_LENGTH_MAX = 8
OPTION_NUMBER_MAX = 65535
OPTION_LENGTH_MAX = 65804
# A full datagram of empty options would take twenty times its size as a list of pairs.
OPTIONS_MAX = 48

_HEADER_LENGTH = 4
_PAYLOAD_MARKER = 0xFF
# 1, 6 and 7 are reserved; 3 may yet become a class of responses (RFC 7252 12.1).
_CLASSES = (0, 2, 3, 4, 5)


class Message:
    """One CoAP message: `options` is a list of (number, bytes) in ascending order of number."""

    _fields = ("type", "code", "mid", "token", "options", "payload")

    def __init__(self, type, code, mid=None, token=b"", options=(), payload=b""):
        self.type = type
        self.code = code
        self.mid = mid
        self.token = token
        self.options = options
        self.payload = payload


def is_request(code):
    """Tell whether `code` is a method, known or not (RFC 7252 12.1.1)."""
    return 0 < code < 32


def is_success(code):
    """Tell whether `code` is of class 2."""
    return code >> 5 == 2


def is_critical(number):
    """Tell whether a receiver that does not know option `number` must reject (RFC 7252 5.4.1)."""
    return number & 1 == 1


def is_no_cache_key(number):
    """Tell whether option `number` stays out of the cache key (RFC 7252 5.4.2)."""
    return number & 0x1E == 0x1C


def encode_uint(value):
    """Return the shortest option value for a uint below 2**32 (RFC 7252 3.2): 0 is empty."""
    return value.to_bytes(4, "big").lstrip(b"\0")


def option(options, number):
    """Return the value of the first option `number`, or None."""
    for candidate, value in options:
        if candidate == number:
            return value
    return None


def uint_option(options, number):
    """Return the first option `number` as an int, or None; leading zeros are tolerated."""
    value = option(options, number)
    return None if value is None else int.from_bytes(value, "big")


def text_options(options, number):
    """Return every option `number` as a tuple of str; DecodeError if one is not UTF-8."""
    texts = []
    for found, value in options:
        if found == number:
            texts.append(utf8.decode(value))
    return tuple(texts)


def add_option(options, number, value):
    """Insert (number, value) into the list `options`, behind its equals."""
    index = len(options)
    while index and options[index - 1][0] > number:
        index -= 1
    options.insert(index, (number, value))


def encode(message):
    """Return the datagram of `message` (RFC 7252 section 3).

    Raises EncodeError for a token over 8 bytes, options out of order or out of range, and an
    Empty message that is not.
    """
    token = message.token
    if len(token) > TOKEN_LENGTH_MAX:
        raise EncodeError("token too long")
    if message.code == EMPTY and (token or message.options or message.payload):
        raise EncodeError("Empty message with content")
    data = bytearray(_HEADER_LENGTH)
    data[0] = 0x40 | message.type << 4 | len(token)
    data[1] = message.code
    data[2] = message.mid >> 8
    data[3] = message.mid & 0xFF
    data.extend(token)
    encode_options(data, message.options, message.payload)
    return bytes(data)


def encode_options(data, options, payload):
    """Append options, and marker and payload unless it is empty, to the bytearray `data`."""
    previous = 0
    for number, value in options:
        if not previous <= number <= OPTION_NUMBER_MAX or len(value) > OPTION_LENGTH_MAX:
            raise EncodeError("option out of order or range")
        start = len(data)
        data.append(0)
        data[start] = _extend(data, number - previous) << 4 | _extend(data, len(value))
        data.extend(value)
        previous = number
    if payload:
        data.append(_PAYLOAD_MARKER)
        data.extend(payload)


def _extend(data, value):
    """Append the extended form of an option delta or length; return its 4 bits."""
    if value < 13:
        return value
    if value < 269:
        data.append(value - 13)
        return 13
    value -= 269
    data.append(value >> 8)
    data.append(value & 0xFF)
    return 14


def decode(datagram):
    """Return the Message that `datagram` holds.

    Raises DecodeError on every message format error of RFC 7252: version, token length (the
    extended ones of RFC 8974 too), code class, option framing, a marker without payload, an Empty
    message or a Reset with content.
    """
    if len(datagram) < _HEADER_LENGTH or datagram[0] >> 6 != 1:
        raise DecodeError("not CoAP version 1")
    type = datagram[0] >> 4 & 3
    code = datagram[1]
    token_end = _HEADER_LENGTH + (datagram[0] & 15)
    if token_end > _HEADER_LENGTH + TOKEN_LENGTH_MAX or token_end > len(datagram):
        raise DecodeError("token length")
    if code == EMPTY and len(datagram) > _HEADER_LENGTH:
        raise DecodeError("Empty message with content")
    if code >> 5 not in _CLASSES or type == RST and code or type == ACK and is_request(code):
        raise DecodeError("code in this type")
    options, payload = decode_options(datagram, token_end)
    mid = datagram[2] << 8 | datagram[3]
    return Message(type, code, mid, bytes(datagram[_HEADER_LENGTH:token_end]), options, payload)


def decode_options(data, offset):
    """Return (options, payload) of `data` from `offset` on; DecodeError on bad framing."""
    options = []
    number = 0
    while offset < len(data):
        first = data[offset]
        offset += 1
        if first == _PAYLOAD_MARKER:
            if offset == len(data):
                raise DecodeError("marker without payload")
            return options, bytes(data[offset:])
        delta, offset = _extended(data, first >> 4, offset)
        length, offset = _extended(data, first & 15, offset)
        number += delta
        if number > OPTION_NUMBER_MAX or offset + length > len(data):
            raise DecodeError("option number or length")
        if len(options) == OPTIONS_MAX:
            raise DecodeError("too many options")
        options.append((number, bytes(data[offset : offset + length])))
        offset += length
    return options, b""


def _extended(data, nibble, offset):
    """Return (value, next offset) of an option delta or length that starts as `nibble`."""
    if nibble < 13:
        return nibble, offset
    end = offset + nibble - 12
    if nibble == 15 or end > len(data):
        raise DecodeError("option delta or length")
    return int.from_bytes(data[offset:end], "big") + (13 if nibble == 13 else 269), end
