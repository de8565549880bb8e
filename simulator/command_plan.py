"""What the city asks of its furniture in a run, written down before the run begins.

Each node's commands are drawn from a generator of its own: a node less, or a shorter run, takes
some away and moves no other.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator.plan import Plan
from simulator.scenario_tables import CommandEntry, Scenario
from simulator.scenario_times import seconds
from simulator.sim_city import SimCity
from simulator.targets import targets_of
from simulator.virtual_time import VirtualLoop

HOUR_S = 3600
# A command ends so long before the run does, or it could not be answered in time.
EXPIRES_S_MIN, END_S = 60, 60


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """A command at `at_s` to the node of this name; the rest as `commander.Command` has it."""

    at_s: float
    node: str
    operation: str
    path: str
    value: Any
    expires_s: int


Wish = tuple[str, str, Any]  # operation, path, value
Draw = Callable[[random.Random], Wish]


def commands_of(plan: Plan) -> tuple[PlannedCommand, ...]:
    """Return the commands of a run in order of time; none is given in its quiet time.

    Each expires before the run ends.
    """
    scenario = plan.scenario
    end_s = plan.duration_s - scenario.quiet_s
    nodes = targets_of(scenario, plan.nodes).nodes
    found = [_written(scenario, order) for order in scenario.orders if order.node in nodes]
    # As many for each node as it has in the scenario's own size.
    rate_per_s = scenario.commands.per_hour / HOUR_S / scenario.about.nodes
    if rate_per_s:
        for node in nodes:
            found += _drawn(node, f"{plan.seed}/command/{node}", rate_per_s, end_s,
                            seconds(scenario.commands.expires))
    kept = [_ended(each, plan.duration_s) for each in found if each.at_s < end_s]
    return tuple(sorted(kept, key=lambda each: each.at_s))


def schedule(commands: tuple[PlannedCommand, ...], loop: VirtualLoop, city: SimCity,
             whereabouts: Callable[[str], tuple[str, str]]) -> None:
    """Have each command given in its time; `whereabouts(node)` is its (gateway, endpoint) then."""
    for command in commands:
        loop.call_at(command.at_s, _give, command, city, whereabouts)


def _give(command: PlannedCommand, city: SimCity,
          whereabouts: Callable[[str], tuple[str, str]]) -> None:
    gateway, endpoint = whereabouts(command.node)
    city.give(gateway, endpoint, command.operation, command.path, command.value,
              command.expires_s)


def _written(scenario: Scenario, order: CommandEntry) -> PlannedCommand:
    is_dim = order.operation == "dim"
    value = (order.value, seconds(order.length)) if is_dim else order.value
    return PlannedCommand(float(scenario.offset_s(order.at)), order.node, order.operation,
                          order.path, value, seconds(order.expires))


def _drawn(node: str, seed: str, rate_per_s: float, end_s: float,
           expires_s: int) -> Iterator[PlannedCommand]:
    draws, at_s = random.Random(seed), 0.0
    wishes = WISHES[node.split()[0]]
    while (at_s := at_s + draws.expovariate(rate_per_s)) < end_s:
        operation, path, value = draws.choices(*wishes)[0](draws)
        yield PlannedCommand(round(at_s, 3), node, operation, path, value, expires_s)


def _ended(command: PlannedCommand, end_s: float) -> PlannedCommand:
    left_s = max(EXPIRES_S_MIN, int(end_s - command.at_s - END_S))
    return PlannedCommand(command.at_s, command.node, command.operation, command.path,
                          command.value, min(command.expires_s, left_s))


def _dim(draws: random.Random) -> Wish:
    return "dim", "", (draws.randrange(0, 101, 10), draws.randrange(600, 7201, 300))


def _write(path: str, lowest: int, highest: int, step: int = 1) -> Draw:
    return lambda draws: ("write", path, draws.randrange(lowest, highest + 1, step))


def _execute(path: str) -> Draw:
    return lambda draws: ("execute", path, None)


def _name(draws: random.Random) -> Wish:
    return "write", "/3410/0/3", f"quay {draws.randrange(1000)}"


# What a city asks for, and how often of each. Some of it is refused, as in the field: by the
# gateway, as what no city may do, or by the node, as what can only be read.
# A loop is not calibrated at random: that is for who sees the bay empty (docs/parking.md).
EVERYBODY: dict[Draw, int] = {
    _name: 1,
    _execute("/1/0/8"): 1,  # register again
    _execute("/3/0/4"): 1,  # a reboot: not by this uplink
}
WISHES: dict[str, tuple[list[Draw], list[int]]] = {
    furniture: (list(wishes), list(wishes.values()))
    for furniture, wishes in {
        "lamp": EVERYBODY | {
            _dim: 12,
            (lambda draws: ("resume", "", None)): 4,
            _write("/3416/0/4", 60, 100, 5): 2,  # default dimming level
            _write("/3416/0/3", 0, 100): 1,  # the level that there is: read only
            _write("/3416/0/53", 1800, 7200, 600): 1,  # an override's default duration
        },
        "bin": EVERYBODY | {
            _write("/3435/0/4", 70, 95): 4,  # full from here on
            _write("/3435/0/6", 5, 20): 2,  # empty from here on
            _write("/3435/0/2", 0, 100): 1,  # the filling: read only
            _execute("/3435/0/9"): 1,  # the average filling speed begins anew
        },
        "parking": EVERYBODY | {
            _write("/42801/0/3", 500, 3000, 100): 4,  # dwell time
            _write("/42801/0/2", 1500, 2500, 250): 1,  # hysteresis
        },
    }.items()
}
