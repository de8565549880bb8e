"""No reading counts twice: one number, one reading; and in the order of their numbers."""

from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.readings_book import Arrival, BootBook, ReadingsBook
from simulator.checks.troubles import Troubles
from simulator.fault import FaultKind
from simulator.happenings import NodeSaid, ReadingDelivered

# After these a node may find readings again that it held for lost, and a gateway too.
FLASH_FAULTS = (FaultKind.FLASH_FULL, FaultKind.FLASH_WORN)
REORDERING_DISK = (FaultKind.DISK_ROT,)


class CountedOnce(Check):
    """A number is given to one reading, a boot number to one boot, a row to one delivery.

    A copy at the city is right where something explains it: a back end or a gateway that was
    away, slow or silent within the last `copy_s_max`. A reading without a number cannot be told
    from its copy.
    """

    name = "no reading counts twice"

    def __init__(self, bounds: Bounds, facts: Facts, book: ReadingsBook,
                 troubles: Troubles) -> None:
        super().__init__()
        self._copy_us = bounds.copy_s_max * SECOND_US
        self._facts = facts
        self._book = book
        self._troubles = troubles
        self._repeated_boots: set[tuple[str, int]] = set()
        book.on_taken.append(self._judge_taken)
        book.on_arrival.append(self._judge_arrival)
        book.on_unnumbered.append(self._judge_unnumbered)

    def handlers(self) -> dict[type, Handler]:
        return {}

    def _judge_taken(self, said: NodeSaid, book: BootBook, is_new: bool) -> None:
        event = said.event
        if not is_new:
            self.fail(said.time_us, self._facts.name_of(said.endpoint),
                      f"gave the number {event.boot}:{event.sequence} twice", said)
        key = said.endpoint, event.boot
        if book.incarnation != self._book.incarnation(said.endpoint) and (
                key not in self._repeated_boots):
            self._repeated_boots.add(key)
            self.fail(said.time_us, self._facts.name_of(said.endpoint),
                      f"used the boot number {event.boot} in two boots", said)

    def _judge_unnumbered(self, delivered: ReadingDelivered) -> None:
        """Judge a reading without a number: only a node that can keep none sends such."""
        if not self._troubles.has_had(FLASH_FAULTS, delivered.endpoint):
            self.fail(delivered.time_us, self._facts.name_of(delivered.endpoint),
                      f"{delivered.content} arrived without a number of its node", delivered)

    def _judge_arrival(self, arrival: Arrival) -> None:
        if arrival.is_first or not arrival.is_known:
            return
        delivered = arrival.delivered
        what = f"reading {delivered.boot}:{delivered.sequence}"
        subject = self._facts.name_of(delivered.endpoint)
        if not arrival.is_same:
            self.fail(delivered.time_us, subject,
                      f"{what} arrived again, as {delivered.content}", delivered)
        elif not self._troubles.touches_back_end(
                delivered.gateway, delivered.time_us, self._copy_us):
            self.fail(delivered.time_us, subject,
                      f"{what} arrived again, with nothing wrong on its way", delivered)


class Order(Check):
    """Within a boot and a lane of a node, first deliveries come in the order of the numbers.

    The lanes are the store's: alarms and events together, and measurements.
    """

    name = "order is kept in every lane"

    def __init__(self, facts: Facts, book: ReadingsBook, troubles: Troubles) -> None:
        super().__init__()
        self._facts = facts
        self._troubles = troubles
        self._last: dict[tuple[str, str, int, bool], int] = {}
        book.on_arrival.append(self._judge)

    def handlers(self) -> dict[type, Handler]:
        return {}

    def _judge(self, arrival: Arrival) -> None:
        if not arrival.is_first:
            return
        delivered = arrival.delivered
        lane = delivered.gateway, delivered.endpoint, delivered.boot, arrival.is_urgent
        last = self._last.get(lane, 0)
        if delivered.sequence > last:
            self._last[lane] = delivered.sequence
        elif not (self._troubles.has_had(FLASH_FAULTS, delivered.endpoint)
                  or self._troubles.has_gateway_had(REORDERING_DISK, delivered.gateway)):
            name = "urgent readings" if arrival.is_urgent else "measurements"
            self.fail(delivered.time_us, self._facts.name_of(delivered.endpoint),
                      f"{name}: {delivered.boot}:{delivered.sequence} arrived after "
                      f"{delivered.boot}:{last}", delivered)
