"""A file of lines that survives a crash: appended and synced, rotated by size.

Each line is one JSON array whose first record has a label "rows", "epoch:ranges" of the readings
in it, "epoch:replay-3:ranges" where replay 3 wrote it; from it a restart knows what was written
before the crash and not yet noted elsewhere.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from gateway import sequence_ranges
from protocol.errors import DecodeError

ROWS_LABEL = "rows"
# The last batch lies within the file's last bytes: packs of 64 KiB, 50 in a line, text escaped.
TAIL_BYTES_MAX = 24 << 20


class JsonLines:
    """The open file at `path`; at most `keep` older ones stay as `path`.1, `path`.2 and so on."""

    def __init__(self, path: str, rotate_bytes: int, keep: int) -> None:
        self._path = Path(path)
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._file: int | None = None

    def open(self) -> dict[str, set[int]]:
        """Open the file, cut a torn last line off, and return the row ids in its last batch.

        They come by what stands before them in the label: ids of another store mean other
        readings. More ids than the last batch's may be among them. Raises OSError.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        size = os.fstat(self._file).st_size
        start = max(0, size - TAIL_BYTES_MAX)
        tail = os.pread(self._file, size - start, start)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            os.ftruncate(self._file, start + whole)
        os.fsync(self._file)
        _sync_folder(self._path.parent)
        rows: dict[str, set[int]] = {}
        for line in tail[:whole].splitlines():
            origin, ids = _rows(line)
            rows.setdefault(origin, set()).update(ids)
        return rows

    def append(self, lines: Sequence[str]) -> None:
        """Write `lines` and return once they are on the disk; all in one file. Raises OSError."""
        size = os.fstat(self._file).st_size
        if size >= self._rotate_bytes:
            self._rotate()
            size = 0
        data = "".join(line + "\n" for line in lines).encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError:
            # After a failed fsync the system may call the same bytes written next time.
            os.ftruncate(self._file, size)
            raise

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep, 0, -1):
            older = self._path if number == 1 else self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        if self._keep == 0:
            self._path.unlink()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._file = os.open(self._path, flags, 0o640)
        _sync_folder(self._path.parent)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _rows(line: bytes) -> tuple[str, list[int]]:
    """Return what a line of ours names, its origin and row ids; no ids of one that is not ours."""
    try:
        origin, _, ranges = json.loads(line)[0][ROWS_LABEL].rpartition(":")
        return origin, sequence_ranges.expand(sequence_ranges.parse(ranges))
    except (ValueError, LookupError, TypeError, AttributeError, DecodeError, RecursionError):
        return "", []


def _sync_folder(folder: Path) -> None:
    """Make names in `folder` durable, not just the files' contents."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
