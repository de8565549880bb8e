"""The simulator's own proof: `search` finds each planted bug, and finds nothing without one."""

import logging
from pathlib import Path

import pytest

from simulator import scenario
from simulator.plan import Plan
from simulator.search import search
from simulator.search_command import attempt
from tests.full_size import is_full_size
from tests.simulator.planted.bugs import BUGS, EVERY_RUN, RUNS_MAX
from tests.simulator.planted.plant import planted

BAD_NIGHT = scenario.load(str(Path(__file__).with_name("bad-night.toml")))
FIRST_SEED = 1
SOUND_RUNS = 3 if is_full_size() else 1


@pytest.fixture(autouse=True)
def quiet():
    """What nodes and gateways log in a bad night is not what this is about."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def found(runs):
    plans = [Plan.of(BAD_NIGHT, seed) for seed in range(FIRST_SEED, FIRST_SEED + runs)]
    return search(plans, attempt, print, tries_max=0)


@pytest.mark.parametrize("bug", BUGS if is_full_size() else EVERY_RUN, ids=lambda bug: bug.name)
def test_search_finds_a_planted_bug_within_the_stated_number_of_runs(bug):
    with planted(bug):
        assert found(RUNS_MAX) is not None, bug.rule


def test_search_finds_nothing_where_nothing_is_planted():
    assert found(SOUND_RUNS) is None


def test_plant_changes_what_runs_and_takes_itself_away():
    bug = BUGS[0]
    before = bug.function.__code__
    with planted(bug):
        assert bug.function.__code__ is not before
    assert bug.function.__code__ is before
