"""The gateway's executors in virtual time: a work is done when the disk has had its time for it.

Until then nothing of it has happened, for readers neither. A power cut or a kill meets the one
that is under way in its midst.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from simulator.virtual_time import DelayedExecutor, VirtualLoop, outcome_of, settle

T = TypeVar("T")


class DiskExecutor(DelayedExecutor):
    """Does works one after another; each takes `delay_s()`, drawn when it is given."""

    def __init__(self, delay_s: Callable[[], float]) -> None:
        super().__init__(delay_s)
        self._waiting: deque[tuple[Callable, tuple]] = deque()
        self._is_cut = False

    def begin(
        self, loop: VirtualLoop, function: Callable[..., T], arguments: tuple
    ) -> "asyncio.Future[T]":
        """Do `function` when its turn is over; at once where nothing takes time."""
        future = loop.create_future()
        delay_s = 0.0 if self._is_cut else self.delay_s()
        if not delay_s and not self._waiting:
            settle(future, *outcome_of(function, arguments))
            return future
        self.busy_until_s = max(self.busy_until_s, loop.time()) + delay_s
        self._waiting.append((function, arguments))
        loop.call_at(self.busy_until_s, self._finish, future)
        return future

    def _finish(self, future: asyncio.Future) -> None:
        if not self._is_cut:
            settle(future, *outcome_of(*self._waiting.popleft()))

    def cut(self) -> None:
        """Do what is under way now, and nothing that waits behind it; nobody hears of either.

        What is asked from now on is done at once: it is somebody's cleaning up.
        """
        self._is_cut = True
        if self._waiting:
            outcome_of(*self._waiting[0])
        self._waiting.clear()
