"""A relay between node and server, so that what either said can be judged message by message.

What they protect it reads with the keys of both.
"""

import asyncio
from collections.abc import Callable

import aiocoap
from aiocoap.message import Direction

from protocol import oscore_option
from protocol.credentials import Credentials
from tests.aiocoap_oscore import PeerContext, ReadingContext
from tests.ports import LOOPBACK

LIMIT_S = 120
"""Ends a wait that hangs; no test depends on it otherwise."""


class Wire:
    """Passes datagrams on at once; `from_node` and `from_server` keep the messages, in order.

    To the node its server is at `port`; to the server all of the node's processes are one peer.
    With `keys`, the node's, the messages are those inside the protected ones; `unprotected` has
    what the node said openly. Each message has its `datagram`, and as `number` its Partial IV or
    None. What the server asks by us is protected under its context, `own`.
    """

    def __init__(self, server_port: int, keys: Credentials | None = None,
                 own: PeerContext | None = None) -> None:
        self._reader = None if keys is None else Reader(keys)
        self._own = own
        self._server = (LOOPBACK, server_port)
        self._node: tuple[str, int] | None = None
        self._asked: dict[int, asyncio.Future] = {}
        self._rejected: set[bytes] = set()
        self._news = asyncio.Event()
        self.unprotected: list[aiocoap.Message] = []
        self.from_node: list[aiocoap.Message] = []
        self.from_server: list[aiocoap.Message] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._outer, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._take_from_node), local_addr=(LOOPBACK, 0))
        self._inner, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._take_from_server), local_addr=(LOOPBACK, 0))
        self.port = self._outer.get_extra_info("sockname")[1]

    def close(self) -> None:
        self._outer.close()
        self._inner.close()

    async def until(self, condition: Callable):
        """Wait until `condition()` is true of what was heard; return what it gave."""
        async with asyncio.timeout(LIMIT_S):
            while not (found := condition()):
                self._news.clear()
                await self._news.wait()
        return found

    async def ask(self, message: aiocoap.Message) -> aiocoap.Message:
        """Send a request with a token of our choice from the server's address; return the answer.

        The server hears nothing of it.
        """
        message.mid = self.free_mid()
        answered = self._asked[message.mid] = asyncio.get_running_loop().create_future()
        if self._own is not None:
            inner = message
            message, _ = self._own.protect(inner)
            message.mtype, message.mid, message.token = inner.mtype, inner.mid, inner.token
        self.say(message.encode())
        async with asyncio.timeout(LIMIT_S):
            return await answered

    def free_mid(self) -> int:
        """Return a message id half the number space away from those that the server is using."""
        return (self.from_server[-1].mid + 0x8000) & 0xFFFF

    def say(self, datagram: bytes) -> None:
        """Send a datagram as it is from the server's address; the server hears nothing of it."""
        self._read(datagram, False)
        self._outer.sendto(datagram, self._node)

    def reject(self, token: bytes) -> None:
        """From now on answer what bears this token by Reset; the server hears nothing of it."""
        self._rejected.add(token)

    def _take_from_node(self, data: bytes, address: tuple[str, int]) -> None:
        self._node = address
        message = self._read(data, True)
        asked = self._asked.pop(message.mid, None) if message.mtype == aiocoap.ACK else None
        if asked is not None:
            asked.set_result(message)
            return
        self.from_node.append(message)
        self._news.set()
        if message.mtype == aiocoap.CON and message.token in self._rejected:
            reset = aiocoap.Message(_mtype=aiocoap.RST, _mid=message.mid, code=aiocoap.EMPTY)
            self._outer.sendto(reset.encode(), self._node)
            return
        self._inner.sendto(data, self._server)

    def _take_from_server(self, data: bytes, _address: tuple[str, int]) -> None:
        self.from_server.append(self._read(data, False))
        self._news.set()
        self._outer.sendto(data, self._node)

    def _read(self, data: bytes, is_of_node: bool) -> aiocoap.Message:
        message = aiocoap.Message.decode(data)
        message.number = None
        if self._reader is not None and message.code != aiocoap.EMPTY:
            if message.opt.oscore is not None:
                message = self._reader.read(message, is_of_node)
            elif is_of_node:
                self.unprotected.append(message)
        message.datagram = data
        return message


class Reader:
    """Opens what a node and its server say to each other; `keys` are the node's."""

    def __init__(self, keys: Credentials) -> None:
        self._contexts = {True: ReadingContext(keys.mirrored()), False: ReadingContext(keys)}
        self._requests: dict = {}

    def read(self, outer: aiocoap.Message, is_of_node: bool) -> aiocoap.Message:
        """Return the message inside, with the ids of `outer` and its Partial IV as `number`."""
        context = self._contexts[is_of_node]
        outer.direction = Direction.INCOMING
        if outer.code.is_request():
            inner, request = context.unprotect(outer)
            self._requests[is_of_node, outer.token] = request
        else:
            inner, _ = context.unprotect(outer, self._requests[not is_of_node, outer.token])
        inner.mtype, inner.mid, inner.token = outer.mtype, outer.mid, outer.token
        piv = oscore_option.decode(outer.opt.oscore).piv
        inner.number = None if piv is None else int.from_bytes(piv, "big")
        return inner


class _Side(asyncio.DatagramProtocol):
    def __init__(self, take: Callable) -> None:
        self.datagram_received = take
