"""The settings file: what it may hold, and what an operator reads when it is wrong."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway.settings import FileUplink, MqttUplink, Settings, SettingsError, Tls, load, parse
from gateway.settings_doors import UplinkCommands

SCHEMA = Path(__file__).parents[2] / "docs/gateway.toml"
LEAST = '[gateway]\nid = "g"\ndata = "data"\nsecurity = "none"\n'
MQTT = LEAST + '[uplink.city]\ntype = "mqtt"\nurl = "mqtt://broker"\n'
HERE = Path("/etc/faubourg")


def refusal(text):
    with pytest.raises(SettingsError) as caught:
        parse(text, HERE)
    return str(caught.value)


def keys_of(kind, table):
    return {field.name for field in msgspec.structs.fields(kind)} ^ set(table)


def test_annotated_schema_has_every_key_and_no_other():
    document = tomllib.loads(SCHEMA.read_text())
    assert keys_of(Settings, document) == {"scaled_time"}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            assert keys_of(field.type, document[field.name]) == set()
    assert keys_of(FileUplink, document["uplink"]["file"]) == set()
    assert keys_of(MqttUplink, document["uplink"]["city"]) == set()
    assert keys_of(Tls, document["uplink"]["city"]["tls"]) == set()
    assert keys_of(UplinkCommands, document["uplink"]["city"]["commands"]) == set()


def test_annotated_schema_loads_also_with_what_it_has_in_comments():
    assert load(SCHEMA).gateway.id == "quai-monge"
    text = SCHEMA.read_text().replace('time = "ntp"', 'time = "scaled"')
    for key in ("[scaled_time]", "real_s =", "shown_s =", "speed ="):
        assert f"# {key}" in text
        text = text.replace(f"# {key}", key)
    assert parse(text, HERE).scaled_time.speed == 60


def test_annotated_schema_shows_the_defaults():
    shown = load(SCHEMA)
    plain = parse(LEAST, HERE)
    assert (shown.management.group, shown.commit, shown.limits) == ("", plain.commit, plain.limits)
    assert shown.keys.id_prefix == plain.keys.id_prefix
    assert shown.uplink["file"].keep == FileUplink().keep
    default = parse(MQTT, HERE).uplink["city"]
    for key in ("ack", "commands", "keepalive_s", "session_expiry_s", "window", "messages_per_s"):
        assert getattr(shown.uplink["city"], key) == getattr(default, key)


def test_least_file_gives_one_file_uplink_and_paths_in_the_data_folder():
    settings = parse(LEAST, HERE)
    assert settings.uplink == {"file": FileUplink(path="/etc/faubourg/data/readings.jsonl")}
    assert settings.management.socket == "/etc/faubourg/data/faubourg.sock"
    assert settings.keys.key_file == "/etc/faubourg/data/keys.key"
    assert settings.gateway.listen == "127.0.0.1:5683"


def test_paths_start_at_the_folder_of_the_file(tmp_path):
    (tmp_path / "gateway.toml").write_text(LEAST)
    assert load(tmp_path / "gateway.toml").gateway.data == str(tmp_path / "data")


def test_oscore_is_the_default():
    assert parse('[gateway]\nid = "g"\ndata = "data"\n', HERE).gateway.security == "oscore"


@pytest.mark.parametrize("written", ["000", "00000", "00G0", "00A0", "0 00", ""])
def test_prefix_of_ids_is_four_hex_digits(written):
    text = refusal(LEAST + f'[keys]\nid_prefix = "{written}"\n')
    assert "keys.id_prefix" in text and "4 hex digits" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gateway = 3\n", ("gateway", "3", "table")),
        ("", ("gateway", "missing")),
        ('[gateway]\ndata = "d"\n', ("gateway.id", "missing")),
        (LEAST + "nodes = 5\n", ("gateway.nodes = 5", "no such key", "listen")),
        (LEAST + "[radio]\nchannel = 5\n", ("radio", "no such key", "uplink")),
        (LEAST + 'listen = "5683"\n', ("gateway.listen", '"5683"', "host:port")),
        (LEAST + 'listen = "h:70000"\n', ("gateway.listen", '"h:70000"', "65535")),
        (LEAST + 'time = "gps"\n', ("gateway.time", '"gps"', '"ntp"', '"system"')),
        (LEAST + 'time = "scaled"\n', ("gateway.time", "scaled_time")),
        (LEAST + "[commit]\nurgent_ms = 5000\n", ("commit.urgent_ms = 5000", "0 to 1000")),
        (LEAST + '[commit]\nurgent_ms = "50"\n', ("commit.urgent_ms", '"50"', "whole number")),
        (LEAST + "[uplink]\ncity = 5\n", ("uplink.city = 5", "table")),
        (LEAST + "[uplink.city]\nurl = 5\n", ("uplink.city.type", '"file"', '"mqtt"')),
        (LEAST + '[uplink.city]\ntype = "mqtt"\n', ("uplink.city.url", "missing", "mqtts://")),
        (MQTT + "window = 0\n", ("uplink.city.window = 0", "1 to 1000")),
        (MQTT + 'password_file = "p"\n', ("uplink.city.username", "password_file")),
        (MQTT + '[uplink.city.tls]\nca = "c"\n', ("uplink.city.url", "mqtts://")),
        (MQTT + '[uplink.city.tls]\ncrt = "c"\n', ("uplink.city.tls.crt", "ca, cert, key")),
    ],
)
def test_error_names_key_value_and_what_is_allowed(text, words):
    message = refusal(text)
    for word in words:
        assert word in message


def test_certificate_without_key_is_refused():
    text = MQTT.replace("mqtt://", "mqtts://") + '[uplink.city.tls]\ncert = "c"\n'
    assert "cert and key" in refusal(text)


def test_what_is_no_toml_is_refused_with_its_line():
    assert "line 2" in refusal("[gateway]\nid =\n")


def test_file_that_is_not_there_is_refused_by_its_name(tmp_path):
    with pytest.raises(SettingsError, match="nothing.toml"):
        load(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mqtt://broker", "broker", 1883),
        ("mqtts://broker", "broker", 8883),
        ("mqtt://broker:7/", "broker", 7),
        ("mqtt://[::1]:7", "::1", 7),
    ],
)
def test_url_gives_host_and_port(url, host, port):
    uplink = parse(MQTT.replace("mqtt://broker", url), HERE).uplink["city"]
    assert (uplink.host, uplink.port) == (host, port)
