"""Where a run writes: refused before it begins if it could not be written at its end."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

STDOUT = "-"


class RunRefused(Exception):
    """A run cannot begin; the text says what is in the way, and where."""


def check_places(keep: str | None, paths: Sequence[str | None]) -> None:
    """Raise RunRefused if a file of `paths` cannot be written, or `keep` holds something."""
    for path in paths:
        folder = Path(path or ".").absolute().parent
        if path not in (None, STDOUT) and not os.access(folder, os.W_OK):
            raise RunRefused(f"{path}: no such folder, or it cannot be written")
    if keep:
        try:
            Path(keep).mkdir(parents=True, exist_ok=True)
            is_empty = not os.listdir(keep)
        except OSError as error:
            raise RunRefused(f"{keep}: {error.strerror}") from error
        if not is_empty:
            raise RunRefused(f"{keep}: not empty; name a new folder, the run keeps its settings "
                             "and a whole store in it")


@contextlib.contextmanager
def folder_of(keep: str | None, prefix: str) -> Iterator[Path]:
    """Give the folder `keep`, or one that is gone afterwards."""
    if keep:
        yield Path(keep).absolute()
    else:
        with tempfile.TemporaryDirectory(prefix=prefix) as name:
            yield Path(name)
