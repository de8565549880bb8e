"""A gateway's disk through all its lives: its files, what goes wrong with it, what a crash leaves.

Each life works in a folder of its own. What follows a crash is a copy of what the crash leaves,
so that nothing that the dead one still does to its files has any effect.
"""

import hashlib
import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import apsw

from simulator.disk import PAGE_BYTES, Disk, Entry, Resize, Trouble, Write, flip_bit
from simulator.disk_executor import DiskExecutor
from simulator.unsynced import Unsynced

SYNC_S = 0.004
"""How long a small synced write takes: an estimate for an SD card, half to one and a half times
as long each."""
ENOUGH_BYTES = 1 << 40
DIGEST_BYTES = 16
LOG, SHARED_MEMORY = "-wal", "-shm"
MARK = "-mark"
READER = "store reader"

OnSync = Callable[[str, int, bytes], None]
_numbers = itertools.count()


class GatewayDisk:
    """The disk of one gateway, under `folder`; all that is drawn comes from `random`.

    `on_sync(file name, bytes, digest)` hears of what has become durable.
    """

    def __init__(self, folder: Path, random: Random, on_sync: OnSync) -> None:
        self._base = folder
        self._random = random
        self._on_sync = on_sync
        self._lives = 0
        self.sync_delay_s = 0.0  # for each synced write, more than what it always takes
        self._room_bytes: int | None = None
        self._is_lying = False
        self._executors: list[DiskExecutor] = []
        self._troubles: dict[str, tuple[Trouble, int, int | None]] = {}
        self._vfs: Disk | None = None
        self._unsynced = Unsynced()
        self.folder = folder / "0"
        self.folder.mkdir(parents=True)

    @property
    def unsynced(self) -> int:
        """How many changes are not durable yet."""
        return len(self._unsynced)

    # What a gateway is built on

    def mount(self) -> str:
        """Return the name of SQLite's VFS for the next life."""
        self._unsynced = Unsynced()
        # SQLite's names are the process's; none of them reaches what is traced.
        self._vfs = Disk(f"gateway disk {next(_numbers)}", self._unsynced, self._durable)
        self._vfs.is_lying = self._is_lying
        self._executors = []
        self._apply()
        return self._vfs.name

    def new_executor(self, name: str) -> DiskExecutor:
        """Return an executor that waits for the disk; reads find what they need in memory."""
        executor = DiskExecutor((lambda: 0.0) if name == READER else self._delay_s)
        self._executors.append(executor)
        return executor

    def free_bytes(self, folder: str) -> int:
        """Return how many bytes are left."""
        if self._vfs is None or self._vfs.room_bytes is None:
            return ENOUGH_BYTES
        return max(0, self._vfs.room_bytes - self._vfs.used_bytes())

    def _delay_s(self) -> float:
        return (SYNC_S + self.sync_delay_s) * self._random.uniform(0.5, 1.5)

    # What goes wrong with it

    @property
    def room_bytes(self) -> int | None:
        """The room for all of the store's files together; None: enough."""
        return self._room_bytes

    @room_bytes.setter
    def room_bytes(self, room_bytes: int | None) -> None:
        self._room_bytes = room_bytes
        self._apply()

    def fail(
        self, operation: str, trouble: Trouble = Trouble.IO, after: int = 0,
        times: int | None = None,
    ) -> None:
        """Fail as `Disk.fail`, in the next lives too unless it is over after `times`."""
        if times is None:
            self._troubles[operation] = trouble, after, times
        if self._vfs is not None:
            self._vfs.fail(operation, trouble, after, times)

    def lie(self) -> None:
        """Say "synced", and do nothing."""
        self._is_lying = True
        if self._vfs is not None:
            self._vfs.is_lying = True

    def rot(self, bits: int) -> list[str]:
        """Flip bits of the store, anywhere in its files; return where, for people."""
        found = []
        for _ in range(bits):
            files = [each for each in self._database_files() if each.stat().st_size]
            if files:
                sizes = [each.stat().st_size for each in files]
                [file] = self._random.choices(files, sizes)
                bit = self._random.randrange(8 * file.stat().st_size)
                flip_bit(file, bit)
                found.append(f"bit {bit} of {file.name}")
        return found

    def heal(self) -> None:
        """Work again, at its usual pace; what happened stays as it is."""
        self.sync_delay_s = 0.0
        self._room_bytes = None
        self._troubles.clear()
        self._is_lying = False
        if self._vfs is not None:
            self._vfs.heal()
            self._vfs.is_lying = False

    def _apply(self) -> None:
        if self._vfs is not None:
            self._vfs.room_bytes = self._room_bytes
            for operation, trouble in self._troubles.items():
                self._vfs.fail(operation, *trouble)

    # How a life ends

    def crash(self, is_power_cut: bool) -> "Wreck":
        """Leave the files to the dead one, and go on with what a crash leaves of them.

        A kill leaves what the operating system was told, a power cut what was synced and a part
        of the rest.
        """
        self._cut_works()
        dead, self._lives = self.folder, self._lives + 1
        self.folder = self._base / str(self._lives)
        shutil.copytree(dead, self.folder, ignore=_no_shared_memory)
        if is_power_cut:
            self._lose_unsynced(dead)
        wreck, self._vfs = Wreck(dead, self._vfs), None
        return wreck

    def leave(self) -> "Wreck":
        """Go on with the same files after a life that could not begin."""
        wreck, self._vfs = Wreck(None, self._vfs), None
        return wreck

    def unmount(self) -> None:
        """End a life in order: its connections are closed."""
        self._vfs.close()
        self._vfs = None

    def _cut_works(self) -> None:
        """Let the works under way end at any of their steps."""
        before = {each: each.stat().st_size for each in self._plain_files()}
        # Few steps and many are as likely: a commit has some, folding the log in has thousands.
        self._vfs.die_after(int(2 ** self._random.uniform(0, 10)) - 1)
        for executor in self._executors:
            executor.cut()
        self._vfs.on_durable = _nobody
        for each in self._plain_files():
            size = each.stat().st_size
            if size > before.get(each, size):
                with open(each, "r+b") as file:
                    file.truncate(self._random.randint(before[each], size))

    def _lose_unsynced(self, dead: Path) -> None:
        paths, state = self._unsynced.after_power_cut(self._random)
        for path in sorted(paths):
            left = self.folder / Path(path).relative_to(dead)
            left.unlink(missing_ok=True)
            if left.name in state.files:
                left.write_bytes(state.files[left.name])
        # Never synced: an older one may be there, or none.
        for each in self._plain_files():
            if each.name.endswith(MARK) and self._random.random() < 0.5:
                each.unlink()

    def _plain_files(self) -> list[Path]:
        """Return what is not SQLite's own, in a fixed order."""
        own = self._database_files()
        return [each for each in sorted(self.folder.rglob("*"))
                if each.is_file() and each not in own and not each.name.endswith(SHARED_MEMORY)]

    def _database_files(self) -> list[Path]:
        return [each for each in sorted(self.folder.rglob("*.db*"))
                if each.name.endswith((".db", f".db{LOG}"))]

    def _durable(self, name: str, entries: Sequence[Entry]) -> None:
        # In the headers of SQLite's log and journal, and of their pages, are salts and nonces of
        # SQLite's own random numbers (file format, 3 and 4): they stand for nothing.
        is_log = not name.endswith(".db")
        digest, size = hashlib.blake2b(digest_size=DIGEST_BYTES), 0
        for each in entries:
            if isinstance(each, Write) and not (is_log and len(each.data) < PAGE_BYTES):
                digest.update(b"%d:" % each.offset)
                digest.update(each.data)
                size += len(each.data)
            elif isinstance(each, Resize):
                digest.update(b"=%d" % each.size)
        self._on_sync(name, size, digest.digest())


class Wreck:
    """What a crash leaves behind: open files, that nobody reads any more."""

    def __init__(self, folder: Path | None, vfs: Disk) -> None:
        self._folder = folder
        self._vfs = vfs

    def clear(self) -> None:
        """Close the files and delete the folder; nothing that uses them may run any more."""
        for each in apsw.connections():
            if each.open_vfs == self._vfs.name:
                # Else SQLite would fold the log in, of which nobody would know.
                each.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                each.close(True)
        self._vfs.close()
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _no_shared_memory(folder: str, names: list[str]) -> list[str]:
    # A machine that starts anew has none, and SQLite makes it of its log.
    return [each for each in names if each.endswith(SHARED_MEMORY)]


def _nobody(name: str, entries: Sequence[Entry]) -> None:
    pass
