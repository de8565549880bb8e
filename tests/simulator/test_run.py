"""A whole run: it repeats bit for bit, a node's life can be read, and its files say one thing."""

import hashlib
import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import html5lib
import pytest
from click.testing import CliRunner

from simulator import scenario
from simulator.cli import main
from simulator.plan import Plan
from simulator.run import Run

SMALL = ("--nodes", "10", "--hours", "0.5")
CHANGE = """
import sys
from firmware.furniture import lamp
lamp.SAMPLE_MS += int(sys.argv.pop(1))
from simulator.cli import main
main()
"""


def run(*arguments):
    return CliRunner().invoke(main, ["run", *arguments])


def trace_of(folder, name, hash_seed="0", change_ms=0, seed=1):
    """The trace of a run in a fresh process, and the digest that its result has."""
    trace, result = folder / f"{name}.trace", folder / f"{name}.json"
    command = [sys.executable, "-c", CHANGE, str(change_ms), "run", "bad-friday", "--seed",
               str(seed), "--nodes", "6", "--hours", "2", "--trace-out", str(trace), "--json",
               str(result)]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed},
                   capture_output=True, timeout=300, check=False)
    return trace.read_bytes(), json.loads(result.read_text())["trace_sha256"]


def test_same_seed_gives_the_same_trace_in_any_process(tmp_path):
    first, digest = trace_of(tmp_path, "a", "0")
    again, _ = trace_of(tmp_path, "b", "4711")
    assert first == again and digest == hashlib.sha256(first).hexdigest()
    assert len(first.splitlines()) > 500


def test_another_seed_and_another_constant_of_the_firmware_give_another_trace(tmp_path):
    traces = {trace_of(tmp_path, f"{change_ms}-{seed}", "0", change_ms, seed)[0]
              for change_ms, seed in ((0, 1), (0, 2), (1000, 1))}
    assert len(traces) == 3


def test_run_says_what_it_has_shown_and_writes_its_files(tmp_path):
    files = {name: tmp_path / name for name in ("result.json", "junit.xml", "page.html")}
    done = run("street", *SMALL, "--json", str(files["result.json"]), "--junit",
               str(files["junit.xml"]), "--report", str(files["page.html"]))
    assert done.exit_code == 0, done.output
    result = json.loads(files["result.json"].read_text())
    assert (result["scenario"], result["seed"], result["nodes"]) == ("street", 1, 10)
    assert result["readings"]["taken"] == result["readings"]["delivered"] > 100
    assert result["readings"]["in_flight"] == result["readings"]["missing"] == 0
    cases = ElementTree.parse(files["junit.xml"]).findall(".//testcase")
    assert [case.get("name") for case in cases] == [each["name"] for each in result["checks"]]
    html5lib.HTMLParser(strict=True).parse(files["page.html"].read_text())
    assert result["trace_sha256"] in done.output


def test_run_stops_just_before_a_time(tmp_path):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    assert run("street", *SMALL, "--until", "00:10:00", "--trace-out", str(stopped)).exit_code == 0
    assert run("street", *SMALL, "--trace-out", str(whole)).exit_code == 0
    assert whole.read_bytes().startswith(stopped.read_bytes())
    assert int(stopped.read_bytes().splitlines()[-1].split()[0]) <= 600_000_000


def test_life_of_a_node_is_printed_line_by_line():
    done = run("street", *SMALL, "--until", "1200", "--trace", "bin 1")
    lines = done.output.splitlines()
    for words in ("boots (power)", "Registered(", "actual-filling-level", "-> CON POST",
                  "<- ACK 2.04", "acknowledged", "delivered"):
        assert any(words in line for line in lines), words


@pytest.mark.parametrize(("arguments", "says"), [
    (("no-such",), 'there is no scenario "no-such"'),
    (("street", "--trace", "lamp 4711"), "no such node"),
    (("street", "--until", "soon"), "a time of the run"),
    (("street", "--only-faults", "x"), "allowed are numbers"),
    (("street", "--report", "/no/such/folder/page.html"), "no such folder"),
])
def test_wrong_use_is_said_before_anything_begins(arguments, says):
    done = run(*arguments)
    assert done.exit_code == 2 and says in done.output


def test_second_run_in_a_process_is_the_same():
    plan = Plan.of(scenario.load("street"), 1, 4, 0.25)
    first, second = (Run(plan).carry_out().result for _ in range(2))
    assert first.is_ok and first.trace_sha256 == second.trace_sha256


def test_who_listens_to_a_run_hears_how_its_world_began():
    plan = Plan.of(scenario.load("street"), 1, nodes=10, hours=0.02)
    record = Run(plan).carry_out().record
    # Nobody drives a lamp before its node has booted: it gives full light.
    assert record.named("light").highs[0] == 100
    assert record.facts.versions["faubourg"]
