"""All checks of a run together: who is told what, and what came of it."""

from collections import defaultdict
from collections.abc import Callable

from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import Check, Failure, Handler
from simulator.checks.commands import Commands
from simulator.checks.conservation import Conservation
from simulator.checks.lamps import LampPromises
from simulator.checks.limits import Bounded
from simulator.checks.nonces import Freshness, Nonces
from simulator.checks.observed import ObservedValues
from simulator.checks.overrides import Overrides
from simulator.checks.protection import Protection
from simulator.checks.reading_times import ReadingTimes, UrgentInTime
from simulator.checks.readings_book import ReadingsBook
from simulator.checks.readings_once import CountedOnce, Order
from simulator.checks.registrations import NoStorm, RegisteredAgain
from simulator.checks.troubles import Troubles
from simulator.checks.wire import Wire
from simulator.happenings import Happening
from simulator.result import Check as Verdict
from simulator.result import FirstFailure


class Roster:
    """The checks of one run, and the book of its readings.

    `handlers` are what must be called with the happenings of each kind, in this order.
    """

    def __init__(self, bounds: Bounds, facts: Facts) -> None:
        self.book = ReadingsBook()
        troubles = Troubles(facts)
        self.checks = checks_of(bounds, facts, self.book, troubles)
        self.handlers: dict[type, list[Handler]] = defaultdict(list)
        for part in (troubles, self.book, *self.checks):
            for kind, handler in part.handlers().items():
                self.handlers[kind].append(handler)

    def subscribe(self, subscribe: Callable[[tuple[type, ...], Handler], None]) -> None:
        """Have each handler called with what it wants: `subscribe(kinds, handler)`."""
        for kind, handlers in self.handlers.items():
            for handler in handlers:
                subscribe((kind,), handler)

    def take(self, happening: Happening) -> None:
        """Tell those who want it of a happening."""
        for handler in self.handlers.get(type(happening), ()):
            handler(happening)

    def end(self, now_us: int) -> None:
        """The run is over."""
        for check in self.checks:
            check.end(now_us)

    @property
    def is_broken(self) -> bool:
        """Return whether any check has failed so far."""
        return any(check.count for check in self.checks)

    def failures(self) -> tuple[Failure, ...]:
        """Return what the checks remember of what failed, in the order of time."""
        found = [failure for check in self.checks for failure in check.failures]
        return tuple(sorted(found, key=lambda failure: failure.time_us))

    def first_failures(self) -> tuple[FirstFailure, ...]:
        """Return what broke each check that failed, the earliest first."""
        first = [check.first for check in self.checks if check.count]
        return tuple(
            FirstFailure(each.check, each.time_us, each.subject, each.what, each.event)
            for each in sorted(first, key=lambda failure: failure.time_us))

    def first_events(self) -> dict[str, str]:
        """Return the first offending event of each check that failed, by the check's name."""
        return {check.name: check.first.event for check in self.checks if check.count}

    def verdicts(self) -> tuple[Verdict, ...]:
        """Return what a result says of each check."""
        return tuple(check.verdict() for check in self.checks)


def checks_of(bounds: Bounds, facts: Facts, book: ReadingsBook,
              troubles: Troubles) -> tuple[Check, ...]:
    """Return every check, in the order in which a report lists them."""
    wire = Wire(bounds, facts)
    return (
        Conservation(bounds, facts, book, troubles),
        CountedOnce(bounds, facts, book, troubles),
        Order(facts, book, troubles),
        UrgentInTime(bounds, facts, book, troubles),
        ReadingTimes(bounds, facts, book, troubles),
        Commands(bounds, facts, troubles),
        ObservedValues(bounds, facts, troubles),
        LampPromises(bounds, facts, troubles),
        Overrides(bounds, facts, troubles),
        RegisteredAgain(bounds, facts, troubles),
        NoStorm(bounds, facts),
        Bounded(bounds, facts, book),
        Protection(facts, wire),
        Nonces(bounds, wire),
        Freshness(wire),
    )
