"""The nodes of a run: what a scenario says of its fleet, put on the sites of a world."""

import random
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from firmware import keys
from firmware.node import Node
from protocol.coap_parameters import TransmissionParameters
from protocol.settings import Settings
from simulator.fitting import Fitting
from simulator.flash import Flash
from simulator.happenings import Address, NodeObeyed, Tell
from simulator.link_profiles import PROFILES, LinkProfile
from simulator.network import Network
from simulator.node_clock import NodeTimers, TimerQueue
from simulator.observed_node import ObservedNode
from simulator.released_node import TODAY, ReleasedNode, release, versions
from simulator.scenario_tables import Scenario
from simulator.sim_node import MAINS, PORT, SimNode
from simulator.virtual_board import VirtualBoard
from simulator.world.layout import Site
from simulator.world.world import World

# What a crystal of an ESP32 module is off at most, and what a node's own is drawn from.
DRIFT_PPM = 10


def node_address(number: int) -> Address:
    """Return where the node with this number, 0 and up, is on the network."""
    return f"10.{number >> 16 & 127}.{number >> 8 & 255}.{number & 255}", PORT


def gateway_address(number: int) -> Address:
    """Return where the gateway with this number, 0 and up, listens."""
    return f"10.255.{number >> 8 & 255}.{number & 255}", PORT


class District:
    """The nodes, by endpoint; `gateway_of(endpoint)` is the number of a node's gateway.

    Neighbours have the same gateway.
    """

    def __init__(self, scenario: Scenario, seed: int, world: World, network: Network,
                 timers: TimerQueue, tell: Tell, now_us: Callable[[], int]) -> None:
        self._scenario = scenario
        self._seed = seed
        self._world = world
        self._tell = tell
        self._now_us = now_us
        self._gateways = scenario.about.gateways
        self._releases = versions(scenario.fleet.releases)
        self.nodes: dict[str, SimNode] = {}
        self._numbers: dict[str, int] = {}
        for site in world.sites:
            self._add(site, network, timers)

    def gateway_of(self, endpoint: str) -> int:
        """Return the number of the gateway that serves a node."""
        return self._numbers[endpoint] * self._gateways // len(self._world.sites)

    def give_keys(self, credentials: Mapping[str, bytes]) -> None:
        """Put nodes' credentials on their flash, by endpoint, as their provisioning does."""
        for endpoint, secret in credentials.items():
            self.nodes[endpoint].flash.write(keys.KEY, keys.encode(0, secret))

    def _add(self, site: Site, network: Network, timers: TimerQueue) -> None:
        self._numbers[site.endpoint] = site.number
        rng = random.Random(f"{self._seed}/node/{site.endpoint}")
        drift_ppm = rng.randint(-DRIFT_PPM, DRIFT_PPM)
        flash = Flash(random.Random(f"{self._seed}/flash/{site.endpoint}"))
        address = node_address(site.number)
        fitting = Fitting(self._world, site)
        fitting.commission(flash)
        node = SimNode(site, flash, partial(self._make_node, site, rng, flash, fitting),
                       NodeTimers(timers, drift_ppm), network, address, self._tell, self._now_us)
        node.on_stop = fitting.release
        if fitting.battery is not None:
            node.on_send = fitting.battery.note_datagram
        node.wear_random = random.Random(f"{self._seed}/wear/{site.endpoint}")
        network.set_link(address, self._profile(site.name))
        self.nodes[site.endpoint] = node
        if not self._world.mains(site):
            node.switch_off(MAINS)
        self._world.on_mains(site, partial(_follow, node))

    def _make_node(self, site: Site, rng: random.Random, flash: Flash, fitting: Fitting,
                   on_reset: Callable[[], None], cause: str) -> Node | ReleasedNode:
        board = VirtualBoard(site.furniture, site.number, rng, on_reset, flash,
                             node_address(site.number)[0])
        board.reset_cause = cause
        fitting.fit(board)
        note = partial(self._note_obedience, site.endpoint)
        version = self._releases[site.number % len(self._releases)]
        if version != TODAY:
            return ReleasedNode(release(version), board, self._settings(site), note)
        return ObservedNode(board, self._settings(site), TransmissionParameters(), note)

    def _settings(self, site: Site) -> Settings:
        fleet, place = self._scenario.fleet, self._scenario.place
        host, port = gateway_address(self.gateway_of(site.endpoint))
        return Settings(
            server_uri=f"coap://{host}:{port}", name=site.name, asset=site.asset,
            lifetime_s=fleet.lifetime_s, registration_spread_s=fleet.registration_spread_s,
            timezone=place.timezone, latitude_e6=site.latitude_e6,
            longitude_e6=site.longitude_e6, supply="switched" if site.is_switched else "permanent",
            security=fleet.security, report_interval_s=fleet.interval_s(site.furniture),
            queue_readings_max=fleet.queue_readings_max,
            furniture=fleet.own_settings(site.furniture))

    def _profile(self, name: str) -> LinkProfile:
        network = self._scenario.network
        fitting = [profile for pattern, profile in network.links.items()
                   if fnmatchcase(name, pattern)]
        return PROFILES[fitting[0] if fitting else network.profile]

    def _note_obedience(self, endpoint: str, operation: str, path: str, value: Any) -> None:
        self._tell(NodeObeyed(self._now_us(), endpoint, operation, path, value))


def _follow(node: SimNode, is_live: bool) -> None:
    if is_live:
        node.switch_on(MAINS)
    else:
        node.switch_off(MAINS)
