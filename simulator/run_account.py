"""The account of a run's readings, kept from the stream: taken, held, dropped, delivered."""

from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered
from simulator.account import Account, content_of
from simulator.happenings import (
    DatagramDropped,
    DatagramSent,
    Happening,
    JournalSeen,
    NodeSaid,
    ReadingDelivered,
)
from simulator.stream import Stream


class RunAccount:
    """What became of each reading, who was registered, and what the network carried."""

    def __init__(self, stream: Stream) -> None:
        self.account = Account()
        self.registered: set[str] = set()
        self.datagrams_sent = self.datagrams_lost = self.datagram_bytes = 0
        stream.subscribe((NodeSaid,), self._hear)
        stream.subscribe((JournalSeen,), self._see)
        stream.subscribe((ReadingDelivered,), self._deliver)
        stream.subscribe((DatagramSent,), self._count_sent)
        stream.subscribe((DatagramDropped,), self._count_dropped)

    def holds(self) -> set[str]:
        """Return the endpoints that hold readings which nobody has acknowledged."""
        return {endpoint for endpoint, _, _ in self.account.held}

    def _hear(self, said: Happening) -> None:
        endpoint, event = said.endpoint, said.event
        if isinstance(event, ReadingTaken):
            self.account.take((endpoint, event.boot, event.sequence),
                              content_of(event.path, event.value))
        elif isinstance(event, ReadingsAcknowledged):
            for sequence in event.sequences:
                self.account.acknowledge((endpoint, event.boot, sequence))
        elif isinstance(event, ReadingDropped):
            self.account.drop((endpoint, event.boot, event.sequence))
        elif isinstance(event, Registered):
            self.registered.add(endpoint)

    def _see(self, seen: Happening) -> None:
        """Believe the flash: whose power went while it wrote down an acknowledgement said nothing.
        """
        held = {(seen.endpoint, boot, sequence) for boot, first, last in seen.held
                for sequence in range(first, last + 1)}
        self.account.held = {reading for reading in self.account.held
                             if reading[0] != seen.endpoint or reading in held}

    def _deliver(self, delivered: Happening) -> None:
        reading = (delivered.endpoint, delivered.boot, delivered.sequence)
        self.account.delivered[reading] += 1

    def _count_sent(self, sent: Happening) -> None:
        self.datagrams_sent += 1
        self.datagram_bytes += len(sent.data)

    def _count_dropped(self, dropped: Happening) -> None:
        self.datagrams_lost += 1
