"""No reading is lost: taken = delivered + explained + on its way, and nothing else arrives."""

from firmware import losses
from gateway import ledger
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import Check, Handler
from simulator.checks.readings_book import Arrival, BootBook, OnItsWay, ReadingsBook
from simulator.checks.troubles import Troubles
from simulator.fault import FaultKind
from simulator.happenings import NodeSaid, NodeStopped, StoreSeen
from simulator.number_set import NumberSet

FLASH_FAULTS = (FaultKind.FLASH_FULL, FaultKind.FLASH_WORN)
CUT = (FaultKind.NODE_POWER_CUT,)
ROT = (FaultKind.DISK_ROT,)
SHED = "shed"
"""What a bound of `[buffer]` has cost; the other reasons are the gap ledger's."""


class Conservation(Check):
    """Follows each reading from the node's flash over the gateway's disk to the city.

    What a node has numbered is on its flash when it stops; what was acknowledged is in the store
    after a crash; at the end everything has arrived or has a reason that really happened: the
    node said so, or the gateway's ledger does and what it blames took place.
    """

    name = "no reading is lost"

    def __init__(self, bounds: Bounds, facts: Facts, book: ReadingsBook,
                 troubles: Troubles) -> None:
        super().__init__()
        self._bounds = bounds
        self._facts = facts
        self._book = book
        self._troubles = troubles
        self._reported: dict[tuple[str, int], NumberSet] = {}
        book.on_arrival.append(self._arrive)
        book.on_dropped.append(self._judge_drop)

    def handlers(self) -> dict[type, Handler]:
        return {StoreSeen: self._see_store, NodeStopped: self._stop}

    def end(self, now_us: int) -> None:
        for endpoint, boots in self._book.nodes.items():
            for boot, book in boots.items():
                left = book.unaccounted()
                lost = left.without(book.held, *self._book.stored(endpoint, boot))
                self._report(now_us, endpoint, boot, lost, "never arrived, and nobody says why")
                self._report(now_us, endpoint, boot, left.without(lost),
                             "have not arrived at the end, though something holds them")

    def _arrive(self, arrival: Arrival) -> None:
        delivered = arrival.delivered
        what = f"reading {delivered.boot}:{delivered.sequence}"
        subject = self._facts.name_of(delivered.endpoint)
        if not arrival.is_known:
            self.fail(delivered.time_us, subject, f"{what} arrived, but was never taken",
                      delivered)
        elif arrival.is_first and not arrival.is_same:
            self.fail(delivered.time_us, subject,
                      f"{what} arrived as {delivered.content}, which is not what was taken",
                      delivered)

    def _judge_drop(self, said: NodeSaid, dropped: OnItsWay | None) -> None:
        endpoint, reason = said.endpoint, said.event.reason
        what = f"gave up reading {said.event.boot}:{said.event.sequence} as '{reason}'"
        if dropped is not None and dropped.is_urgent and reason == losses.FULL and (
                self._book.holds_measurements(endpoint)):
            self.fail(said.time_us, self._facts.name_of(endpoint),
                      f"{what}: an urgent one, before the measurements it holds", said)
        held = self._book.held(endpoint)
        has_flash_fault = self._troubles.has_had((*FLASH_FAULTS, *CUT), endpoint)
        is_unlikely = (reason == losses.DAMAGED
                       or reason == losses.FULL and held < self._bounds.journal_full_readings_min)
        if is_unlikely and not has_flash_fault:
            self.fail(said.time_us, self._facts.name_of(endpoint),
                      f"{what}, with {held} more held and nothing wrong with its flash", said)

    def _stop(self, stopped: NodeStopped) -> None:
        """Judge by what was seen on the node's flash just before."""
        endpoint = stopped.endpoint
        for boot, book in self._book.under_way(endpoint):
            lost = book.unaccounted().without(book.acknowledged, book.held)
            if not lost.size:
                continue
            if self._troubles.has_had(FLASH_FAULTS, endpoint):
                # What a flash does not take is held in memory (docs/delivery.md, limits).
                _add(book.explained, lost)
            elif not self._troubles.has_had(CUT, endpoint):
                # Cut as it forgot what was acknowledged, a node had no time to say so.
                self._report(stopped.time_us, endpoint, boot, lost,
                             "not acknowledged, and not on the node's flash as it stopped")

    def _see_store(self, seen: StoreSeen) -> None:
        self._explain(seen)
        has_rotted = self._troubles.has_gateway_had(ROT, seen.gateway)
        for endpoint, node in self._facts.nodes.items():
            if node.gateway != seen.gateway:
                continue
            for boot, book in self._book.under_way(endpoint):
                lost = book.acknowledged.without(book.delivered, book.dropped, book.explained,
                                                 *self._book.stored(endpoint, boot))
                if lost.size and has_rotted:
                    _add(book.explained, lost)
                else:
                    self._report(seen.time_us, endpoint, boot, lost,
                                 f"acknowledged, and not in the store of {seen.gateway}")

    def _explain(self, seen: StoreSeen) -> None:
        for endpoint, boot, first, last, reason in seen.explained:
            book = self._book.nodes.get(endpoint, {}).get(boot)
            if book is not None and self._accepts(reason, endpoint, seen.gateway, book):
                book.explained.add_range(first, last)

    def _accepts(self, reason: str, endpoint: str, gateway: str, book: BootBook) -> bool:
        """Return whether what the ledger blames has happened. What a node dropped it said."""
        if reason == ledger.DAMAGED:
            return self._troubles.has_gateway_had(ROT, gateway)
        if reason == ledger.RESET:
            return book.incarnation < self._book.incarnation(endpoint)
        return reason.startswith((SHED, ledger.REFUSED))

    def _report(self, time_us: int, endpoint: str, boot: int, numbers: NumberSet,
                what: str) -> None:
        """Fail once for each reading, whatever else is found of it later."""
        reported = self._reported.setdefault((endpoint, boot), NumberSet())
        news = numbers.without(reported)
        if news.size:
            _add(reported, news)
            self.fail(time_us, self._facts.name_of(endpoint),
                      f"readings {boot}:{news.to_text()} {what}")


def _add(numbers: NumberSet, more: NumberSet) -> None:
    for first, last in more.ranges():
        numbers.add_range(first, last)
