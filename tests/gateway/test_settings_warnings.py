"""What is not protected is said plainly, and by every screen that shows the settings."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.settings import parse
from gateway.settings_warnings import warnings

LEAST = '[gateway]\nid = "g"\ndata = "data"\nsecurity = "none"\n'
MQTT = LEAST + '[uplink.city]\ntype = "mqtt"\n'


def warned(text, folder="/etc"):
    return [each for each in warnings(parse(text, Path(folder))) if "security" not in each]


def test_gateway_without_security_says_so():
    (warning,) = warnings(parse(LEAST, Path("/etc")))
    assert warning.startswith("gateway.security = none: nothing between nodes and gateway")


@pytest.mark.parametrize("url", ["mqtt://broker.example", "mqtt://192.0.2.1:1883",
                                 "mqtt://[2001:db8::1]"])
def test_broker_elsewhere_without_tls_is_warned_of(url):
    (warning,) = warned(f'{MQTT}url = "{url}"\n')
    assert warning.startswith(f"uplink.city.url = {url}: without TLS")


@pytest.mark.parametrize("url", ["mqtts://broker.example", "mqtt://127.0.0.1", "mqtt://[::1]:1",
                                 "mqtt://localhost"])
def test_broker_with_tls_or_on_this_machine_is_not(url):
    assert warned(f'{MQTT}url = "{url}"\n') == []


@pytest.mark.parametrize(("mode", "count"), [(0o644, 1), (0o640, 0), (0o600, 0), (0o602, 1)])
def test_password_that_others_can_read_is_warned_of(tmp_path, mode, count):
    path = tmp_path / "password"
    path.write_text("sesame")
    path.chmod(mode)
    text = MQTT + 'url = "mqtts://b"\nusername = "u"\npassword_file = "password"\n'
    found = warned(text, tmp_path)
    assert len(found) == count and "sesame" not in str(found)


def test_check_config_warns_on_stderr_and_its_json_stays_json(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(MQTT + 'url = "mqtt://broker.example"\n')
    shown = CliRunner().invoke(main, ["check-config", "--config", str(path), "--json"])
    assert shown.exit_code == 0 and shown.stdout.startswith("{")
    assert shown.stderr.count("faubourg: warning: ") == 2
