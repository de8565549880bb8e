"""A node's durable store whose power goes amid an operation, that is full, or that is worn.

It gives what `firmware.adapters.file_store` gives on littlefs, operation by operation; every cut
of the flash below it is tried in `tests/firmware/power_cut.py`.
"""

import errno
import random
from collections.abc import Callable

from simulator.halted import Halted
from simulator.virtual_board import MemoryStore


class Flash(MemoryStore):
    """The store of a node under faults; its content outlives resets and power cuts.

    `rng` draws what a cut leaves. `operations` counts writes, appends and removals, `failures`
    those that a full or worn flash refused.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._random = rng
        self._cut_in: int | None = None
        self._on_cut: Callable[[], None] | None = None
        self._is_dark = False
        self._room_bytes: int | None = None
        self._worn_share = 0.0
        self._worn_random = rng
        self.operations = self.failures = 0

    def cut_at(self, operation: int, on_cut: Callable[[], None]) -> None:
        """Take the power at the `operation`-th operation from now, 1 being the next one.

        A cut write or removal was done or not; an append may have left any part. Nothing changes
        the content from then on until power_on().
        """
        assert operation >= 1
        self._cut_in, self._on_cut = operation, on_cut

    def keep_power(self) -> None:
        """Forget a cut that has not come yet."""
        self._cut_in = self._on_cut = None

    def power_on(self) -> None:
        """Work again after a cut: call it before the node boots."""
        self._is_dark = False

    def fill(self, room_bytes: int = 0) -> None:
        """Have room for so many bytes more; what is removed makes room."""
        self._room_bytes = room_bytes

    def wear(self, share: float, rng: random.Random) -> None:
        """Let a share of all operations fail; a failed append may leave a part."""
        self._worn_share, self._worn_random = share, rng

    def heal(self) -> None:
        """Be neither full nor worn any more."""
        self._room_bytes, self._worn_share = None, 0.0

    def write(self, key: str, data: bytes) -> None:
        self._begin(key, len(data))
        is_cut = self._is_dark
        if not is_cut or self._random.random() < 0.5:
            self._change(key, super().write, data)
        if is_cut:
            raise self._cut()

    def append(self, key: str, data: bytes) -> None:
        self._begin(key, len(data), data)
        if not self._is_dark:
            self._change(key, super().append, data)
            return
        part = self._part(data)
        self._change(key, super().append, part)
        raise self._cut(part)

    def remove(self, key: str) -> None:
        try:
            self._begin(key, 0)
        except OSError:
            # As the adapter has it: it is still there, and nothing is said.
            return
        is_cut = self._is_dark
        if not is_cut or self._random.random() < 0.5:
            self._change(key, super().remove)
        if is_cut:
            raise self._cut()

    def _begin(self, key: str, length: int, appended: bytes | None = None) -> None:
        """Count an operation; it becomes dark if this is the one that is cut."""
        if self._is_dark:
            raise Halted
        self.operations += 1
        if self._cut_in is not None:
            self._cut_in -= 1
            if not self._cut_in:
                self._cut_in, self._is_dark = None, True
                return
        if self._room_bytes is not None and length > self._room_bytes:
            # A write needs its room before what it replaces is given back.
            self.failures += 1
            raise OSError(errno.ENOSPC, "no room")
        if self._worn_share and self._worn_random.random() < self._worn_share:
            self.failures += 1
            if appended:
                part = self._worn_random.randrange(len(appended))
                self._change(key, super().append, appended[:part])
            raise OSError(errno.EIO, "worn")

    def _change(self, key: str, change: Callable, *data: bytes) -> None:
        before = len(self.read(key) or b"")
        change(key, *data)
        if self._room_bytes is not None:
            self._room_bytes += before - len(self.read(key) or b"")

    def _part(self, data: bytes) -> bytes:
        """Draw what a cut append leaves: none, all or a part."""
        return data[:self._random.choice((0, len(data), self._random.randint(0, len(data))))]

    def _cut(self, appended: bytes = b"") -> Halted:
        on_cut, self._on_cut = self._on_cut, None
        return Halted(on_cut, appended)
