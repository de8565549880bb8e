"""The line between a client and its broker, with all that can be wrong with it."""

import asyncio
from contextlib import suppress


class Cable:
    """A TCP connection to a broker that can be cut at any byte; `url` is its near end.

    With `bytes_max` each connection is reset after so many bytes to the broker.
    """

    def __init__(self, broker, bytes_max=None):
        self._broker = broker
        self._bytes_max = bytes_max
        self._writers = set()
        self._is_swallowing = False
        self.is_closed = False
        self.connections = self.swallowed = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self):
        """Reset every connection; the next ones carry again."""
        self._is_swallowing = False
        for writer in self._writers:
            writer.transport.abort()

    def swallow(self):
        """Take what comes for the broker, and throw it away, until the cable is cut."""
        self._is_swallowing = True

    async def _carry(self, near_reader, near_writer):
        if self.is_closed:
            near_writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker.port)
        except OSError:
            near_writer.transport.abort()
            return
        self.connections += 1
        self._writers |= {near_writer, far_writer}
        await asyncio.gather(
            self._copy(near_reader, far_writer, near_writer), self._copy(far_reader, near_writer)
        )
        self._writers -= {near_writer, far_writer}

    async def _copy(self, reader, writer, near_writer=None):
        carried = 0
        with suppress(OSError):
            while data := await reader.read(100):
                if near_writer is not None and self._is_swallowing:
                    self.swallowed += len(data)
                    continue
                carried += len(data)
                writer.write(data)
                await writer.drain()
                if near_writer is not None and self._bytes_max and carried > self._bytes_max:
                    near_writer.transport.abort()
        writer.close()
