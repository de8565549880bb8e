"""A node's stores on a littlefs whose power is cut amid and after each of its operations."""

import pytest

from tests import full_size
from tests.micropython.process import MicroPythonWorker

MODULE = "tests.firmware.power_cut"
# In `make test` each such operation; in `make prove` all of them, in shares for two cores.
STRIDE = 16
SHARES = 4
MOMENTS_MIN = 300


@pytest.fixture
def worker():
    worker = MicroPythonWorker("micropython", heap="64m")
    yield worker
    worker.close()


@pytest.mark.parametrize("share", range(SHARES))
def test_what_a_node_has_promised_survives_a_power_cut_at_any_moment(worker, share):
    stride = SHARES if full_size.is_full_size() else STRIDE
    tried, complaints = worker.call(MODULE, "survey", share * stride // SHARES, stride)
    assert complaints == []
    assert tried >= MOMENTS_MIN // SHARES
