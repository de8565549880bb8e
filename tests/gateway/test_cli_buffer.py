"""`faubourg buffer` against a whole gateway and nodes made with aiocoap."""

import asyncio
import csv
import json

import apsw
import pytest
from click.testing import CliRunner

from gateway import api
from gateway.cli import main
from protocol import object_table
from simulator.disk import Disk, Trouble
from tests.gateway.coap_street import run
from tests.gateway.service_street import client, running

LAMP, FOREIGN = "urn:dev:mac:020000fffe000101", "urn:dev:mac:020000fffe000301"
JOURNALLED = b"</3/0>,</3416/0>,</42800/0>"
DEAD_UPLINK = """
[uplink.city]
type = "mqtt"
url = "mqtt://127.0.0.1:9"
"""


def pack(boot, ranges, records, oldest, last, dropped=""):
    items = [{0: "/42800/0/0", 2: boot}, {0: "/42800/0/1", 3: ranges}]
    items += [{0: "/42800/0/2", 2: oldest}, {0: "/42800/0/3", 3: dropped}]
    return [*items, {0: "/42800/0/4", 2: last}, {0: "/42800/0/5", 2: boot}, *records]


def levels(*values):
    return [{0: "/3416/0/3", 2: value, 6: 1_764_000_000 + value} for value in values]


LAMP_FAILURE = {0: "/3416/0/5", 4: True, 6: 1_764_000_000}
GOOD = (pack(7, "1-3", [*levels(10, 20), LAMP_FAILURE], 1, 9),
        pack(7, "8", levels(80), 4, 9, "4-5:full"))
BAD = (*GOOD, pack(7, "9", levels(90), 9, 9))


def called(folder, *arguments, packs=GOOD, before=None, text="", **seams):
    """Return the result of a command line after a lamp has sent `packs`, a foreign node one."""

    async def call():
        socket = str(folder / "faubourg.sock")
        async with running(folder, text=text, **seams) as (gateway, port), \
                client(port) as lamp, client(port) as foreign, api.serving(gateway, socket, ""):
            await lamp.register(LAMP, links=JOURNALLED)
            await foreign.register(FOREIGN, links=b"</3/0>,</3303/0>")
            for each in packs:
                assert (await lamp.send(each)).code.dotted == "2.04"
            await foreign.send([{0: "/3303/0/5700", 2: 21.5, 6: 1_764_000_000}])
            if before and (waiting := before(gateway)):
                await waiting
            return await asyncio.to_thread(
                CliRunner().invoke, main, ["--socket", socket, "buffer", *arguments])

    return run(call())


def answer(*arguments, **options):
    return json.loads(called(*arguments, "--json", **options).stdout)


def test_status_tells_what_waits_for_each_uplink_and_lane(tmp_path):
    shown = answer(tmp_path, "status", text=DEAD_UPLINK)
    (uplink,) = shown["uplinks"]
    assert (uplink["urgent"], uplink["measurements"], shown["readings"]) == (1, 4, 5)
    assert shown["file_bytes"] > 0 and uplink["urgent_age_s"] >= 0
    assert shown["missing"] == shown["damaged"] == shown["shed"] == {}
    assert shown["size_max_bytes"] > shown["file_bytes"]


def test_shed_readings_are_told_by_uplink_and_explained_by_node(tmp_path):
    def shed(gateway):
        return gateway.store.shed(("city",), object_table.MEASUREMENT, 1 << 62, 100)

    assert answer(tmp_path, "status", before=shed)["shed"] == {"city": 4}
    (tmp_path / "node").mkdir()
    text = called(tmp_path / "node", "explain", "0101", before=shed).stdout
    assert "shed before city had them: boot 7, numbers 1 to 2" in text


def test_status_tells_whose_readings_are_missing(tmp_path):
    assert answer(tmp_path, "status", packs=BAD)["missing"] == {LAMP: 2}
    (tmp_path / "text").mkdir()
    text = called(tmp_path / "text", "status", packs=BAD).stdout
    assert f"missing: 2 of {LAMP}" in text


def test_readings_are_listed_with_their_numbers_or_as_unsequenced(tmp_path):
    shown = answer(tmp_path, "list")
    assert [(r["boot"], r["sequence"], r["is_unsequenced"]) for r in shown] == [
        (None, None, True), (7, 8, False), (7, 3, False), (7, 2, False), (7, 1, False)]
    (tmp_path / "text").mkdir()
    text = called(tmp_path / "text", "list").stdout
    assert "unsequenced" in text and "7:8" in text and text.endswith("5 readings\n")


@pytest.mark.parametrize(("options", "numbers"), [
    (("--node", "0101", "--limit", "2"), [8, 3]),
    (("--lane", "urgent"), [3]),
    (("--node", "0101", "--lane", "measurement"), [8, 2, 1]),
    (("--ids", "1-2"), [2, 1]),
    (("--ids", "3"), [3]),
    (("--node", "0101", "--to", "2025-11-24T16:00:15+00:00"), [3, 1]),
    (("--node", "0101", "--from", "2025-11-24T16:00:15+00:00"), [8, 2]),
    (("--uplink", "city", "--node", "0101"), [3, 1, 2, 8]),
])
def test_list_shows_what_was_chosen(tmp_path, options, numbers):
    shown = answer(tmp_path, "list", *options, text=DEAD_UPLINK)
    assert [r["sequence"] for r in shown] == numbers


