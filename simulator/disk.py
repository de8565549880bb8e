"""A disk under SQLite that remembers what was synced, and fails on request (APSW's VFS).

The files are real ones, so that several connections share memory and locks as they do in the
field; every change to them is written down in `Disk.log`, of which `simulator/crash_states.py`
makes the states that a power cut can leave. A disk of a long run gets a `simulator.unsynced`
instead, which keeps only what is not durable.
"""

import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import apsw

# What is created together with its directory entry's sync: SQLite syncs the folder for these.
_SYNCED_WITH_FOLDER = (
    apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
)
PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was there, durable, before the log began."""

    name: str
    file: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Create:
    """The directory entry of a new file; a name may come again, a file's number does not."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Write:
    """`data` at `offset` of a file."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file cut, or extended by zeros, to `size` bytes."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Delete:
    """The end of a directory entry."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Sync:
    """All of a file made durable (None: of none); with its folder: the directory entries too."""

    file: int | None
    is_with_folder: bool


@dataclass(frozen=True, slots=True)
class Note:
    """What a workload wrote down, between what the disk did before and after."""

    about: object


Entry = Found | Create | Write | Resize | Delete | Sync | Note


class Unsynced(Protocol):
    """What keeps of all changes those that are not durable."""

    def add(self, entry: Entry, path: str, inode: int, size: int, before: bytes = b"") -> None:
        """Note a change of the file at `path`, of `size` bytes before it."""

    def sync(self, sync: Sync) -> list[Entry]:
        """Return the changes that have become durable."""

    def forget_elsewhere(self) -> None:
        """Forget the files that are no longer where SQLite has them."""


class Trouble(StrEnum):
    """How a disk answers what it cannot do."""

    FULL = "full"
    IO = "io"
    READ_ONLY = "read-only"


_ERRORS = {
    Trouble.FULL: apsw.FullError,
    Trouble.IO: apsw.IOError,
    Trouble.READ_ONLY: apsw.ReadOnlyError,
}


@dataclass(slots=True)
class _Fault:
    trouble: Trouble
    after: int
    times: int | None


@dataclass(slots=True)
class _Place:
    path: str
    inode: int
    size: int


