"""Hands nodes the time of day: a write of 3/0/13 that counts only when it was fresh."""

import logging
from collections import Counter
from collections.abc import Callable

from gateway.clock import Clock
from gateway.operations import Operation, Operations
from gateway.sessions import Session

CURRENT_TIME = (3, 0, 13)
FRESH_S = 2.0
"""A write that took longer, or was repeated, may have been late: the node's clock would be too."""
ATTEMPTS_MAX = 3
INTERVAL_MS = 12 * 3600 * 1000
STEP_MS = 10_000
"""The time of day has stepped where it moved by more against the uptime."""
TIMEOUT_S = 10.0

log = logging.getLogger("gateway.time")


class TimeService:
    """Which registrations have the time, and how they get it. The UTC offset is left to them."""

    def __init__(self, operations: Operations, clock: Clock, now_ms: Callable[[], int]) -> None:
        self._operations = operations
        self._clock = clock
        self._now_ms = now_ms
        # By registration: the uptime at which it got the time, and what the two differed by.
        self._given_ms: dict[str, tuple[int, int]] = {}
        self._refusing: set[str] = set()
        self.counters: Counter[str] = Counter()

    def is_due(self, session: Session) -> bool:
        """Return whether the node should get the time now.

        Also after a step of ours: what a command says of the end of an override is our time.
        """
        if session.id in self._refusing or not session.registration.objects.covers(CURRENT_TIME):
            return False
        if session.id in self._given_ms:
            given_ms, difference_ms = self._given_ms[session.id]
            has_stepped = abs(self._difference_ms() - difference_ms) > STEP_MS
            if self._now_ms() < given_ms + INTERVAL_MS and not has_stepped:
                return False
        return self._clock.is_trusted()

    async def give(self, session: Session) -> None:
        """Write the time until one write was fresh, a few times. Raises OperationFailed.

        A node that refuses is left alone until it registers anew; one that only got late writes
        is tried again when it speaks next.
        """
        for _ in range(ATTEMPTS_MAX):
            if await self._write(session):
                return
        self.counters["stale"] += 1
        log.info("%r got no fresh time: its answers take too long", session.endpoint)

    def forget(self, session: Session) -> None:
        """Forget a registration that is over."""
        self._given_ms.pop(session.id, None)
        self._refusing.discard(session.id)

    async def _write(self, session: Session) -> bool:
        unix_s = (self._clock.unix_ms() + 500) // 1000
        operation = Operation("write", CURRENT_TIME, unix_s, timeout_s=TIMEOUT_S)
        result = await self._operations.perform(session.endpoint, operation)
        self.counters["written"] += 1
        if not result.is_success:
            self._refusing.add(session.id)
            self.counters["refused"] += 1
            return True
        if result.retransmissions or result.elapsed_s >= FRESH_S:
            return False
        self._given_ms[session.id] = self._now_ms(), self._difference_ms()
        return True

    def _difference_ms(self) -> int:
        return self._clock.unix_ms() - self._now_ms()
