"""The flash outlives the furniture, at the rate of writes that its board allows."""

import pytest

from tests.micropython.process import MicroPythonWorker
from tools.bench import flash_wear

BOARDS = ("ESP32_BIN", "ESP32_LAMP", "ESP32_PARKING")


@pytest.fixture(scope="module")
def erasures():
    worker = MicroPythonWorker("micropython", heap="64m")
    yield worker.call(flash_wear.MODULE, "erasures_by_write")
    worker.close()


def test_an_alarm_that_is_acknowledged_needs_no_block_of_its_own(erasures):
    assert erasures[0] < 0.1


def test_a_batch_costs_one_block_and_its_share_of_the_metadata(erasures):
    assert 1 <= erasures[1] < 1.1
    assert 1 <= erasures[2] < 1.1


def test_counters_need_no_block_of_their_own(erasures):
    assert erasures[3] < 0.2


def test_numbers_are_reserved_without_a_block_of_their_own(erasures):
    assert erasures[4] < 0.2


@pytest.mark.parametrize("board", BOARDS)
def test_flash_lasts_twenty_years_at_the_rate_that_the_board_allows(board, erasures):
    assert flash_wear.row(board, erasures[1], *erasures[3:])["years (estimate)"] >= 20
