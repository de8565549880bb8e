"""Whole runs in which the broker's word counts: kept by one with a disk, broken by another."""

import pytest

from simulator import scenario
from simulator.plan import Plan
from simulator.run import Run

TEXT = """
[scenario]
summary = "The consumer is away, and meanwhile the broker dies."
nodes = 4
hours = 0.8
start = 2026-11-13T17:00:00+01:00

[back_end]
ack = "broker"
durability = "{durability}"

[commands]
per_hour = 20

[checks]
quiet = "15m"

[[fault]]
at = "+5m"
kind = "consumer down"
target = "city"
for = "20m"

[[fault]]
at = "+15m"
kind = "broker down"
target = "city"
for = "2m"
"""


@pytest.mark.parametrize(("durability", "is_kept"), [("always", True), ("snapshots", False)])
def test_broker_that_forgets_what_it_acknowledged_loses_readings_and_the_run_says_so(
        durability, is_kept):
    text = TEXT.format(durability=durability)
    result = Run(Plan.of(scenario.parse(text, "forgetful"), 1)).carry_out().result
    failed = [check.name for check in result.checks if not check.ok]
    assert ("no reading is lost" not in failed) == is_kept, failed
    assert result.is_ok == is_kept
