"""What a check is: it is told what happens, and remembers what should not have."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.happenings import Happening
from simulator.result import Check as Verdict

FAILURES_MAX = 100
EVENT_LENGTH_MAX = 300
SECOND_US = 1_000_000

Handler = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise was broken at `time_us`, by or for `subject`: `what`, in plain words.

    `event` is the happening that showed it, as text; "" where it is that nothing happened.
    """

    check: str
    time_us: int
    subject: str
    what: str
    event: str = ""


class Check(ABC):
    """A promise that a run must keep; `name` says it in plain words.

    `failures` holds the first FAILURES_MAX in the order in which they were seen, `count` counts
    them all.
    """

    name = ""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.count = 0
        self._handlers = self.handlers()

    @abstractmethod
    def handlers(self) -> dict[type, Handler]:
        """Return what is called with the happenings of each kind that this check wants."""

    @property
    def wants(self) -> tuple[type, ...]:
        """Return the kinds of happenings that the check is told of."""
        return tuple(self._handlers)

    def take(self, happening: Happening) -> None:
        """Hear of a happening; those that nobody asked for are passed over."""
        handler = self._handlers.get(type(happening))
        if handler is not None:
            handler(happening)

    def end(self, now_us: int) -> None:  # noqa: B027 - most checks have judged all by then
        """The run is over: judge what only its end can show."""

    def fail(self, time_us: int, subject: str, what: str, event: Happening | None = None) -> None:
        """Note a failure."""
        self.count += 1
        if len(self.failures) < FAILURES_MAX:
            text = "" if event is None else _text(event)
            self.failures.append(Failure(self.name, time_us, subject, what, text))

    @property
    def first(self) -> Failure | None:
        """Return the earliest failure; None if there is none."""
        return min(self.failures, key=lambda failure: failure.time_us, default=None)

    def verdict(self) -> Verdict:
        """Return what a result says of this check."""
        first = self.first
        if first is None:
            return Verdict(self.name, True, "")
        more = "" if self.count == 1 else f" (and {self.count - 1} more)"
        return Verdict(self.name, False,
                       f"{clock_text(first.time_us)} {first.subject}: {first.what}{more}")


def clock_text(time_us: int) -> str:
    """Return a time of the run as "d hh:mm:ss.mmm" after its start; no days before the first."""
    seconds, rest_us = divmod(time_us, SECOND_US)
    days, seconds = divmod(seconds, 86_400)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest_us // 1000:03}"
    return f"{days}d {text}" if days else text


def _text(event: Happening) -> str:
    text = repr(event)
    return text if len(text) <= EVENT_LENGTH_MAX else text[:EVENT_LENGTH_MAX] + "..."
