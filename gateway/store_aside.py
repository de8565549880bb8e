"""A damaged store's files: salvaged into a fresh store, set aside with their date, kept a while.

Every step may be the last before a power cut. The fresh store gets its final name when it is
whole and durable, and only then do the old files lose theirs; the next start ends what was begun.
"""

import errno
import logging
import mmap
import os
from datetime import UTC, datetime
from pathlib import Path

import apsw
import msgspec

from gateway import private_file, store_wal
from gateway.salvage_report import Report
from gateway.store_database import StoreError
from gateway.store_mark import Known
from gateway.store_pages import Pages
from gateway.store_salvage import Salvage

SET_ASIDE_MAX = 5
"""So many damaged stores are kept; the oldest give way."""
LOG, SHARED_MEMORY, JOURNAL = "-wal", "-shm", "-journal"
_BEGUN, _WHOLE, _ASIDE, _REPORT = ".salvaging", ".salvaged-", ".damaged-", ".report.json"
# What a store consists of, in the order in which it is renamed.
_OLD = (LOG, JOURNAL, "")

log = logging.getLogger("gateway.store")


def finish(path: str) -> None:
    """End a salvage that was cut off: with the fresh store if it is whole, else begin anew."""
    for name in _beside(path, _BEGUN):
        os.unlink(name)
    for name in _beside(path, _WHOLE):
        _exchange(path, name.removeprefix(path + _WHOLE))
    for name in set_aside(path):
        if not any(os.path.exists(name + suffix) for suffix in _OLD):
            os.unlink(name + _REPORT)


def salvage(path: str, vfs: str | None, reason: str, known: Known, now_ms: int) -> Report:
    """Put a fresh store with the old one's rows in its place, and set the old one aside.

    No connection may have it open. `known` is true of the old one for certain. Where the disk has
    no room for it, stores that were set aside before give way. Raises StoreError, and leaves
    everything as it was, where the disk does not let it.
    """
    log.error("the store %s is damaged: %s", path, reason)
    while True:
        try:
            report = _exchanged(path, vfs, reason, known, now_ms)
        except (apsw.Error, OSError) as error:
            Path(path + _BEGUN).unlink(missing_ok=True)
            failure = _store_error(error)
            if failure.reason != "full" or not _forget_oldest(path, 0, 1):
                raise failure from error
        else:
            _forget_oldest(path, SET_ASIDE_MAX)
            return report


def _store_error(error: apsw.Error | OSError) -> StoreError:
    if isinstance(error, apsw.Error):
        return StoreError.of(error)
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return StoreError("full" if is_full else "io", f"salvaging: {error.strerror or error}")


def _exchanged(path: str, vfs: str | None, reason: str, known: Known, now_ms: int) -> Report:
    finish(path)
    begun = path + _BEGUN
    report = _salvaged(path, vfs, begun, reason, known, now_ms)
    _sync(begun)
    stamp = _stamp(path, now_ms)
    aside = path + _ASIDE + stamp
    _write_durably(aside + _REPORT, msgspec.json.format(msgspec.json.encode(report)))
    os.rename(begun, path + _WHOLE + stamp)
    _exchange(path, stamp)
    log.error("%s; the old file is %s", report.summary(), aside)
    return report


def _salvaged(
    path: str, vfs: str | None, begun: str, reason: str, known: Known, now_ms: int
) -> Report:
    try:
        found = store_wal.read(_content(path + LOG))
        with _mapped(path) as content:
            return _run(begun, vfs, content, found, reason, known, now_ms)
    except (apsw.Error, OSError):
        raise
    except Exception as error:
        # A bug must not keep the gateway from starting for ever: the old file is kept anyway.
        log.exception("salvaging %s failed", path)
        os.unlink(begun)
        report = _run(begun, vfs, b"", store_wal.read(b""), reason, known, now_ms)
        report.failure = f"{type(error).__name__}: {error}"
        return report


def _run(
    begun: str, vfs: str | None, content: bytes, found: store_wal.Log, reason: str,
    known: Known, now_ms: int,
) -> Report:  # fmt: skip
    if vfs is None:
        private_file.keep(begun)
    connection = apsw.Connection(begun, vfs=vfs)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        run = Salvage(Pages(content, found.pages), found, content, connection, reason)
        return run.run(known, now_ms)
    finally:
        connection.close()


def _exchange(path: str, stamp: str) -> None:
    """Give the fresh store the name, and the old files the name that says when."""
    for suffix in _OLD:
        if os.path.exists(path + suffix):
            os.rename(path + suffix, path + _ASIDE + stamp + suffix)
    # It only holds what SQLite makes anew of the log.
    Path(path + SHARED_MEMORY).unlink(missing_ok=True)
    _sync(os.path.dirname(os.path.abspath(path)))
    os.rename(path + _WHOLE + stamp, path)
    _sync(os.path.dirname(os.path.abspath(path)))


def set_aside(path: str) -> list[str]:
    """Return the damaged stores that are kept, the oldest first; some have a log only."""
    found = set()
    for name in _beside(path, _ASIDE):
        suffix = next((each for each in (LOG, JOURNAL, _REPORT) if name.endswith(each)), "")
        found.add(name.removesuffix(suffix))
    return sorted(found)


def _forget_oldest(path: str, kept: int, most: int = 1 << 30) -> int:
    """Delete the oldest set-aside stores beyond `kept`, `most` of them; return how many."""
    names = set_aside(path)
    forgotten = names[: max(0, len(names) - kept)][:most]
    for name in forgotten:
        log.warning("the damaged store %s gives way to newer ones", name)
        for suffix in (*_OLD, _REPORT):
            Path(name + suffix).unlink(missing_ok=True)
    return len(forgotten)


def _stamp(path: str, now_ms: int) -> str:
    date = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    number, stamp = 1, date
    while os.path.exists(path + _ASIDE + stamp) or os.path.exists(path + _ASIDE + stamp + _REPORT):
        number += 1
        stamp = f"{date}-{number}"
    return stamp


def _beside(path: str, suffix: str) -> list[str]:
    folder, name = os.path.split(path)
    found = [each for each in os.listdir(folder or ".") if each.startswith(name + suffix)]
    return [os.path.join(folder, each) for each in sorted(found)]


def _content(path: str) -> bytes:
    return Path(path).read_bytes() if os.path.exists(path) else b""


def _mapped(path: str) -> mmap.mmap | memoryview:
    """Return the content of a file, without having all of it in memory."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return memoryview(b"")
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _write_durably(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    _sync(path)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
