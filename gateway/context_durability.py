"""What of the contexts must be on the disk before anything leaves: windows and sender limits."""

import asyncio
import logging
from collections import Counter
from functools import partial

from gateway import store_contexts
from gateway.clock import Clock
from gateway.security_context import SecurityContext
from gateway.store import Store, StoreError
from gateway.store_writer import Companion

SENDER_STEP = 128
"""Sender numbers reserved at a time."""
LOW_WATER = 32
"""With so many left, more are reserved."""

log = logging.getLogger("gateway.contexts")


class Durability:
    """Writes the windows along with whatever the store writes, and reserves sender numbers.

    While `is_paused` no window goes along: the store has not got the contexts yet.
    """

    def __init__(self, store: Store, clock: Clock, counters: Counter[str]) -> None:
        self._store = store
        self._clock = clock
        self._counters = counters
        # In the order of their changes: equal runs write equal transactions.
        self._dirty: dict[SecurityContext, None] = {}
        self._low: dict[SecurityContext, None] = {}
        self._reserving: asyncio.Task | None = None
        self.is_paused = False

    async def close(self) -> None:
        """Stop reserving."""
        if self._reserving is not None:
            self._reserving.cancel()
            await asyncio.gather(self._reserving, return_exceptions=True)

    async def settle(self, context: SecurityContext, version: int) -> None:
        """Return once the window's first `version` changes are durable. Raises StoreError."""
        window = context.recipient_replay_window
        if window.durable < version:
            await self._store.write_nothing()
        if window.durable < version:
            raise StoreError("rejected", "the replay window was not stored")

    def companion(self) -> Companion | None:
        """Give what goes along with a group of writes: the windows that have changed."""
        if not self._dirty or self.is_paused:
            return None
        taken = [(each, each.recipient_replay_window.version) for each in self._dirty]
        self._dirty.clear()
        windows = {
            each.serial: (*each.recipient_replay_window.stored(), each.used_ms)
            for each, _ in taken
        }

        def done(outcome: object) -> None:
            if isinstance(outcome, BaseException):
                self._dirty.update((each, None) for each, _ in taken)
                return
            for each, version in taken:
                each.recipient_replay_window.durable = version

        return partial(store_contexts.save_windows, windows=windows), done

    def changed(self, context: SecurityContext) -> None:
        """Note that a window has changed."""
        context.used_ms = self._clock.unix_ms()
        # Of a restored context nothing is believed anyway.
        if context.may_protect:
            self._dirty[context] = None

    def forget(self, context: SecurityContext) -> None:
        """Write nothing more of a context."""
        self._dirty.pop(context, None)

    def want_numbers(self, context: SecurityContext) -> None:
        """Have more sender numbers for a context that runs short of them."""
        self._low[context] = None
        if self._reserving is None or self._reserving.done():
            self._reserving = asyncio.get_running_loop().create_task(self._reserve())

    async def _reserve(self) -> None:
        """Reserve for all that run short, as many as there are at a time."""
        while self._low:
            limits = {each: each.sender_limit + SENDER_STEP for each in self._low}
            rows = {each.serial: limit for each, limit in limits.items()}
            try:
                await self._store.raise_limits(rows)
            except StoreError as error:
                # Whoever sends next asks again.
                self._counters["reservations failed"] += 1
                log.warning("no sender numbers could be reserved: %s", error)
            else:
                self._raise(limits)
            for each in limits:
                self._low.pop(each, None)

    def _raise(self, limits: dict[SecurityContext, int]) -> None:
        # What a damaged store has taken may not be in the one that takes its place.
        if not self.is_paused:
            for each, limit in limits.items():
                each.sender_limit = limit
