"""Which packs are published and not yet delivered: a core.

Where the broker's acknowledgement counts, a pack stays until its PUBACK. Where the consumer's own
counts, it stays until every one of its readings is acknowledged, by whatever cut of messages, and
is published again when that takes too long.
"""

from heapq import heapify, heappop, heappush
from itertools import count

from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.mqtt_acks import Acknowledgement
from gateway.uplinks.senml_pack import Pack

STALE_MAX = 1000


class Sent:
    """One published pack; `missing` are the numbers of its key that nobody has acknowledged."""

    __slots__ = ("boot", "due_ms", "missing", "pack", "repeats", "round", "window")

    def __init__(self, window: LaneWindow, pack: Pack, epoch: int) -> None:
        self.window = window
        self.pack = pack
        self.boot = pack.boot_key(epoch)
        self.missing = set(pack.numbers)
        self.round = 0  # of refusals, when it was published
        self.repeats = 0  # how often it was published again
        self.due_ms: int | None = None  # when to publish it again


class UnderWay:
    """The packs under way."""

    def __init__(self) -> None:
        self._by_node: dict[tuple[str, str], list[Sent]] = {}
        # (time, tie-break, entry); one that is not due at that time any more is passed over.
        self._due: list[tuple[int, int, Sent]] = []
        self._ties = count()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, window: LaneWindow, pack: Pack, epoch: int) -> Sent:
        """Return the new entry of a pack that is about to be published."""
        sent = Sent(window, pack, epoch)
        self._by_node.setdefault((pack.endpoint, sent.boot), []).append(sent)
        self._count += 1
        return sent

    def remove(self, sent: Sent) -> bool:
        """Forget an entry; False if it was forgotten before."""
        key = sent.pack.endpoint, sent.boot
        entries = self._by_node.get(key, [])
        if sent not in entries:
            return False
        entries.remove(sent)
        if not entries:
            del self._by_node[key]
        sent.due_ms = None
        self._count -= 1
        return True

    def expect(self, sent: Sent, due_ms: int) -> None:
        """Wait until `due_ms` for the consumer's acknowledgement."""
        if sent in self._by_node.get((sent.pack.endpoint, sent.boot), ()):
            sent.due_ms = due_ms
            heappush(self._due, (due_ms, next(self._ties), sent))
            if len(self._due) > 2 * self._count + STALE_MAX:
                self._due = [each for each in self._due if each[2].due_ms == each[0]]
                heapify(self._due)

    def take_overdue(self, now_ms: int) -> Sent | None:
        """Return the pack that is overdue longest, if any; the caller publishes it again."""
        while self._due and self._due[0][0] <= now_ms:
            due_ms, _, sent = heappop(self._due)
            if sent.due_ms == due_ms:
                sent.due_ms = None
                sent.repeats += 1
                return sent
        return None

    def acknowledge(self, acknowledged: Acknowledgement) -> tuple[list[Sent], bool]:
        """Return the packs that are whole now, no longer under way, and whether any was meant.

        An acknowledgement may name parts of a pack, several packs, and readings that are not
        under way: delivered long ago, or read anew since a restart and not published yet.
        """
        whole: list[Sent] = []
        is_known = False
        for sent in tuple(self._by_node.get((acknowledged.endpoint, acknowledged.boot), ())):
            named = {number for number in sent.missing if acknowledged.holds(number)}
            is_known = is_known or bool(named)
            sent.missing -= named
            if not sent.missing:
                self.remove(sent)
                whole.append(sent)
        return whole, is_known

    def resume(self, now_ms: int) -> None:
        """Make all of it overdue: the connection is over that it was published on.

        It stays under way, since the consumer may have it: what it acknowledged to the last
        connection comes with the next, and on a line that soon breaks again no sooner.
        """
        for entries in self._by_node.values():
            for sent in entries:
                sent.repeats = 0
                self.expect(sent, now_ms)

    def clear(self) -> None:
        """Forget all: it is read anew."""
        self._by_node.clear()
        self._due.clear()
        self._count = 0
