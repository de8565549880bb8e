"""What a disk was told and has not made durable, with what stood there before: in bounded memory.

With it a disk's files can be taken back to what is durable, from which `simulator/crash_states.py`
makes what a power cut can leave, as it does from a whole log.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from simulator.crash_states import CrashState, crash_states
from simulator.disk import Create, Delete, Entry, Found, Resize, Sync, Write, inode_of


@dataclass(frozen=True, slots=True)
class _Change:
    entry: Entry
    path: str
    inode: int
    size: int  # of the file before
    before: bytes  # what was overwritten, cut off or deleted


class Unsynced:
    """The changes since each file's last sync, in their order."""

    def __init__(self) -> None:
        self._changes: list[_Change] = []

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, entry: Entry, path: str, inode: int, size: int, before: bytes = b"") -> None:
        """Note a change of the file that is now at `path`."""
        self._changes.append(_Change(entry, path, inode, size, before))

    def sync(self, sync: Sync) -> list[Entry]:
        """Return what has become durable; it is forgotten."""
        durable = [each.entry for each in self._changes if _is_meant(sync, each.entry)]
        if durable:
            gone = {each.file for each in durable if isinstance(each, Delete)}
            self._changes = [each for each in self._changes
                             if not _is_meant(sync, each.entry) and each.entry.file not in gone]
        return durable

    def forget_elsewhere(self) -> None:
        """Forget files that no longer are where SQLite opened them: others moved them away.

        Whoever renames a file of the store has synced it before.
        """
        there = {path: inode_of(path) for path in {each.path for each in self._changes}}
        self._changes = [each for each in self._changes if isinstance(each.entry, Delete)
                         or there[each.path] == each.inode]

    def after_power_cut(self, random: Random) -> tuple[set[str], CrashState]:
        """Return (paths of the files that are touched, one of the states that may be left)."""
        self.forget_elsewhere()
        states = list(crash_states(self.log(), random, subsets=2))
        return {each.path for each in self._changes}, random.choice(states)

    def log(self) -> list[Entry]:
        """Return a disk's log that begins now: the touched files as far as they are durable, and
        what is not."""
        return [*self._found(), *(each.entry for each in self._changes)]

    def _found(self) -> list[Found]:
        """Return the touched files as they would be without the changes."""
        contents: dict[int, bytearray] = {}
        names: dict[int, str] = {}
        for each in reversed(self._changes):
            file = each.entry.file
            names[file] = Path(each.path).name
            if isinstance(each.entry, Create):
                contents.pop(file, None)
                del names[file]
            elif isinstance(each.entry, Delete):
                contents[file] = bytearray(each.before)
            else:
                content = contents.setdefault(file, bytearray(_content(each.path)))
                _undo(content, each)
        return [Found(name, file, bytes(contents[file])) for file, name in names.items()]


def _is_meant(sync: Sync, entry: Entry) -> bool:
    if isinstance(entry, (Create, Delete)):
        return sync.is_with_folder
    return entry.file == sync.file


def _undo(content: bytearray, change: _Change) -> None:
    entry = change.entry
    if isinstance(entry, Resize) and change.before:
        del content[entry.size:]
        content += change.before
    elif isinstance(entry, Write) and change.before:
        content[entry.offset : entry.offset + len(change.before)] = change.before
    content.extend(bytes(max(0, change.size - len(content))))
    del content[change.size:]


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""
