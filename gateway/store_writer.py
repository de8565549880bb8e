"""Group commit: many writers wait for one COMMIT, and none blocks the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import apsw

from gateway.store_database import StoreError

# A full group does not wait for its time.
GROUP_MAX = 500
WAITING_MAX = 20_000

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]
Companion = tuple[Work, Callable[[object], None]]
"""A work that goes along, and what hears of its outcome before anybody hears of his."""


class GroupWriter:
    """Runs works on the one writing connection, as many as wait in one transaction.

    `on_commit(outcomes)` hears of each group what became of its works, in order;
    `keep_mark(connection)` is called before, in the executor. `companion()` is asked for each
    group, in the event loop, what goes first in its transaction.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        executor: Executor,
        on_commit: Callable[[list], None] = lambda outcomes: None,
        keep_mark: Callable[[apsw.Connection], None] = lambda connection: None,
        companion: Callable[[], Companion | None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._executor = executor
        self._on_commit = on_commit
        self._keep_mark = keep_mark
        self._companion = companion
        self._waiting: list[tuple[Work, asyncio.Future]] = []
        self._due_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Future | None = None
        self._is_closed = False

    async def write(self, work: Work[T], wait_ms: int) -> T:
        """Return what `work` returns, after the COMMIT that holds it; begun within `wait_ms`.

        Raises StoreError when nothing of it was kept.
        """
        if self._is_closed:
            raise StoreError("closed", "no more writes")
        if len(self._waiting) >= WAITING_MAX:
            raise StoreError("overloaded", f"{WAITING_MAX} writes are waiting")
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((work, future))
        is_full = len(self._waiting) >= GROUP_MAX
        self._arm(loop.time() + (0 if is_full else wait_ms / 1000))
        return await future

    async def close(self) -> None:
        """Commit what waits, and refuse what comes after."""
        self._is_closed = True
        while self._waiting or self._running:
            if self._running is None:
                self._start()
            await asyncio.wait([self._running])

    def _arm(self, due_s: float) -> None:
        if self._due_s is not None and self._due_s <= due_s:
            return
        self._due_s = due_s
        if self._running is None:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._due_s, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._due_s = None
        group, self._waiting = self._waiting, []
        works = [work for work, _ in group]
        companion = self._companion()
        if companion is not None:
            works.insert(0, companion[0])
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._executor, self._commit, works)
        self._running.add_done_callback(
            lambda running: self._finish(group, companion, running))

    def _commit(self, works: list[Work]) -> list:
        outcomes = commit(self._connection, works)
        self._keep_mark(self._connection)
        return outcomes

    def _finish(
        self, group: list, companion: Companion | None, running: asyncio.Future
    ) -> None:
        self._running = None
        error = running.exception()
        outcomes = [error] * (len(group) + 1) if error else running.result()
        if companion is not None:
            companion[1](outcomes[0])
        outcomes = outcomes[-len(group):]
        self._on_commit(outcomes)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if self._due_s is not None and not self._is_closed:
            self._set_timer()


def commit(connection: apsw.Connection, works: list[Work]) -> list:
    """Return for each work its result, or the StoreError why nothing of it was kept.

    All in one transaction; where SQLite rejects one of them, each in its own, so that a work that
    cannot be done costs no other.
    """
    try:
        return _in_one_transaction(connection, works)
    except apsw.Error as error:
        failure = StoreError.of(error)
    except UnicodeDecodeError as error:
        failure = StoreError("damaged", f"a text is none: {error.reason}")
    if failure.reason != "rejected" or len(works) == 1:
        return [failure] * len(works)
    return [commit(connection, [work])[0] for work in works]


def _in_one_transaction(connection: apsw.Connection, works: list[Work]) -> list:
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [work(connection) for work in works]
        connection.execute("COMMIT")
    finally:
        # SQLite ends the transaction by itself on some errors, not on all.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return results
