"""Every reading of a run by its identity: taken, acknowledged, dropped, explained, delivered.

It judges nothing; the checks of readings ask it, and are told of what it works out once for all
of them. Numbers are kept as ranges and contents as CRC-32: four bytes for a reading that has
arrived, some 150 for one that is on its way.
"""

from array import array
from binascii import crc32
from collections.abc import Callable
from dataclasses import dataclass

from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from protocol import lwm2m_path, object_table
from simulator.account import Tally, content_of
from simulator.checks.check import Handler
from simulator.happenings import JournalSeen, NodeBooted, NodeSaid, ReadingDelivered, StoreSeen
from simulator.number_set import NumberSet

SEQUENCE_MAX = 1 << 24

Key = tuple[str, int]  # endpoint, boot


# Not frozen: that would take three times as long to make, for each reading of a run.
@dataclass(slots=True)
class OnItsWay:
    """A reading that has not reached the city: when it was told and taken, by its node's boot."""

    told_us: int
    taken_us: int
    uptime_ms: int
    is_urgent: bool


@dataclass(slots=True)
class Arrival:
    """A reading at the city. `taken` is None for a copy, and where nobody took it."""

    delivered: ReadingDelivered
    is_first: bool
    is_known: bool
    is_same: bool
    is_urgent: bool
    taken: OnItsWay | None


class BootBook:
    """The readings of one boot of one node."""

    __slots__ = ("acknowledged", "contents", "delivered", "dropped", "explained",
                 "held", "incarnation", "on_the_way", "taken")

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.taken = NumberSet()
        self.acknowledged = NumberSet()
        self.dropped = NumberSet()
        self.explained = NumberSet()
        self.delivered = NumberSet()
        self.held = NumberSet()  # on the flash, as that was seen last
        self.contents = array("I")
        self.on_the_way: dict[int, OnItsWay] = {}

    def unaccounted(self) -> NumberSet:
        """Return what has neither arrived nor a reason not to."""
        return self.taken.without(self.delivered, self.dropped, self.explained)


