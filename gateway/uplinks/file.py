"""The uplink `file`: SenML JSON lines on the gateway's own disk, each line one pack.

The cursor moves after fsync. A crash between the two leaves lines that the cursor does not know
of: at the next start they are recognised by their row ids and not written again. So every reading
stands in the file once, as long as the file is this gateway's alone; and once more for each replay
that holds it, which knows its own lines in the same way and those of others not at all.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from gateway.settings import FileUplink as FileSettings
from gateway.store import StoreError
from gateway.uplinks.json_lines import ROWS_LABEL, JsonLines
from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.pump import Pump, backoff_s
from gateway.uplinks.senml_pack import Pack

KEY_LABEL = "id"
BATCH_PACKS_MAX = 200
BATCH_CHARACTERS_MAX = 1 << 20

# Row ids that stand in the file's end, by their origin.
Written = dict[str, set[int]]

log = logging.getLogger(__name__)


class FileUplink:
    """Writes what `pump` has; file work runs in `executor`."""

    def __init__(
        self,
        settings: FileSettings,
        pump: Pump,
        executor: Executor,
        random: Callable[[], float],
    ) -> None:
        self._lines = JsonLines(settings.path, settings.rotate_bytes, settings.keep)
        self._pump = pump
        self._executor = executor
        self._random = random
        self._failures = 0
        self.state = "closed"

    async def run(self) -> None:
        """Deliver for ever; what the disk refuses is kept and tried again."""
        while True:
            try:
                await self._pump.open()
                written = await self._in_executor(self._lines.open)
                await self._deliver(written)
            except (OSError, StoreError) as error:
                self.state = str(error)
                self._pump.counters["failures"] += 1
                self._pump.troubles.begin("uplink_failed", str(error))
                self._failures += 1
            finally:
                # After what the executor still writes: a number may soon be another file's.
                await self._in_executor(self._lines.close)
            await asyncio.sleep(backoff_s(self._failures, self._random))

    async def _deliver(self, written: Written) -> None:
        while True:
            self._pump.wake.clear()
            await self._pump.refill()
            batch, lines = self._next_batch(written)
            if lines:
                await self._in_executor(self._lines.append, lines)
            for window, pack in batch:
                self._pump.delivered(window, pack)
            # One batch at a time is in doubt: the next begins when the cursor knows of this one.
            await self._pump.save(urgent=self._pump.is_behind)
            # Not before: a full disk opens a file all the same.
            self.state, self._failures = "open", 0
            self._pump.troubles.end()
            if not batch:
                await self._pump.wake.wait()

    def _next_batch(self, written: Written) -> tuple[list[tuple[LaneWindow, Pack]], list[str]]:
        batch: list[tuple[LaneWindow, Pack]] = []
        lines: list[str] = []
        characters = 0
        while len(batch) < BATCH_PACKS_MAX and characters < BATCH_CHARACTERS_MAX:
            found = self._pump.next_pack(0)
            if found is None:
                break
            batch.append(found)
            for line in self._lines_of(*found, written):
                lines.append(line)
                characters += len(line)
        return batch, lines

    def _lines_of(self, window: LaneWindow, pack: Pack, written: Written) -> list[str]:
        epoch, replay = self._pump.epoch, self._pump.replay_of(window)
        origin = f"{epoch}" if replay is None else f"{epoch}:replay-{replay}"
        before = written.get(origin, ())
        missing = tuple(each for each in pack.readings if each.id not in before)
        if not missing:
            return []
        pack = Pack(missing)
        labels = ((KEY_LABEL, pack.key(epoch)), (ROWS_LABEL, pack.row_key(origin)))
        return [self._pump.encode(pack, labels)]

    async def _in_executor(self, function: Callable, *arguments: object) -> object:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, function, *arguments)
