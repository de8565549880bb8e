"""The README's own gateway, node and commands, run as a reader runs them."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from protocol.identity import endpoint_name
from tests.docs import pages
from tests.ports import free_port
from tools.run_node import mac_of

README = pages.ROOT / "README.md"
# A node that nobody runs on the bench meanwhile; its folder under build/nodes is its own.
NUMBER = 255
ENDING = endpoint_name(mac_of("lamp", NUMBER))[-4:]
WAIT_S = 60


@contextlib.contextmanager
def process(*command: str, folder: Path):
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(WAIT_S)
        finally:
            running.kill()


def faubourg(folder: Path, *words: str) -> subprocess.CompletedProcess:
    program = str(Path(sys.executable).with_name("faubourg"))
    environment = {**os.environ, "FAUBOURG_CONFIG": str(folder / "gateway.toml")}
    return subprocess.run([program, *words], cwd=folder, env=environment, text=True,
                          capture_output=True, timeout=WAIT_S)


def wait_for_node(folder: Path) -> None:
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        found = faubourg(folder, "nodes", "--json")
        if found.returncode == 0 and json.loads(found.stdout):
            return
        time.sleep(0.2)
    raise AssertionError(found.stdout + found.stderr)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """The README's gateway, on a port of its own, and a lamp."""
    folder = tmp_path_factory.mktemp("readme")
    port = free_port()
    settings, = pages.blocks(README, "toml")
    (folder / "gateway.toml").write_text(f'{settings}listen = "127.0.0.1:{port}"\n')
    program = str(Path(sys.executable).with_name("faubourg"))
    node = [sys.executable, "-m", "tools.run_node", "lamp", str(NUMBER),
            f"server_uri=coap://127.0.0.1:{port}"]
    with process(program, "run", folder=folder), process(*node, folder=pages.ROOT):
        wait_for_node(folder)
        yield folder


def test_commands_of_the_readme_work(bench):
    calls = [words[1:] for words in pages.command_lines(README) if words[0] == "faubourg"]
    calls = [words for words in calls if words[0] != "run"]
    assert [words[0] for words in calls] == ["nodes", "dim", "read", "observe"]
    for words in calls:
        words = [ENDING if word == "0101" else word for word in words]
        if words[0] == "observe":
            words += ["--count", "1"]
        done = faubourg(bench, *words)
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize("words", [
    ("status",), ("status", "--json"), ("node", ENDING), ("ping", ENDING), ("discover", ENDING),
    ("discover", ENDING, "/3416"), ("write", ENDING, "default-dimming-level", "80"),
    ("read", ENDING, "/3416/0/3", "/3418/0/4"), ("resume", ENDING), ("commands", "list", "--all"),
    ("read", ENDING, "lamp-failure", "lamp-failure-reason", "control-gear-failure",
     "active-power"),
    ("read", ENDING, "dimming-level", "command-in-action", "manual-override-active"),
    ("read", ENDING, "/3410/0/7"), ("read", ENDING, "scheduler-id", "invalid-scheduler"),
    ("read", ENDING, "/3419/0", "/3/0/13"), ("read", ENDING, "/4/0"), ("read", ENDING, "/3/0/11"),
    ("buffer", "status"), ("buffer", "list", "--node", ENDING), ("buffer", "explain", ENDING),
    ("buffer", "verify"), ("buffer", "export", "readings.csv", "--format", "csv"),
], ids=" ".join)
def test_commands_of_the_operation_page_work(bench, words):
    page = (pages.ROOT / "docs/operation.md").read_text()
    written = "faubourg " + " ".join("NODE" if word == ENDING else word for word in words)
    assert f"`{written}" in page
    done = faubourg(bench, *words)
    assert done.returncode == 0, done.stderr


def test_readings_stand_in_the_file_that_the_readme_names(bench):
    file = bench / "build/bench/readings.jsonl"
    assert "`build/bench/readings.jsonl`" in README.read_text()
    end_s = time.monotonic() + WAIT_S
    while not (file.exists() and file.read_text()) and time.monotonic() < end_s:
        time.sleep(0.2)
    assert endpoint_name(mac_of("lamp", NUMBER)) in file.read_text()
