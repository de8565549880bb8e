"""A plan: everything that a run depends on, so that equal plans give equal runs.

Faults are drawn before the run, for each kind and target from a generator of its own: a smaller
fleet, a shorter run or a fault less takes some away and moves no other.
"""

import random
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from simulator.fault import FACTS, Fault, FaultKind
from simulator.scenario_tables import FaultEntry, Rate, Scenario
from simulator.scenario_times import seconds
from simulator.targets import targets_of
from simulator.world.layout import Site, layout

DAY_S = 86400
FAULTS_MAX = 100_000


class PlanError(Exception):
    """No such plan can be made; the text says which part of it is too much."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario with its seed and size, and what goes wrong.

    `numbers` says which of the faults that the scenario has with this seed and size are left, in
    order: `command_line` names them.
    """

    scenario: Scenario
    seed: int
    nodes: int
    hours: float
    faults: tuple[Fault, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, scenario: Scenario, seed: int, nodes: int | None = None,
           hours: float | None = None, only: Iterable[int] | None = None) -> "Plan":
        """Return the plan of a scenario and a seed, in its own size or another.

        `only` leaves the faults with these numbers. Raises PlanError for what cannot be had.
        """
        nodes = scenario.about.nodes if nodes is None else nodes
        hours = scenario.about.hours if hours is None else hours
        faults = _faults(scenario, seed, nodes, hours)
        plan = cls(scenario, seed, nodes, hours, faults, tuple(range(len(faults))))
        return plan if only is None else plan._with_only(only)

    @property
    def duration_s(self) -> float:
        """Return how long the world lives before it is drained."""
        return self.hours * 3600

    def sites(self) -> tuple[Site, ...]:
        """Return what stands where, number 0 first."""
        scenario = self.scenario
        return layout(self.nodes, self.seed, scenario.layout_settings(), scenario.place)

    @property
    def is_whole(self) -> bool:
        """Return whether no fault was taken away."""
        return len(self.numbers) == len(self._all())

    def without_faults(self, numbers: Iterable[int]) -> "Plan":
        """Return this plan without the faults that have these numbers."""
        gone = frozenset(numbers)
        kept = [pair for pair in zip(self.numbers, self.faults) if pair[0] not in gone]
        return replace(self, numbers=tuple(number for number, _ in kept),
                       faults=tuple(fault for _, fault in kept))

    def with_nodes(self, nodes: int) -> "Plan":
        """Return this plan with the first `nodes` nodes, and the faults that are left of it."""
        return self._resized(nodes, self.hours)

    def with_hours(self, hours: float) -> "Plan":
        """Return this plan ended after `hours`, with the faults of its time."""
        return self._resized(self.nodes, hours)

    def command_line(self, program: str = "faubourg-sim run") -> str:
        """Return the command that runs exactly this plan."""
        about = self.scenario.about
        words = [*program.split(), self.scenario.name, "--seed", str(self.seed)]
        if self.nodes != about.nodes:
            words += ["--nodes", str(self.nodes)]
        if self.hours != about.hours:
            words += ["--hours", repr(self.hours).removesuffix(".0")]
        if not self.is_whole:
            words += ["--only-faults", ",".join(map(str, self.numbers)) or "none"]
        return shlex.join(words)

    def to_json(self) -> bytes:
        """Return the plan as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> "Plan":
        """Return the plan that `to_json` gave."""
        return msgspec.json.decode(data, type=cls)

    def _resized(self, nodes: int, hours: float) -> "Plan":
        whole = Plan.of(self.scenario, self.seed, nodes, hours)
        kept = {_name(fault) for fault in self.faults}
        return whole._with_only(
            number for number, fault in enumerate(whole.faults) if _name(fault) in kept)

    def _with_only(self, only: Iterable[int]) -> "Plan":
        left = frozenset(only)
        if beyond := sorted(left.difference(self.numbers)):
            raise PlanError(f"there is no fault {beyond[0]}: this run has {len(self.numbers)}, "
                            "numbered from 0")
        return self.without_faults(number for number in self.numbers if number not in left)

    def _all(self) -> tuple[Fault, ...]:
        return _faults(self.scenario, self.seed, self.nodes, self.hours)


def parse_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of faults in a text such as "1,4,7"; "none" is none of them.

    Raises PlanError.
    """
    if text == "none":
        return ()
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise PlanError(f'"{text}": allowed are numbers such as 1,4,7, or none') from error


def _name(fault: Fault) -> tuple[float, FaultKind, str]:
    """Return what a fault keeps in a longer or shorter run."""
    return fault.at_s, fault.kind, fault.target


def _faults(scenario: Scenario, seed: int, nodes: int, hours: float) -> tuple[Fault, ...]:
    """Return what goes wrong, in order of time: nothing begins or lasts in the quiet time."""
    end_s = hours * 3600 - scenario.quiet_s
    targets = targets_of(scenario, nodes)
    found = [_written(scenario, entry) for entry in scenario.faults]
    for number, rate in enumerate(scenario.rates):
        hit = targets.of(FACTS[FaultKind(rate.kind)].place, rate.targets)
        if len(hit) * rate.per_day * end_s / DAY_S > FAULTS_MAX:
            raise PlanError(f"more than {FAULTS_MAX} faults: make rate[{number}] rarer")
        for target in hit:
            found += _drawn(rate, target, f"{seed}/fault/{number}/{rate.kind}/{target}", end_s)
    by_name = {_name(fault): fault for fault in found if fault.at_s < end_s}
    return tuple(sorted(
        replace(fault, duration_s=min(fault.duration_s, end_s - fault.at_s))
        for fault in by_name.values()))


def _written(scenario: Scenario, entry: FaultEntry) -> Fault:
    at_s = float(scenario.offset_s(entry.at))
    return Fault(at_s, FaultKind(entry.kind), entry.target, seconds(entry.length), _amount(entry))


def _drawn(rate: Rate, target: str, seed: str, end_s: float) -> Iterator[Fault]:
    """Draw when it happens to one target, and how long each time: half to one and a half `for`."""
    if not rate.per_day:
        return
    draws = random.Random(seed)
    at_s = 0.0
    while True:
        at_s += draws.expovariate(rate.per_day / DAY_S)
        length_s = seconds(rate.length) * draws.uniform(0.5, 1.5)
        if at_s >= end_s:
            return
        yield Fault(round(at_s, 3), FaultKind(rate.kind), target, round(length_s, 3),
                    _amount(rate))


def _amount(entry: FaultEntry | Rate) -> float:
    usual = FACTS[FaultKind(entry.kind)].amount
    return usual if entry.amount is None else float(entry.amount)
