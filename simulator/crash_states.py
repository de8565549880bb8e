"""What a power cut can leave on a disk, from the log of `simulator/disk.py`.

What was synced is durable. Of what was not, any part may have reached the disk, in sectors: the
states at each sync are *none*, *all*, and as many drawn subsets as one asks for, their last
write torn. A file may have grown without the data that made it grow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from simulator.disk import Create, Delete, Entry, Found, Note, Resize, Sync, Write

SECTOR_BYTES = 512
# Of kept writes other than the last, how many are torn; of lost ones, how many leave their size.
TORN = 0.1
GROWN = 0.3

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class CrashState:
    """The files after a power cut, and the notes that were made before it."""

    name: str  # which one it is: "12 subset 3" is the third subset at the log's entry 12
    files: Files
    notes: tuple[object, ...]

    def write_to(self, folder: Path) -> None:
        """Write the files into `folder`."""
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


class _Media:
    """What is durable (files by number, their names), and what is on its way."""

    def __init__(self) -> None:
        self._files: dict[int, bytearray] = {}
        self._names: dict[str, int] = {}
        self.pending: list[Entry] = []

    def sync(self, entry: Sync) -> None:
        """Make durable what `entry` says."""
        waiting, self.pending = self.pending, []
        for each in waiting:
            is_of_folder = isinstance(each, (Create, Delete))
            if entry.is_with_folder if is_of_folder else each.file == entry.file:
                self.apply(each)
            else:
                self.pending.append(each)

    def state(self, kept: Sequence[Entry]) -> Files:
        """Return the files when of what is on its way only `kept` has arrived."""
        media = _Media()
        media._files = {file: bytearray(content) for file, content in self._files.items()}
        media._names = dict(self._names)
        for each in kept:
            media.apply(each)
        return {name: bytes(media._files.get(file, b"")) for name, file in media._names.items()}

    def apply(self, entry: Entry) -> None:
        """Let one change arrive."""
        if isinstance(entry, (Create, Found)):
            self._names[entry.name] = entry.file
        elif isinstance(entry, Delete) and self._names.get(entry.name) == entry.file:
            del self._names[entry.name]
        if isinstance(entry, Found):
            self._files[entry.file] = bytearray(entry.content)
        elif isinstance(entry, (Write, Resize)):
            file = self._files.setdefault(entry.file, bytearray())
            start = entry.size if isinstance(entry, Resize) else entry.offset
            file.extend(bytes(max(0, start - len(file))))
            if isinstance(entry, Resize):
                del file[start:]
            else:
                file[start : start + len(entry.data)] = entry.data


def crash_states(log: Sequence[Entry], random: Random, subsets: int) -> Iterator[CrashState]:
    """Give the states at each sync in `log`, and at its end; the same ones for the same seed."""
    media = _Media()
    notes: list[object] = []
    for index, entry in enumerate([*log, Sync(None, True)]):
        if isinstance(entry, Note):
            notes.append(entry.about)
        elif isinstance(entry, Found):
            media.apply(entry)
        elif isinstance(entry, Sync):
            for how, kept in _cuts(media.pending, random, subsets):
                yield CrashState(f"{index} {how}", media.state(kept), tuple(notes))
            media.sync(entry)
        else:
            media.pending.append(entry)


def _cuts(
    pending: Sequence[Entry], random: Random, subsets: int
) -> Iterator[tuple[str, Sequence[Entry]]]:
    yield "none", ()
    if pending:
        yield "all", pending
    for number in range(subsets if len(pending) > 1 else 0):
        yield f"subset {number}", _subset(pending, random)


def _subset(pending: Sequence[Entry], random: Random) -> list[Entry]:
    share = random.random()
    kept: list[Entry] = []
    for each in pending:
        if random.random() < share:
            is_torn = isinstance(each, Write) and random.random() < TORN
            kept += _torn(each, random) if is_torn else [each]
        elif isinstance(each, Write) and random.random() < GROWN:
            # The size has reached the disk, the data has not.
            kept.append(Write(each.file, each.offset + len(each.data), b""))
    if kept and isinstance(kept[-1], Write):
        kept += _torn(kept.pop(), random)
    return kept


def _torn(write: Write, random: Random) -> list[Write]:
    """Return some of the sectors of `write`."""
    end = write.offset + len(write.data)
    borders = [write.offset, *range(write.offset // SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES,
                                    end, SECTOR_BYTES), end]
    parts = []
    for first, after in zip(borders, borders[1:], strict=False):
        if random.random() < 0.5:
            data = write.data[first - write.offset : after - write.offset]
            parts.append(Write(write.file, first, data))
    return parts
