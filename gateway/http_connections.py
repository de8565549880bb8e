"""Bounds what strangers can hold of the HTTP port: so many connections, each for so long.

A connection that has sent no whole request in time is ended; so is one beyond the last place.
Those that are still in their TLS handshake have no place yet: they count as sockets.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable

CONNECTIONS_MAX = 64
SOCKETS_MAX = 2 * CONNECTIONS_MAX
REQUEST_S = 10.0


class Connections:
    """Makes the protocol of each new connection: `new_protocol()`'s own behind a guard."""

    def __init__(
        self,
        new_protocol: Callable[[], asyncio.Protocol],
        counters: Counter[str],
        connections_max: int = CONNECTIONS_MAX,
        request_s: float = REQUEST_S,
    ) -> None:
        self._new_protocol = new_protocol
        self.counters = counters
        self._connections_max = connections_max
        self._request_s = request_s
        self.open = 0

    def __call__(self) -> "GuardedConnection":
        return GuardedConnection(self)

    def enter(self) -> asyncio.Protocol | None:
        """Return a protocol for one more connection, None if there is no place."""
        if self.open >= self._connections_max:
            self.counters["connections refused"] += 1
            return None
        self.open += 1
        return self._new_protocol()

    def timer(self, overdue: Callable[[], None]) -> asyncio.TimerHandle:
        """Have `overdue()` called when a request has taken too long to come."""
        return asyncio.get_running_loop().call_later(self._request_s, overdue)

    def ended(self) -> None:
        """Note that a connection is over."""
        self.open -= 1

    def overdue(self) -> None:
        """Note that a connection was ended for its slowness."""
        self.counters["requests too slow"] += 1


class GuardedConnection(asyncio.Protocol):
    """One connection: hands all that happens to the protocol that serves it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._served: asyncio.Protocol | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._served = self._connections.enter()
        if self._served is None:
            transport.abort()
            return
        self.wait_for_request()
        self._served.connection_made(transport)

    def request_began(self) -> None:
        """A whole request is there: it takes as long as it takes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait_for_request(self) -> None:
        """The next request has its time from now on."""
        self.request_began()
        self._has_begun = False
        self._timer = self._connections.timer(self._overdue)

    def _overdue(self) -> None:
        if self._transport.get_write_buffer_size():
            # It still reads the last answer.
            self.wait_for_request()
            return
        # One that is kept open for a next request is no attack.
        if self._has_begun:
            self._connections.overdue()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._has_begun = True
        if self._served is not None:
            self._served.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._served is None else self._served.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self.request_began()
        if self._served is not None:
            self._connections.ended()
            self._served.connection_lost(error)

    def pause_writing(self) -> None:
        if self._served is not None:
            self._served.pause_writing()

    def resume_writing(self) -> None:
        if self._served is not None:
            self._served.resume_writing()


class Listener(socket.socket):
    """A listening TCP socket that closes at once what is beyond SOCKETS_MAX connections.

    Raises OSError where it cannot be bound to `address`.
    """

    def __init__(self, family: int, address: tuple, counters: Counter[str]) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._counters = counters
        self._open = 0
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            self.bind(address)
        except OSError:
            self.close()
            raise

    def accept(self) -> tuple[socket.socket, object]:
        """Return (socket, address); raises BlockingIOError where there is none to serve."""
        found, address = super().accept()
        if self._open >= SOCKETS_MAX:
            found.close()
            self._counters["connections refused"] += 1
            raise BlockingIOError
        self._open += 1
        return _Accepted(found, self._closed_one), address

    def _closed_one(self) -> None:
        self._open -= 1


class _Accepted(socket.socket):
    """A connection whose listener hears of its end."""

    def __init__(self, found: socket.socket, on_close: Callable[[], None]) -> None:
        super().__init__(fileno=found.detach())
        self._on_close: Callable[[], None] | None = on_close

    def close(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        super().close()
