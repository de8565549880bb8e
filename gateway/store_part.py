"""What the parts of `Store` have in common: its ways into the file."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class StorePart:
    """A part of `Store`, which has the file and does these two."""

    async def _write(
        self, work: Callable[..., T], *arguments: object, wait_ms: int | None = None
    ) -> T:
        raise NotImplementedError

    async def _read(self, work: Callable[..., T], *arguments: object) -> T:
        raise NotImplementedError
