"""A node's stores on a littlefs whose power is cut amid and after each of its operations."""

import pytest

from tests import full_size
from tests.micropython.process import MicroPythonWorker

MODULE = "tests.firmware.power_cut"
# Each share takes each such operation; `make test` four shares, `make prove` all of them.
STRIDE = 16
SHARES = STRIDE if full_size.is_full_size() else 4
MOMENTS_MIN = 75


@pytest.fixture
def worker():
    worker = MicroPythonWorker("micropython", heap="64m")
    yield worker
    worker.close()


@pytest.mark.parametrize("share", range(SHARES))
def test_what_a_node_has_promised_survives_a_power_cut_at_any_moment(worker, share):
    tried, complaints = worker.call(MODULE, "survey", share * STRIDE // SHARES, STRIDE)
    assert complaints == []
    assert tried >= MOMENTS_MIN
