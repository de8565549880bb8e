"""An asyncio event loop in virtual time: when nothing is ready, its clock jumps to the next timer.

Nothing in it waits, and nothing runs in a thread: work for an executor is done at once, in the
loop's own thread, and its result arrives `delay_s` of virtual time later. Equal programs run in
equal order.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class NothingWillHappen(RuntimeError):
    """No timer is set and nothing is ready: the run would wait for ever."""


class DelayedExecutor(Executor):
    """Runs works one after another, in virtual time; each takes as long as `delay_s()` says."""

    def __init__(self, delay_s: Callable[[], float] = lambda: 0.0) -> None:
        self.delay_s = delay_s
        self.busy_until_s = 0.0

    def submit(self, function: Callable, /, *arguments: Any, **keywords: Any) -> Future:
        """Return the finished future of `function(...)`: for those who do not ask the loop."""
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except BaseException as error:  # noqa: B902 - as an executor must, whatever it was
            future.set_exception(error)
        return future


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop; `time()` starts at 0.0 and jumps.

    Tasks are listed in the order of their making (`tasks()`): asyncio's own set has none.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._tasks: dict[asyncio.Task, None] = {}
        super().__init__(_Jumping(self))
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now_s

    @property
    def _clock_resolution(self) -> float:
        # asyncio runs what is due before now plus this: here, what is due now and nothing else.
        return math.nextafter(self._now_s, math.inf) - self._now_s

    @_clock_resolution.setter
    def _clock_resolution(self, of_the_machine: float) -> None:
        pass

    def now_us(self) -> int:
        """Return the virtual time in whole microseconds."""
        return round(self._now_s * 1e6)

    def jump(self, timeout_s: float | None) -> None:
        """Go to the time of the next timer."""
        if timeout_s is None:
            raise NothingWillHappen("nothing is under way and no timer is set")
        if timeout_s > 0:
            self._now_s = max(self._now_s, self._scheduled[0].when())

    def skip_to(self, when_s: float) -> bool:
        """Go to `when_s` without the loop, if it has nothing to do until then; tell whether."""
        if self._ready or self._stopping or (
                self._scheduled and self._scheduled[0].when() <= when_s):
            return False
        self._now_s = max(self._now_s, when_s)
        return True

    def run_in_executor(
        self, executor: Executor | None, function: Callable[..., T], *arguments: Any
    ) -> "asyncio.Future[T]":
        """Run `function` now; its result comes when the executor's delay is over."""
        future = self.create_future()
        try:
            result, error = function(*arguments), None
        except Exception as raised:
            result, error = None, raised
        delay_s = executor.delay_s() if isinstance(executor, DelayedExecutor) else 0.0
        if delay_s:
            executor.busy_until_s = max(executor.busy_until_s, self._now_s) + delay_s
            self.call_at(executor.busy_until_s, _settle, future, result, error)
        else:
            _settle(future, result, error)
        return future

    def tasks(self) -> list[asyncio.Task]:
        """Return every task that is not done, the oldest first."""
        return list(self._tasks)

    def _new_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine, **keywords: Any
    ) -> asyncio.Task:
        task = asyncio.Task(coroutine, loop=loop, **keywords)
        self._tasks[task] = None
        task.add_done_callback(self._forget_task)
        return task

    def _forget_task(self, task: asyncio.Task) -> None:
        self._tasks.pop(task, None)


def _settle(future: asyncio.Future, result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class _Jumping(selectors.DefaultSelector):
    """A selector that never waits, and never looks: no socket is in this world."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list:
        self._loop.jump(timeout)
        return []


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main()` in a virtual loop of its own to its end, and cancel what it left."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main())
    finally:
        try:
            _cancel_rest(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _cancel_rest(loop: VirtualLoop) -> None:
    rest = loop.tasks()
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
