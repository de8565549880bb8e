"""Nodes in real time on loopback UDP: timers that run faster than the wall clock, and sockets."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from simulator.protected import is_in_clear

# A node is woken at most this often: at sixty times real time its one-second polls would
# otherwise cost a core for a street.
WAKE_INTERVAL_S = 0.02


class ScaledTimers:
    """The uptime of an accelerated world: `speed` of its milliseconds pass in a real one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, speed: int) -> None:
        self._loop = loop
        self._speed = speed
        self._origin_s = loop.time()

    def now_ms(self) -> int:
        return int((self._loop.time() - self._origin_s) * 1000 * self._speed)

    def call_at_ms(self, when_ms: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        due_s = self._origin_s + when_ms / 1000 / self._speed
        return self._loop.call_at(max(due_s, self._loop.time() + WAKE_INTERVAL_S), callback)


class NodeSocket(asyncio.DatagramProtocol):
    """A node's UDP socket, connected to the gateway; counts what passes.

    `in_clear` are messages that OSCORE should protect and does not.
    """

    def __init__(self, peer: tuple[str, int],
                 on_datagram: Callable[[bytes, Any], None]) -> None:
        self._peer = peer
        self._on_datagram = on_datagram
        self._transport: asyncio.DatagramTransport | None = None
        self.sent = 0
        self.bytes = 0
        self.in_clear = 0

    @classmethod
    async def open(cls, peer: tuple[str, int],
                   on_datagram: Callable[[bytes, Any], None]) -> "NodeSocket":
        """Return a socket on a free port of the loopback interface."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(
            lambda: cls(peer, on_datagram), remote_addr=peer, family=socket.AF_INET)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.in_clear += is_in_clear(data, False)
        self._on_datagram(data, self._peer)

    def error_received(self, exc: OSError) -> None:
        """An ICMP error: the gateway is away. The node finds out by its own time-outs."""

    def send(self, datagram: bytes, peer: Any) -> None:
        self.sent += 1
        self.bytes += len(datagram)
        self.in_clear += is_in_clear(datagram, True)
        self._transport.sendto(datagram)

    def close(self) -> None:
        self._transport.close()