class Disk:
    """A disk that SQLite knows as the VFS `name`; one that lies says "synced" and does nothing.

    `on_durable(file name, changes)` hears of each sync that made something durable; it needs
    `unsynced`, which keeps the changes in the log's stead.
    """

    def __init__(
        self,
        name: str,
        unsynced: Unsynced | None = None,
        on_durable: Callable[[str, Sequence[Entry]], None] = lambda name, entries: None,
    ) -> None:
        self.name = name
        self._unsynced = unsynced
        self.on_durable = on_durable
        self.log: list[Entry] = []
        self.room_bytes: int | None = None  # for all files together; None: enough
        self.sync_delay_s = 0.0
        self.is_lying = False
        self.counts = {"read": 0, "write": 0, "resize": 0, "sync": 0}
        self._faults: dict[str, _Fault] = {}
        self._files: dict[str, int] = {}
        self._places: dict[int, _Place] = {}
        self._dies_after: int | None = None
        self._numbers = itertools.count()
        self._vfs = _Vfs(self)

    def close(self) -> None:
        """Unregister the VFS; connections that use it must be closed."""
        self._vfs.unregister()

    def note(self, about: object) -> None:
        """Write down in the log what a workload knows at this moment."""
        self.log.append(Note(about))

    def fail(
        self, operation: str, trouble: Trouble, after: int = 0, times: int | None = None
    ) -> None:
        """Have a "read", "write", "resize" or "sync" fail: `times` times (None: until healed).

        The first `after` of them still work.
        """
        assert operation in self.counts, operation
        self._faults[operation] = _Fault(trouble, after, times)

    def heal(self) -> None:
        """Work again; what happened stays as it is."""
        self._faults.clear()
        self.room_bytes = None

    def die_after(self, operations: int) -> None:
        """Do so many more writes, changes of size and syncs, then no other for ever."""
        self._dies_after = operations

    def used_bytes(self) -> int:
        """Return the bytes that all files have together."""
        return sum(place.size for place in self._places.values())

    # What the files below call

    def meet(self, operation: str) -> None:
        """Count an operation; raise what it is to fail with."""
        self.counts[operation] += 1
        if self._dies_after is not None and operation != "read":
            if self._dies_after == 0:
                raise apsw.IOError("the power is gone")
            self._dies_after -= 1
        fault = self._faults.get(operation)
        if fault is None:
            return
        if fault.after > 0:
            fault.after -= 1
            return
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                del self._faults[operation]
        raise _ERRORS[fault.trouble](f"{operation} fails by request")

    def opened(self, path: str, is_new: bool) -> int:
        """Return the number of a file that was opened; `is_new`: just now made."""
        name = Path(path).name
        found = os.stat(path)
        known = self._files.get(name)
        if not is_new and known is not None and self._places[known].inode == found.st_ino:
            return known
        self._forget_moved()
        file = self._files[name] = next(self._numbers)
        self._places[file] = _Place(path, found.st_ino, found.st_size)
        if is_new:
            self._note(Create(name, file), self._places[file], 0)
        elif self._unsynced is None:
            self.log.append(Found(name, file, Path(path).read_bytes()))
        return file

    def _forget_moved(self) -> None:
        """Forget files that somebody else than SQLite has renamed or deleted."""
        if self._unsynced is not None:
            self._unsynced.forget_elsewhere()
        for name, file in list(self._files.items()):
            if inode_of(self._places[file].path) != self._places[file].inode:
                del self._files[name], self._places[file]

    def _note(self, entry: Entry, place: _Place, size: int, before: bytes = b"") -> None:
        if self._unsynced is None:
            self.log.append(entry)
        else:
            self._unsynced.add(entry, place.path, place.inode, size, before)

    def before(self, path: str) -> bytes:
        """Return what is in a file that is about to be deleted, where it must be kept."""
        return b"" if self._unsynced is None else Path(path).read_bytes()

    def overwritten(self, file: int, offset: int, end: int) -> int:
        """Return how many bytes between `offset` and `end` must be kept before a write."""
        place = self._places.get(file)
        if self._unsynced is None or place is None:
            return 0
        return max(0, min(end, place.size) - offset)

    def deleted(self, path: str, before: bytes = b"") -> None:
        """Note that a file's entry is gone; in it was `before`."""
        name = Path(path).name
        file = self._files.pop(name, None)
        if file is not None:
            self._note(Delete(name, file), self._places.pop(file), len(before), before)

    def check_room(self, file: int, end: int) -> None:
        """Raise FullError where a file of `end` bytes finds no room."""
        place = self._places.get(file)
        growth = max(0, end - (place.size if place else 0))
        if self.room_bytes is not None and growth:
            if self.used_bytes() + growth > self.room_bytes:
                raise apsw.FullError("no room left")

    def written(self, file: int, offset: int, data: bytes, before: bytes = b"") -> None:
        """Note a write; `before` stood there."""
        place = self._places.get(file)
        if place is not None:
            self._note(Write(file, offset, data), place, place.size, before)
            place.size = max(place.size, offset + len(data))

    def resized(self, file: int, size: int, before: bytes = b"") -> None:
        """Note a change of size; `before` was cut off."""
        place = self._places.get(file)
        if place is not None:
            self._note(Resize(file, size), place, place.size, before)
            place.size = size

    def synced(self, file: int | None, is_with_folder: bool) -> None:
        """Note a sync."""
        if self.sync_delay_s:
            time.sleep(self.sync_delay_s)
        if self.is_lying:
            return
        entry = Sync(file, is_with_folder)
        if self._unsynced is None:
            self.log.append(entry)
        elif (durable := self._unsynced.sync(entry)) and file in self._places:
            self.on_durable(Path(self._places[file].path).name, durable)


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name, flags):
        if name is None:
            return apsw.VFSFile("", name, flags)
        return _File(self._disk, name, flags)

    def xDelete(self, name, syncdir):
        before = self._disk.before(name)
        super().xDelete(name, False)
        self._disk.deleted(name, before)
        if syncdir:
            self._disk.synced(None, True)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        path = name if isinstance(name, str) else name.filename()
        is_new = not os.path.exists(path)
        super().__init__("", name, flags)
        self._disk = disk
        self._file = disk.opened(path, is_new)
        self._is_entry_new = is_new and bool(flags[0] & _SYNCED_WITH_FOLDER)

    def xRead(self, amount, offset):
        self._disk.meet("read")
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):
        self._disk.meet("write")
        end = offset + len(data)
        self._disk.check_room(self._file, end)
        before = self._before(offset, end)
        super().xWrite(data, offset)
        self._disk.written(self._file, offset, bytes(data), before)

    def _before(self, offset, end):
        kept = self._disk.overwritten(self._file, offset, end)
        return super().xRead(kept, offset) if kept else b""

    def xTruncate(self, size):
        self._disk.meet("resize")
        before = self._before(size, self.xFileSize())
        super().xTruncate(size)
        self._disk.resized(self._file, size, before)

    def xSync(self, flags):
        # The log decides what is durable; the real disk below need not work for it.
        self._disk.meet("sync")
        self._disk.synced(self._file, self._is_entry_new)
        self._is_entry_new = False


def inode_of(path: str) -> int | None:
    """Return which file is at `path` now."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


# How a file rots. None of these goes through a connection: SQLite finds it when it next reads.

def flip_bit(path: Path, bit: int) -> None:
    """Flip one bit of a file, counted from its start, the lowest of a byte first."""
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes((byte ^ 1 << bit % 8,)))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Put `data` into a file: zeros for a page that was never written, noise for a torn one."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def cut(path: Path, size: int) -> None:
    """Cut a file to `size` bytes."""
    os.truncate(path, size)
