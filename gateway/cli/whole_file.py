"""A file that is there whole and durable, or not at all."""

import os
from pathlib import Path

import click


class WholeFile:
    """Written beside its name and renamed at the end; an error leaves nothing behind.

    UsageError where the name is taken and `is_replacing` false, or cannot be written.
    """

    def __init__(self, name: str, is_replacing: bool) -> None:
        self._path = Path(name)
        self._part = self._path.with_name(self._path.name + ".part")
        if self._path.exists() and not is_replacing:
            raise click.UsageError(f"{name} is there already; --force replaces it.")
        self.lines = self.size = 0

    def __enter__(self) -> "WholeFile":
        try:
            self._file = open(self._part, "wb")
        except OSError as error:
            raise click.UsageError(f"{self._part}: {error.strerror}") from error
        return self

    def write(self, data: bytes) -> None:
        """Append to the file."""
        self._file.write(data)
        self.lines += data.count(b"\n")
        self.size += len(data)

    def __exit__(self, kind, error, traceback) -> None:
        if kind is not None:
            self._file.close()
            self._part.unlink()
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
