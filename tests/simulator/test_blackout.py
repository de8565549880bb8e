"""Two thousand nodes that lose their power in one moment and get it back in another."""

from tests.simulator.scenario_runs import assert_holds


def test_district_that_comes_back_at_once_registers_without_a_storm():
    assert_holds("blackout")
