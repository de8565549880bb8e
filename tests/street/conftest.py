"""Fixtures of the street: the compiled image of a node, a broker, gateways and nodes."""

import functools

import pytest

from tests import debian
from tests.gateway.mosquitto import Broker
from tests.ports import free_port
from tests.street.processes import GatewayProcess, NodeProcess
from tools import board_images


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """`image(furniture)` gives the image of boards/UNIX with this furniture alone, made once.

    A real board's image holds one furniture too; that of `make boards` for UNIX has all three.
    """
    start = board_images.BOARDS / "UNIX/main.py"

    @functools.cache
    def build(furniture):
        folder = tmp_path_factory.mktemp("boards") / furniture
        board_images.build_image("UNIX", start, folder, [furniture])
        return folder

    return build


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for all that a module's processes write."""
    return tmp_path_factory.mktemp("street")


@pytest.fixture(scope="module")
def broker(folder):
    """A running mosquitto."""
    debian.program("mosquitto")
    with Broker(folder / "broker") as broker:
        yield broker


@pytest.fixture(scope="module")
def processes():
    """A list of processes to end when the module's tests are done."""
    started = []
    yield started
    for process in started:
        process.close()


@pytest.fixture(scope="module")
def new_node(processes, folder, image):
    """`new_node(name, furniture, number, server, **settings)` gives a NodeProcess to start."""

    def make(name, furniture, number, server, is_compiled=True, **settings):
        node = NodeProcess(
            folder / name, furniture, number, server, image(furniture) if is_compiled else None,
            **settings)
        processes.append(node)
        return node

    return make


@pytest.fixture(scope="module")
def new_gateway(processes, folder):
    """`new_gateway(name, text, **more)` gives a GatewayProcess on a free port to start."""

    def make(name, text="", **more):
        gateway = GatewayProcess(folder / name, free_port(), text, **more)
        processes.append(gateway)
        return gateway

    return make
