"""Whether the store takes what it is given: nobody need ask it to know."""

import asyncio
from collections.abc import Callable

from gateway.store_database import StoreError

# What says nothing of the file: one write was wrong, too many wait, the end has come.
_HARMLESS = ("rejected", "overloaded", "closed")


class StoreHealth:
    """The store's failure, while it lasts; `unix_ms()` dates its beginning."""

    def __init__(self, unix_ms: Callable[[], int]) -> None:
        self._unix_ms = unix_ms
        self._began = asyncio.Event()
        self.failure: StoreError | None = None
        self.since_ms: int | None = None

    def failed(self, error: StoreError) -> None:
        """Note that the store could not do something."""
        if error.reason in _HARMLESS:
            return
        if self.failure is None:
            self.since_ms = self._unix_ms()
            self._began.set()
        self.failure = error

    def works(self) -> None:
        """Note that a write is durable."""
        if self.failure is not None:
            self.failure = self.since_ms = None
            self._began.clear()

    async def until_failing(self) -> None:
        """Return when the store fails."""
        await self._began.wait()
