"""What is malformed, absurd or too much, at a running gateway and at a running node.

Of those who have keys, and of strangers.
"""

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter
from functools import partial

import pytest

from protocol import cbor
from protocol import coap_message as coap
from protocol.credentials import Credentials
from protocol.number import Decimal
from tests.street.foreign_client import ForeignClient, Values, eventually, tlv_double
from tests.street.libcoap import Reception
from tests.street.processes import until
from tests.street.wire import Wire

TEXT, LINKS, CBOR, SENML_JSON, SENML_CBOR, TLV = 0, 40, 60, 110, 112, 11542
OBJECTS = b"</1/0>,</3303/0>,</4711/0>,</3416/0>"
FLOOD = 3000
LAMP = Credentials(b"a lamp's secret.", b"the salt", b"\0\0\0\x04", b"\0\0\0\x05")
# The server whose place a Wire takes has used a few numbers.
FIRST_SEQUENCE = 20
BLOCK1_LAST_OF_MANY = (coap.BLOCK1, bytes((0x0f, 0xff, 0xf6)))


@pytest.fixture(scope="module")
def gateway(new_gateway):
    gateway = new_gateway("gateway", "[limits]\npayload_bytes_max = 4096\n").start()
    gateway.started_s = time.monotonic()
    yield gateway
    assert not [line for line in gateway.log() if "Traceback" in line or " ERROR " in line]


@pytest.fixture
def peer(gateway):
    """A peer that is registered, as `endpoint`: its port may have been another peer's before."""
    endpoint = f"peer-{uuid.uuid4().hex}"
    with Wire(gateway.port, keys=gateway.new_keys(endpoint)) as wire:
        wire.endpoint = endpoint
        query = f"rd?ep={wire.endpoint}&lt=300&lwm2m=1.1"
        assert wire.ask(coap.POST, query, OBJECTS, LINKS) == "2.01"
        yield wire


class Steady(threading.Thread):
    """A node that goes on reporting while others misbehave: `codes` are the answers it gets."""

    def __init__(self, gateway):
        super().__init__()
        self._gateway = gateway
        self._keys = gateway.new_keys("steady")
        self._is_over = threading.Event()
        self.codes = []

    def run(self):
        with Wire(self._gateway.port, keys=self._keys) as wire:
            wire.ask(coap.POST, "rd?ep=steady&lt=300&lwm2m=1.1", OBJECTS, LINKS)
            while not self._is_over.is_set() or not self.codes:
                pack = [{0: "/3303/0/5700", 2: len(self.codes)}]
                self.codes.append(wire.ask(coap.POST, "dp", cbor.encode(pack), SENML_CBOR))
                time.sleep(0.02)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self.join()

    def filed(self):
        """Return its values in the file uplink, in order."""
        return [record["v"] for pack in self._gateway.lines() if pack[0]["bn"] == "steady"
                for record in pack]


def lines_about(gateway, wire):
    """Return the log's lines about a peer, and how many it may have by now.

    A line a minute each as an address that says what is no message, as one that says what is no
    node's, and as the node that it is.
    """
    lines = [line for line in gateway.log() if wire.name in line]
    return lines, 3 * (1 + int((time.monotonic() - gateway.started_s) / 60))


