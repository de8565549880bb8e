"""The audit log: who, what, when, with what result, by every door."""

import asyncio
import json
import os
import pwd

import aiocoap
import apsw
import pytest
from aiocoap import Message, resource
from click.testing import CliRunner

from gateway import api, store_audit
from gateway.audit import SHARE_BYTES, TEXT_LENGTH_MAX, Actor, Audit, Deed, value_text
from gateway.city_door import CityDoor
from gateway.cli import main
from gateway.clock import SystemClock
from gateway.commands import CommandForbidden, CommandRefused, Request
from gateway.rows import AUDIT_OPEN, AuditRow
from gateway.store import Store
from simulator.disk import Disk, Trouble
from tests.gateway.coap_street import run
from tests.gateway.service_street import Fixed, client, running

LAMP = "urn:dev:mac:020000fffe000101"
CITY = '[uplink.city]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:1"\n'


class Lamp(resource.Resource):
    async def render_post(self, request):
        return Message(code=aiocoap.CHANGED)


class Refusing(resource.Resource):
    async def render_put(self, request):
        return Message(code=aiocoap.BAD_REQUEST)


def on_street(folder, scenario, **seams):
    """Return what `scenario(gateway, call)` returns; `call` runs a command line."""

    async def go():
        path = str(folder / "faubourg.sock")
        objects = {("3416", "0"): Lamp(), ("3416", "0", "4"): Fixed(b"1"),
                   ("3", "0", "15"): Refusing(), ("3", "0", "4"): Lamp()}

        async def call(*arguments):
            words = ["--socket", path, *arguments]
            wide = {"COLUMNS": "200"}
            return await asyncio.to_thread(CliRunner(env=wide).invoke, main, words)

        async with running(folder, **seams) as (gateway, port), client(port, objects) as lamp, \
                api.serving(gateway, path, ""):
            await lamp.register(LAMP, links=b"</3/0>,</3416/0>")
            return await scenario(gateway, call)

    return run(go())


async def ended(gateway):
    """Return the log once every entry has its result."""
    async with asyncio.timeout(60):
        while True:
            rows = await gateway.audit.rows(None, 99)
            if all(row.result != AUDIT_OPEN for row in rows):
                return rows
            await asyncio.sleep(0.01)


def entries(folder, *calls, **seams):
    """Return what stands in the log after `calls` of the command line, oldest first."""

    async def scenario(gateway, call):
        for arguments in calls:
            await call(*arguments)
        return [(row.action, row.path, row.value, row.result)
                for row in reversed(await ended(gateway))]

    return on_street(folder, scenario, **seams)


def test_operations_stand_in_the_log_with_their_results(tmp_path):
    found = entries(tmp_path, ("write", "0101", "/3416/0/4", "80"),
                    ("execute", "0101", "/3/0/4", "0"), ("write", "0101", "/3/0/15", "CET"))
    assert found[:2] == [("write", "/3416/0/4", "80", "done 2.04"),
                         ("execute", "/3/0/4", '"0"', "done 2.04")]
    assert found[2][:3] == ("write", "/3/0/15", '"CET"')
    assert found[2][3].startswith("failed (422): ") and "4.00" in found[2][3]


def test_what_only_reads_leaves_no_entry(tmp_path):
    assert entries(tmp_path, ("nodes",), ("ping", "0101"), ("read", "0101", "/3416/0/4"),
                   ("discover", "0101"), ("audit",)) == []


def test_the_end_of_a_command_becomes_the_result_of_its_entry(tmp_path):
    (entry,) = entries(tmp_path, ("dim", "0101", "30", "--for", "2h"))
    assert entry == ("dim", None, '{"level": 30, "for_s": 7200}', "done 2.04")


def test_request_that_meets_a_bug_ends_its_entry_too(tmp_path):
    async def scenario(gateway, call):
        async def fail(*arguments):
            raise RuntimeError("a bug")

        gateway.operate = fail
        await call("write", "0101", "/3416/0/4", "80")
        return [row.result for row in await ended(gateway)]

    assert on_street(tmp_path, scenario) == ["failed (500)"]


def test_entry_names_the_user_at_the_socket(tmp_path):
    async def scenario(gateway, call):
        await call("write", "0101", "/3416/0/4", "80")
        shown = await call("audit", "--node", "0101", "--json")
        return json.loads(shown.stdout), (await call("audit")).stdout

    (row,), table = on_street(tmp_path, scenario)
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (row["door"], row["who"], row["endpoint"]) == ("socket", user, LAMP)
    assert f"{user} (socket)" in table and "done 2.04" in " ".join(table.split())


def test_entry_is_durable_before_anything_is_sent(tmp_path):
    async def scenario(gateway, call):
        seen, operate = [], gateway.operate

        async def watched(*arguments):
            seen.extend(await gateway.audit.rows(None, 9))
            return await operate(*arguments)

        gateway.operate = watched
        await call("write", "0101", "/3416/0/4", "80")
        return [(row.action, row.result) for row in seen]

    assert on_street(tmp_path, scenario) == [("write", AUDIT_OPEN)]


@pytest.mark.parametrize("path", ["/42802/0/0", "/21/0/3", "/0/0/5"])
def test_keys_of_a_node_are_not_written_by_way_of_its_resources(tmp_path, path):
    async def scenario(gateway, call):
        shown = await call("write", "0101", path, "00")
        return shown.exit_code, [row.result for row in await gateway.audit.rows(None, 9)]

    code, (result,) = on_street(tmp_path, scenario)
    assert code == 1 and result.startswith("refused: /" + path.split("/")[1])


