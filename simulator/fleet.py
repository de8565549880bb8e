"""Builds a district's nodes: for each site of the world a store, a board and a node on it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from firmware.node import Node
from protocol.coap_parameters import TransmissionParameters
from protocol.settings import Settings
from simulator.fitting import Fitting
from simulator.virtual_board import MemoryStore, VirtualBoard
from simulator.world.layout import Site
from simulator.world.world import World


@dataclass(slots=True)
class Place:
    """One node's place: what is there whether or not the node runs."""

    site: Site
    store: MemoryStore
    fitting: Fitting
    make_node: Callable[..., Node]  # (what a reset does, reset cause "power")

    @property
    def endpoint(self) -> str:
        return self.site.endpoint

    @property
    def name(self) -> str:
        return self.site.name

    @property
    def furniture(self) -> str:
        return self.site.furniture


def build(world: World, settings: Callable[[Site], Settings],
          parameters: TransmissionParameters,
          make_store: Callable[[Site], MemoryStore] = lambda site: MemoryStore()) -> list[Place]:
    """Return the places of the world's sites, in their order.

    `settings(site)` gives a node its settings. Each node has its own random numbers, drawn from
    the world's seed and its number, so that one more node changes none of the others. Bays are
    calibrated, as after an installation.
    """
    return [_place(world, site, settings, parameters, make_store(site)) for site in world.sites]


def _place(world: World, site: Site, settings: Callable[[Site], Settings],
           parameters: TransmissionParameters, store: MemoryStore) -> Place:
    rng = random.Random(f"{world.seed}/node/{site.number}")
    fitting = Fitting(world, site)
    fitting.commission(store)

    def make_node(on_reset: Callable[[], None], cause: str = "power") -> Node:
        board = VirtualBoard(site.furniture, site.number, rng, on_reset, store)
        board.reset_cause = cause
        fitting.fit(board)
        return Node(board, settings(site), parameters)

    return Place(site, store, fitting, make_node)
