"""Who can be hit: the nodes, gateways and circuits of a fleet, by the names that faults use."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from simulator.fault import Place
from simulator.gateway_text import gateway_id
from simulator.scenario_tables import Scenario
from simulator.world.layout import layout

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


def targets_of(scenario: Scenario, nodes: int) -> Targets:
    """Return who there is with the first `nodes` nodes of the scenario."""
    # Names, streets and circuits are the same with every seed.
    members: defaultdict[str, list[str]] = defaultdict(list)
    feeds: defaultdict[str, list[str]] = defaultdict(list)
    names, circuits = [], []
    for site in layout(nodes, 0, scenario.layout_settings()):
        names.append(site.name)
        members[site.street].append(site.name)
        if site.circuit:
            members[site.circuit].append(site.name)
            if site.circuit not in feeds[site.street]:
                feeds[site.street].append(site.circuit)
                circuits.append(site.circuit)
    return Targets(
        tuple(names), tuple(gateway_id(number) for number in range(scenario.about.gateways)),
        tuple(circuits), {name: tuple(each) for name, each in members.items()},
        {street: tuple(each) for street, each in feeds.items()})
