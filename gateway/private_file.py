"""Files that only their owner may read: made as such, and refused where others may read them."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NotPrivate(Exception):
    """A file that others may read; the text says what to do."""


def read(path: str | Path) -> bytes:
    """Return what is in the file at `path`.

    Raises NotPrivate where its group or others may do anything with it, else OSError.
    """
    with open(path, "rb") as file:
        _check(path, os.fstat(file.fileno()))
        return file.read()


def check(path: str | Path) -> None:
    """Raise NotPrivate or OSError as `read` would, but for what reading alone can show."""
    _check(path, os.stat(path))


def _check(path: str | Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & OTHERS:
        raise NotPrivate(f"{path} has mode {mode:04o}: others than its owner can reach it. "
                         f"Do 'chmod 600 {path}'; if others may have read it, use new keys")


def write_new(path: str | Path, data: bytes) -> None:
    """Write a file with `data` as `new` does."""
    with new(path) as file:
        file.write(data)


@contextlib.contextmanager
def new(path: str | Path) -> Iterator[BinaryIO]:
    """Give a file to write, mode 0600; at `path` it is there whole and durable, or not at all.

    Raises FileExistsError where the name is taken, else OSError.
    """
    path = Path(path)
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    # A name of its own: what an earlier attempt left behind is in nobody's way.
    part = path.with_name(f"{path.name}.{os.urandom(8).hex()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # A wider file mode may come from the folder's access control list.
            os.fchmod(file.fileno(), 0o600)
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never takes another file's place.
        os.link(part, path)
    finally:
        os.unlink(part)
    sync_folder(path.parent)


def keep(path: str | Path) -> None:
    """Make the file at `path` one that only its owner can reach; an empty one if it is not there.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_mode & OTHERS:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def open_folder(path: str | Path) -> Path | None:
    """Return the folder above `path` in which anybody may put something else in its place, if any.

    A folder that all may write to is harmless where it is sticky, as /tmp is. Raises OSError.
    """
    for folder in Path(path).absolute().parents:
        mode = os.stat(folder).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return folder
    return None


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
