"""The heap that a node needs: the committed figures hold, and fall only."""

import pytest

from protocol.settings import FURNITURES
from tools import node_hour
from tools.bench import node_heap


@pytest.fixture(scope="module", params=FURNITURES)
def image(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image") / "image"
    node_hour.build_image(request.param, folder)
    return request.param, folder


def test_node_lives_for_an_hour_in_the_committed_heap(image):
    furniture, folder = image
    node_hour.run(folder, furniture, node_heap.committed()[furniture] + node_heap.SLACK)


def test_heap_that_is_too_small_is_noticed(image):
    furniture, folder = image
    assert not node_hour.fits(folder, furniture, 16 * 1024)
