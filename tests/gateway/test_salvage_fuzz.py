"""Damage of any kind anywhere: the store opens, and nothing good has vanished silently."""

import shutil
from pathlib import Path
from random import Random

import pytest

from simulator.disk import PAGE_BYTES, cut, flip_bit, overwrite
from tests.full_size import is_full_size
from tests.gateway.damaged_store import NAME, make, opened, sent_again, vanished
from tests.gateway.uplink_rows import EPOCH

PACKS = 60
# The last ones have cut all files to their shortest, have found what seemed a duplicate, and have
# hit a reading in its row and in the index.
SEEDS = range(4000) if is_full_size() else (*range(40), 2595, 2851, 1770, 3145)
SHORTEST_BYTES = 100
PAGES_STEP = 1 if is_full_size() else 5
FIGURES = "{} of {} readings have vanished, {} are accounted for by number"


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The same store twice: closed in order, and as a power cut leaves it, all in its log."""
    folder = tmp_path_factory.mktemp("stores")
    return {is_closed: (folder / str(is_closed), make(folder / str(is_closed), PACKS, is_closed))
            for is_closed in (True, False)}


def check(folder, before):
    left = opened(folder)
    assert not left.failures
    gone = vanished(before, left)
    assert len(gone) <= left.unnamed, FIGURES.format(len(gone), len(before), left.unnamed)
    for reading_id, reading in left.readings.items():
        assert str(before[reading_id]) == str(reading), "a reading that nobody has sent"
    assert left.epoch == EPOCH
    if gone:
        # One row that is read as damaged is no damage of the file: it is noted by its id.
        is_told = "readings_damaged" in left.incidents and gone <= left.noted
        assert is_told or "store_salvaged" in left.incidents
        again = [before[each] for each in sorted(gone) if before[each].sequence is not None]
        assert sent_again(folder, again) == len(again), "called a duplicate, and not here"
    return left, gone


def harm(folder, random):
    """Let one file of the store rot, tear or shrink."""
    files = [each for each in sorted(folder.iterdir()) if each.stat().st_size > SHORTEST_BYTES]
    if not files:
        return
    file = random.choice(files)
    size = file.stat().st_size
    kind = random.choice(["flip", "flip", "flip", "zeros", "noise", "torn", "cut"])
    if kind == "flip":
        flip_bit(file, random.randrange(size * 8))
    elif kind == "cut":
        cut(file, random.randrange(SHORTEST_BYTES, size))
    else:
        start = random.randrange(size) // PAGE_BYTES * PAGE_BYTES
        start += PAGE_BYTES // 2 if kind == "torn" and start + PAGE_BYTES // 2 < size else 0
        length = min(PAGE_BYTES // 2 if kind == "torn" else PAGE_BYTES, size - start)
        overwrite(file, start, random.randbytes(length) if kind == "noise" else bytes(length))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_damaged_nothing_good_vanishes_silently(stores, tmp_path, seed):
    random = Random(seed)
    folder, before = stores[random.random() < 0.5]
    shutil.copytree(folder, tmp_path / "store")
    for _ in range(random.choice((1, 1, 1, 2, 5, 20))):
        harm(tmp_path / "store", random)
    check(tmp_path / "store", before)


@pytest.mark.parametrize("content", [bytes(PAGE_BYTES), Random(1).randbytes(PAGE_BYTES)],
                         ids=["zeros", "noise"])
def test_any_one_page_can_be_lost(stores, tmp_path, content):
    """What one page cannot cost: another page's readings, or more than it held."""
    folder, before = stores[True]
    pages = (folder / NAME).stat().st_size // PAGE_BYTES
    for page in range(0, pages, PAGES_STEP):
        shutil.copytree(folder, tmp_path / str(page))
        overwrite(Path(tmp_path / str(page) / NAME), page * PAGE_BYTES, content)
        left, gone = check(tmp_path / str(page), before)
        # A reading without a number has no name but its id.
        numbered = [each for each in gone if before[each].sequence is not None]
        assert not numbered, f"page {page} has cost {numbered}, which nobody can name"
        assert gone <= left.noted, f"page {page} has cost {gone - left.noted} without a note"
        assert left.named <= left.explained, "named, and not in the ledger"
        assert len(left.readings) + 80 > len(before)


def test_any_one_page_of_the_log_can_be_lost(stores, tmp_path):
    """Every version of a page is in the log; only the last transaction has no other."""
    folder, before = stores[False]
    frames = (folder / f"{NAME}-wal").stat().st_size // (PAGE_BYTES + 24)
    for frame in range(0, frames - 30, 3 if is_full_size() else 40):
        shutil.copytree(folder, tmp_path / str(frame))
        overwrite(tmp_path / str(frame) / f"{NAME}-wal", 32 + frame * (PAGE_BYTES + 24) + 500,
                  Random(frame).randbytes(1000))
        left, gone = check(tmp_path / str(frame), before)
        assert left.is_salvaged, "the log's rot was not found"
        assert len(gone) < 20, f"frame {frame} has cost {len(gone)} readings"


def test_what_is_beyond_a_cut_and_in_a_torn_page_is_counted_at_least(stores, tmp_path):
    folder, before = stores[True]
    size = (folder / NAME).stat().st_size
    for end in range((1 if is_full_size() else 32) * PAGE_BYTES, size, 2 * PAGE_BYTES):
        for torn in range(1, end // PAGE_BYTES) if is_full_size() else (9, 10):
            left = tmp_path / f"{end} {torn}"
            shutil.copytree(folder, left)
            cut(left / NAME, end)
            overwrite(left / NAME, torn * PAGE_BYTES + PAGE_BYTES // 2, bytes(PAGE_BYTES // 2))
            check(left, before)
