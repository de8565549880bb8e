"""Which packs are published and not yet delivered: a core.

Where the broker's acknowledgement counts, a pack stays until its PUBACK. Where the consumer's own
counts, it stays until every one of its readings is acknowledged, by whatever cut of messages, and
is published again when that takes too long.
"""

from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.mqtt_acks import Acknowledgement
from gateway.uplinks.senml_pack import Pack


class Sent:
    """One published pack; `missing` are the numbers of its key that nobody has acknowledged."""

    __slots__ = ("boot", "missing", "pack", "round", "window", "due_ms")

    def __init__(self, window: LaneWindow, pack: Pack, epoch: int) -> None:
        self.window = window
        self.pack = pack
        self.boot = pack.boot_key(epoch)
        self.missing = set(pack.numbers)
        self.round = 0  # of refusals, when it was published
        self.due_ms: int | None = None  # when to publish it again


class UnderWay:
    """The packs under way; all are due after the same time, so the first is the oldest."""

    def __init__(self) -> None:
        self._by_node: dict[tuple[str, str], list[Sent]] = {}
        self._due: dict[Sent, None] = {}
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
        self._due.pop(sent, None)
        self._count -= 1
        return True

    def expect(self, sent: Sent, due_ms: int) -> None:
        """Wait until `due_ms` for the consumer's acknowledgement; no earlier than of any other."""
        if sent in self._by_node.get((sent.pack.endpoint, sent.boot), []):
            self._due.pop(sent, None)
            self._due[sent] = None
            sent.due_ms = due_ms

    def postpone(self, due_ms: int) -> None:
        """Wait for every acknowledgement until `due_ms`."""
        for sent in self._due:
            sent.due_ms = due_ms

    def next_timeout_ms(self) -> int | None:
        """Return when the first acknowledgement is overdue."""
        return next((sent.due_ms for sent in self._due), None)

    def take_overdue(self, now_ms: int) -> Sent | None:
        """Return the pack that waited longest, if too long; the caller publishes it again."""
        sent = next(iter(self._due), None)
        if sent is None or sent.due_ms > now_ms:
            return None
        del self._due[sent]
        return sent

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

    def clear(self) -> None:
        """Forget all: a connection is over, and what it left open is read anew."""
        self._by_node.clear()
        self._due.clear()
        self._count = 0
