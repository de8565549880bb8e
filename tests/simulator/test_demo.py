"""The demo as its users run it: a whole street, and the command line against its gateway."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
RUN_TIMEOUT_S = 200


def run(program, *arguments, config=None):
    environment = os.environ | ({"FAUBOURG_CONFIG": str(config)} if config else {})
    return subprocess.run([BIN / program, *arguments], env=environment, capture_output=True,
                          text=True, timeout=RUN_TIMEOUT_S)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """A living street of 20 nodes; gives its gateway's settings file."""
    folder = tmp_path_factory.mktemp("street")
    demo = subprocess.Popen(
        [BIN / "faubourg-sim", "demo", "--nodes", "20", "--seconds", "3600", "--keep", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    config = folder / "gateway.toml"
    try:
        _wait_for_all(demo, config)
        yield config
    finally:
        # Killed at once it would leave its gateway behind.
        demo.terminate()
        try:
            demo.wait(RUN_TIMEOUT_S)
        finally:
            demo.kill()
    assert not (folder / "data" / "faubourg.sock").exists(), "the gateway outlived its demo"


def _wait_for_all(demo, config):
    deadline_s = time.monotonic() + RUN_TIMEOUT_S
    while _registered(config) < 20:
        assert demo.poll() is None and time.monotonic() < deadline_s, "the street did not register"
        time.sleep(0.2)


def _registered(config):
    shown = run("faubourg", "nodes", "--json", config=config)
    if shown.returncode:
        return 0
    nodes = json.loads(shown.stdout)
    return sum(node["state"] == "registered" and bool(node["name"]) for node in nodes)


def test_demo_delivers_readings_of_all_three_furnitures_and_loses_none(tmp_path):
    result_path = tmp_path / "result.json"
    shown = run("faubourg-sim", "demo", "--nodes", "20", "--seconds", "6", "--json", result_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    result = json.loads(result_path.read_text())
    assert result["registered"] == result["nodes"] == 20
    assert result["readings"]["delivered"] == result["readings"]["taken"] > 0
    assert all(check["ok"] for check in result["checks"])
    assert set(result["readings"]) == {"taken", "delivered", "duplicated", "explained",
                                       "in_flight", "missing"}
    assert result["security"] == "oscore"
    assert "every message protected" in [check["name"] for check in result["checks"]]


def test_demo_without_security_says_so_in_its_title_its_end_and_its_result(tmp_path):
    result_path = tmp_path / "result.json"
    shown = run("faubourg-sim", "demo", "--nodes", "10", "--seconds", "5", "--security", "none",
                "--json", result_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    warning = "Security: NONE, all in clear."
    assert warning in shown.stdout and warning in shown.stderr
    result = json.loads(result_path.read_text())
    assert result["security"] == "none"
    assert "every message protected" not in [check["name"] for check in result["checks"]]


def test_resource_is_read_by_its_name_and_by_number(street):
    by_name = run("faubourg", "read", "lamp 5", "dimming-level", "--json", config=street)
    by_number = run("faubourg", "read", "LAMP-5", "/3416/0/3", "--json", config=street)
    values = [json.loads(shown.stdout)["values"][0] for shown in (by_name, by_number)]
    assert [value["path"] for value in values] == ["/3416/0/3"] * 2
    assert values[0]["unit"] == "/100"


def test_dimmed_lamp_shows_its_new_level_and_resumes(street):
    assert run("faubourg", "dim", "lamp 6", "30", "--for", "2h", config=street).returncode == 0
    shown = run("faubourg", "read", "lamp 6", "command-in-action", "--json", config=street)
    assert json.loads(shown.stdout)["values"][0]["value"] == 30
    assert run("faubourg", "resume", "lamp 6", config=street).returncode == 0
    shown = run("faubourg", "read", "lamp 6", "manual-override-active", "--json", config=street)
    assert json.loads(shown.stdout)["values"][0]["value"] is False


def test_written_value_is_read_back(street):
    assert run("faubourg", "write", "lamp 7", "default-dimming-level", "70",
               config=street).returncode == 0
    shown = run("faubourg", "read", "lamp 7", "default-dimming-level", "--json", config=street)
    assert json.loads(shown.stdout)["values"][0]["value"] == 70


def test_refusal_of_the_node_ends_with_one_and_its_code(street):
    shown = run("faubourg", "write", "lamp 7", "default-dimming-level", "101", config=street)
    assert shown.returncode == 1
    assert "4.00" in shown.stderr


def test_unknown_node_is_told_with_the_next_step(street):
    shown = run("faubourg", "ping", "lamp 999", config=street)
    assert shown.returncode == 1
    assert "faubourg nodes" in shown.stderr


def test_value_of_a_wrong_type_is_refused_before_it_is_sent(street):
    shown = run("faubourg", "write", "lamp 7", "default-dimming-level", "bright", config=street)
    assert shown.returncode == 1
    assert "whole number" in shown.stderr


def test_ping_execute_and_discover_answer(street):
    assert run("faubourg", "ping", "lamp 8", config=street).returncode == 0
    assert run("faubourg", "execute", "lamp 8", "/1/0/8", config=street).returncode == 0
    shown = run("faubourg", "discover", "lamp 8", "/3416", "--json", config=street)
    assert "/3416/0/3" in [link["path"] for link in json.loads(shown.stdout)["links"]]


def test_observation_shows_a_change_that_a_command_makes(street):
    observing = subprocess.Popen(
        [BIN / "faubourg", "observe", "lamp 9", "command-in-action", "--for", "60s", "--count",
         "2", "--json"], env=os.environ | {"FAUBOURG_CONFIG": str(street)}, stdout=subprocess.PIPE,
        text=True)
    first = json.loads(observing.stdout.readline())
    assert run("faubourg", "dim", "lamp 9", "40", config=street).returncode == 0
    second = json.loads(observing.stdout.readline())
    assert observing.wait(RUN_TIMEOUT_S) == 0
    assert [each["values"][0]["path"] for each in (first, second)] == ["/3416/0/2"] * 2
    assert second["values"][0]["value"] != first["values"][0]["value"]


def test_node_tells_its_readings_with_their_numbers(street):
    shown = json.loads(run("faubourg", "node", "parking 3", "--json", config=street).stdout)
    assert shown["furniture"] == "parking"
    assert "/3431/0/1" in [reading["path"] for reading in shown["readings"]]
    assert all(reading["sequence"] is not None for reading in shown["readings"])


def test_tables_for_people_name_what_they_show(street):
    assert "lamp 5" in run("faubourg", "nodes", config=street).stdout
    assert "supply-voltage" in run("faubourg", "read", "lamp 5", "/3418/0", config=street).stdout
    assert "readings stored" in run("faubourg", "status", config=street).stdout


def test_without_a_gateway_the_command_says_how_to_start_one(tmp_path):
    shown = run("faubourg", "--socket", tmp_path / "none.sock", "nodes")
    assert shown.returncode == 1
    assert "faubourg run" in shown.stderr


def test_wrong_configuration_names_key_value_and_what_is_allowed(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text('[gateway]\nid = "x"\ndata = "d"\nsecurity = "none"\ntime = "sundial"\n')
    for command in ("check-config", "run"):
        shown = run("faubourg", command, "--config", path)
        assert shown.returncode == 2
        assert all(word in shown.stderr for word in ("gateway.time", "sundial", "ntp"))