def test_command_that_is_taken_back_stands_in_the_log_twice(tmp_path):
    async def scenario(gateway, call):
        await gateway.submit(Request("c1", "away", "resume"))
        await call("commands", "cancel", "c1")
        return [(row.action, row.value, row.result) for row in await ended(gateway)]

    assert on_street(tmp_path, scenario) == [("cancel command", "c1", "done")]


def from_city(folder, *requests, text=CITY):
    """Return what was refused of the city's commands, and the log, oldest first."""

    async def scenario():
        refused = []
        async with running(folder, text=text) as (gateway, port), client(port) as node:
            await node.register("lamp", links=b"</3416/0>")
            for request in requests:
                try:
                    await CityDoor(gateway.settings, gateway.audit, gateway.submit).take(request)
                except CommandRefused as error:
                    refused.append(type(error))
            return refused, list(reversed(await gateway.audit.rows(None, 99)))

    return run(scenario())


def command(operation="resume", **fields):
    return Request("c1", "gone", operation, origin="city", **fields)


def test_command_of_the_city_stands_in_the_log_with_its_uplink(tmp_path):
    refused, (row,) = from_city(tmp_path, command("dim", level=30, for_s=60))
    assert refused == []
    assert row == AuditRow(row.time_ms, "uplink", "city", "dim", "gone", None,
                           '{"level": 30, "for_s": 60}', "c1", AUDIT_OPEN)


def test_command_that_the_city_may_not_give_is_refused_and_stands_in_the_log(tmp_path):
    refused, (row,) = from_city(tmp_path, command("execute", path="/3/0/4"))
    assert refused == [CommandForbidden]
    assert (row.path, row.result) == ("/3/0/4", "refused: /3/0/4: not allowed to this uplink")


def test_settings_say_what_the_city_may_do(tmp_path):
    text = CITY + '[uplink.city.commands]\nallow = ["execute"]\npaths = ["/3/0/4"]\n'
    refused, rows = from_city(
        tmp_path, command("execute", path="/3/0/4"), command("dim", level=1), text=text)
    assert refused == [CommandForbidden]
    assert [row.result for row in rows] == [AUDIT_OPEN, "refused: dim: not allowed to this uplink"]


def nested(depth):
    found = []
    for _ in range(depth):
        found = [found]
    return found


def test_refusals_of_one_kind_do_not_push_out_what_was_done(tmp_path):
    refusals = [command("execute", path="/3/0/4")] * 9 + [command("write", path="/3/0/15")]
    refused, rows = from_city(tmp_path, command("dim", level=1), *refusals)
    assert len(refused) == 10
    assert [row.action for row in rows] == ["dim", "execute", "write"]


@pytest.mark.parametrize("request_", [
    Request(["x"], "n", ["dim"], origin="city"), Request("\ud800", "n", "resume", origin="city"),
    Request("c", "n", "write", path="\ud800", value={"a": 1}, origin="city"),
    Request("c", "n", "write", path="/3416/0/1", value="\ud800" * 999, origin="city"),
    Request("c" * 999, "n", "dim", level={}, origin="city"),
    Request("c", "n", "write", path="/3416/0/1", value=nested(20_000), origin="city")])
def test_what_is_no_command_is_refused_and_bounded_in_the_log(tmp_path, request_):
    refused, (row,) = from_city(tmp_path, request_)
    assert refused and row.result.startswith("refused: ")
    texts = (row.action, row.path or "", row.value or "", row.command or "", row.result)
    assert max(map(len, texts)) <= TEXT_LENGTH_MAX


def test_light_is_switched_although_the_log_cannot_be_kept(tmp_path):
    disk = Disk("audit")

    async def scenario(gateway, call):
        disk.fail("write", Trouble.FULL)
        shown = await call("write", "0101", "/3416/0/4", "80")
        return shown.exit_code, gateway.counters()["audit: not kept"]

    assert on_street(tmp_path, scenario, vfs=disk.name) == (0, 1)


def logged(folder, *deeds, size_bytes_max=1 << 30):
    """Return the log of a store after `deeds`, oldest first."""

    async def scenario():
        store = Store(str(folder / "store.db"), urgent_ms=1, measurement_ms=1)
        await store.open(1)
        audit = Audit(store, SystemClock(), size_bytes_max)
        for deed in deeds:
            await audit.note(Actor("socket", "alice"), deed, "done")
        await store.close()
        await store.open(1)
        rows = await audit.rows(None, 9999)
        await store.close()
        return list(reversed(rows))

    return asyncio.run(scenario())


def test_log_is_bounded_and_the_oldest_entries_go_first(tmp_path):
    deeds = [Deed(str(number)) for number in range(7)]
    rows = logged(tmp_path, *deeds, size_bytes_max=5 * SHARE_BYTES)
    assert [row.action for row in rows] == ["2", "3", "4", "5", "6"]


@pytest.mark.parametrize(("path", "shown"), [
    ((3416, 0, 1), '"secret"'), ((3, 0, 15), '"secret"'), ((12, 0, 17), "(not shown)"),
    ((42802, 0, 0), "(not shown)"), ((), "(not shown)")])
def test_value_is_shown_where_it_is_known_to_be_no_secret(path, shown):
    assert value_text("secret", [path]) == shown


def test_entry_that_is_not_what_was_written_says_so(tmp_path):
    logged(tmp_path, Deed("dim"), Deed("resume"))
    connection = apsw.Connection(str(tmp_path / "store.db"))
    connection.execute("UPDATE audit SET who = 'mallory' WHERE action = 'dim'")
    rows = store_audit.recent(connection, None, 9)
    connection.close()
    assert [row.result for row in rows] == ["done", store_audit.DAMAGED]
