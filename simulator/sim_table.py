"""The table of the simulated city: which readings it has, and which came more than once."""

from collections import Counter
from collections.abc import Callable, Sequence

from gateway.city_messages import MALFORMED, Row, rows_of
from gateway.uplinks.mqtt_connection import Delivery
from simulator.account import ReadingId
from simulator.city_table import content_of_row
from simulator.happenings import ReadingDelivered, Tell
from simulator.number_set import NumberSet
from simulator.virtual_time import VirtualLoop

REFUSED_KEPT = 20


class SimTable:
    """Fits `gateway.city.Table`; tells each reading that is committed, copies too.

    It keeps identities alone, as ranges: a node's day costs a few dozen bytes, and each reading
    that came more than once an entry. `after_commit`, if set, is called once after a commit.
    """

    def __init__(self, loop: VirtualLoop, tell: Tell, start_unix_s: float) -> None:
        self.counters: Counter[str] = Counter()
        self.copies: Counter[ReadingId] = Counter()  # of those that came more than once
        self.refused: list[tuple[str, str]] = []  # topic and reason, the first REFUSED_KEPT
        self.after_commit: Callable[[], None] | None = None
        self._loop = loop
        self._tell = tell
        self._start_unix_s = start_unix_s
        self._numbers: dict[tuple[str, int | str], NumberSet] = {}

    def commit(self, messages: Sequence[Delivery]) -> None:
        """Keep `messages`."""
        received_ms = int((self._start_unix_s + self._loop.time()) * 1000)
        for message in messages:
            self.counters["messages"] += 1
            try:
                rows = rows_of(message, received_ms)
            except MALFORMED as error:
                self._refuse(message, error)
                continue
            for row in rows:
                self._keep(row)
        after, self.after_commit = self.after_commit, None
        if after is not None:
            after()

    def close(self) -> None:
        """Let go of it: what it has stays."""

    def ids(self) -> set[ReadingId]:
        """Return every reading that it has."""
        return {(endpoint, boot, number) for (endpoint, boot), numbers in self._numbers.items()
                for number in numbers}

    def __len__(self) -> int:
        return sum(len(numbers) for numbers in self._numbers.values())

    def _keep(self, row: Row) -> None:
        key = row.endpoint, row.boot
        numbers = self._numbers.get(key)
        if numbers is None:
            numbers = self._numbers[key] = NumberSet()
        if numbers.add(row.sequence):
            self.counters["readings"] += 1
        else:
            self.counters["duplicates"] += 1
            reading = (*key, row.sequence)
            self.copies[reading] = max(self.copies[reading], 1) + 1
        self._tell(ReadingDelivered(
            self._loop.now_us(), row.gateway, row.endpoint, row.boot, row.sequence, row.topic,
            row.path, content_of_row(row.path, row.kind, row.value), row.time_ms))

    def _refuse(self, message: Delivery, error: Exception) -> None:
        self.counters["refused"] += 1
        if len(self.refused) < REFUSED_KEPT:
            self.refused.append((message.topic, ascii(error)))
