"""Who can be hit: the nodes, gateways and circuits of a fleet, by the names that faults use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from simulator.fault import Place
from simulator.gateway_text import gateway_id
from simulator.scenario_tables import Fleet, Scenario

LAMPS_PER_CIRCUIT = 30
CITY = "city"


@dataclass(frozen=True, slots=True)
class Targets:
    """The names of what a scenario of so many nodes consists of, each in a fixed order.

    `members` are the nodes of each street and circuit, `feeds` the circuits of each street.
    """

    nodes: tuple[str, ...]
    gateways: tuple[str, ...]
    circuits: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    feeds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, place: Place, pattern: str) -> tuple[str, ...]:
        """Return who at `place` has a name that `pattern` fits; "all" fits everybody."""
        everybody = {
            Place.NODE: self.nodes, Place.GATEWAY: self.gateways, Place.CITY: (CITY,),
            Place.LINK: self.nodes, Place.MAINS: self.circuits,
        }[place]
        groups = self.feeds if place is Place.MAINS else self.members
        if pattern in groups:
            return groups[pattern]
        if place is Place.LINK and pattern.startswith("gateway"):
            everybody = self.gateways
        if pattern == "all":
            return everybody
        return tuple(name for name in everybody if fnmatchcase(name, pattern))


def furniture_at(number: int, fleet: Fleet) -> str:
    """Return what stands at place `number`, 0 and up: the mix is the same all along the street."""
    position = number % (fleet.lamps + fleet.bins + fleet.parking)
    if position < fleet.bins:
        return "bin"
    return "parking" if position < fleet.bins + fleet.parking else "lamp"


def targets_of(scenario: Scenario, nodes: int) -> Targets:
    """Return who there is with the first `nodes` nodes of the scenario."""
    furniture = [furniture_at(number, scenario.fleet) for number in range(nodes)]
    circuits = -(-furniture.count("lamp") // LAMPS_PER_CIRCUIT)
    return Targets(
        tuple(f"{kind} {number + 1}" for number, kind in enumerate(furniture)),
        tuple(gateway_id(number) for number in range(scenario.about.gateways)),
        tuple(f"circuit {number + 1}" for number in range(circuits)),
    )
