"""Other people's clients at `faubourg run`: LwM2M 1.0, 1.1 and 1.2, each in its own formats.

They speak OSCORE by aiocoap's own, client and server.
"""

import asyncio
import json
from functools import partial

import pytest

from gateway.uplinks import topics
from tests.street.foreign_client import (
    SENML_JSON,
    TEXT,
    TLV,
    ForeignClient,
    Values,
    eventually,
    tlv_double,
)
from tests.street.processes import until
from tests.street.subscriber import Subscriber

LIMIT_S = 300
ODD_NAMES = ("a/b+c#d.e f", "Straße am Kätzchen", "$SYS/#", "%2E%", "..", "'\"\\\t", "x" * 200)


@pytest.fixture(scope="module")
def city(broker):
    with Subscriber(broker) as city:
        yield city


@pytest.fixture(scope="module")
def gateway(new_gateway, broker):
    yield from started(new_gateway, broker, "oscore")


@pytest.fixture(scope="module")
def open_gateway(new_gateway, broker):
    """One without security, for names that keys are not given to: those with spaces and tabs."""
    yield from started(new_gateway, broker, "none")


def started(new_gateway, broker, security):
    uplinks = f'[uplink.file]\ntype = "file"\n[uplink.city]\ntype = "mqtt"\nurl = "{broker.url}"\n'
    gateway = new_gateway(f"gateway-{security}", uplinks, security=security).start()
    yield gateway
    assert not [line for line in gateway.log() if "Traceback" in line or " ERROR " in line]


def client(gateway, name, objects=None):
    """Return the client `name` with keys of its own."""
    return ForeignClient(gateway.port, objects, gateway.new_keys(name))


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, LIMIT_S))


def listed(gateway, endpoint):
    """Return what `faubourg nodes --json` says of a node."""
    done = gateway.command_line("nodes", "--json")
    assert done.returncode == 0, done.stderr
    return next((row for row in json.loads(done.stdout) if row["endpoint"] == endpoint), None)


def read(gateway, endpoint, path):
    """Return what `faubourg read --json` says: (path, value) pairs."""
    done = gateway.command_line("read", endpoint, path, "--json")
    assert done.returncode == 0, done.stderr
    return [(each["path"], each["value"]) for each in json.loads(done.stdout)["values"]]


def filed(gateway, endpoint):
    """Return the (path, value) of a node's readings in the file uplink, in order."""
    return [(record["n"], record.get("v")) for pack in gateway.lines()
            for record in pack if pack[0]["bn"] == endpoint]


def has_filed(gateway, endpoint, count):
    return len(filed(gateway, endpoint)) >= count


@pytest.mark.parametrize(("name", "binding"), [("old-uq", "UQ"), ("old-u", "U")])
def test_client_of_1_0_with_nothing_but_tlv_and_text(gateway, name, binding):
    device = Values({TLV: b"\xc8\x00\x14Open Mobile Alliance"})
    sensor = Values({TLV: tlv_double(21.5)})
    value = Values({TEXT: b"21.5", TLV: tlv_double(21.5)})

    async def scenario():
        objects = {"3/0": device, "3303/0": sensor, "3303/0/5700": value}
        async with client(gateway, name, objects) as node:
            answer = await node.register(
                name, '</1/0>,</3/0>,</3303/0>', "lt=120", f"b={binding}")
            assert answer.code.dotted == "2.01"
            row = await asyncio.to_thread(listed, gateway, name)
            assert (row["lwm2m_version"], row["binding"]) == ("1.0", "U")
            assert row["queue_mode"] is ("Q" in binding)
            assert await asyncio.to_thread(read, gateway, name, "/3/0") == [
                ("/3/0/0", "Open Mobile Alliance")]
            assert await asyncio.to_thread(read, gateway, name, "/3303/0/5700") == [
                ("/3303/0/5700", 21.5)]
            await eventually(lambda: sensor.is_observed)
            for count, celsius in enumerate((22.25, -3.5, 22.25)):
                sensor.change({TLV: tlv_double(celsius)})
                await eventually(partial(has_filed, gateway, name, count + 2))

    run(scenario())
    assert filed(gateway, name) == [
        ("/3303/0/5700", celsius) for celsius in (21.5, 22.25, -3.5, 22.25)]


def test_client_of_1_0_is_written_to_in_text(gateway):
    value = Values({TEXT: b"0"})

    async def scenario():
        async with client(gateway, "old-written", {"1/0/1": value}) as node:
            await node.register("old-written", "</1/0>", "lt=120")
            done = await asyncio.to_thread(
                gateway.command_line, "write", "old-written", "/1/0/1", "300")
            assert done.returncode == 0, done.stderr

    run(scenario())
    assert value.written == [(TEXT, b"300")]


