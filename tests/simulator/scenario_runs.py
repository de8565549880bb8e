"""Runs a shipped scenario as CI does, and says what failed and how to see it again."""

import logging

from simulator import scenario
from simulator.plan import Plan
from simulator.run import Run

TIME_LIMIT_S = 3600
"""Ends a run that hangs; how fast a machine is, is no matter of these tests."""


def assert_holds(name, seed=1, **size):
    """Every check of the scenario holds with this seed; returns the result."""
    logging.disable(logging.CRITICAL)
    try:
        result = Run(Plan.of(scenario.load(name), seed, **size)).carry_out().result
    finally:
        logging.disable(logging.NOTSET)
    failed = [f"{each.check}: {each.subject}: {each.what}" for each in result.failures]
    assert result.is_ok, "\n".join([*failed, result.replay])
    tally = result.readings
    assert tally.in_flight == tally.missing == 0, result.replay
    assert tally.taken == tally.delivered + tally.explained > 0, result.replay
    assert result.registered == result.nodes, result.replay
    return result
