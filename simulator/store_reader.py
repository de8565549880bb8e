"""Looks into a gateway's store without its knowing: what stands in it, and what waits in it.

Read through SQLite's usual files, so that faults of the gateway's own disk stand in nobody's way.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import apsw

from gateway import ledger, range_set
from gateway.rows import Lane
from simulator.account import ReadingId

SHED = "shed"
"""The reason of what was deleted before an uplink had it."""

Stored = tuple[tuple[str, int, int, int], ...]
"""(endpoint, boot, first sequence, last sequence), in order."""
Explained = tuple[tuple[str, int, int, int, str], ...]
"""The same with the reason why they are not here."""

_IDS = """SELECT name, boot, sequence FROM readings JOIN endpoints ON endpoints.id = endpoint_id
    WHERE sequence IS NOT NULL ORDER BY name, boot, sequence"""
_GAPS = f"""SELECT name, boot, first, gaps.last, reason FROM gaps
    JOIN boots ON boots.id = boot_id JOIN endpoints ON endpoints.id = endpoint_id
    WHERE reason != '{ledger.MISSING}'
    UNION SELECT name, boot, first, last, '{SHED}' FROM sheds
    JOIN endpoints ON endpoints.id = endpoint_id WHERE boot IS NOT NULL
    ORDER BY name, boot, first"""
_WAITING = """SELECT count(*) FROM readings WHERE lane = ? AND id > coalesce(
    (SELECT reading_id FROM cursors WHERE uplink = ? AND lane = ?), 0)"""
# Ids rise without gaps, and the oldest readings are deleted first: a count would read them all.
_ROWS = """SELECT coalesce(
    (SELECT max(id) FROM readings) - (SELECT min(id) FROM readings) + 1, 0)"""


@contextlib.contextmanager
def _opened(path: Path, is_live: bool) -> Iterator[apsw.Connection]:
    if is_live:
        with contextlib.closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)) as found:
            yield found
        return
    # Whoever closes a store last folds its log in: what waits for its gateway stays as it is.
    with tempfile.TemporaryDirectory() as folder:
        for each in (path, path.with_name(f"{path.name}-wal")):
            if each.exists():
                shutil.copy(each, folder)
        with contextlib.closing(apsw.Connection(str(Path(folder) / path.name))) as found:
            yield found


def ids(path: Path, is_live: bool) -> set[ReadingId]:
    """Return the numbered readings in the store at `path`; `is_live`: its gateway runs."""
    with _opened(path, is_live) as connection:
        return set(connection.execute(_IDS))


def contents(path: Path, is_live: bool) -> tuple[Stored, Explained]:
    """Return what the store holds, and what its ledger explains."""
    with _opened(path, is_live) as connection:
        rows = connection.execute(_IDS).fetchall()
        explained = tuple(connection.execute(_GAPS))
    stored = []
    for (endpoint, boot), found in groupby(rows, lambda row: row[:2]):
        ranges = range_set.of_numbers(sequence for _, _, sequence in found)
        stored += [(endpoint, boot, first, last) for first, last in ranges]
    return tuple(stored), explained


def sizes(path: Path, uplinks: Iterable[str]) -> tuple[int, dict[str, int]]:
    """Return how many readings a live store holds at most, and how many wait for each uplink."""
    with _opened(path, is_live=True) as connection:
        waiting = {uplink: sum(connection.execute(_WAITING, (lane, uplink, lane)).get
                               for lane in Lane) for uplink in uplinks}
        return connection.execute(_ROWS).get, waiting
