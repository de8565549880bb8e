"""What a scenario's tables must be to each other: what no single key can say."""

import re
from collections.abc import Callable
from pathlib import Path

from firmware.timezone import Timezone
from gateway import settings as gateway_settings
from gateway.settings_table import SettingsError
from protocol.errors import DecodeError
from protocol.settings import FURNITURES, Settings
from simulator import gateway_text
from simulator.fault import FACTS, FaultKind, Place
from simulator.link_profiles import PROFILES
from simulator.released_node import ReleaseMissing, versions
from simulator.scenario_tables import CommandEntry, FaultEntry, Rate, Scenario
from simulator.scenario_times import seconds
from simulator.world.layout import layout
from simulator.world.replay import ReplayError

_NODE = r"(lamp|bin|parking) ([0-9]+|\*)"
_GROUP = r"(street|circuit) ([0-9]+|\*)"
_GATEWAY = r"gateway-[0-9]+"
TARGETS = {
    Place.NODE: re.compile(f"{_NODE}|{_GROUP}|all"),
    Place.GATEWAY: re.compile(f"{_GATEWAY}|all"),
    Place.CITY: re.compile("city"),
    Place.LINK: re.compile(f"{_NODE}|{_GROUP}|{_GATEWAY}|all"),
    Place.MAINS: re.compile(f"{_GROUP}|all"),
}
"""What a target may be, by where a kind of fault happens; "lamp *" is every lamp."""


def check(scenario: Scenario) -> None:
    """Raise SettingsError, with the key, for the first thing that cannot be."""
    fleet = scenario.fleet
    if not fleet.lamps + fleet.bins + fleet.parking:
        raise SettingsError.of("fleet.lamps", 0, "allowed is 0 only beside bins or parking")
    _check_nodes(scenario)
    _check_links(scenario)
    _check_world(scenario)
    _check_gateway(scenario)
    end_s = scenario.about.hours * 3600
    if scenario.quiet_s >= end_s:
        remark = f"allowed is less than the {scenario.about.hours:g} hours of the run"
        raise SettingsError.of("checks.quiet", scenario.checks.quiet, remark)
    for number, fault in enumerate(scenario.faults):
        _check_fault(scenario, fault, f"fault[{number}]")
    for number, rate in enumerate(scenario.rates):
        _check_kind(rate, rate.targets, f"rate[{number}]", "targets")
    for number, order in enumerate(scenario.orders):
        _check_order(scenario, order, f"command[{number}]")


def _check_nodes(scenario: Scenario) -> None:
    fleet = scenario.fleet
    if not fleet.releases:
        raise SettingsError.of("fleet.releases", [], 'allowed are one or more, such as "today"')
    _try(lambda: versions(fleet.releases), "fleet.releases", list(fleet.releases))
    for furniture in FURNITURES:
        key = "fleet.bay" if furniture == "parking" else f"fleet.{furniture}"
        own = fleet.own_settings(furniture)
        _try(lambda own=own, furniture=furniture: Settings(
            server_uri="coap://gateway", furniture=own).furniture_values(furniture), key, own)
    _try(lambda: Timezone(scenario.place.timezone), "place.timezone", scenario.place.timezone)


def _check_links(scenario: Scenario) -> None:
    network = scenario.network
    for key, profile in (("profile", network.profile), *network.links.items()):
        if profile not in PROFILES:
            place = "network.profile" if key == "profile" else f"network.links.{key}"
            raise SettingsError.of(place, profile, "allowed is " + " or ".join(PROFILES))


def _check_world(scenario: Scenario) -> None:
    csv = scenario.world.csv
    if not csv:
        return
    try:
        replay = scenario.world_settings().replay
    except (OSError, ReplayError) as error:
        raise SettingsError.of("world.csv", csv, str(error)) from error
    sites = layout(scenario.about.nodes, 0, scenario.layout_settings())
    names = [name for site in sites for name in (site.name, site.endpoint, site.circuit)]
    if strangers := replay.strangers(names):
        remark = f"it names {strangers[0]}, whom this fleet does not have"
        raise SettingsError.of("world.csv", csv, remark)


def _try(make: Callable[[], object], key: str, value: object) -> None:
    try:
        make()
    except (DecodeError, ReleaseMissing) as error:
        raise SettingsError.of(key, value, str(error)) from error


def _check_gateway(scenario: Scenario) -> None:
    for key in ("id", "listen", "data", "security", "time"):
        if key in scenario.gateway.get("gateway", {}):
            raise SettingsError.of(f"gateway.gateway.{key}", scenario.gateway["gateway"][key],
                                   "the simulator sets it")
    try:
        gateway_settings.parse(gateway_text.settings_text(scenario, 0), Path("/"))
    except (gateway_settings.SettingsError, TypeError) as error:
        raise SettingsError(f"gateway: {error}") from error


def _check_fault(scenario: Scenario, fault: FaultEntry, key: str) -> None:
    _check_kind(fault, fault.target, key, "target")
    end_s = scenario.about.hours * 3600 - scenario.quiet_s
    if scenario.offset_s(fault.at) + seconds(fault.length) > end_s:
        remark = "allowed is what ends before the last {} ({}), which are quiet".format(
            scenario.checks.quiet, "checks.quiet")
        raise SettingsError.of(f"{key}.at", fault.at, remark)


def _check_kind(entry: FaultEntry | Rate, target: str, key: str, target_key: str) -> None:
    facts = FACTS[FaultKind(entry.kind)]
    if not TARGETS[facts.place].fullmatch(target):
        raise SettingsError.of(f"{key}.{target_key}", target, f"allowed is {facts.place}")
    if facts.lasts and not seconds(entry.length):
        remark = f'allowed is how long it lasts: a "{entry.kind}" ends'
        raise SettingsError.of(f"{key}.for", entry.length, remark)
    if entry.amount is not None and not facts.amount_min <= entry.amount <= facts.amount_max:
        remark = f"allowed is a number from {facts.amount_min:g} to {facts.amount_max:g}"
        raise SettingsError.of(f"{key}.amount", entry.amount, remark)


def _check_order(scenario: Scenario, order: CommandEntry, key: str) -> None:
    if not re.fullmatch("(lamp|bin|parking) [0-9]+", order.node):
        raise SettingsError.of(f"{key}.node", order.node, 'allowed is a node ("lamp 7")')
    if scenario.offset_s(order.at) >= scenario.about.hours * 3600:
        raise SettingsError.of(f"{key}.at", order.at, "allowed is a time within the run")
    if order.operation == "dim":
        is_level = type(order.value) is int and 0 <= order.value <= 100
        if not is_level or not seconds(order.length):
            remark = "allowed with dim is a level from 0 to 100, and for"
            raise SettingsError.of(f"{key}.value", order.value, remark)
    elif order.operation != "resume" and not re.fullmatch("(/[0-9]+)+", order.path):
        remark = "allowed is a path such as /3416/0/3"
        raise SettingsError.of(f"{key}.path", order.path, remark)
