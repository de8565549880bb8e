"""Block-wise transfers: the Block options, gathering and cutting bodies (RFC 7959)."""

import hashlib

from protocol import coap_message as coap
from protocol.errors import DecodeError

GATHERINGS_MAX = 2
SNAPSHOTS_MAX = 2
BLOCK_NUMBER_MAX = (1 << 20) - 1

_SIZE_EXPONENT_RESERVED = 7
_NOT_IN_KEY = (coap.OBSERVE, coap.BLOCK1, coap.BLOCK2, coap.SIZE1, coap.SIZE2)


class Block:
    """The value of a Block option: block `number` of 2**(`szx` + 4) bytes (RFC 7959 2.2)."""

    _fields = ("number", "has_more", "szx")

    def __init__(self, number, has_more, szx):
        self.number = number
        self.has_more = has_more
        self.szx = szx

    def size(self):
        """Return the length of a full block, 16 to 1024."""
        return 16 << self.szx

    def offset(self):
        """Return where in the body this block begins."""
        return self.number << self.szx + 4

    def encode(self):
        """Return the option value."""
        return coap.encode_uint(self.number << 4 | self.has_more << 3 | self.szx)


def size_exponent(size):
    """Return the SZX of a block size that is a power of two from 16 to 1024."""
    szx = 0
    while 16 << szx < size:
        szx += 1
    return szx


def block_option(options, number):
    """Return option `number` as a Block, or None; DecodeError for the reserved SZX 7."""
    value = coap.uint_option(options, number)
    if value is None:
        return None
    if value & 7 == _SIZE_EXPONENT_RESERVED:
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
    coap.encode_options(key, [entry for entry in options if entry[0] not in _NOT_IN_KEY], b"")
    return peer, bytes(key)


class Gathering:
    """A body that arrives block by block, in order."""

    def __init__(self, key=None, expires_ms=0):
        self.key = key
        self.expires_ms = expires_ms
        self.body = bytearray()

    def append(self, block, payload):
        """Add the next block; False if it is another one, or not full though more will come."""
        if block.offset() != len(self.body) or len(payload) > block.size():
            return False
        if block.has_more and len(payload) < block.size():
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
        gathering = self._take(key, now_ms)
        if block.number == 0:
            gathering = Gathering(key)
        elif gathering is None or block.offset() != len(gathering.body):
            return coap.REQUEST_ENTITY_INCOMPLETE, b""
        if max(block.offset() + len(payload), announced_length or 0) > self._length_max:
            return coap.REQUEST_ENTITY_TOO_LARGE, b""
        if not gathering.append(block, payload):
            return coap.BAD_REQUEST, b""
        if not block.has_more:
            return None, bytes(gathering.body)
        if len(self._gatherings) >= GATHERINGS_MAX:
            return coap.SERVICE_UNAVAILABLE, b""
        gathering.expires_ms = now_ms + self._lifetime_ms
        self._gatherings.append(gathering)
        return coap.CONTINUE, b""

    def _take(self, key, now_ms):
        found = None
        kept = []
        for gathering in self._gatherings:
            if gathering.key == key:
                found = gathering
            elif gathering.expires_ms > now_ms:
                kept.append(gathering)
        self._gatherings = kept
        return found


class Snapshots:
    """The last few responses that were longer than a block, for the requests of the rest.

    When a new one needs the room the oldest goes: a GET can be asked again.
    """

    def __init__(self):
        self._kept = []

    def keep(self, key, response):
        """Remember `response` in the place of an earlier one with this key."""
        self.drop(key)
        if len(self._kept) >= SNAPSHOTS_MAX:
            del self._kept[0]
        self._kept.append((key, response))

    def find(self, key):
        """Return the response kept under `key`, or None."""
        for kept_key, response in self._kept:
            if kept_key == key:
                return response
        return None

    def drop(self, key):
        """Forget the response kept under `key`."""
        self._kept = [entry for entry in self._kept if entry[0] != key]