class ReadingsBook:
    """The account of a run; its lists `on_...` are who is told of what."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[int, BootBook]] = {}  # by endpoint, then by boot
        self._stores: dict[str, dict[Key, NumberSet]] = {}  # by gateway, as seen last
        self._incarnations: dict[str, tuple[int, int]] = {}  # by endpoint: (number, since)
        self._held: dict[str, int] = {}
        self.copies = 0
        self.on_arrival: list[Callable[[Arrival], None]] = []
        self.on_taken: list[Callable[[NodeSaid, BootBook, bool], None]] = []
        self.on_dropped: list[Callable[[NodeSaid, OnItsWay | None], None]] = []
        self.on_unnumbered: list[Callable[[ReadingDelivered], None]] = []
        self._is_urgent: dict[tuple[int, ...] | str, bool] = {}

    def handlers(self) -> dict[type, Handler]:
        """Return what is called with the happenings of each kind."""
        return {NodeSaid: self._hear, NodeBooted: self._boot, ReadingDelivered: self._deliver,
                JournalSeen: self._see_journal, StoreSeen: self._see_store}

    def incarnation(self, endpoint: str) -> int:
        """Return how often the node has booted."""
        return self._incarnations.get(endpoint, (0, 0))[0]

    def held(self, endpoint: str) -> int:
        """Return how many readings the node holds: numbered, and neither acknowledged nor
        dropped."""
        return self._held.get(endpoint, 0)

    def holds_measurements(self, endpoint: str) -> bool:
        """Return whether the node holds a measurement that nobody has acknowledged."""
        return any(not each.is_urgent and sequence not in book.acknowledged
                   for _, book in self.under_way(endpoint)
                   for sequence, each in book.on_the_way.items())

    def under_way(self, endpoint: str) -> list[tuple[int, BootBook]]:
        """Return the boots of a node of which something has not arrived."""
        return [each for each in self.nodes.get(endpoint, {}).items() if each[1].on_the_way]

    def stored(self, endpoint: str, boot: int) -> list[NumberSet]:
        """Return what the gateways' stores hold of a boot, as they were seen last."""
        found = [store.get((endpoint, boot)) for store in self._stores.values()]
        return [each for each in found if each is not None]

    def tally(self) -> Tally:
        """Return the count; what is still on a disk is in flight, as far as disks were seen."""
        taken = delivered = explained = in_flight = missing = 0
        for endpoint, boot, book in self._all():
            taken += book.taken.size
            delivered += book.delivered.size - book.delivered.without(book.taken).size
            left = book.unaccounted()
            explained += book.taken.without(book.delivered).size - left.size
            lost = left.without(book.held, *self.stored(endpoint, boot))
            in_flight += left.size - lost.size
            missing += lost.size
        return Tally(taken, delivered, self.copies, explained, in_flight, missing)

    def _all(self) -> list[tuple[str, int, BootBook]]:
        return [(endpoint, boot, book) for endpoint, boots in self.nodes.items()
                for boot, book in boots.items()]

    def _boot(self, booted: NodeBooted) -> None:
        number = self.incarnation(booted.endpoint)
        self._incarnations[booted.endpoint] = (number + 1, booted.time_us)

    def _hear(self, said: NodeSaid) -> None:
        event = said.event
        if type(event) is ReadingTaken:
            self._take(said, event)
        elif type(event) is ReadingsAcknowledged:
            book = self._book(said.endpoint, event.boot)
            for sequence in event.sequences:
                self._let_go(said.endpoint, book, book.acknowledged, sequence)
        elif type(event) is ReadingDropped:
            book = self._book(said.endpoint, event.boot)
            self._let_go(said.endpoint, book, book.dropped, event.sequence)
            dropped = book.on_the_way.pop(event.sequence, None)
            for listener in self.on_dropped:
                listener(said, dropped)

    def _take(self, said: NodeSaid, event: ReadingTaken) -> None:
        book = self._book(said.endpoint, event.boot)
        sequence = event.sequence
        is_new = 0 < sequence <= SEQUENCE_MAX and book.taken.add(sequence)
        if is_new:
            _put(book.contents, sequence, crc32(content_of(event.path, event.value).encode()))
        # A journal that is full tells of what it gave up before it tells that it was taken.
        if is_new and sequence not in book.dropped:
            self._held[said.endpoint] = self.held(said.endpoint) + 1
            booted_us = self._incarnations.get(said.endpoint, (0, 0))[1]
            book.on_the_way[sequence] = OnItsWay(
                said.time_us, booted_us + event.uptime_ms * 1000, event.uptime_ms,
                self._urgency(event.path))
        for listener in self.on_taken:
            listener(said, book, is_new)

    def _let_go(self, endpoint: str, book: BootBook, numbers: NumberSet, sequence: int) -> None:
        was_held = sequence not in book.acknowledged and sequence not in book.dropped
        if numbers.add(sequence) and was_held and sequence in book.taken:
            self._held[endpoint] -= 1

    def _deliver(self, delivered: ReadingDelivered) -> None:
        if not isinstance(delivered.boot, int):
            for listener in self.on_unnumbered:
                listener(delivered)
            return
        book = self._book(delivered.endpoint, delivered.boot)
        sequence = delivered.sequence
        is_known = sequence in book.taken
        is_first = book.delivered.add(sequence)
        self.copies += not is_first
        is_same = is_known and book.contents[sequence - 1] == crc32(delivered.content.encode())
        arrival = Arrival(delivered, is_first, is_known, is_same, self._urgency(delivered.path),
                          book.on_the_way.pop(sequence, None))
        for listener in self.on_arrival:
            listener(arrival)

    def _urgency(self, path: tuple[int, ...] | str) -> bool:
        is_urgent = self._is_urgent.get(path)
        if is_urgent is None:
            ids = lwm2m_path.parse(path) if isinstance(path, str) else path
            is_urgent = object_table.reading_class(ids) != object_table.MEASUREMENT
            self._is_urgent[path] = is_urgent
        return is_urgent

    def _see_journal(self, seen: JournalSeen) -> None:
        held: dict[int, NumberSet] = {}
        for boot, first, last in seen.held:
            held.setdefault(boot, NumberSet()).add_range(first, last)
        for boot, book in self.nodes.get(seen.endpoint, {}).items():
            book.held = held.get(boot) or NumberSet()

    def _see_store(self, seen: StoreSeen) -> None:
        stored: dict[Key, NumberSet] = {}
        for endpoint, boot, first, last in seen.stored:
            stored.setdefault((endpoint, boot), NumberSet()).add_range(first, last)
        self._stores[seen.gateway] = stored

    def _book(self, endpoint: str, boot: int) -> BootBook:
        boots = self.nodes.get(endpoint)
        if boots is None:
            boots = self.nodes[endpoint] = {}
        book = boots.get(boot)
        if book is None:
            book = boots[boot] = BootBook(self.incarnation(endpoint))
        return book


def _put(contents: array, sequence: int, crc: int) -> None:
    if sequence > len(contents):
        contents.frombytes(bytes(contents.itemsize * (sequence - len(contents))))
    contents[sequence - 1] = crc
