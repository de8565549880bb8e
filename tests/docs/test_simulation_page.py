"""docs/simulation.md names every scenario, every key, every kind of fault, and no other."""

import re

import msgspec
import pytest

from simulator import scenario, scenario_tables
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.roster import Roster
from simulator.fault import FACTS, FaultKind
from simulator.link_profiles import PROFILES
from tests.docs import pages
from tests.docs.test_pages import complaint

TEXT = (pages.ROOT / "docs/simulation.md").read_text()
README = (pages.ROOT / "README.md").read_text()
WRITES = re.compile(r"--(?:report|json|junit|trace-out|picture) (\S+)")
TABLES = {
    "`[scenario]`": (scenario_tables.About,),
    "`[place]`": (scenario_tables.Town,),
    "`[fleet]`": (scenario_tables.Fleet,),
    "`[network]`": (scenario_tables.Network,),
    "`[world]`": (scenario_tables.World,),
    "`[back_end]`": (scenario_tables.BackEnd,),
    "`[[fault]]`": (scenario_tables.FaultEntry, scenario_tables.Rate),
    "`[[command]]`": (scenario_tables.CommandEntry,),
    "`[commands]`": (scenario_tables.Commands,),
    "`[checks]`": (scenario_tables.Checks,),
}


def first_cells(after: str) -> list[str]:
    """Return the names in the first column of the first table after the line `after`."""
    lines = TEXT[TEXT.index("\n" + after):].splitlines()[1:]
    start = next(number for number, line in enumerate(lines) if line.startswith("| ---"))
    cells = []
    for line in lines[start + 1:]:
        if not line.startswith("|"):
            break
        cells += re.findall("`([^`]+)`", line.split("|")[1])
    return cells


@pytest.mark.parametrize("table", TABLES)
def test_the_page_has_exactly_the_keys_that_there_are(table):
    keys = {field.encode_name for kind in TABLES[table] for field in msgspec.structs.fields(kind)}
    assert set(first_cells(table)) == keys


def test_the_page_has_every_table_of_a_scenario():
    fields = {field.encode_name for field in msgspec.structs.fields(scenario_tables.Scenario)}
    named = {re.sub(r"\W", "", table) for table in TABLES} | {"gateway", "rate"}
    assert named == fields - {"name"}
    assert all(f"`[{name}]`" in TEXT or f"`[[{name}]]`" in TEXT for name in named)


def test_the_page_has_every_kind_of_fault_with_its_usual_amount():
    assert set(first_cells("| kind | at")) == set(FaultKind)
    for kind, facts in FACTS.items():
        if facts.amount:
            (row,) = re.findall(rf"^\|[^|]*`{kind}`[^\n]*", TEXT, re.MULTILINE)
            assert re.search(rf"\({facts.amount:g}\b", row), kind


def test_the_page_describes_every_scenario_that_there_is():
    assert set(first_cells("| name | what happens")) == set(scenario.names())


def test_the_page_says_of_every_check_what_it_holds():
    checks = Roster(Bounds(), Facts({}, {})).checks
    table = TEXT[TEXT.index("| check | holds while |"):].split("\n\n")[0]
    named = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert sorted(named) == sorted(check.name for check in checks)


def test_every_bound_of_a_scenario_is_one_of_the_checks():
    bounds = {field.name for field in msgspec.structs.fields(scenario_tables.Checks)} - {"quiet"}
    usual = Bounds()
    for name in bounds:
        assert getattr(usual, name) == getattr(scenario_tables.Checks(), name)


def test_the_page_names_every_profile_of_a_link():
    (row,) = re.findall(r"^\| `profile`[^\n]*", TEXT, re.MULTILINE)
    assert set(re.findall("`([^`]+)`", row.split("|")[3])) - {"simulator/link_profiles.py"} == set(
        PROFILES)


def test_the_examples_for_ci_call_commands_that_there_are():
    texts = pages.blocks(pages.ROOT / "docs/simulation.md", "yaml")
    calls = [re.sub(r"^(\S*/)?faubourg-sim ", "", call).split()
             for text in texts for call in re.findall(r"\S*faubourg-sim [^\n]*", text)]
    assert len(texts) == len(calls) == 2
    for words in calls:
        words = ["1" if word.startswith("$") else word for word in words]
        assert not complaint(["faubourg-sim", *words]), words


def test_commands_write_where_a_fresh_checkout_has_a_folder():
    lines = [line for line in (TEXT + README).splitlines()
             if line.startswith(".venv/bin/faubourg-sim")]
    written = [path for line in lines for path in WRITES.findall(line)]
    assert len(written) >= 4
    assert [path for path in written if "/" in path] == []
