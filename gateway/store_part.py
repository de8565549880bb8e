"""What the parts of `Store` have in common: its ways into the file."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class StorePart(ABC):
    """A part of `Store`, which has the file and does these two."""

    @abstractmethod
    async def _write(
        self, work: Callable[..., T], *arguments: object, wait_ms: int | None = None
    ) -> T:
        """Write, and return what `work` returns once it is durable."""

    @abstractmethod
    async def _read(self, work: Callable[..., T], *arguments: object) -> T:
        """Return what `work` reads."""
