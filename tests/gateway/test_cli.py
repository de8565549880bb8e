"""The command line against a whole gateway and a lamp and a bin made with aiocoap."""

import asyncio
import json
import time

import aiocoap
import cbor2
import pytest
from aiocoap import Message, resource
from click.testing import CliRunner

from gateway import api
from gateway.cli import main
from simulator.disk import Disk, Trouble
from tests.gateway.coap_street import run
from tests.gateway.service_street import Fixed, client, running

LAMP, BIN = "urn:dev:mac:020000fffe000101", "urn:dev:mac:020000fffe000201"
TEN_PERCENT = Fixed(b"10")


class Lamp(resource.Resource):
    """An instance that takes every command, and a root that has one resource of those asked."""

    async def render_post(self, request):
        return Message(code=aiocoap.CHANGED)

    async def render_fetch(self, request):
        payload = cbor2.dumps([{0: "/3416/0/2", 2: 10}])
        return Message(code=aiocoap.CONTENT, payload=payload, content_format=112)


class Refusing(resource.Resource):
    """A resource that refuses every value."""

    async def render_put(self, request):
        return Message(code=aiocoap.BAD_REQUEST)


def called(folder, *arguments, prepare=None, **seams):
    """Return the result of a command line on a street of a lamp and a bin."""

    async def call():
        socket = str(folder / "faubourg.sock")
        objects = {("3416", "0"): Lamp(), ("3416", "0", "2"): TEN_PERCENT, (): Lamp(),
                   ("3416", "0", "4"): Refusing(), ("3", "0", "13"): Fixed(b"1700000000")}
        async with running(folder, **seams) as (gateway, port), client(port, objects) as lamp, \
                client(port) as bin, api.serving(gateway, socket, ""):
            await lamp.register(LAMP, links=b"</3/0>,</3416/0>,</3418/0>")
            await bin.register(BIN, links=b"</3/0>,</3435/0>")
            if prepare:
                prepare()
            return await asyncio.to_thread(
                CliRunner().invoke, main, ["--socket", socket, *arguments])

    return run(call())


def test_dim_tells_the_node_the_level_that_the_lamp_took_and_its_end(tmp_path):
    shown = called(tmp_path, "dim", "0101", "5", "--for", "2h")
    assert shown.exit_code == 0, shown.output
    day = time.strftime("%d %b", time.localtime(time.time() + 7200))
    assert shown.stdout.startswith(f"{LAMP}: 10 % until {day} ")
    assert "not 5 %" in shown.stdout


def test_dim_says_that_it_is_not_durable_where_the_store_fails(tmp_path):
    disk = Disk("dim")
    shown = called(tmp_path, "dim", "0101", "5", prepare=lambda: disk.fail(
        "write", Trouble.FULL), vfs=disk.name)
    assert shown.exit_code == 0
    assert shown.stdout.endswith(" (not durable, the store fails)\n")


def test_dim_of_what_is_no_lamp_is_refused_in_words_and_not_kept(tmp_path):
    shown = called(tmp_path, "dim", "0201", "30")
    assert shown.exit_code == 1
    assert f"{BIN} is no lamp (4.04: no such object" in shown.stderr


def test_refused_value_is_told_with_the_range_that_is_allowed(tmp_path):
    shown = called(tmp_path, "write", "0101", "default-dimming-level", "101")
    assert shown.exit_code == 1
    assert "4.00: the value" in shown.stderr
    assert "allowed is 0..100" in shown.stderr


def test_what_is_not_there_is_told_with_code_and_words(tmp_path):
    shown = called(tmp_path, "read", "0101", "/3411/0/1")
    assert shown.exit_code == 1
    assert "4.04: no such object, instance or resource" in shown.stderr


def test_resources_that_are_not_there_are_shown_as_none(tmp_path):
    shown = called(tmp_path, "read", "0101", "/3416/0/2", "/3416/0/3", "--json")
    values = {each["path"]: each["value"] for each in json.loads(shown.stdout)["values"]}
    assert values == {"/3416/0/2": 10, "/3416/0/3": None}


def test_resources_that_are_not_there_are_a_dash_in_the_table(tmp_path):
    assert "—" in called(tmp_path, "read", "0101", "/3416/0/2", "/3416/0/3").stdout


def test_time_is_shown_as_local_time_and_in_json_as_it_is(tmp_path):
    (tmp_path / "a").mkdir()
    wanted = time.strftime("%d %b 2023 %H:%M:%S", time.localtime(1_700_000_000))
    assert wanted in called(tmp_path / "a", "read", "0101", "/3/0/13").stdout
    assert "1700000000" in called(tmp_path, "read", "0101", "/3/0/13", "--json").stdout


@pytest.mark.parametrize("state", ["ok", "registered", "OK"])
def test_state_is_written_as_the_table_or_as_the_json_has_it(tmp_path, state):
    shown = called(tmp_path, "nodes", "--state", state, "--furniture", "lamp")
    assert shown.stdout.endswith("1 node: 1 ok\n")


@pytest.mark.parametrize("arguments", [("nodes",), ("node", "0101"), ("status",)])
def test_screens_say_that_nothing_is_protected(tmp_path, arguments):
    assert "nothing between nodes and gateway is protected" in called(
        tmp_path, *arguments, security="none").stdout


@pytest.mark.parametrize("arguments", [
    ("nodes", "--furniture", "bench"), ("dim", "lamp", "30", "--for", "99d")])
def test_choice_or_duration_out_of_range_is_wrong_use(tmp_path, arguments):
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_dim_says_how_long_it_may_last():
    assert "at most 31d" in CliRunner().invoke(main, ["dim", "lamp", "3", "--for", "99d"]).stderr


def test_option_of_the_program_behind_the_command_is_told_its_place():
    shown = CliRunner().invoke(main, ["nodes", "--config", "gateway.toml"])
    assert shown.exit_code == 2
    assert "faubourg --config" in shown.stderr


def test_unknown_command_is_named_in_a_cancel(tmp_path):
    shown = called(tmp_path, "commands", "cancel", "12")
    assert shown.exit_code == 1
    assert "no command 12" in shown.stderr


@pytest.mark.parametrize(("path", "words"), [
    ("diming-level", ("did you mean 'dimming-level'?", "discover NODE /3416")),
    ("xyzzy", ("faubourg discover NODE",)),
    ("/99999/0", ("0 to 65534",)),
])
def test_unknown_resource_is_told_with_what_would_do(tmp_path, path, words):
    shown = called(tmp_path, "read", "0101", path)
    assert shown.exit_code == 1
    assert all(word in shown.stderr for word in words)
