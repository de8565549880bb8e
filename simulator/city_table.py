"""The city's end of the soak: the table that `faubourg city` fills."""

import contextlib
import sqlite3
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from pathlib import Path

from simulator.account import ReadingId, number_text

QUERY = """SELECT endpoint, boot, sequence, path, kind, value FROM readings ORDER BY arrival"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A row of the table; `content` as `account.content_of` has it."""

    id: ReadingId
    path: str
    content: str


class CityTable:
    """Looks into the consumer's SQLite file while it is written, and afterwards."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        """Return how many readings the city has; 0 before there is a table."""
        return self._ask("SELECT count(*) FROM readings", [(0,)])[0][0]

    def refused(self) -> int:
        """Return how many messages the consumer did not understand."""
        return self._ask("SELECT count(*) FROM refused", [(0,)])[0][0]

    def arrivals(self) -> list[Arrival]:
        """Return every row in the order of the commits."""
        return [Arrival((endpoint, boot, sequence), path, content_of_row(path, kind, value))
                for endpoint, boot, sequence, path, kind, value in self._ask(QUERY, [])]

    def _ask(self, query: str, nothing: list[tuple]) -> list[tuple]:
        if not self._path.exists():
            return nothing
        # The consumer may be killed as it makes the file: then the next look shows more.
        with contextlib.closing(sqlite3.connect(self._path)) as database:
            try:
                return database.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error) or "locked" in str(error):
                    return nothing
                raise


def content_of_row(path: str, kind: str, value: str) -> str:
    """Return what `account.content_of` has for the reading in a row."""
    return f"{path}={_text(kind, value)}"


def _text(kind: str, value: str) -> str:
    if kind == "v":
        return number_text(value)
    if kind == "vd":
        return urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    return value
