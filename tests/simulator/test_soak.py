"""The soak as its users run it: real processes under SIGKILL, and nothing lost or doubled."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.full_size import is_full_size

PROGRAM = Path(sys.executable).with_name("faubourg-sim")
MINUTES, KILLS = ("10", "100") if is_full_size() else ("0.4", "6")
TIME_LIMIT_S = 1500


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    """A soak that has ended: gives (its folder, its result)."""
    folder = tmp_path_factory.mktemp("soak")
    result = folder / "result.json"
    shown = subprocess.run(
        [PROGRAM, "soak", "--minutes", MINUTES, "--kills", KILLS, "--json", result,
         "--keep", folder / "kept"],
        capture_output=True, text=True, timeout=TIME_LIMIT_S)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return folder / "kept", json.loads(result.read_text())


@pytest.mark.timeout(TIME_LIMIT_S + 60)
def test_no_reading_is_missing_or_double_after_kills_of_every_process(soaked):
    _, result = soaked
    assert all(check["ok"] for check in result["checks"])
    readings = result["readings"]
    assert readings["delivered"] + readings["explained"] == readings["taken"] > 0
    assert (readings["missing"], readings["duplicated"], readings["in_flight"]) == (0, 0, 0)
    assert [result["scenario"], result["nodes"], result["registered"]] == ["soak", 80, 80]
    assert result["security"] == "oscore"
    assert "every message protected" in [check["name"] for check in result["checks"]]


def test_citys_table_holds_each_identity_once_and_what_nodes_took(soaked):
    folder, result = soaked
    with closing(sqlite3.connect(folder / "city.db")) as database:
        rows = database.execute("SELECT endpoint, boot, sequence FROM readings").fetchall()
    assert len(rows) == len(set(rows)) == result["readings"]["delivered"]


def test_processes_are_gone_when_the_soak_has_ended(soaked):
    folder, _ = soaked
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(folder) not in listed.stdout
