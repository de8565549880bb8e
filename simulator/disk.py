"""A disk under SQLite that remembers what was synced, and fails on request (APSW's VFS).

The files are real ones, so that several connections share memory and locks as they do in the
field; every change to them is written down in `Disk.log`, of which `simulator/crash_states.py`
makes the states that a power cut can leave.
"""

import itertools
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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


class Disk:
    """A disk that SQLite knows as the VFS `name`; one that lies says "synced" and does nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[Entry] = []
        self.room_bytes: int | None = None  # for all files together; None: enough
        self.sync_delay_s = 0.0
        self.is_lying = False
        self.counts = {"read": 0, "write": 0, "resize": 0, "sync": 0}
        self._faults: dict[str, _Fault] = {}
        self._files: dict[str, int] = {}
        self._sizes: dict[int, int] = {}
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

    # What the files below call

    def meet(self, operation: str) -> None:
        """Count an operation; raise what it is to fail with."""
        self.counts[operation] += 1
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
        if not is_new and name in self._files:
            return self._files[name]
        file = self._files[name] = next(self._numbers)
        self._sizes[file] = os.path.getsize(path)
        found = Found(name, file, b"" if is_new else Path(path).read_bytes())
        self.log.append(Create(name, file) if is_new else found)
        return file

    def deleted(self, path: str) -> None:
        """Note that a file's entry is gone."""
        name = Path(path).name
        file = self._files.pop(name, None)
        if file is not None:
            del self._sizes[file]
            self.log.append(Delete(name, file))

    def check_room(self, file: int, end: int) -> None:
        """Raise FullError where a file of `end` bytes finds no room."""
        growth = max(0, end - self._sizes.get(file, 0))
        if self.room_bytes is not None and growth:
            if sum(self._sizes.values()) + growth > self.room_bytes:
                raise apsw.FullError("no room left")

    def written(self, file: int, offset: int, data: bytes) -> None:
        """Note a write."""
        self._sizes[file] = max(self._sizes.get(file, 0), offset + len(data))
        self.log.append(Write(file, offset, data))

    def resized(self, file: int, size: int) -> None:
        """Note a change of size."""
        self._sizes[file] = size
        self.log.append(Resize(file, size))

    def synced(self, file: int | None, is_with_folder: bool) -> None:
        """Note a sync."""
        if self.sync_delay_s:
            time.sleep(self.sync_delay_s)
        if not self.is_lying:
            self.log.append(Sync(file, is_with_folder))


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name, flags):
        if name is None:
            return apsw.VFSFile("", name, flags)
        return _File(self._disk, name, flags)

    def xDelete(self, name, syncdir):
        super().xDelete(name, False)
        self._disk.deleted(name)
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
        self._disk.check_room(self._file, offset + len(data))
        super().xWrite(data, offset)
        self._disk.written(self._file, offset, bytes(data))

    def xTruncate(self, size):
        self._disk.meet("resize")
        super().xTruncate(size)
        self._disk.resized(self._file, size)

    def xSync(self, flags):
        # The log decides what is durable; the real disk below need not work for it.
        self._disk.meet("sync")
        self._disk.synced(self._file, self._is_entry_new)
        self._is_entry_new = False


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
