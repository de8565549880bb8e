"""Request bodies that arrive in blocks, in bounded memory (RFC 7959 section 2.5)."""

from collections.abc import Hashable

from aiocoap import Message

from gateway.refusal import Refused
from protocol.coap_block import Block, Gathering

GATHERINGS_MAX = 64
PER_PEER_MAX = 4
"""One that begins bodies without end ends its own ones only."""
LIFETIME_S = 67.0  # EXCHANGE_LIFETIME as the message layer has it
_SZX_RESERVED = 7


class Incomplete(Exception):
    """More blocks are to come: the answer is 2.31 with the same Block1 option."""


class RequestBodies:
    """The bodies under way; none longer than `length_max`. The oldest gives way to a new one."""

    def __init__(self, length_max: int) -> None:
        self.length_max = length_max
        self._gatherings: dict[Hashable, tuple[float, Gathering]] = {}

    def __len__(self) -> int:
        return len(self._gatherings)

    def take(self, request: Message, now_s: float) -> bytes:
        """Return the whole body that `request` completes.

        Raises Incomplete, or Refused: 4.00 for a block of a wrong size, 4.08 for a gap, 4.13 for
        a body that is, or announces itself, too long.
        """
        option = request.opt.block1
        length = max(len(request.payload), request.opt.size1 or 0)
        if option is None:
            self._check_length(length)
            return request.payload
        if option.size_exponent == _SZX_RESERVED:
            raise Refused("4.00", "Block1 size exponent 7")
        block = Block(option.block_number, option.more, option.size_exponent)
        key = _key(request)
        gathering = self._begin(key) if block.number == 0 else self._find(key, now_s)
        if gathering is None or block.offset() != len(gathering.body):
            raise Refused("4.08", "a block is missing")
        self._check_length(max(block.offset() + len(request.payload), length))
        if not gathering.append(block, request.payload):
            raise Refused("4.00", "a block of a wrong size")
        if block.has_more:
            self._gatherings[key] = (now_s + LIFETIME_S, gathering)
            raise Incomplete
        return bytes(gathering.body)

    def _check_length(self, length: int) -> None:
        if length > self.length_max:
            raise Refused("4.13", f"more than {self.length_max} bytes")

    def _begin(self, key: tuple) -> Gathering:
        self._gatherings.pop(key, None)
        own = [each for each in self._gatherings if each[0] == key[0]]
        for each in own[: max(0, len(own) - PER_PEER_MAX + 1)]:
            del self._gatherings[each]
        while len(self._gatherings) >= GATHERINGS_MAX:
            del self._gatherings[next(iter(self._gatherings))]
        return Gathering()

    def _find(self, key: Hashable, now_s: float) -> Gathering | None:
        expires_s, gathering = self._gatherings.pop(key, (0.0, None))
        return gathering if expires_s > now_s else None


def _key(request: Message) -> tuple:
    return (
        request.remote.blockwise_key,
        request.code,
        request.opt.uri_path,
        request.opt.uri_query,
        request.opt.request_tag,
    )
