"""What stands in the way of a start is told in one line, with the exit code for systemd."""

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.composition import start_error
from gateway.settings import SettingsError

FAUBOURG = Path(sys.executable).parent / "faubourg"
LEAST = '[gateway]\nid = "g"\ndata = "data"\nlisten = "127.0.0.1:0"\nsecurity = "none"\n'
MQTT = LEAST + '[uplink.c]\ntype = "mqtt"\nurl = "mqtts://broker"\nusername = "u"\n'


def called(folder, command, text):
    path = folder / "gateway.toml"
    path.write_text(text)
    return CliRunner().invoke(main, [command, "--config", str(path)])


@pytest.mark.parametrize("command", ["run", "check-config"])
@pytest.mark.parametrize(("text", "key"), [
    (LEAST + '[management]\ngroup = "no-such-group"\n', "management.group"),
    (LEAST + f'[management]\nsocket = "{"s" * 120}"\n', "management.socket"),
    (LEAST.replace("data\"", "gateway.toml\""), "gateway.data"),
    (MQTT + 'password_file = "none"\n', "uplink.c.password_file"),
    (MQTT + '[uplink.c.tls]\nca = "none"\n', "uplink.c.tls.ca"),
    (LEAST.replace('"g"', "g"), "gateway.toml: not TOML"),
    (LEAST + '[keys]\nkey_file = "gateway.toml"\n', "keys.key_file"),
])
def test_wrong_settings_end_with_two_and_one_line(tmp_path, command, text, key):
    shown = called(tmp_path, command, text)
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.count("\n") == 1
    assert key in shown.stderr


@pytest.mark.parametrize("text", [
    LEAST.replace('"data"', '"gateway.toml/data"'),
    LEAST.replace('"data"', '"/proc/data"'),
    LEAST + '[management]\nsocket = "none/faubourg.sock"\n',
])
def test_folder_that_cannot_be_made_or_used_ends_the_start_with_two(tmp_path, text):
    shown = called(tmp_path, "run", text)
    assert shown.exit_code == 2, shown.output
    assert shown.stderr.splitlines()[-1].startswith("faubourg: ")


def test_full_disk_is_no_fault_of_the_settings():
    assert not isinstance(start_error("k", "p", OSError(errno.ENOSPC, "full")), SettingsError)
    assert isinstance(start_error("k", "p", OSError(errno.EACCES, "no")), SettingsError)


def test_credentials_of_the_service_are_missed_in_the_service_only(tmp_path, monkeypatch):
    text = MQTT + 'password_file = "/run/credentials/faubourg.service/none"\n'
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert called(tmp_path, "check-config", text).exit_code == 0
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/faubourg.service")
    assert called(tmp_path, "check-config", text).exit_code == 2


def test_port_in_use_asks_about_another_gateway(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        text = LEAST.replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        shown = called(tmp_path, "run", text)
    assert shown.exit_code == 1
    assert "another gateway" in shown.stderr


def test_foreign_address_does_not_ask_about_another_gateway(tmp_path):
    shown = called(tmp_path, "run", LEAST.replace("127.0.0.1:0", "192.0.2.1:0"))
    assert shown.exit_code == 1
    assert "own addresses" in shown.stderr
    assert "another gateway" not in shown.stderr


def test_output_that_cannot_be_written_ends_with_one_line():
    with open("/dev/full", "w") as full:
        shown = subprocess.run([FAUBOURG, "--help"], stdout=full, stderr=subprocess.PIPE,
                               text=True, timeout=60)
    assert shown.returncode == 1
    assert shown.stderr == "faubourg: the output cannot be written: No space left on device\n"
