"""Sees to it that a failing store is said once, and that its recovery is noticed by itself."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.rows import IncidentRow
from gateway.store import Store, StoreError

PROBE_S = 5.0
INCIDENT_EVERY_S = 600.0
"""A store that fails and works in turns is one incident in so much time."""

log = logging.getLogger("gateway.store")


class StoreWatch:
    """Tries a failing store until it works, then calls `on_recovery()`."""

    def __init__(
        self, store: Store, clock: Clock, on_recovery: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_recovery = on_recovery
        self._told_s: float | None = None
        self.counters: Counter[str] = Counter()

    async def run(self) -> None:
        """Watch for ever."""
        health = self._store.health
        while True:
            await health.until_failing()
            self.counters["failures"] += 1
            incident = incident_of(self._store)
            # A failure may be over before its turn to be told has come.
            if incident is not None:
                log.error("%s; readings stay at their nodes until it works again", health.failure)
                await self._try(incident)
            log.warning("the store works again")
            try:
                await self._on_recovery()
            except StoreError as error:
                log.error("%s", error)

    async def _try(self, incident: IncidentRow) -> None:
        """Return when the store has taken a write, which is the incident itself."""
        while True:
            try:
                if self._is_news():
                    await self._store.add_incident(incident)
                    self._told_s = self._clock.monotonic_s()
                else:
                    await self._store.add_counts({"store failures": 1})
                return
            except StoreError:
                await asyncio.sleep(PROBE_S)

    def _is_news(self) -> bool:
        told_s = self._told_s
        return told_s is None or self._clock.monotonic_s() >= told_s + INCIDENT_EVERY_S


def incident_of(store: Store) -> IncidentRow | None:
    """Return what an operator should know of a store that fails now."""
    health = store.health
    if health.failure is None:
        return None
    detail = f"{health.failure}; what cannot be kept is not acknowledged, nodes hold it"
    return IncidentRow(health.since_ms, "store_failing", "store", detail)
