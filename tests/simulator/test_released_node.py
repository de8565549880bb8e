"""Nodes of earlier releases in a run: their own code, beside today's."""

import struct

import pytest

from firmware.node import Node
from protocol.number import Decimal
from simulator import released_node, scenario
from simulator.plan import Plan
from simulator.released_node import ReleaseMissing
from simulator.run import Run
from tools.release import RELEASES

STREET = """
[scenario]
summary = "Nodes of every release and of today in one street."
nodes = 12
hours = 1
start = 2026-11-12T17:00:00+01:00

[fleet]
releases = ["every", "today"]
security = "none"

[commands]
per_hour = 12

[[fault]]
at = "+20m"
kind = "gateway kill"
for = "20s"

[checks]
quiet = "30m"
"""


def test_a_release_is_loaded_from_its_wheel_and_not_from_here():
    old = released_node.release("0.1.0")
    assert old.module("firmware.node").Node is not Node
    assert old.module("firmware.version").VERSION == "0.1.0"
    assert old.module("protocol.number").Decimal is not Decimal
    assert old.module("protocol.cbor").struct is struct


def test_every_release_that_is_kept_is_found():
    kept = sorted(folder.name for folder in RELEASES.iterdir() if folder.is_dir())
    assert released_node.versions(("every", "today")) == (*kept, "today")
    with pytest.raises(ReleaseMissing, match='release "0.0.9" is not kept here; there are 0.1.0'):
        released_node.versions(("0.0.9",))


def test_every_release_of_none_is_refused_and_not_taken_for_todays(tmp_path):
    with pytest.raises(ReleaseMissing, match='release "every" is not kept here; there are none'):
        released_node.versions(("every", "today"), tmp_path)


def test_nodes_of_every_release_share_a_street_with_todays():
    finished = Run(Plan.of(scenario.parse(STREET, "releases.toml"), 1)).carry_out()
    assert finished.result.is_ok, finished.result.checks
    assert finished.result.registered == 12
    taken = {each.furniture: each.taken for each in finished.result.furniture}
    assert all(taken.values()), taken
