"""Two thousand nodes that lose their power in one moment and get it back in another."""

import pytest

from tests.simulator.scenario_runs import TIME_LIMIT_S, assert_holds

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)


def test_district_that_comes_back_at_once_registers_without_a_storm():
    assert_holds("blackout")
