"""One direction of a TCP connection in virtual time: everything in order, nothing lost until cut.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Line:
    """Calls `function(*arguments)` a delay after `send(...)`, in the order of the sends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
        self.delay_s = delay_s
        self._loop = loop
        self._under_way: deque[tuple[float, Callable[..., None], tuple]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._last_s = 0.0
        self._is_cut = False

    def send(self, function: Callable[..., None], *arguments: Any, extra_s: float = 0.0) -> None:
        """Have `function` called at the other end, `extra_s` later than the line alone takes."""
        if self._is_cut:
            return
        # What was sent before arrives before.
        self._last_s = max(self._last_s, self._loop.time() + self.delay_s + extra_s)
        self._under_way.append((self._last_s, function, arguments))
        if self._timer is None:
            self._timer = self._loop.call_at(self._last_s, self._arrive)

    def cut(self) -> None:
        """Let nothing arrive any more, not even what is under way."""
        self._is_cut = True
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arrive(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        while self._under_way and self._under_way[0][0] <= now_s:
            _, function, arguments = self._under_way.popleft()
            function(*arguments)
        if self._under_way and self._timer is None:
            self._timer = self._loop.call_at(self._under_way[0][0], self._arrive)