@pytest.mark.parametrize(("path", "payload", "content_format", "code"), [
    ("rd?ep=another&lt=60", OBJECTS, LINKS, "4.00"),
    ("rd?ep=&lt=soon", OBJECTS, LINKS, "4.00"),
    ("rd?ep=x&lt=soon", OBJECTS, LINKS, "4.00"),
    ("rd?ep=x&lt=60&lt=61", OBJECTS, LINKS, "4.00"),
    ("rd?ep=x&lwm2m=7.7", OBJECTS, LINKS, "4.12"),
    ("rd?ep=x", b"</1/0", LINKS, "4.00"),
    ("rd?ep=x", b"\xff\xfe", LINKS, "4.00"),
    ("rd?ep=x", b"", LINKS, "4.00"),
    ("rd?ep=x", OBJECTS, SENML_JSON, "4.15"),
    ("rd?ep=x", b"</1/0>," * 1500, LINKS, "4.13"),
    ("rd/nobody", b"", None, "4.04"),
    ("dp", b"\xff", SENML_CBOR, "4.00"),
    ("dp", b"\x81" * 100 + b"\x00", SENML_CBOR, "4.00"),
    ("dp", b"\x9f", SENML_CBOR, "4.00"),
    ("dp", b"\xda\xff\xff\xff\xff", SENML_CBOR, "4.00"),
    ("dp", cbor.encode([{2: 1}]), SENML_CBOR, "4.00"),
    ("dp", cbor.encode([{0: "/3303/0/5700"}]), SENML_CBOR, "4.00"),
    ("dp", cbor.encode([{0: "/3303/0/5700", 3: "warm"}]), SENML_CBOR, "4.00"),
    ("dp", cbor.encode([{0: "/9/0/1", 2: 1}]), SENML_CBOR, "4.04"),
    ("dp", cbor.encode([{0: "/3303/x/5700", 2: 1}]), SENML_CBOR, "4.00"),
    ("dp", b"[{", SENML_JSON, "4.00"),
    ("dp", b"[" * 1000, SENML_JSON, "4.00"),
    ("dp", b'[{"n":"/3303/0/5700","v":NaN}]', SENML_JSON, "4.00"),
    ("dp", b'[{"n":"/3303/0/5700","v":1e999999999}]', SENML_JSON, "4.00"),
    ("dp", b"\xc8\x00\x14", TLV, "4.15"),
    ("dp", b"\x80", None, "4.15"),
    ("dp/x", b"", None, "4.04"),
    ("..", b"", None, "4.04"),
])
def test_gateway_refuses_with_the_right_code(gateway, peer, path, payload, content_format, code):
    before = gateway.count(f"requests: refused {code}")
    path = path.replace("ep=x", f"ep={peer.endpoint}")
    if len(payload) > 1024:
        answers = ask_in_blocks(peer, path, payload, content_format)
    else:
        answers = [peer.ask(coap.POST, path, payload, content_format)]
    assert answers[-1] == code
    assert gateway.count(f"requests: refused {code}") == before + 1
    assert peer.ask(coap.POST, "dp", cbor.encode([{0: "/3303/0/5700", 2: 1}]), 112) == "2.04"


