"""Plans: equal for equal seeds, and smaller in one thing without a change in another."""

import os
import shlex
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import scenario
from simulator.fault import FaultKind
from simulator.plan import Plan, PlanError, parse_numbers
from simulator.targets import targets_of

RATES = """
[scenario]
summary = "A street where much goes wrong."
nodes = 40
hours = 24
start = 2026-11-12T12:00:00+01:00
gateways = 2

[[fault]]
at = "18:00"
kind = "gateway kill"
target = "gateway-1"
for = "1m"

[[rate]]
kind = "node reset"
per_day = 2

[[rate]]
kind = "partition"
per_day = 1
targets = "lamp *"
for = "20m"

[[rate]]
kind = "disk full"
per_day = 3
for = "10m"

[checks]
quiet = "1h"
"""
MANY = scenario.parse(RATES, "many.toml")
SIZES = st.integers(1, 60)
HOURS = st.sampled_from([0.5, 1.0, 2.0, 7.5, 12.0, 24.0, 48.0])


def replayed(plan: Plan) -> Plan:
    """Return the plan that the command line of `plan` names."""
    words = shlex.split(plan.command_line())
    options = dict(zip(words[3::2], words[4::2]))
    nodes, hours = options.get("--nodes"), options.get("--hours")
    only = options.get("--only-faults")
    return Plan.of(MANY, int(options["--seed"]), nodes and int(nodes), hours and float(hours),
                   None if only is None else parse_numbers(only))


def test_equal_seeds_give_equal_plans_and_others_do_not():
    assert Plan.of(MANY, 7) == Plan.of(MANY, 7)
    assert Plan.of(MANY, 7).faults != Plan.of(MANY, 8).faults


def test_a_plan_is_the_same_in_every_process():
    program = ("from simulator import scenario\nfrom simulator.plan import Plan\n"
               "print("
               "Plan.of(scenario.load('bad-friday'), 7).to_json().decode())")
    texts = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                       check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1", "random")}
    assert len(texts) == 1 and len(texts.pop()) > 1000


def test_faults_come_in_order_and_end_before_the_quiet_time():
    plan = Plan.of(MANY, 3)
    assert list(plan.faults) == sorted(plan.faults)
    assert all(fault.at_s + fault.duration_s <= 23 * 3600 for fault in plan.faults)


def test_rates_are_kept_over_many_targets_and_seeds():
    resets = sum(fault.kind is FaultKind.NODE_RESET
                 for seed in range(25) for fault in Plan.of(MANY, seed).faults)
    # 25 runs of 40 nodes, 2 a day, for 23 of 24 hours; four standard deviations of Poisson.
    assert abs(resets - 25 * 40 * 2 * 23 / 24) < 4 * (25 * 40 * 2) ** 0.5


def test_rates_hit_only_those_whom_they_name():
    cut = {f.target.split()[0] for f in Plan.of(MANY, 1).faults if f.kind is FaultKind.PARTITION}
    full = {f.target for f in Plan.of(MANY, 1).faults if f.kind is FaultKind.DISK_FULL}
    assert cut == {"lamp"} and full == {"gateway-1", "gateway-2"}


@settings(max_examples=25)
@given(st.integers(0, 5), SIZES, HOURS)
def test_a_smaller_plan_has_no_fault_that_the_greater_one_lacks(seed, nodes, hours):
    whole = Plan.of(MANY, seed, 60, 48.0)
    smaller = whole.with_nodes(nodes).with_hours(hours)
    there = {(fault.at_s, fault.kind, fault.target) for fault in whole.faults}
    assert {(fault.at_s, fault.kind, fault.target) for fault in smaller.faults} <= there
    names = set(targets_of(MANY, nodes).nodes)
    of_nodes = [f.target for f in smaller.faults if not f.target.startswith("gateway")]
    assert set(of_nodes) <= names


@settings(max_examples=25)
@given(st.integers(0, 5), SIZES, HOURS, st.sets(st.integers(0, 30)), SIZES, HOURS)
def test_the_command_line_names_exactly_this_plan(seed, nodes, hours, gone, fewer, shorter):
    plan = Plan.of(MANY, seed, nodes, hours).without_faults(gone)
    assert replayed(plan) == plan
    again = plan.with_nodes(fewer).with_hours(shorter)
    assert replayed(again) == again and again.seed == seed


@settings(max_examples=25)
@given(st.integers(0, 5), st.sets(st.integers(0, 30)))
def test_a_plan_survives_json(seed, gone):
    plan = Plan.of(MANY, seed).without_faults(gone)
    assert Plan.from_json(plan.to_json()) == plan


def test_a_fault_taken_away_moves_no_other():
    plan = Plan.of(MANY, 1)
    without = plan.without_faults([2])
    assert without.faults == plan.faults[:2] + plan.faults[3:]
    assert without.numbers[:3] == (0, 1, 3) and not without.is_whole and plan.is_whole
    assert plan.without_faults(plan.numbers).command_line().endswith("--only-faults none")


def test_a_plan_of_the_scenarios_own_size_needs_no_more_than_the_seed():
    assert Plan.of(MANY, 5).command_line() == "faubourg-sim run many.toml --seed 5"


def test_an_unknown_number_of_a_fault_is_refused():
    with pytest.raises(PlanError, match="no fault 9999: this run has"):
        Plan.of(MANY, 1, only=[9999])
    with pytest.raises(PlanError, match='"1;2": allowed are numbers such as 1,4,7'):
        parse_numbers("1;2")


def test_rates_that_would_fill_the_memory_are_refused():
    text = RATES.replace("per_day = 2", "per_day = 10000").replace("nodes = 40", "nodes = 2000")
    with pytest.raises(PlanError, match=r"rate\[0\] rarer"):
        Plan.of(scenario.parse(text, "x.toml"), 1)
