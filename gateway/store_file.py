"""The store's open file: one connection to write, one to read, each in an executor of its own.

A file that turns out to be damaged is salvaged and replaced meanwhile; nobody need restart.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import apsw

from gateway import store_aside, store_bounds, store_mark
from gateway.store_database import StoreError, open_reader
from gateway.store_executors import NewExecutor
from gateway.store_health import StoreHealth
from gateway.store_mark import Mark
from gateway.store_opening import close_as_it_is, open_sound
from gateway.store_writer import Companion, GroupWriter, Work

T = TypeVar("T")

MENDING_INTERVAL_S = 600.0
"""A disk that damages one store after the other has each salvaged, but not all the time."""
RETRY_S = 60.0
# The executors' names.
WRITER, READER, APART = "store writer", "store reader", "store apart"

log = logging.getLogger("gateway.store")


class StoreFile:
    """The file at `path`; `on_commit(outcomes)` hears of each group of writes."""

    def __init__(
        self,
        path: str,
        vfs: str | None,
        new_executor: NewExecutor,
        unix_ms: Callable[[], int],
        size_bytes_max: int,
        *,
        on_commit: Callable[[list], None],
        on_mended: Callable[[], None],
    ) -> None:
        self._path = path
        self._vfs = vfs
        self._new_executor = new_executor
        self._unix_ms = unix_ms
        self._size_bytes_max = size_bytes_max
        self._on_commit = on_commit
        self._on_mended = on_mended
        self._executors: list[Executor] = []
        self._mending: asyncio.Task | None = None
        self._mended_s: float | None = None
        self.health = StoreHealth(unix_ms)
        self.epoch = 0
        self.companion: Callable[[], Companion | None] = lambda: None

    async def open(self, now_ms: int) -> None:
        """Open the file as `Store.open` says."""
        self._executors = [self._new_executor(WRITER), self._new_executor(READER)]
        try:
            await self._connect(now_ms)
        except StoreError:
            for executor in self._executors:
                executor.shutdown()
            raise

    async def close(self) -> None:
        """Commit what waits and close the file."""
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.gather(self._mending, return_exceptions=True)
        loop = asyncio.get_running_loop()
        await self._writer.close()
        await loop.run_in_executor(self._executors[1], self._reading.close)
        # What the disk does not let it fold into the file stays in the log.
        with contextlib.suppress(apsw.Error):
            await loop.run_in_executor(self._executors[0], self._writing.close)
        for executor in self._executors:
            executor.shutdown()

    async def write(self, work: Work[T], wait_ms: int) -> T:
        """Return what `work` returns, after the COMMIT that holds it; begun within `wait_ms`."""
        try:
            self._check_whole()
            result = await self._writer.write(work, wait_ms)
        except StoreError as error:
            self.failed(error)
            raise
        self.health.works()
        return result

    async def read(self, work: Callable[..., T], *arguments: object) -> T:
        """Return `work(connection, *arguments)` on the connection that reads."""
        loop = asyncio.get_running_loop()
        try:
            self._check_whole()
            return await loop.run_in_executor(
                self._executors[1], _reading, work, self._reading, arguments
            )
        except StoreError as error:
            self.failed(error)
            raise

    async def read_apart(self, work: Callable[..., T], *arguments: object) -> T:
        """Do the same on a connection and in an executor of its own: what may take long."""
        loop = asyncio.get_running_loop()
        executor = self._new_executor(APART)
        try:
            self._check_whole()
            return await loop.run_in_executor(
                executor, _reading_apart, work, self._path, self._vfs, arguments
            )
        except StoreError as error:
            self.failed(error)
            raise
        finally:
            executor.shutdown(wait=False)

    def failed(self, error: StoreError) -> None:
        """Note that the file could not do something; damage is mended."""
        self.health.failed(error)
        if error.reason == "damaged" and self._mending is None:
            self._mending = asyncio.ensure_future(self._mend(str(error)))

    def _check_whole(self) -> None:
        if self._mending is not None:
            raise StoreError("damaged", "it is being salvaged")

    async def _connect(self, now_ms: int) -> None:
        loop = asyncio.get_running_loop()
        writing, reading = self._executors
        arguments = (self._path, self._vfs)
        connection, _ = await loop.run_in_executor(writing, open_sound, *arguments, now_ms)
        try:
            await loop.run_in_executor(
                writing, store_bounds.bound, connection, self._size_bytes_max)
            self._reading = await loop.run_in_executor(reading, open_reader, *arguments)
        except (StoreError, apsw.Error):
            await loop.run_in_executor(writing, connection.close)
            raise
        self.epoch = store_mark.of_store(connection).epoch
        self._writing = connection
        self._writer = GroupWriter(connection, writing, self._on_commit, Mark(self._path).keep,
                                   lambda: self.companion())

    async def _mend(self, reason: str) -> None:
        """Put a salvaged store in the damaged one's place; until then nothing can be kept."""
        loop = asyncio.get_running_loop()
        await self._writer.close()
        with contextlib.suppress(apsw.Error):
            await loop.run_in_executor(self._executors[1], self._reading.close)
        with contextlib.suppress(apsw.Error):
            await loop.run_in_executor(self._executors[0], close_as_it_is, self._writing)
        if self._mended_s is not None:
            await asyncio.sleep(self._mended_s + MENDING_INTERVAL_S - loop.time())
        is_salvaged = False
        while True:
            self._mended_s = loop.time()
            try:
                if not is_salvaged:
                    await self._salvage(reason)
                    is_salvaged = True
                await self._connect(self._unix_ms())
                break
            except StoreError as error:
                log.error("the store %s is still damaged: %s", self._path, error)
                await asyncio.sleep(RETRY_S)
        self._mending = None
        self._on_mended()

    async def _salvage(self, reason: str) -> None:
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(self._executors[0], Mark(self._path).read)
        arguments = (self._path, self._vfs, reason, known, self._unix_ms())
        await loop.run_in_executor(self._executors[0], store_aside.salvage, *arguments)


def _reading_apart(
    work: Callable[..., T], path: str, vfs: str | None, arguments: tuple
) -> T:
    connection = open_reader(path, vfs)
    try:
        return _reading(work, connection, arguments)
    finally:
        connection.close()


def _reading(work: Callable[..., T], connection: apsw.Connection, arguments: tuple) -> T:
    try:
        return work(connection, *arguments)
    except apsw.Error as error:
        raise StoreError.of(error) from error
    except UnicodeDecodeError as error:
        raise StoreError("damaged", f"a text is none: {error.reason}") from error
