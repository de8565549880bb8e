"""Block-wise transfers: the Block options, gathering and cutting bodies (RFC 7959)."""

import hashlib

from protocol import coap_message as coap
from protocol.errors import DecodeError

GATHERINGS_MAX = 2
SNAPSHOTS_MAX = 2

_SZX_RESERVED = 7


class Block:
    """The value of a Block option: block `number` of 2**(`szx` + 4) bytes (RFC 7959 2.2)."""

    _fields = ("number", "has_more", "szx")

    def __init__(self, number, has_more, szx):
        self.number = number
        self.has_more = has_more
        self.szx = szx

    def offset(self):
        """Return where in the body this block begins."""
        return self.number << self.szx + 4

    def encode(self):
        """Return the option value."""
        return coap.encode_uint(self.number << 4 | self.has_more << 3 | self.szx)


def block_option(options, number):
    """Return option `number` as a Block, or None; DecodeError for the reserved SZX 7."""
    value = coap.uint_option(options, number)
    if value is None:
        return None
    if value & 7 == _SZX_RESERVED:
        raise DecodeError("SZX 7")
    return Block(value >> 4, value & 8 == 8, value & 7)


def cut(body, offset, szx):
    """Return (Block, payload) of `body` at `offset`, a multiple of the block size."""
    end = offset + (16 << szx)
    return Block(offset >> szx + 4, end < len(body), szx), body[offset:end]


def entity_tag(body):
    """Return an ETag by which the blocks of one body know each other."""
    return hashlib.sha256(body).digest()[:4]


def request_key(code, options, peer):
    """Return what the requests of one block-wise transfer share (RFC 7959 2.5, RFC 9175 3)."""
    key = bytearray((code,))
    shared = []
    for number, value in options:
        is_own = number in (coap.OBSERVE, coap.BLOCK1, coap.BLOCK2)
        if not is_own and not coap.is_no_cache_key(number):
            shared.append((number, value))
    coap.encode_options(key, shared, b"")
    return peer, bytes(key)


class Gathering:
    """A body that arrives block by block, in order."""

    def __init__(self, key=None):
        self.key = key
        self.expires_ms = 0
        self.body = bytearray()

    def append(self, block, payload):
        """Add the next block; False if it is another one, or not full though more will come."""
        size = 16 << block.szx
        is_next = block.offset() == len(self.body) and len(payload) <= size
        if not is_next or block.has_more and len(payload) < size:
            return False
        self.body.extend(payload)
        return True


class RequestBodies:
    """The request bodies that are being gathered; unfinished ones expire."""

    def __init__(self, length_max, lifetime_ms):
        self._length_max = length_max
        self._lifetime_ms = lifetime_ms
        self._gatherings = []

    def receive(self, key, block, payload, announced_length, now_ms):
        """Return (None, body) when `block` completes a body, else (code to answer, b"").

        The code is 2.31, 4.00 for a block of the wrong size, 4.08 for a gap, 4.13 beyond the
        limit (at once, when Size1 says so) or 5.03 when too many bodies are on their way.
        """
        gathering = None
        for kept in tuple(self._gatherings):
            if kept.expires_ms <= now_ms or kept.key == key and block.number == 0:
                self._gatherings.remove(kept)
            elif kept.key == key:
                gathering = kept
        if block.number == 0:
            if len(self._gatherings) >= GATHERINGS_MAX and block.has_more:
                return coap.SERVICE_UNAVAILABLE, b""
            gathering = Gathering(key)
            self._gatherings.append(gathering)
        elif gathering is None or block.offset() != len(gathering.body):
            return coap.REQUEST_ENTITY_INCOMPLETE, b""
        gathering.expires_ms = now_ms + self._lifetime_ms
        body = b""
        if max(block.offset() + len(payload), announced_length or 0) > self._length_max:
            code = coap.REQUEST_ENTITY_TOO_LARGE
        elif not gathering.append(block, payload):
            code = coap.BAD_REQUEST
        elif block.has_more:
            return coap.CONTINUE, b""
        else:
            code, body = None, bytes(gathering.body)
        self._gatherings.remove(gathering)
        return code, body


class Snapshots:
    """The last few responses that were longer than a block, for the requests of the rest.

    When a new one needs the room the oldest goes: a GET can be asked again.
    """

    def __init__(self):
        self._kept = []

    def find(self, key):
        """Return the response kept under `key`, or None."""
        for kept_key, response in self._kept:
            if kept_key == key:
                return response
        return None

    def keep(self, key, response):
        """Remember `response` in the place of an earlier one with this key; None forgets it."""
        for entry in tuple(self._kept):
            if entry[0] == key:
                self._kept.remove(entry)
        if response:
            if len(self._kept) >= SNAPSHOTS_MAX:
                del self._kept[0]
            self._kept.append((key, response))
