"""What becomes of one node over a run, in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field

from simulator.record import (
    LIT,
    NO_POWER,
    OUT_OF_TOUCH,
    REGISTERED,
    NodeFacts,
    NodeRecord,
    Span,
)

HISTORY_MAX, HISTORY_MIN = 48, 4
# All nodes' histories together: a city's nodes keep fewer changes each.
HISTORIES_MAX = 100_000
HELD_UP_MAX = 16
# A reading that waits longer holds its node up, in the report's eyes.
HELD_UP_AFTER_US = 600_000_000


def history_max(nodes: int) -> int:
    """Return how many changes each of `nodes` nodes may keep."""
    return max(HISTORY_MIN, min(HISTORY_MAX, HISTORIES_MAX // max(1, nodes)))


@dataclass(slots=True)
class Longest:
    """The longest of many spans, the first of equally long ones."""

    span: Span | None = None
    begin_us: int | None = None

    def begin(self, time_us: int) -> None:
        """A span begins, if none is open."""
        if self.begin_us is None:
            self.begin_us = time_us

    def end(self, time_us: int) -> None:
        """The open span ends, if there is one."""
        if self.begin_us is None:
            return
        if self.span is None or time_us - self.begin_us > self.span.end_us - self.span.begin_us:
            self.span = Span(self.begin_us, time_us)
        self.begin_us = None


@dataclass(slots=True)
class NodeLife:
    """A node as it goes through the run."""

    facts: NodeFacts
    history_max: int = HISTORY_MAX
    state: int = NO_POWER
    is_lit: bool = False
    boots: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    registrations: int = 0
    registered_us: int | None = None
    refused: int = 0
    taken: int = 0
    delivered: int = 0
    missing: int = 0
    _history: list[tuple[int, int]] = field(default_factory=list)
    _held_up: list[Span] = field(default_factory=list)
    _out_of_touch: Longest = field(default_factory=Longest)
    _silence: Longest = field(default_factory=Longest)

    def boot(self, time_us: int, cause: str) -> None:
        """It runs from now on."""
        self.boots[cause] += 1
        self._out_of_touch.begin(time_us)
        self._silence.begin(time_us)
        self._set(time_us, OUT_OF_TOUCH, self.is_lit)

    def stop(self, time_us: int) -> None:
        """It stands still from now on."""
        self._out_of_touch.end(time_us)
        self._silence.end(time_us)
        self._set(time_us, NO_POWER, self.is_lit)

    def register(self, time_us: int) -> None:
        """A gateway knows it from now on."""
        self.registrations += 1
        if self.registered_us is None:
            self.registered_us = time_us
        self._out_of_touch.end(time_us)
        self._set(time_us, REGISTERED, self.is_lit)

    def lose_registration(self, time_us: int, reason: str) -> None:
        """It knows that no gateway knows it."""
        self.lost[reason] += 1
        self._out_of_touch.begin(time_us)
        self._set(time_us, OUT_OF_TOUCH, self.is_lit)

    def light(self, time_us: int, is_lit: bool) -> None:
        """Its lamp burns or is dark from now on."""
        if is_lit != self.is_lit:
            self._set(time_us, self.state, is_lit)

    def deliver(self, taken_us: int, time_us: int) -> None:
        """One of its readings has reached the city for the first time."""
        self.delivered += 1
        self.hold_up(taken_us, time_us)
        if self.state != NO_POWER:
            self._silence.end(time_us)
            self._silence.begin(time_us)

    def hold_up(self, taken_us: int, time_us: int) -> None:
        """One of its readings waited from `taken_us` until now."""
        begin_us = taken_us + HELD_UP_AFTER_US
        if time_us <= begin_us:
            return
        spans = self._held_up
        # Readings come out of their order: an urgent one overtakes.
        while spans and begin_us <= spans[-1].end_us:
            begin_us = min(begin_us, spans.pop().begin_us)
        spans.append(Span(begin_us, time_us))
        if len(spans) > HELD_UP_MAX:
            shortest = min(range(len(spans)), key=lambda at: spans[at].length_s)
            del spans[shortest]

    def _set(self, time_us: int, state: int, is_lit: bool) -> None:
        self.state = state
        self.is_lit = is_lit
        entry = (time_us // 1_000_000, state + LIT * is_lit)
        history = self._history
        if history and history[-1][0] == entry[0]:
            history.pop()
        before = history[-1][1] if history else NO_POWER
        if entry[1] != before:
            history.append(entry)
        if len(history) > self.history_max:
            self._forget_shortest()

    def _forget_shortest(self) -> None:
        """Give the shortest state's time to the one before it."""
        history = self._history
        at = min(range(1, len(history) - 1), key=lambda i: history[i + 1][0] - history[i][0])
        del history[at]
        if history[at][1] == history[at - 1][1]:
            del history[at]

    def record(self, end_us: int) -> NodeRecord:
        """Return what became of it until `end_us`."""
        self._out_of_touch.end(end_us)
        self._silence.end(end_us)
        return NodeRecord(
            self.facts, tuple(self._history), tuple(self._held_up), dict(self.boots),
            self.registrations, self.registered_us, dict(self.lost), self.refused,
            self.taken, self.delivered, dict(self.dropped), self.missing, self._out_of_touch.span,
            self._silence.span)
