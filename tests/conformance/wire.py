"""A relay between node and server, so that what either said can be judged message by message."""

import asyncio
from collections.abc import Callable

import aiocoap

from tests.ports import LOOPBACK

LIMIT_S = 120
"""Ends a wait that hangs; no test depends on it otherwise."""


class Wire:
    """Passes datagrams on at once; `from_node` and `from_server` keep the messages, in order.

    To the node its server is at `port`; to the server all of the node's processes are one peer.
    """

    def __init__(self, server_port: int) -> None:
        self._server = (LOOPBACK, server_port)
        self._node: tuple[str, int] | None = None
        self._asked: dict[int, asyncio.Future] = {}
        self._rejected: set[bytes] = set()
        self._news = asyncio.Event()
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
        # Half the number space away from those that the server is using.
        message.mid = (self.from_server[-1].mid + 0x8000) & 0xFFFF
        answered = self._asked[message.mid] = asyncio.get_running_loop().create_future()
        self._outer.sendto(message.encode(), self._node)
        async with asyncio.timeout(LIMIT_S):
            return await answered

    def reject(self, token: bytes) -> None:
        """From now on answer what bears this token by Reset; the server hears nothing of it."""
        self._rejected.add(token)

    def _take_from_node(self, data: bytes, address: tuple[str, int]) -> None:
        self._node = address
        message = aiocoap.Message.decode(data)
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
        self.from_server.append(aiocoap.Message.decode(data))
        self._news.set()
        self._outer.sendto(data, self._node)


class _Side(asyncio.DatagramProtocol):
    def __init__(self, take: Callable) -> None:
        self.datagram_received = take