def test_client_of_1_1_with_nothing_but_senml_json(gateway):
    def pack(celsius):
        return {SENML_JSON: b'[{"bn":"/3303/0/","n":"5700","v":%a}]' % celsius}

    sensor, value = Values(pack(7.5)), Values(pack(7.5))

    async def scenario():
        objects = {"3303/0": sensor, "3303/0/5700": value}
        async with client(gateway, "json", objects) as node:
            await node.register("json", "</1/0>,</3303/0>", "lt=120", "lwm2m=1.1", "b=U")
            assert (await asyncio.to_thread(listed, gateway, "json"))["lwm2m_version"] == "1.1"
            assert await asyncio.to_thread(read, gateway, "json", "/3303/0/5700") == [
                ("/3303/0/5700", 7.5)]
            await eventually(lambda: sensor.is_observed)
            sensor.change(pack(8.5))
            await eventually(lambda: ("/3303/0/5700", 8.5) in filed(gateway, "json"))
            answer = await node.send(b'[{"bn":"/3303/0/5700","v":9.5}]')
            assert answer.code.dotted == "2.04"
            await eventually(lambda: ("/3303/0/5700", 9.5) in filed(gateway, "json"))

    run(scenario())


def test_client_of_1_2_with_parameters_that_nobody_knows(gateway):
    async def scenario():
        async with client(gateway, "newest") as node:
            answer = await node.register(
                "newest", "</1/0>;pid=9,</3/0>;new", "lt=120", "lwm2m=1.2", "pid=7", "Q",
                "profile-id=4711", "x")
            assert answer.code.dotted == "2.01"
            row = await asyncio.to_thread(listed, gateway, "newest")
            assert (row["lwm2m_version"], row["queue_mode"]) == ("1.2", True)
            assert row["objects"] == ["/1/0", "/3/0"]
            assert (await node.deregister()).code.dotted == "2.02"
            assert (await asyncio.to_thread(listed, gateway, "newest"))["state"] == "gone"

    run(scenario())


def test_client_whose_objects_stand_under_another_root(gateway):
    value = Values({TEXT: b"4.5"})
    sensor = Values({TLV: tlv_double(4.5)})

    async def scenario():
        objects = {"lwm2m/3303/0/5700": value, "lwm2m/3303/0": sensor}
        async with client(gateway, "rooted", objects) as node:
            links = '</lwm2m>;rt="oma.lwm2m";ct=11542,</lwm2m/1/0>,</lwm2m/3303/0>,</other>'
            await node.register("rooted", links, "lt=120", "lwm2m=1.1", "b=U")
            row = await asyncio.to_thread(listed, gateway, "rooted")
            assert row["objects"] == ["/1/0", "/3303/0"]
            assert await asyncio.to_thread(read, gateway, "rooted", "/3303/0/5700") == [
                ("/3303/0/5700", 4.5)]
            await eventually(lambda: sensor.is_observed)
            sensor.change({TLV: tlv_double(5.5)})
            await eventually(lambda: ("/3303/0/5700", 5.5) in filed(gateway, "rooted"))

    run(scenario())


def test_live_view_shows_what_a_client_notifies(gateway):
    value = Values({TEXT: b"1.5"})

    async def scenario():
        async with client(gateway, "viewed", {"3303/0/5700": value}) as node:
            await node.register("viewed", "</1/0>,</3303/0>", "lt=120")
            lines = gateway.api.lines("nodes", "viewed", "observe",
                                      query="path=/3303/0/5700&for_s=60")
            first = await asyncio.to_thread(next, lines)
            value.change({TEXT: b"2.5"})
            second = await asyncio.to_thread(next, lines)
            assert [line["values"][0]["value"] for line in (first, second)] == [1.5, 2.5]
            await node.deregister()

    run(scenario())


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_name_comes_through_to_topics_and_command_line(request, city, name):
    has_keys = " " not in name and name.isprintable()
    gateway = request.getfixturevalue("gateway" if has_keys else "open_gateway")
    objects = {"3/0/0": Values({TEXT: b"odd"})}
    own = client(gateway, name, objects) if has_keys else ForeignClient(gateway.port, objects)

    async def scenario():
        async with own as node:
            answer = await node.register(name, "</1/0>,</3/0>,</3303/0>", "lt=120", "lwm2m=1.1")
            assert answer.code.dotted == "2.01"
            answer = await node.send(b'[{"n":"/3303/0/5700","v":0.5}]')
            assert answer.code.dotted == "2.04"
            assert await asyncio.to_thread(read, gateway, name, "/3/0/0") == [("/3/0/0", "odd")]

    run(scenario())
    assert listed(gateway, name)["state"] == "registered"
    assert gateway.command_line("node", name).returncode == 0
    topic = f"faubourg/v1/street/{topics.escape(name)}/readings"
    until(lambda: city.answers(topic), lambda: [message.topic for message in city.all()])
    assert topics.node_of(topic) == name
    assert json.loads(city.answers(topic)[0].payload)[0]["bn"] == name
