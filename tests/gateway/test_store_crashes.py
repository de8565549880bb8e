"""Power cuts: at every sync of a workload, whatever part of the unsynced writes arrived."""

import shutil
from random import Random

import pytest

from gateway import store_database
from simulator.crash_states import crash_states
from simulator.disk import Disk
from tests.full_size import is_full_size
from tests.gateway.crash_workload import Workload, check

STEPS = 60 if is_full_size() else 20
SUBSETS = 12 if is_full_size() else 3
SEEDS = range(20 if is_full_size() else 3)

# Which check sees it first depends on where the schema's pages lie: what is lost, or a state that
# only a store without syncs can leave.
FOUND_OUT = "acknowledged|not here|taken for damage"


@pytest.fixture
def disk():
    disk = Disk("crashing")
    yield disk
    disk.close()


def cut_everywhere(folder, disk, seed, monkeypatch, pragmas=()):
    """Let a workload run, then check each state that a power cut could have left; count them."""
    pragmas = (*store_database.WRITER_PRAGMAS, *pragmas)
    monkeypatch.setattr(store_database, "WRITER_PRAGMAS", pragmas)
    Workload(disk, seed).run(str(folder / "store.db"), STEPS)
    # It only spares the real disk below the work of syncing.
    left = Disk("left")
    count = 0
    try:
        for state in crash_states(disk.log, Random(seed), SUBSETS):
            state.write_to(folder / "left")
            check(str(folder / "left/store.db"), state.notes, left.name)
            shutil.rmtree(folder / "left")
            left.log.clear()
            count += 1
    except AssertionError as error:
        error.add_note(f"seed {seed}, log entry {state.name}")
        raise
    finally:
        left.close()
    return count


@pytest.mark.parametrize("seed", SEEDS)
def test_power_cut_at_any_sync_costs_nothing_acknowledged(tmp_path, disk, seed, monkeypatch):
    assert cut_everywhere(tmp_path, disk, seed, monkeypatch) > 5 * STEPS


@pytest.mark.parametrize("mode", ["NORMAL", "OFF"])
def test_store_that_does_not_sync_each_commit_is_found_out(tmp_path, disk, mode, monkeypatch):
    with pytest.raises(AssertionError, match=FOUND_OUT):
        cut_everywhere(tmp_path, disk, 1, monkeypatch, (f"synchronous = {mode}",))


def test_disk_that_lies_about_syncs_is_found_out(tmp_path, disk, monkeypatch):
    disk.is_lying = True
    with pytest.raises(AssertionError, match=FOUND_OUT):
        cut_everywhere(tmp_path, disk, 1, monkeypatch)
