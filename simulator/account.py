"""Counts readings by their identity, from three sides: nodes, the gateway, the city."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal as HostDecimal

from gateway.rows import Value
from protocol import lwm2m_path
from protocol.data_types import ObjectLink
from protocol.number import Decimal

ReadingId = tuple[str, int, int]  # endpoint, boot, sequence


@dataclass(frozen=True, slots=True)
class Tally:
    """How many readings were taken, and what became of each; `in_flight` is still on its way."""

    taken: int
    delivered: int
    duplicated: int
    explained: int
    in_flight: int
    missing: int


@dataclass(slots=True)
class Account:
    """Every reading that was taken, and where each was seen since."""

    taken: set[ReadingId] = field(default_factory=set)
    contents: dict[ReadingId, str] = field(default_factory=dict)
    held: set[ReadingId] = field(default_factory=set)  # by nodes, not acknowledged yet
    dropped: set[ReadingId] = field(default_factory=set)
    stored: set[ReadingId] = field(default_factory=set)
    delivered: Counter[ReadingId] = field(default_factory=Counter)

    def take(self, reading: ReadingId, content: str = "") -> None:
        """A node's sensor gave a reading; the node holds it. `content`: see `content_of`.

        A number that is given twice with different contents counts as altered.
        """
        self.taken.add(reading)
        if self.contents.setdefault(reading, content) != content:
            self.contents[reading] = "two readings under one number"
        self.held.add(reading)

    def acknowledge(self, reading: ReadingId) -> None:
        """The gateway acknowledged it: the node has forgotten it."""
        self.held.discard(reading)

    def drop(self, reading: ReadingId) -> None:
        """The node gave it up and reports so."""
        self.held.discard(reading)
        self.dropped.add(reading)

    def tally(self) -> Tally:
        """Return the count; each kind is counted, none is the rest of the others."""
        delivered = set(self.delivered)
        under_way = (self.held | self.stored) - delivered
        explained = self.dropped - delivered - under_way
        return Tally(
            taken=len(self.taken),
            delivered=len(delivered & self.taken),
            duplicated=sum(count - 1 for count in self.delivered.values()),
            explained=len(explained),
            in_flight=len(under_way & self.taken),
            missing=len(self.taken - delivered - under_way - explained),
        )

    def altered(self, contents: dict[ReadingId, str]) -> set[ReadingId]:
        """Return what arrived with another path or value than the node took."""
        return {reading for reading, content in contents.items()
                if self.contents.get(reading, content) != content}

    def strangers(self) -> set[ReadingId]:
        """Return what was delivered and no node ever took: it must be empty."""
        return set(self.delivered) - self.taken


def content_of(path: tuple[int, ...], value: Value) -> str:
    """Return a reading's path and value as a text that is the same for equal numbers."""
    return f"{lwm2m_path.render(path)}={_text(value)}"


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, Decimal)):
        return number_text(str(value) if isinstance(value, int) else value.to_text())
    if isinstance(value, ObjectLink):
        return value.to_text()
    return value.hex() if isinstance(value, bytes) else value


def number_text(text: str) -> str:
    """Return a number without what does not change it: "21.50" is "21.5"."""
    return f"{HostDecimal(text).normalize():f}"
