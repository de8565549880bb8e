"""What anybody can read of a datagram: its CoAP header and OSCORE option (RFC 7252, RFC 8613).

Without keys, and several times as fast as `protocol.coap_message.decode`: it looks at every
datagram of a run.
"""

from protocol import coap_message as coap
from protocol.errors import DecodeError

OuterMessage = tuple[int, bytes, bytes | None, int]
"""Code, token, the value of the OSCORE option or None, and where the payload begins."""

_MARKER = 0xFF


def read(data: bytes) -> OuterMessage:
    """Return what stands outside. Raises DecodeError where that is no CoAP message."""
    end = len(data)
    if end < 4 or data[0] >> 6 != 1:
        raise DecodeError("not CoAP version 1")
    position = 4 + (data[0] & 15)
    token = data[4:position]
    number, value = 0, None
    while position < end:
        head = data[position]
        if head == _MARKER:
            position += 1
            break
        delta, length = head >> 4, head & 15
        position += 1
        if delta > 12 or length > 12:
            try:
                delta, length, position = _extended(data, delta, length, position)
            except IndexError:
                raise DecodeError("option without an end") from None
        number += delta
        if number == coap.OSCORE:
            value = data[position : position + length]
        position += length
    if position > end:
        raise DecodeError("message without an end")
    return data[1], token, value, position


def _extended(data: bytes, delta: int, length: int, position: int) -> tuple[int, int, int]:
    found = []
    for nibble in (delta, length):
        if nibble == 13:
            found.append(data[position] + 13)
            position += 1
        elif nibble == 14:
            found.append((data[position] << 8 | data[position + 1]) + 269)
            position += 2
        elif nibble == 15:
            raise DecodeError("option delta or length")
        else:
            found.append(nibble)
    return found[0], found[1], position
