"""Builds a street's nodes: the world's places, a board for each, and the node that runs on it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from firmware.node import Node
from protocol.coap_parameters import TransmissionParameters
from protocol.identity import endpoint_name
from protocol.settings import Settings
from simulator.virtual_board import (
    Luminaire,
    MemoryStore,
    VirtualBoard,
    fit_bin,
    fit_lamp,
    fit_parking,
    mac_address,
)
from simulator.world.street import Bay, Bin, Street

# Of ten nodes in a street, so many are bins and so many are parking nodes; the others are lamps.
BINS_OF_TEN, PARKING_OF_TEN = 2, 2
BIN_HEIGHT_MM = 1200
LAMP_W = 60
BAYS_PER_NODE = 1


@dataclass(slots=True)
class Place:
    """One node's place in the street, and the truth about what it measures."""

    endpoint: str
    name: str
    furniture: str
    store: MemoryStore
    make_node: Callable[[Callable[[], None]], Node]
    luminaire: Luminaire | None = None
    container: Bin | None = None
    bays: tuple[Bay, ...] = ()


def build(street: Street, count: int, settings: Callable[[str, str], Settings],
          parameters: TransmissionParameters, seed: int) -> list[Place]:
    """Return `count` places of a mixed street.

    `settings(furniture, name)` gives a node its settings. Each node has its own random numbers,
    drawn from `seed` and its number, so that one more node changes none of the others.
    """
    return [_place(street, number, settings, parameters, seed) for number in range(count)]


def furniture_of(number: int) -> str:
    """Return what stands at place `number`: the mix is the same along the whole street."""
    position = number % 10
    if position < BINS_OF_TEN:
        return "bin"
    return "parking" if position < BINS_OF_TEN + PARKING_OF_TEN else "lamp"


def _place(street: Street, number: int, settings: Callable[[str, str], Settings],
           parameters: TransmissionParameters, seed: int) -> Place:
    furniture = furniture_of(number)
    rng = random.Random(f"{seed}/node/{number}")
    store = MemoryStore()
    name = f"{furniture} {number + 1}"
    fit, truth = _fitting(street, furniture, rng)

    def make_node(on_reset: Callable[[], None]) -> Node:
        fresh = VirtualBoard(furniture, number, rng, on_reset, store)
        fit(fresh)
        return Node(fresh, settings(furniture, name), parameters)

    return Place(endpoint_name(mac_address(number)), name, furniture, store, make_node, **truth)


def _fitting(street: Street, furniture: str, rng: random.Random):
    """Return (what fits a board with its sensors, the truth they look at, as Place's fields)."""
    if furniture == "bin":
        place = street.add_bin()
        return lambda board: fit_bin(board, place, BIN_HEIGHT_MM, rng), {"container": place}
    if furniture == "parking":
        bays = tuple(street.add_bay() for _ in range(BAYS_PER_NODE))
        return lambda board: fit_parking(board, bays, rng), {"bays": bays}
    luminaire = Luminaire(street, LAMP_W * 1000)
    return lambda board: fit_lamp(board, street, luminaire, rng), {"luminaire": luminaire}
