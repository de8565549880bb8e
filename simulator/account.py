"""Counts readings by their identity, from three sides: nodes, the gateway, the city."""

from collections import Counter
from dataclasses import dataclass, field

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
    held: set[ReadingId] = field(default_factory=set)  # by nodes, not acknowledged yet
    dropped: set[ReadingId] = field(default_factory=set)
    stored: set[ReadingId] = field(default_factory=set)
    delivered: Counter[ReadingId] = field(default_factory=Counter)

    def take(self, reading: ReadingId) -> None:
        """A node's sensor gave a reading; the node holds it."""
        self.taken.add(reading)
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

    def strangers(self) -> set[ReadingId]:
        """Return what was delivered and no node ever took: it must be empty."""
        return set(self.delivered) - self.taken
