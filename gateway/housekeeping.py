"""Keeps the store within its bounds: what goes first, and when measurements must wait outside.

Delivered readings go first, the oldest of them; then measurements that some uplink still lacks,
then events, alarms last. Below the disk's reserve measurements stay at their nodes.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from gateway import store_bounds
from gateway.clock import Clock
from gateway.rows import IncidentRow
from gateway.settings import Settings
from gateway.store import Store, StoreError
from protocol.object_table import ALARM, EVENT, MEASUREMENT

CHECK_S = 5.0
CLEANING_S = 600.0
STEP_MAX = 500
FOREVER_MS = 1 << 62
FINISHED_COMMANDS_KEPT_MS = 30 * 24 * 3600 * 1000
HOUR_MS = 3600 * 1000
INCIDENT_EVERY_S = 600.0
# Of the file's share: when shedding begins, and when it has made room enough.
FULL, ROOMY = 0.94, 0.92
# Below the reserve what is freed within the file is still used, down to this.
FREE_BYTES_MIN = 1 << 20
SHEDDING_ORDER = (MEASUREMENT, EVENT, ALARM)
NAMES = {MEASUREMENT: "measurements", EVENT: "events", ALARM: "alarms"}

log = logging.getLogger("gateway.store")


class Housekeeping:
    """`disk_free()`: the bytes that are left on the store's disk; may raise OSError."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, disk_free: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._uplinks = tuple(settings.uplink)
        self._store = store
        self._clock = clock
        self._disk_free = disk_free
        self._told_s: dict[str, float] = {}
        self._untold: Counter[tuple[str, int]] = Counter()
        self.counters: Counter[str] = Counter()

    async def run(self) -> None:
        """Keep house for ever."""
        cleaned_s = self._clock.monotonic_s()
        while True:
            try:
                await self.check()
                if self._clock.monotonic_s() >= cleaned_s + CLEANING_S:
                    cleaned_s = self._clock.monotonic_s()
                    await self.clean()
            except StoreError as error:
                log.error("%s", error)
            await asyncio.sleep(CHECK_S)

    async def check(self) -> None:
        """Make room where there is too little."""
        await self._watch_disk()
        share = store_bounds.pages_bytes(self._settings.buffer.size_max_bytes)
        if await self._used_bytes() > FULL * share:
            while await self._used_bytes() > ROOMY * share:
                if not await self._free_some():
                    break
                await asyncio.sleep(0)
        await self._tell()

    async def clean(self) -> None:
        """Delete what nobody will ask for again, and what has become too old."""
        now_ms = self._clock.unix_ms()
        before_ms = now_ms - self._settings.limits.replay_window_h * HOUR_MS
        while await self._store.delete_delivered(self._uplinks, before_ms, STEP_MAX):
            await asyncio.sleep(0)
        await self._store.delete_finished_commands(now_ms - FINISHED_COMMANDS_KEPT_MS, STEP_MAX)
        # A clock that may be years ahead makes nothing old.
        if self._clock.is_trusted():
            age = self._settings.buffer.age_max_h
            hours = {ALARM: age.alarm, EVENT: age.event, MEASUREMENT: age.measurement}
            for reading_class in SHEDDING_ORDER:
                before_ms = now_ms - hours[reading_class] * HOUR_MS
                while await self._shed(reading_class, before_ms):
                    await asyncio.sleep(0)
        await self._tell()

    async def _used_bytes(self) -> int:
        size = await self._store.size()
        return size.file - size.free

    async def _free_some(self) -> bool:
        if await self._store.delete_delivered(self._uplinks, FOREVER_MS, STEP_MAX):
            return True
        for reading_class in SHEDDING_ORDER:
            if await self._shed(reading_class, FOREVER_MS):
                return True
        return False

    async def _shed(self, reading_class: int, before_ms: int) -> bool:
        shedding = await self._store.shed(self._uplinks, reading_class, before_ms, STEP_MAX)
        for uplink, count in shedding.lacking.items():
            self._untold[uplink, reading_class] += count
            self.counters["readings shed"] += count
        return shedding.deleted > 0

    async def _watch_disk(self) -> None:
        reserve = self._settings.buffer.disk_reserve_bytes
        try:
            free = self._disk_free()
        except OSError as error:
            log.error("the disk's room is not known: %s", error.strerror or error)
            return
        was_short = self._store.is_short
        # Once below, it must be clearly above.
        is_below = free < reserve + (reserve // 10 if was_short else 0)
        self._store.is_short = is_below and not await self._has_freed_room()
        if self._store.is_short and not was_short:
            self.counters["disk short"] += 1
            await self._note("disk_short", "store", f"{free} bytes are free, {reserve} are the "
                             "reserve: measurements stay at their nodes, alarms and events not")

    async def _has_freed_room(self) -> bool:
        """Return whether the file has room within, after delivered readings made some."""
        if (await self._store.size()).free < FREE_BYTES_MIN:
            await self._store.delete_delivered(self._uplinks, FOREVER_MS, STEP_MAX)
        return (await self._store.size()).free >= FREE_BYTES_MIN

    async def _tell(self) -> None:
        for uplink in sorted({uplink for uplink, _ in self._untold}):
            counts = {each: count for each, count in self._untold.items() if each[0] == uplink}
            shown = ", ".join(f"{count} {NAMES[each[1]]}" for each, count in counts.items())
            detail = f"{shown} were deleted before the uplink had them; explain shows which"
            if await self._note("readings_shed", uplink, detail):
                for each in counts:
                    del self._untold[each]

    async def _note(self, kind: str, subject: str, detail: str) -> bool:
        """Note an incident, each kind of each subject at most every INCIDENT_EVERY_S."""
        now_s = self._clock.monotonic_s()
        key = f"{kind} {subject}"
        if now_s < self._told_s.get(key, -INCIDENT_EVERY_S) + INCIDENT_EVERY_S:
            return False
        log.warning("%s: %s: %s", subject, kind, detail)
        await self._store.add_incident(IncidentRow(self._clock.unix_ms(), kind, subject, detail))
        self._told_s[key] = now_s
        return True