def test_explain_tells_what_became_of_every_number(tmp_path):
    shown = called(tmp_path, "explain", "0101")
    assert shown.exit_code == 0 and "Nothing is missing" in shown.stdout
    (tmp_path / "json").mkdir()
    (boot,) = answer(tmp_path / "json", "explain", "0101")["boots"]
    assert boot["received"] == {"count": 4, "ranges": "1-3,8"}
    assert boot["pending"] == {"count": 3, "ranges": "6-7,9"}
    assert [(gap["first"], gap["last"], gap["reason"]) for gap in boot["explained"]] == [
        (4, 5, "dropped: full")]


def test_boots_of_which_all_was_received_are_one_line(tmp_path):
    packs = [pack(boot, "1-2", levels(10, 20), 1, 2) for boot in (5, 6, 7)]
    text = called(tmp_path, "explain", LAMP, packs=packs).stdout
    assert "2 boots from 5 to 6, over: all 4 readings received\n" in text
    assert "boot 7, not over yet: numbers 1 to 2\n" in text


def test_explain_ends_with_one_where_anything_is_missing(tmp_path):
    shown = called(tmp_path, "explain", LAMP, packs=BAD)
    assert shown.exit_code == 1
    assert "MISSING: 2 readings" in shown.stdout and "6-7" in shown.stdout


def test_explain_of_a_node_without_numbers_says_so(tmp_path):
    shown = called(tmp_path, "explain", FOREIGN)
    assert (shown.exit_code, "no numbered reading" in shown.stdout) == (0, True)


def test_explain_of_an_unknown_node_fails_in_words(tmp_path):
    shown = called(tmp_path, "explain", "nobody")
    assert shown.exit_code == 1 and "no node 'nobody'" in shown.stderr


def test_verify_of_a_sound_store_ends_with_zero(tmp_path):
    shown = called(tmp_path, "verify")
    assert shown.exit_code == 0 and "sound" in shown.stdout


def test_verify_finds_a_row_that_is_not_what_was_written(tmp_path):
    def rot(gateway):
        connection = apsw.Connection(str(tmp_path / "data/faubourg.db"))
        connection.execute("UPDATE nodes SET lifetime_s = 61 WHERE endpoint = ?", (LAMP,))
        connection.close()

    shown = called(tmp_path, "verify", "--json", before=rot)
    found = json.loads(shown.stdout)
    assert shown.exit_code == 1 and not found["is_sound"]
    assert (found["damaged"], found["tables"]["nodes"]["damaged"]) == (1, 1)


def test_export_as_csv_has_every_chosen_reading_with_its_number(tmp_path):
    file = tmp_path / "out.csv"
    shown = called(tmp_path, "export", str(file), "--format", "csv", "--node", "0101")
    assert shown.exit_code == 0
    rows = list(csv.DictReader(file.open()))
    assert [(row["boot"], row["sequence"], row["value"]) for row in rows] == [
        ("7", "1", "10"), ("7", "2", "20"), ("7", "3", "true"), ("7", "8", "80")]
    assert rows[2]["class"] == "alarm" and rows[0]["time"] == "2025-11-24T16:00:10.000Z"


def test_export_as_senml_has_packs_with_their_keys(tmp_path):
    file = tmp_path / "out.jsonl"
    called(tmp_path, "export", str(file))
    packs = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each[0]["bn"], each[0]["id"].split(":")[0]) for each in packs] == [
        (LAMP, "7"), (LAMP, "7"), (LAMP, "7"), (FOREIGN, "unsequenced")]
    assert [each[0]["id"] for each in packs[:3]] == ["7:1-2", "7:3", "7:8"]


def test_export_replaces_a_file_only_when_it_is_told_to(tmp_path):
    file = tmp_path / "out.csv"
    file.write_text("mine")
    shown = called(tmp_path, "export", str(file))
    assert shown.exit_code == 2 and file.read_text() == "mine"
    (tmp_path / "again").mkdir()
    assert called(tmp_path / "again", "export", str(file), "--force").exit_code == 0
    assert file.read_text() != "mine"


def test_export_that_breaks_off_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.buffer.PAGE_MAX", 1)
    disk = Disk("export")
    file = tmp_path / "out.jsonl"

    def fail(gateway):
        disk.fail("read", Trouble.IO, after=disk.counts["read"] and 9)

    shown = called(tmp_path, "export", str(file), before=fail, vfs=disk.name)
    assert shown.exit_code == 1
    assert not file.exists() and list(tmp_path.glob("*.part")) == []


def test_wrong_range_of_ids_is_wrong_use(tmp_path):
    assert called(tmp_path, "list", "--ids", "a-b").exit_code == 2


def test_unknown_uplink_is_told_with_those_that_there_are(tmp_path):
    shown = called(tmp_path, "list", "--uplink", "town", text=DEAD_UPLINK)
    assert shown.exit_code == 1 and "allowed are city" in shown.stderr


@pytest.mark.parametrize("command", ["status", "list", "verify", "explain", "export"])
def test_help_has_an_example(command):
    shown = CliRunner().invoke(main, ["buffer", command, "--help"])
    assert shown.exit_code == 0 and f"faubourg buffer {command}" in shown.stdout


def test_node_s_missing_readings_show_in_the_fleet(tmp_path):
    async def call():
        socket = str(tmp_path / "faubourg.sock")
        async with running(tmp_path) as (gateway, port), client(port) as lamp, \
                api.serving(gateway, socket, ""):
            await lamp.register(LAMP, links=JOURNALLED)
            for each in BAD:
                await lamp.send(each)
            return [await asyncio.to_thread(CliRunner().invoke, main,
                                            ["--socket", socket, *words])
                    for words in (("nodes", "--json"), ("node", "0101"), ("status",))]

    fleet, node, status = run(call())
    assert [each["missing"] for each in json.loads(fleet.stdout)] == [2]
    assert "2 readings missing" in node.stdout and "2 readings missing" in status.stdout
