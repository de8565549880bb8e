"""Datagrams to aiocoap messages, strictly (RFC 7252 sections 3 and 5.4).

aiocoap's own parser lets reserved token lengths, empty payloads behind a marker and unknown
critical options pass, and keeps every option value it ever saw as a member of an enumeration.
"""

from aiocoap import Message
from aiocoap.message import Direction
from aiocoap.numbers.codes import Code
from aiocoap.numbers.constants import TransportTuning
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.numbers.types import Type
from aiocoap.optiontypes import OptionType, UintOption

from protocol import coap_message as coap
from protocol import oscore_option
from protocol.errors import DecodeError
from protocol.oscore_option import OscoreOption

# Number: (least length, greatest length, repeatable), for what this gateway acts on or may be
# sent by a conforming client without effect.
_USABLE = {
    coap.URI_HOST: (1, 255, False),
    coap.ETAG: (1, 8, True),
    coap.OBSERVE: (0, 3, False),
    coap.URI_PORT: (0, 2, False),
    coap.LOCATION_PATH: (0, 255, True),
    coap.OSCORE: (0, 255, False),
    coap.URI_PATH: (0, 255, True),
    coap.CONTENT_FORMAT: (0, 2, False),
    coap.MAX_AGE: (0, 4, False),
    coap.URI_QUERY: (0, 255, True),
    coap.ACCEPT: (0, 2, False),
    coap.LOCATION_QUERY: (0, 255, True),
    coap.BLOCK2: (0, 3, False),
    coap.BLOCK1: (0, 3, False),
    coap.SIZE2: (0, 4, False),
    coap.SIZE1: (0, 4, False),
    coap.ECHO: (1, 40, False),
    coap.NO_RESPONSE: (0, 1, False),
    coap.REQUEST_TAG: (0, 8, True),
}
_CONTENT_FORMATS = (coap.CONTENT_FORMAT, coap.ACCEPT)
_NUMBERS = {number: OptionNumber(number) for number in _USABLE}
_TYPES = tuple(Type(number) for number in range(4))


class IncomingMessage(Message):
    """A message that a peer sent; `unusable_option` is the first critical option that cannot be
    acted on (unknown, wrong length, repeated, not UTF-8), or None."""

    unusable_option: int | None = None


def decode(datagram: bytes, remote: object, tuning: TransportTuning) -> IncomingMessage:
    """Return the message of `datagram`. Raises DecodeError on every message format error."""
    parsed = coap.decode(datagram)
    message = _message(parsed)
    message.transport_tuning = tuning
    message.mtype = _TYPES[parsed.type]
    message.mid = parsed.mid
    message.token = parsed.token
    message.remote = remote
    return message


def decode_inner(plaintext: bytes) -> IncomingMessage:
    """Return what OSCORE protects: a code, options, a payload (RFC 8613 section 5.3).

    Raises DecodeError on every message format error, and for an empty message.
    """
    parsed = coap.decode(bytes((0x40, plaintext[0], 0, 0)) + plaintext[1:])
    if parsed.code == coap.EMPTY:
        raise DecodeError("nothing inside")
    message = _message(parsed)
    # A protected message in a protected message makes no sense to us (RFC 8613 section 4.1).
    if message.opt.oscore is not None:
        message.unusable_option = coap.OSCORE
    return message


def oscore_option_of(outer: Message) -> OscoreOption | None:
    """Return the OSCORE option of a message; None if it is absent or malformed."""
    try:
        value = outer.opt.oscore
        return None if value is None else oscore_option.decode(value)
    except DecodeError:
        return None


def _message(parsed: coap.Message) -> IncomingMessage:
    message = IncomingMessage(code=parsed.code, payload=parsed.payload)
    message.direction = Direction.INCOMING
    previous = None
    for number, value in parsed.options:
        if not _add_option(message, number, value, number == previous):
            message.unusable_option = message.unusable_option or number
        previous = number
    return message


def _add_option(message: Message, number: int, value: bytes, is_repeated: bool) -> bool:
    """Add one option, or ignore an elective one that is unusable; False if it is critical."""
    least, greatest, is_repeatable = _USABLE.get(number, (1, 0, False))
    if not least <= len(value) <= greatest or is_repeated and not is_repeatable:
        return not coap.is_critical(number)
    try:
        message.opt.add_option(_option(number, value))
    except UnicodeDecodeError:
        return not coap.is_critical(number)
    return True


def _option(number: int, value: bytes) -> OptionType:
    if number not in _CONTENT_FORMATS:
        return _NUMBERS[number].create_option(decode=value)
    # aiocoap's own would be a new member of its enumeration for each number that anybody sends.
    option = UintOption(_NUMBERS[number])
    option.decode(value)
    return option


def code_text(code: int) -> str:
    """Return a response code as the standards write it, "2.05"."""
    return Code(code).dotted
