"""The fact table, its generated forms, and the names for people."""

import subprocess
import sys
from pathlib import Path

import pytest

from protocol import data_types, object_names, object_table
from protocol.object_facts import OBJECTS
from tools import generate_objects

ROOT = Path(__file__).resolve().parents[2]
FACTS = generate_objects.load(ROOT / "protocol/object_facts.json")


def check(root: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, root / "tools/generate_objects.py", "--check"],
                          capture_output=True, text=True)


def test_the_generated_modules_are_fresh():
    result = check(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["object_records.py", "object_facts.py"])
def test_a_stale_module_is_found(tmp_path, name):
    (tmp_path / "tools").mkdir()
    (tmp_path / "protocol").mkdir()
    for path in ("tools/generate_objects.py", "protocol/object_facts.json",
                 "protocol/object_records.py", "protocol/object_facts.py"):
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    assert check(tmp_path).returncode == 0
    with (tmp_path / "protocol" / name).open("a") as module:
        module.write("# changed\n")
    result = check(tmp_path)
    assert (result.returncode, name in result.stdout) == (1, True)


@pytest.mark.parametrize("entry", FACTS, ids=lambda entry: str(entry["id"]))
def test_the_packed_table_says_what_the_facts_say(entry):
    assert object_table.version(entry["id"]) == entry["version"]
    assert object_table.is_multiple(entry["id"]) == entry.get("multiple", False)
    assert object_table.is_mandatory(entry["id"]) == entry.get("mandatory", False)
    for fact in entry["resources"]:
        found = object_table.resource(entry["id"], fact["id"])
        assert found.type == getattr(data_types, fact["type"].upper().replace(" ", "_"))
        assert found.operations == fact["operations"]
        assert found.is_multiple == fact.get("multiple", False)
        assert found.is_mandatory == fact.get("mandatory", False)
        assert found.reading_class == getattr(
            object_table, fact.get("report", "measurement").upper())


def test_no_other_resources_are_in_the_packed_table():
    for entry in FACTS:
        known = {fact["id"] for fact in entry["resources"]}
        for resource_id in range(7000):
            found = object_table.resource(entry["id"], resource_id)
            assert (found is not None) == (resource_id in known)


def test_only_boolean_integer_and_time_resources_are_alarms_or_events():
    for entry in FACTS:
        for fact in entry["resources"]:
            if "report" in fact:
                assert fact["type"] in ("Boolean", "Integer", "Time"), (entry["id"], fact)
                assert "R" in fact["operations"]


def test_names_are_unique_within_an_object():
    for name, resources in OBJECTS.values():
        names = [object_names.command_name(row[0]) for row in resources.values()]
        assert len(names) == len(set(names)), name


def test_a_resource_is_found_by_its_name_in_any_case():
    assert object_names.resource_by_name("dimming-level") == (3416, 3)
    assert object_names.resource_by_name("Dimming Level") == (3416, 3)
    assert object_names.resource_by_name("outdoor-lamp-controller/dimming-level") == (3416, 3)
    assert object_names.resource_by_name("electrical-monitor/dimming-level") == (3418, 35)
    assert object_names.resource_by_name("no-such-thing") is None


def test_a_shared_name_is_that_of_the_node_s_own_objects():
    assert object_names.resource_by_name("battery-level") == (3, 9)
    assert object_names.resource_by_name("battery-level", (1, 3411)) == (3411, 1)
    assert object_names.resource_by_name("dimming-level", (1, 3, 9999)) is None


def test_facts_have_units_ranges_and_enumerations():
    filling = object_names.resource_facts(3435, 2)
    assert (filling.name, filling.units) == ("Actual filling percentage", "/100")
    assert object_names.resource_facts(3416, 1).range == "0..100"
    assert object_names.resource_facts(5, 3).enumeration["1"].lower() == "downloading"
    assert object_names.resource_facts(3416, 64) is None
    assert object_names.object_name(3431) == "Parking Sensor"
    assert object_names.object_name(9) is None


def test_units_are_text_of_the_senml_registry_or_nothing():
    primary = (
        "m kg g s A K cd mol Hz rad sr N Pa J W C F Ohm S Wb T H Cel lm lx Bq Gy Sv V kat m2 m3 l "
        "m/s m/s2 m3/s l/s W/m2 cd/m2 bit bit/s lat lon pH dB dBW Bspl count / % %RH %EL EL 1/s "
        "1/min beat/min S/m B VA VAs var vars J/m kg/m3 deg"
    ).split()
    for name, resources in OBJECTS.values():
        for row in resources.values():
            assert not row[1] or row[1] in primary or row[1] in object_names.SECONDARY_UNITS, (
                name, row)
