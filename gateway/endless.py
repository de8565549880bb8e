"""Works that never end: one that meets a bug begins anew, and the others go on meanwhile."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

RESTART_S = 5.0

log = logging.getLogger("gateway")


class EndlessWorks:
    """Runs endless works; `counters` says how often each has met a bug."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()

    async def run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`, and again from its beginning whenever it raises what nobody foresaw."""
        while True:
            try:
                await work()
            except Exception:
                self.counters[name] += 1
                log.exception("%s met a bug, and begins anew in %g s", name, RESTART_S)
            await asyncio.sleep(RESTART_S)
