"""The longer scenarios: releases side by side; and for `make prove` a district's day, a year."""

import pytest

from tests.full_size import is_full_size
from tests.simulator.scenario_runs import assert_holds

# A year of twenty nodes takes hours.
pytestmark = pytest.mark.timeout(8 * 3600)
SCENARIOS = ("upgrade", "district", "year") if is_full_size() else ("upgrade",)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_holds_every_promise(name):
    assert_holds(name)
