"""Protected messages, damaged in many ways: nothing may be accepted that was not sent."""

import gc
import sys

from protocol import coap_message as coap
from protocol import oscore
from protocol.coap_message import Message
from protocol.errors import DecodeError, SecurityError
from protocol.oscore import RequestId, SecurityContext
from tests.portable import seeded_bytes
from tests.protocol.block_cipher import aes
from tests.protocol.oscore_peer import option_of
from tests.protocol.wrong_input import damaged

NODE_ID, GATEWAY_ID = b"\x00\x01\x02\x04", b"\x00\x01\x02\x05"
# What a stranger may add to a message and is no part of what is protected.
UNPROTECTED = (coap.URI_HOST, coap.URI_PORT, coap.PROXY_URI, coap.PROXY_SCHEME)


class Sent:
    """A datagram, and how its receiver reads it."""

    def __init__(self, receiver, outer, inner, request_id):
        self.receiver = receiver
        self.datagram = coap.encode(outer)
        self.inner = inner
        self.request_id = request_id

    def take(self, datagram):
        """Return what the receiver makes of `datagram`."""
        outer = coap.decode(datagram)
        if coap.option(outer.options, coap.OSCORE) is None:
            raise DecodeError("unprotected")
        option = option_of(outer)
        if self.request_id is None:
            return oscore.unprotect_request(self.receiver, outer, option)[0]
        return oscore.unprotect_response(self.receiver, outer, option, self.request_id)[0]


def messages():
    """Return what a node and its gateway say to each other, as a list of Sent."""
    found = []
    for id_context in (None, b"renewed!"):
        node = SecurityContext(aes, bytes(16), bytes(8), NODE_ID, GATEWAY_ID, id_context)
        gateway = SecurityContext(aes, bytes(16), bytes(8), GATEWAY_ID, NODE_ID, id_context)
        path = [(coap.URI_PATH, b"dp"), (coap.CONTENT_FORMAT, b"\x70")]
        for inner, sequence in (
            (Message(coap.CON, coap.POST, 1, b"tk", path, b"\xa5" * 60), 300),
            (Message(coap.NON, coap.GET, 2, b"", path + [(coap.BLOCK2, b"\x16")]), 2**40 - 1),
            (Message(coap.CON, coap.GET, 3, b"o", [(coap.OBSERVE, b"")] + path), 0),
        ):  # fmt: skip
            outer, _ = oscore.protect_request(node, inner, sequence)
            found.append(Sent(gateway, outer, inner, None))
        for inner, sequence in (
            (Message(coap.ACK, coap.CHANGED, 1, b"tk"), None),
            (Message(coap.ACK, coap.UNAUTHORIZED, 1, b"tk", [(coap.ECHO, bytes(8))]), 4),
            (Message(coap.NON, coap.CONTENT, 9, b"o", [(coap.OBSERVE, b"\x05")], b"21.5"), 5),
        ):  # fmt: skip
            outer = oscore.protect_response(
                node, inner, RequestId(GATEWAY_ID, b"\x07"), sequence, id_context is not None)
            found.append(Sent(gateway, outer, inner, RequestId(GATEWAY_ID, b"\x07")))
    return found


def mutated(datagram, seed):
    """Return `datagram` damaged, with a bit changed, or bytes that were never a message."""
    kind = seed % 8
    if kind == 0:
        return seeded_bytes(seed * 2654435761, seed // 8 % 96)
    if kind < 4:
        place = int.from_bytes(seeded_bytes(seed, 4), "big") % (8 * len(datagram))
        data = bytearray(datagram)
        data[place // 8] ^= 1 << place % 8
        return bytes(data)
    return damaged(datagram, seed)


def fuzz(start, count):
    """Damage messages with the seeds `start` to `start + count`; return (refused, accepted).

    Accepted is what says the same as before: some of a datagram is not protected, and some
    damage changes nothing. AssertionError on a forgery, on another error than DecodeError and
    SecurityError, and if memory grows.
    """
    sent = messages()
    refused = accepted = 0
    before = held_memory()
    for seed in range(start, start + count):
        each = sent[seed // 8 % len(sent)]
        datagram = mutated(each.datagram, seed)
        try:
            inner = each.take(datagram)
        except (DecodeError, SecurityError):
            refused += 1
            continue
        except Exception as error:
            raise AssertionError("seed %d: %r" % (seed, error))
        assert says_the_same(inner, each.inner), "seed %d: a forgery was accepted" % seed
        accepted += 1
    inner = None
    assert held_memory() - before < 2000, "memory has grown"
    return refused, accepted


def says_the_same(inner, expected):
    options = [each for each in inner.options if each[0] not in UNPROTECTED]
    return (inner.code == expected.code and options == list(expected.options)
            and inner.payload == expected.payload)


def held_memory():
    """Return how much is in use: bytes on MicroPython, blocks of memory on CPython."""
    gc.collect()
    return sys.getallocatedblocks() if hasattr(sys, "getallocatedblocks") else gc.mem_alloc()
