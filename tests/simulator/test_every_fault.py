"""Every kind of fault in one run of the real parts, one after the other, and nothing is lost."""

from simulator import scenario
from simulator.fault import FACTS, FaultKind, Place
from simulator.plan import Plan
from simulator.run import Run

HEAD = """
[scenario]
summary = "A short street in which everything goes wrong once."
nodes = 8
hours = 4
start = 2026-11-12T16:00:00+01:00

[commands]
per_hour = 4

[checks]
quiet = "50m"
"""
SPACE_S, LENGTH_S = 330, 150
TARGETS = {Place.NODE: "lamp 6", Place.LINK: "lamp 6", Place.GATEWAY: "gateway-1",
           Place.CITY: "city", Place.MAINS: "circuit 1"}


def misfortunes() -> str:
    """Return every kind of fault as a scenario has it, `SPACE_S` apart."""
    entries = []
    for number, kind in enumerate(FaultKind):
        facts = FACTS[kind]
        entries.append(f"""
[[fault]]
at = "+{300 + number * SPACE_S}s"
kind = "{kind}"
target = "{TARGETS[facts.place]}"
for = "{LENGTH_S}s"
""")
    return "".join(entries)


def test_all_kinds_of_faults_come_and_go_and_every_check_holds():
    plan = Plan.of(scenario.parse(HEAD + misfortunes(), "misfortunes.toml"), 1)
    assert {fault.kind for fault in plan.faults} == set(FaultKind)
    finished = Run(plan).carry_out()
    assert [(each.kind, each.begin_us) for each in finished.record.faults] == [
        (fault.kind, round(fault.at_s * 1e6)) for fault in plan.faults]
    assert all(each.end_us < plan.duration_s * 1e6 for each in finished.record.faults)
    assert finished.result.is_ok, finished.result.failures
