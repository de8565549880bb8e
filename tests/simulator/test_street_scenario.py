"""An evening in a street of sixty nodes, with seeds that stay and one of this very commit."""

import subprocess
from pathlib import Path

import pytest

from tests.simulator.scenario_runs import TIME_LIMIT_S, assert_holds

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)


def seed_of_this_commit():
    """Eight hex digits of the commit as a number; of a tree without git, one that stays."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent,
                          capture_output=True, text=True, check=False)
    return int(done.stdout[:8] or "0", 16)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_evening_in_the_street_holds_every_promise(seed):
    assert_holds("street", seed)


def test_evening_with_the_seed_of_this_commit_holds_every_promise():
    assert_holds("street", seed_of_this_commit())
