"""Every release that is kept: unharmed, and its nodes still work with today's gateway."""

import hashlib
import zipfile

import pytest

from tests.street.processes import NodeProcess, until
from tools import release

VERSIONS = sorted(folder for folder in release.RELEASES.iterdir() if folder.is_dir())
HEAP = 1 << 20
FURNITURES = {"lamp": "/3416/0/3", "bin": "/3435/0/2", "parking": "/3431/0/1"}


def named(folder):
    return folder.name


@pytest.fixture(scope="module", params=VERSIONS, ids=named)
def version(request):
    return request.param


@pytest.fixture(scope="module")
def old_image(version, tmp_path_factory):
    """The UNIX node's image as it was released."""
    folder = tmp_path_factory.mktemp(f"image-{version.name}")
    with zipfile.ZipFile(version / "node-UNIX.zip") as packed:
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def gateway(new_gateway):
    gateway = new_gateway("releases", security="none").start()
    yield gateway
    assert "Traceback" not in gateway.said()


def test_what_was_released_is_unharmed(version):
    lines = (version / release.SUMS).read_text().splitlines()
    sums = dict(reversed(line.split()) for line in lines)
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()
             for file in version.iterdir() if file.name != release.SUMS}
    assert found == sums


@pytest.mark.parametrize("furniture", FURNITURES)
def test_released_node_registers_reports_and_is_read(
        furniture, version, old_image, gateway, folder, processes):
    number = 200 + list(FURNITURES).index(furniture)
    place = folder / f"{version.name}-{furniture}"
    # Left out of the file: the first release knows of no security, and has none.
    node = NodeProcess(place, furniture, number, gateway.port, old_image, security="oscore")
    processes.append(node)
    # What a release may need of the heap is not judged here.
    node.heap = HEAP
    node.start()
    until(lambda: gateway.state(node.endpoint) in ("registered", "sleeping"), node.said)
    path = FURNITURES[furniture]
    until(lambda: path in {each["path"] for each in gateway.node(node.endpoint)["readings"]},
          node.said)
    assert gateway.read(node.endpoint, "/3/0/0") == "Faubourg"