def ask_in_blocks(peer, path, payload, content_format):
    """Send a body in blocks of 1024 until the gateway has had enough; return the codes."""
    codes = []
    for number in range(len(payload) // 1024 + 1):
        has_more = (number + 1) * 1024 < len(payload)
        block = (coap.BLOCK1, coap.encode_uint(number << 4 | has_more << 3 | 6))
        part = payload[number * 1024:(number + 1) * 1024]
        codes.append(peer.ask(coap.POST, path, part, content_format, [block]))
        if codes[-1] != "2.31":
            break
    return codes


def test_absurd_times_are_replaced_and_counted(gateway, peer):
    before = gateway.count("readings: times replaced")
    times = [4_000_000_000, 300_000_000, -10**9, Decimal(1, 40), 268_435_456]
    pack = [{0: "/3303/0/5700", 2: index, 6: time} for index, time in enumerate(times)]
    assert peer.ask(coap.POST, "dp", cbor.encode(pack), SENML_CBOR) == "2.04"
    assert gateway.count("readings: times replaced") == before + len(times)
    now_s = time.time()
    until(lambda: len(filed(gateway, peer)) == len(times), gateway.said)
    assert all(abs(now_s - record["t"]) < 100 for record in filed(gateway, peer))


def test_values_of_a_wrong_type_are_left_out_and_the_others_kept(gateway, peer):
    pack = [{0: "/3303/0/5700", 3: "warm"}, {0: "/3303/0/5700", 2: 20},
            {0: "/3416/0/3", 4: True}, {0: "/4711/0/1", 3: "an object that nobody knows"}]
    before = gateway.count("readings: values refused")
    assert peer.ask(coap.POST, "dp", cbor.encode(pack), SENML_CBOR) == "2.04"
    assert gateway.count("readings: values refused") == before + 2
    until(lambda: len(filed(gateway, peer)) == 2, gateway.said)
    assert [(record["n"], record.get("v", record.get("vs"))) for record in filed(gateway, peer)] \
        == [("/3303/0/5700", 20), ("/4711/0/1", "an object that nobody knows")]


def filed(gateway, peer):
    return [record for pack in gateway.lines() if pack[0]["bn"] == peer.endpoint
            for record in pack]


@pytest.mark.parametrize("datagram", [
    b"\x40\x01\x12", b"\x4f\x01\x12\x34", b"\x40\x01\x12\x34\xff", b"\x40\x01\x12\x34\xf0",
    b"\x40\x01\x12\x34\x0d", b"\x41\x00\x12\x34\x00", b"\x40\x3f\x12\x34", b"\xc0\x01\x12\x34",
])
def test_malformed_message_is_counted_and_at_most_reset(gateway, datagram):
    with Wire(gateway.port) as wire:
        wire.say(datagram)
        # A ping behind it is answered, whatever was said of the first.
        wire.say(b"\x40\x00\x56\x78")
        answers = [wire.hear()]
        while answers[-1].mid != 0x5678:
            answers.append(wire.hear())
        assert {answer.type for answer in answers} == {coap.RST}


@pytest.mark.parametrize(("number", "code"), [(9999, "4.02"), (coap.PROXY_URI, "4.02")])
def test_critical_option_that_the_gateway_cannot_obey_is_refused(peer, number, code):
    assert peer.ask(coap.POST, "dp", b"", None, [(number, b"x")]) == code


def test_flood_of_random_datagrams_disturbs_nobody(gateway):
    noise = random.Random(7)
    before = Counter(gateway.status()["counters"])
    with Steady(gateway) as steady:
        keys = [None, None, gateway.new_keys("noise-1"), gateway.new_keys("noise-2")]
        wires = [Wire(gateway.port, keys=each) for each in keys]
        for count in range(FLOOD):
            wires[count % 4].say(nonsense(noise, wires[count % 4]))
            if count % 100 == 99:
                wires[count % 4].drain()
        answered = len(steady.codes)
        until(lambda: len(steady.codes) > answered + 3)
    assert set(steady.codes) == {"2.04"}
    until(lambda: len(steady.filed()) >= len(steady.codes), gateway.said)
    assert steady.filed() == list(range(len(steady.codes)))
    after = Counter(gateway.status()["counters"])
    assert after["coap: malformed datagrams"] > before["coap: malformed datagrams"]
    assert after["requests: errors"] == 0
    for wire in wires:
        lines, lines_max = lines_about(gateway, wire)
        assert 1 <= len(lines) <= lines_max, lines


def nonsense(noise, wire):
    """Return a datagram: bytes, a header with bytes behind it, or a request with a wrong body."""
    body = noise.randbytes(noise.randrange(64))
    kind = noise.randrange(3)
    if kind == 0:
        return body
    if kind == 1:
        return b"\x50\x02" + noise.randbytes(2) + body
    path = noise.choice(("dp", "rd?ep=noise", "rd/1", "3/0"))
    return wire.request(noise.choice((coap.GET, coap.POST, coap.PUT, coap.DELETE)), path, body,
                        noise.choice((SENML_CBOR, SENML_JSON, LINKS, TLV)))[0]


@pytest.fixture(scope="module")
def lamp(new_node):
    reception = Reception(LAMP)
    node = new_node("lamp", "lamp", 6, reception.port, keys=LAMP, own={"fade_ms": 0},
                    lifetime_s=86400, report_interval_s=86400)
    # Every content format that somebody asks for is loaded, and stays.
    node.heap *= 2
    node.see(lux=500)
    node.start()
    port = reception.take(node)
    with Wire(port, reception.port, LAMP.mirrored(), FIRST_SEQUENCE) as node.server:
        node.port = port
        yield node
    assert node.is_running and node.errors.read_text() == ""


@pytest.mark.parametrize(("code", "path", "payload", "content_format", "answer"), [
    (coap.GET, "9999/0", b"", None, "4.04"),
    (coap.GET, "3416/0/999", b"", None, "4.04"),
    (coap.GET, "3416/x", b"", None, "4.04"),
    (coap.GET, "3416/0/3/1/2", b"", None, "4.04"),
    (coap.PUT, "3416/0/4", b"much", TEXT, "4.00"),
    (coap.PUT, "3416/0/4", b"\xff\xfe", TEXT, "4.00"),
    (coap.PUT, "3416/0/4", b"101", TEXT, "4.00"),
    (coap.PUT, "3416/0/4", b"99999999999999999999999", TEXT, "4.00"),
    (coap.PUT, "3416/0/4", b"\xff", CBOR, "4.00"),
    (coap.PUT, "3416/0/4", b"\xf5", CBOR, "4.00"),
    (coap.PUT, "3416/0/4", b"\x81" * 200, SENML_CBOR, "4.00"),
    (coap.PUT, "3416/0/4", cbor.encode([{0: "/3416/0/4", 3: "x"}]), SENML_CBOR, "4.00"),
    (coap.PUT, "3416/0/4", b'[{"n":"/3416/0/4","v":]', SENML_JSON, "4.00"),
    (coap.PUT, "3416/0/4", b"\xc8\x04\xff\x01", TLV, "4.00"),
    (coap.PUT, "3416/0/4", b"50", 50, "4.15"),
    (coap.PUT, "3416/0/3", b"50", TEXT, "4.05"),
    (coap.POST, "3416/0/4", b"", None, "4.05"),
    (coap.DELETE, "3416/0", b"", None, "4.05"),
    (coap.FETCH, "", b"\xff", SENML_CBOR, "4.00"),
    (coap.IPATCH, "", b"[]", 50, "4.15"),
])
def test_node_refuses_with_the_right_code(lamp, code, path, payload, content_format, answer):
    before = lamp.server.answer(coap.GET, "3416/0/4")
    assert lamp.server.ask(code, path, payload, content_format) == answer
    assert lamp.server.answer(coap.GET, "3416/0/4") == before


def test_node_refuses_critical_options_and_lost_blocks(lamp):
    assert lamp.server.ask(coap.GET, "3/0/0", b"", None, [(9999, b"x")]) == "4.02"
    last = lamp.server.ask(
        coap.PUT, "3416/0/4", b"5", TEXT, [(coap.BLOCK1, coap.encode_uint(7 << 4 | 2))])
    assert last == "4.08"


def test_node_outlives_a_flood_of_random_datagrams(lamp):
    noise = random.Random(8)
    with Wire(lamp.port) as stranger:
        for count in range(FLOOD // 4):
            stranger.say(noise.randbytes(noise.randrange(64)))
            lamp.server.say(nonsense(noise, lamp.server))
            if count % 20 == 19:
                lamp.server.drain()
    assert lamp.server.answer(coap.GET, "3/0/0") == ("2.05", b"Faubourg")
    lamp.see(lux=777)
    until(lambda: lamp.server.answer(coap.GET, "3301/0/5700") == ("2.05", b"777"), lamp.said)


def test_malformed_notifications_are_counted_and_in_the_log_once(gateway):
    broken = {TLV: b"\xe8\x16\x44\x08\x00"}
    sensor = Values({TLV: tlv_double(7.5)})
    before, began_s = gateway.count("observations: malformed"), time.monotonic()

    async def scenario():
        keys = gateway.new_keys("babbler")
        async with ForeignClient(gateway.port, {"3303/0": sensor}, keys) as client:
            await client.register("babbler", "</1/0>,</3303/0>", "lt=120")
            await eventually(lambda: sensor.is_observed)
            for count in range(1, 11):
                sensor.change(broken)
                await eventually(partial(has_counted, gateway, before + count))
            sensor.change({TLV: tlv_double(9.5)})
            await eventually(lambda: 9.5 in [
                record["v"] for pack in gateway.lines() if pack[0]["bn"] == "babbler"
                for record in pack])

    asyncio.run(asyncio.wait_for(scenario(), 300))
    # Beside what is malformed, that the node did not answer, each at most once a minute.
    lines_max = 2 * (1 + int((time.monotonic() - began_s) / 60))
    assert 1 <= len([line for line in gateway.log() if "babbler" in line]) <= lines_max


def has_counted(gateway, malformed):
    return gateway.count("observations: malformed") >= malformed


def test_malformed_packs_are_in_the_log_once_for_a_peer(gateway, peer):
    for _ in range(50):
        peer.ask(coap.POST, "dp", json.dumps({"not": "a pack"}).encode(), SENML_JSON)
    peer.say(b"\x40\x01\x12\x34\xff")
    peer.drain()
    lines, lines_max = lines_about(gateway, peer)
    assert 1 <= len(lines) <= lines_max, lines
