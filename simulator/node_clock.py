"""Clocks of nodes, each with its drift, and their timers: one queue for a whole district's."""

import heapq
from collections.abc import Callable

from simulator.virtual_time import VirtualLoop

MILLION = 1_000_000


class Timer:
    """What waits in a TimerQueue."""

    __slots__ = ("_queue", "callback")

    def __init__(self, queue: "TimerQueue", callback: Callable[[], None]) -> None:
        self._queue = queue
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Call nothing any more."""
        if self.callback is not None:
            self.callback = None
            self._queue.forget_one()


class TimerQueue:
    """Timers above one of the event loop's, cheaper than its own; among equals, first set first.

    A thousand nodes tick some hundred times a second: while nothing else waits in the loop,
    the queue moves virtual time itself from one timer to the next.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[int, int, Timer]] = []
        self._order = 0
        self._cancelled = 0
        self._wake = None
        self._is_awake = False

    def now_us(self) -> int:
        """Return the virtual time in microseconds."""
        return self._loop.now_us()

    def call_at_us(self, due_us: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` when it is `due_us`, or as soon as this moment's others had their turn.
        """
        timer = Timer(self, callback)
        heapq.heappush(self._waiting, (due_us, self._order, timer))
        self._order += 1
        if not self._is_awake and self._waiting[0][2] is timer:
            self._set_wake()
        return timer

    def forget_one(self) -> None:
        """Count a cancelled timer; when they are most of all, sweep them out."""
        self._cancelled += 1
        if self._cancelled > 64 + len(self._waiting) // 2:
            self._waiting = [entry for entry in self._waiting if entry[2].callback is not None]
            heapq.heapify(self._waiting)
            self._cancelled = 0

    def _set_wake(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._loop.call_at(self._waiting[0][0] / 1e6, self._run)

    def _run(self) -> None:
        self._wake = None
        self._is_awake = True
        try:
            self._run_due()
            while self._waiting and self._loop.skip_to(self._waiting[0][0] / 1e6):
                self._run_due()
        finally:
            self._is_awake = False
            if self._waiting:
                self._set_wake()

    def _run_due(self) -> None:
        now_us, order = self._loop.now_us(), self._order
        while self._waiting and self._waiting[0][0] <= now_us and self._waiting[0][1] < order:
            timer = heapq.heappop(self._waiting)[2]
            callback = timer.callback
            if callback is None:
                self._cancelled -= 1
            else:
                timer.callback = None
                callback()


class NodeTimers:
    """The clock of one node: `node_driver.Timers` of which a second is a little off.

    It counts whole milliseconds and never goes back. `drift_ppm` above 0 runs ahead.
    """

    def __init__(self, queue: TimerQueue, drift_ppm: int = 0) -> None:
        self._queue = queue
        self._since_us = self._base_us = queue.now_us()
        self._rate = MILLION + drift_ppm

    def set_drift(self, drift_ppm: int) -> None:
        """Run at another rate from now on; a timer that is already set keeps its moment."""
        now_us = self._queue.now_us()
        self._base_us += (now_us - self._since_us) * self._rate // MILLION
        self._since_us = now_us
        self._rate = MILLION + drift_ppm

    def now_ms(self) -> int:
        passed_us = self._queue.now_us() - self._since_us
        return (self._base_us + passed_us * self._rate // MILLION) // 1000

    def call_at_ms(self, when_ms: int, callback: Callable[[], None]) -> Timer:
        # Rounded up: then it is `when_ms` indeed.
        left = (when_ms * 1000 - self._base_us) * MILLION
        return self._queue.call_at_us(self._since_us - (-left // self._rate), callback)
