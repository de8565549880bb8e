"""What an operator sees of a node."""

from gateway.fleet_view import LatestReadings
from tests.gateway.uplink_rows import TIME_MS, row

HOUR_MS = 3_600_000


def shown(*rows):
    latest = LatestReadings()
    latest.take(rows)
    (newest,) = latest.of("lamp")
    return newest.sequence


def test_reading_that_was_held_back_takes_no_newer_ones_place():
    assert shown(row(1), row(2, time_ms=TIME_MS - HOUR_MS)) == 1


def test_reading_after_a_clock_was_put_back_is_shown():
    assert shown(row(1, time_ms=TIME_MS + HOUR_MS), row(2)) == 2
