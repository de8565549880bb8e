"""Which programs are good enough, and what becomes of those that cannot be had."""

import re
import shutil

import pytest

from tests import debian
from tools import debian_tools


@pytest.mark.parametrize(("version", "is_enough"), [
    ("2.0.11", False), ("2.0.17", False), ("2.0.18", True), ("2.0.21", True), ("2.1.0", True),
])
def test_mosquitto_is_good_from_2_0_18(version, is_enough):
    pattern = debian_tools.MOSQUITTO_2_0_18
    assert bool(re.search(pattern, f"mosquitto version {version}\n")) == is_enough


def test_program_that_cannot_be_started_is_not_good():
    tool = debian_tools.TOOLS[0]
    assert not debian_tools.is_good(tool, "/nowhere/micropython")
    assert not debian_tools.is_good(tool, shutil.which("true"))


def test_machine_without_apt_names_every_missing_program(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = debian_tools.make(tmp_path)
    assert missing == list(debian_tools.TOOLS)
    assert "no apt-get: not a Debian machine" in capsys.readouterr().out


def test_missing_program_skips_a_test_but_fails_it_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="no-such-program is missing"):
        debian.program("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing"):
        debian.program("no-such-program")
