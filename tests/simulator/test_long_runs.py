"""The runs that `make prove` has time for: a district's day, a street's year."""

import pytest

from tests import full_size
from tests.simulator.scenario_runs import assert_holds

pytestmark = pytest.mark.skipif(not full_size.is_full_size(), reason="for make prove")


def test_day_of_a_thousand_nodes():
    assert_holds("district")


def test_year_with_both_changes_of_the_clock():
    assert_holds("year")
