"""Tries fresh seeds until one fails, then makes the failing run smaller: less to look at.

A run is smaller with fewer faults, a shorter life, fewer nodes. It counts as the same failure if
the same check fails; each try is a whole run.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from simulator.plan import Plan

TRIES_MAX = 80
# Shorter than this a run has hardly begun.
HOURS_MIN = 0.25


@dataclass(frozen=True, slots=True)
class Verdict:
    """What failed first in a run: the check's name, when (seconds of the run), and in words."""

    check: str
    time_s: float
    words: str


Try = Callable[[Plan], Verdict | None]
"""Runs a plan; None if every check holds."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A failing run as it was found, and the smallest that fails alike."""

    runs: int
    first: Plan
    smallest: Plan
    verdict: Verdict


def search(plans: Iterable[Plan], attempt: Try, say: Say, tries_max: int = TRIES_MAX
           ) -> Found | None:
    """Run `plans` until one fails and shrink that one; None if none does."""
    for number, plan in enumerate(plans, 1):
        say(f"run {number}: {plan.command_line()}")
        verdict = attempt(plan)
        if verdict is not None:
            say(f"fails: {verdict.check}: {verdict.words}")
            shrinker = Shrinker(plan, verdict, attempt, say, tries_max)
            shrinker.run()
            return Found(number, plan, shrinker.plan, shrinker.verdict)
    return None


class Shrinker:
    """Makes a failing plan smaller, as far as `tries_max` runs reach."""

    def __init__(self, plan: Plan, verdict: Verdict, attempt: Try, say: Say,
                 tries_max: int = TRIES_MAX) -> None:
        self.plan = plan
        self.verdict = verdict
        self._attempt = attempt
        self._say = say
        self._tries_left = tries_max
        self._tried: set[str] = {plan.command_line()}

    def run(self) -> None:
        """Shrink until nothing helps any more."""
        while True:
            before = self.plan
            self._shorten()
            self._drop_faults()
            self._drop_nodes()
            if self.plan == before:
                return

    def _shorten(self) -> None:
        """End it soon after what failed; then halve it for as long as it still fails."""
        quiet_s = self.plan.scenario.quiet_s
        enough = math.ceil((self.verdict.time_s + quiet_s) / 900) / 4
        if HOURS_MIN <= enough < self.plan.hours:
            self._take(self.plan.with_hours(enough))
        while self.plan.hours / 2 >= HOURS_MIN and self._take(
                self.plan.with_hours(math.ceil(self.plan.hours * 2) / 4)):
            pass

    def _drop_faults(self) -> None:
        """Leave out as many faults at once as possible: halves first, then single ones."""
        size = len(self.plan.numbers)
        while size >= 1:
            start = 0
            while start < len(self.plan.numbers):
                part: Sequence[int] = self.plan.numbers[start:start + size]
                if not self._take(self.plan.without_faults(part)):
                    start += size
            size = size // 2

    def _drop_nodes(self) -> None:
        while self.plan.nodes > 1 and self._take(self.plan.with_nodes(self.plan.nodes // 2)):
            pass

    def _take(self, smaller: Plan) -> bool:
        """Go on with `smaller` if it fails alike."""
        command = smaller.command_line()
        if self._tries_left <= 0 or command in self._tried:
            return False
        self._tried.add(command)
        self._tries_left -= 1
        verdict = self._attempt(smaller)
        is_alike = verdict is not None and verdict.check == self.verdict.check
        self._say(f"{'fails too' if is_alike else 'holds'}: {command}")
        if is_alike:
            self.plan, self.verdict = smaller, verdict
        return is_alike
