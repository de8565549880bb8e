"""The nights that a street finds in its third winter, each with every promise kept."""

import pytest

from tests.simulator.scenario_runs import TIME_LIMIT_S, assert_holds

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)


def test_circuits_that_are_switched_at_the_cabinet_do_the_right_thing_at_dusk():
    assert_holds("dusk")


def test_friday_on_which_everything_breaks_loses_nothing():
    result = assert_holds("bad-friday")
    assert result.readings.taken > 10_000
