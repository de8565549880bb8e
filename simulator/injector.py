"""Lets the faults of a plan happen in a running simulation, and ends them in their time."""

from collections.abc import Callable

from simulator.effects import Effects
from simulator.fault import FACTS, Fault
from simulator.happenings import FaultBegan, FaultEnded, Tell
from simulator.plan import Plan
from simulator.targets import Targets
from simulator.virtual_time import VirtualLoop


class Injector:
    """One run's bad luck.

    `under_way` are the faults that are there now, by their numbers in the plan; `left_out` are
    those whose target this fleet does not have.
    """

    def __init__(self, plan: Plan, targets: Targets, effects: Effects, loop: VirtualLoop,
                 tell: Tell) -> None:
        self._loop = loop
        self._tell = tell
        self._effects = effects
        self._quiet_from_s = max(0.0, plan.duration_s - plan.scenario.quiet_s)
        self._hits = [
            (number, fault, targets.of(FACTS[fault.kind].place, fault.target))
            for number, fault in zip(plan.numbers, plan.faults)]
        self.left_out = tuple(fault for _, fault, hit in self._hits if not hit)
        self.under_way: dict[int, Fault] = {}
        self.begun = 0

    def start(self) -> None:
        """Set a timer for each fault: they are relative to the loop's time 0."""
        for number, fault, hit in self._hits:
            if hit:
                self._effects.prepare(fault, hit)
                self._loop.call_at(fault.at_s, self._begin, number, fault, hit)
        self._loop.call_at(self._quiet_from_s, self.finish)

    def finish(self) -> None:
        """End what still lasts: from now on everything is as it should be."""
        for number in list(self.under_way):
            self._end(number)

    def _begin(self, number: int, fault: Fault, hit: tuple[str, ...]) -> None:
        self.begun += 1
        self.under_way[number] = fault
        self._tell(FaultBegan(self._loop.now_us(), fault))
        if self._effects.begin(number, fault, hit, self._ended_by_itself(number)):
            self._loop.call_at(fault.at_s + fault.duration_s, self._end, number)

    def _ended_by_itself(self, number: int) -> Callable[[], None]:
        return lambda: self._end(number)

    def _end(self, number: int) -> None:
        fault = self.under_way.pop(number, None)
        if fault is not None:
            self._effects.end(number, fault)
            self._tell(FaultEnded(self._loop.now_us(), fault))
