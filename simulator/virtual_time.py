"""An asyncio event loop in virtual time: when nothing is ready, its clock jumps to the next timer.

Nothing in it waits, and nothing runs in a thread: work for an executor is done at once, in the
loop's own thread, and its result arrives `delay_s` of virtual time later. Equal programs run in
equal order.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from gateway.store_executors import InlineExecutor

T = TypeVar("T")

OWNER: ContextVar[object | None] = ContextVar("owner", default=None)
"""Whose the tasks and timers are that are made: what ends together, as those of a process do."""


class NothingWillHappen(RuntimeError):
    """No timer is set and nothing is ready: the run would wait for ever."""


class DelayedExecutor(InlineExecutor):
    """Runs works one after another, in virtual time; each takes as long as `delay_s()` says."""

    def __init__(self, delay_s: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self.delay_s = delay_s
        self.busy_until_s = 0.0

    def begin(
        self, loop: "VirtualLoop", function: Callable[..., T], arguments: tuple
    ) -> "asyncio.Future[T]":
        """Run `function` now; its result comes when the delay is over."""
        future = loop.create_future()
        outcome = outcome_of(function, arguments)
        delay_s = self.delay_s()
        if delay_s:
            self.busy_until_s = max(self.busy_until_s, loop.time()) + delay_s
            loop.call_at(self.busy_until_s, settle, future, *outcome)
        else:
            settle(future, *outcome)
        return future


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop; `time()` starts at 0.0 and jumps.

    Tasks are listed in the order of their making (`tasks()`): asyncio's own set has none.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._tasks: dict[asyncio.Task, object | None] = {}
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
        """Run `function` as the executor does: now, or what one in virtual time makes of it."""
        if isinstance(executor, DelayedExecutor):
            return executor.begin(self, function, arguments)
        future = self.create_future()
        settle(future, *outcome_of(function, arguments))
        return future

    def tasks(self, owner: object | None = None) -> list[asyncio.Task]:
        """Return every task that is not done, or those of an owner; the oldest first."""
        return [task for task, its in self._tasks.items() if owner is None or its is owner]

    def cancel_timers(self, owner: object) -> None:
        """Cancel every timer of an owner."""
        for timer in list(self._scheduled):
            # CPython keeps the context under this name, and has no call for it.
            if not timer.cancelled() and timer._context.get(OWNER) is owner:
                timer.cancel()

    def _new_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine, **keywords: Any
    ) -> asyncio.Task:
        task = asyncio.Task(coroutine, loop=loop, **keywords)
        self._tasks[task] = OWNER.get()
        task.add_done_callback(self._forget_task)
        return task

    def _forget_task(self, task: asyncio.Task) -> None:
        self._tasks.pop(task, None)


def outcome_of(function: Callable[..., T], arguments: tuple) -> tuple[T | None, Exception | None]:
    """Return what `function` returns, or what it raises."""
    try:
        return function(*arguments), None
    except Exception as error:
        return None, error


def settle(future: asyncio.Future, result: Any, error: Exception | None) -> None:
    """Give a future its outcome, unless somebody has given it up."""
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
    """Run `main()` in a virtual loop of its own to its end, and cancel what it left.

    What a timer's callback raises ends the run, and is raised here: asyncio would log it.
    """
    loop, bugs = VirtualLoop(), []
    loop.set_exception_handler(partial(_stop_at_bug, bugs))
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(main())
    except RuntimeError as stopped:
        if bugs:
            raise bugs[0] from stopped
        raise
    else:
        if bugs:
            raise bugs[0]
        return result
    finally:
        loop.set_exception_handler(None)
        try:
            _cancel_rest(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _stop_at_bug(bugs: list, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)
    if "handle" in context and "exception" in context:
        bugs.append(context["exception"])
        loop.stop()


def _cancel_rest(loop: VirtualLoop) -> None:
    rest = loop.tasks()
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
