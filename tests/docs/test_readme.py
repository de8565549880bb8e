"""The README's own gateway, node and commands, run as a reader runs them."""

import contextlib
import json
import os
import shutil
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
ENDPOINT = endpoint_name(mac_of("lamp", NUMBER))
ENDING = ENDPOINT[-4:]
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


def wait_for(folder: Path, condition) -> None:
    """Wait until `faubourg nodes` works and `condition` holds of what it shows."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        found = faubourg(folder, "nodes", "--json")
        if found.returncode == 0 and condition(json.loads(found.stdout)):
            return
        time.sleep(0.2)
    raise AssertionError(found.stdout + found.stderr)


def make_keys(folder: Path) -> Path:
    """Do what the README says of a node's keys, of ours; return the file that has them."""
    [words] = [words[1:] for words in pages.command_lines(README) if words[1:2] == ["keys"]]
    assert words[:2] == ["keys", "add"] and words[2] == endpoint_name(mac_of("lamp", 1))
    done = faubourg(folder, *words[:2], ENDPOINT, *words[3:])
    assert done.returncode == 0, done.stderr
    file = words[words.index("--out") + 1]
    assert file == "build/lamp-1.keys"  # where `make node` looks
    return folder / file


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
    # It keeps its first keys, and those were another gateway's.
    shutil.rmtree(pages.ROOT / f"build/nodes/lamp-{NUMBER}", ignore_errors=True)
    with process(program, "run", folder=folder):
        wait_for(folder, lambda nodes: not nodes)
        node.append(f"credentials={make_keys(folder)}")
        with process(*node, folder=pages.ROOT):
            wait_for(folder, bool)
            yield folder


def test_node_without_keys_says_how_to_make_them():
    done = subprocess.run(
        [sys.executable, "-m", "tools.run_node", "bin", "254", "credentials=nowhere.keys"],
        cwd=pages.ROOT, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 2
    wanted = f"faubourg keys add {endpoint_name(mac_of('bin', 254))} --out nowhere.keys"
    assert wanted in done.stderr


def test_commands_of_the_readme_work(bench):
    calls = [words[1:] for words in pages.command_lines(README) if words[0] == "faubourg"]
    calls = [words for words in calls if words[0] not in ("run", "keys")]
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
    assert ENDPOINT in file.read_text()
