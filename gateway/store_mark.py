"""The last reading that was committed, beside the store: a log that lost its end is found out.

Written after each commit and never synced: after a power cut it may be older than the store, but
a store that is older than its mark has lost what was acknowledged.
"""

import contextlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import apsw

SUFFIX = "-mark"
_LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'readings'"
_EPOCH = "SELECT value FROM properties WHERE name = 'epoch'"


@dataclass(frozen=True, slots=True)
class Known:
    """What was true of a store for certain; 0 where nothing is known."""

    last_id: int = 0
    epoch: int = 0


class Mark:
    """The mark of the store at `path`, kept as "id epoch checksum" in a file of its own."""

    def __init__(self, path: str) -> None:
        self._path = path + SUFFIX
        self._kept = Known()

    def read(self) -> Known:
        """Return what is marked; nothing where that is not what was written."""
        try:
            content = Path(self._path).read_bytes()
        except OSError:
            return Known()
        text, _, stated = content.strip().rpartition(b" ")
        words = text.split()
        if stated != _checksum(text) or len(words) != 2:
            return Known()
        return Known(int(words[0]), int(words[1]))

    def keep(self, connection: apsw.Connection) -> None:
        """Mark what `connection` has committed."""
        # A store that works does not fail for its mark.
        with contextlib.suppress(OSError, apsw.Error):
            known = of_store(connection, self._kept.epoch)
            if known != self._kept:
                self._write(known)
                self._kept = known

    def _write(self, known: Known) -> None:
        text = b"%019d %019d" % (known.last_id, known.epoch)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, text + b" " + _checksum(text) + b"\n", 0)
        finally:
            os.close(descriptor)


def of_store(connection: apsw.Connection, epoch: int = 0) -> Known:
    """Return what is true of a store now; its `epoch` where it is known already."""
    last = connection.execute(_LAST).get or 0
    return Known(last, epoch or connection.execute(_EPOCH).get or 0)


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
