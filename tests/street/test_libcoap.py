"""libcoap's coap-client with OSCORE at a node, in the place of its server, and at the gateway."""

import json
import signal

import cbor2
import pytest

from protocol import link_format
from protocol.credentials import Credentials
from tests.ports import free_port
from tests.street.libcoap import CoapClient, Reception
from tests.street.processes import until
from tests.street.subscriber import file_readings

LINKS = b'</>;ct="110 112",</1/0>,</3303/0>,</3303/1>,</3303/2>,</3303/3>,</3303/4>,</3303/5>'


LAMP = Credentials(b"a lamp's secret.", b"the salt", b"\0\0\0\x04", b"\0\0\0\x05")
# The server whose place coap-client takes has used a few numbers.
FIRST_SEQUENCE = 20


@pytest.fixture(scope="module")
def lamp(new_node):
    reception = Reception(LAMP)
    node = new_node("lamp", "lamp", 4, reception.port, keys=LAMP, own={"fade_ms": 0},
                    lifetime_s=86400, report_interval_s=86400)
    # Every content format that somebody asks for is loaded, and stays.
    node.heap *= 2
    node.see(lux=500)
    node.start()
    node.server_port = reception.port
    node.client = client_of(node, reception.take(node))
    node.client.sequence = FIRST_SEQUENCE
    yield node
    assert node.errors.read_text() == ""


def client_of(node, port):
    return CoapClient(node.folder / "client", port, node.server_port, LAMP.mirrored())


@pytest.fixture(scope="module")
def gateway(new_gateway):
    return new_gateway("gateway", security="oscore").start()


@pytest.fixture(scope="module")
def client(gateway):
    """One that never registers: the gateway asks it nothing, and its numbers go to requests."""
    return CoapClient(gateway.folder / "client", gateway.port, None, gateway.new_keys("visitor"))


def test_node_is_discovered(lamp):
    body, _ = lamp.client.get("3", "-A", "40")
    targets = [link.target for link in link_format.decode(body)]
    assert targets[0] == "/3" and {"/3/0", "/3/0/0", "/3/0/13"} <= set(targets)


def test_node_gives_a_value_in_every_format_that_is_asked_for(lamp):
    assert lamp.client.get("3/0/0")[0] == b"Faubourg"
    assert lamp.client.get("3/0/0", "-A", "0")[0] == b"Faubourg"
    assert cbor2.loads(lamp.client.get("3/0/0", "-A", "60")[0]) == "Faubourg"
    assert lamp.client.get("3/0/0", "-A", "11542")[0] == b"\xc8\x00\x08Faubourg"
    assert cbor2.loads(lamp.client.get("3/0/0", "-A", "112")[0]) == [
        {0: "/3/0/0", 3: "Faubourg"}]
    assert json.loads(lamp.client.get("3/0/0", "-A", "110")[0]) == [
        {"n": "/3/0/0", "vs": "Faubourg"}]


def test_node_refuses_formats_and_paths_that_it_has_not(lamp):
    assert "4.06" in lamp.client.get("3/0/0", "-A", "50")[1]
    assert "4.04" in lamp.client.get("9999")[1]
    assert "4.05" in lamp.client.get("3/0/4")[1]


def test_node_takes_a_value(lamp):
    assert "2.04" in lamp.client.put("3416/0/4", 0, b"65")[1]
    assert lamp.client.get("3416/0/4", "-A", "0")[0] == b"65"
    assert "4.00" in lamp.client.put("3416/0/4", 0, b"many")[1]
    assert lamp.client.get("3416/0/4", "-A", "0")[0] == b"65"


def test_node_gives_a_long_body_in_small_blocks(lamp):
    whole = json.loads(lamp.client.get("3416", "-A", "110")[0])
    body, said = lamp.client.get("3416", "-A", "110", "-b", "64")
    assert [record["n"] for record in named(json.loads(body))] == [
        record["n"] for record in named(whole)]
    assert len(body) > 256 and "Block2:" in said


def test_node_takes_a_long_body_in_small_blocks(lamp):
    name = "Rue Mouffetard, between the fountain and the baker's, on the left going up"
    assert "2.04" in lamp.client.put("3410/0/3", 0, name.encode(), "-b", "16")[1]
    assert lamp.client.get("3410/0/3", "-A", "0", "-b", "16")[0].decode() == name


def test_node_reads_and_writes_composites(lamp):
    wanted = [{"bn": "/", "n": "3/0/0"}, {"n": "3416/0/4"}]
    write = [{"bn": "/3416/0/", "n": "4", "v": 55}]
    _, said = lamp.client.send("ipatch", "", 110, json.dumps(write).encode())
    assert "2.04" in said
    body, _ = lamp.client.send("fetch", "", 110, json.dumps(wanted).encode(), "-A", "110",
                               "-b", "32")
    values = {record["n"]: record.get("v", record.get("vs")) for record in named(json.loads(body))}
    assert values == {"/3/0/0": "Faubourg", "/3416/0/4": 55}


def test_node_notifies(lamp):
    seen, end = lamp.client.observe("3301/0/5700", "-A", "0")
    try:
        until(lambda: seen().split()[:1] == [b"500"], seen)
        lamp.see(lux=700)
        until(lambda: b"700" in seen().split(), seen)
    finally:
        end()
    lamp.see(lux=500)


def test_node_refuses_a_number_that_was_used(lamp):
    assert "2.05" in lamp.client.get("3/0/0")[1]
    lamp.client.sequence -= 1
    # Nobody without keys hears anything of the node, and this may be one.
    assert no_answer(lamp.client.get("3/0/0", "-B", "2", attempts=1))
    assert "2.05" in lamp.client.get("3/0/0")[1]


def test_node_asks_after_a_reset_whether_libcoap_is_there(lamp):
    lamp.close()
    reception = Reception(LAMP, lamp.server_port, is_muting=False)
    lamp.start()
    lamp.client = client_of(lamp, reception.take(lamp))
    body, said = lamp.client.get("3/0/0", "-A", "0")
    assert body == b"Faubourg"
    assert "4.01" in said and "Echo:" in said


def test_gateway_is_discovered(client):
    body, _ = client.get(".well-known/core")
    links = {link.target: dict(link.attributes) for link in link_format.decode(body)}
    assert links["/rd"]["rt"] == "core.rd" and "/dp" in links
    assert client.get(".well-known/core", "-b", "16")[0] == body
    assert client.get(".well-known/core", "-s", "1")[0] == body


def test_gateway_refuses_what_it_does_not_serve(client):
    assert "4.04" in client.get("nowhere")[1]
    assert "4.05" in client.get("rd")[1]
    assert "4.05" in client.put("dp", 112, b"\x80")[1]
    assert "4.06" in client.get(".well-known/core", "-A", "60")[1]
    assert "4.00" in client.send("post", "rd?ep=another&lt=60", 40, b"</1/0>")[1]
    assert "4.04" in client.send("post", "dp", 112, b"\x80")[1]


def test_gateway_registers_and_hears_a_client_made_of_libcoap(gateway, tmp_path):
    port = free_port()
    client = CoapClient(tmp_path, gateway.port, port, gateway.new_keys("libcoap"))
    _, said = client.send("post", "rd?ep=libcoap&lt=300&lwm2m=1.1&b=UQ", 40, LINKS, "-b", "16")
    assert "2.01" in said and "Block1:" in said
    assert len(gateway.node("libcoap")["objects"]) == 7
    pack = [{"bn": f"/3303/{number}/", "n": "5700", "v": number + 0.5} for number in range(6)]
    assert "2.04" in client.send("post", "dp", 110, json.dumps(pack).encode(), "-b", "64")[1]
    values = {record["n"]: record["v"] for _, record in until_file(gateway, 6)}
    assert values == {f"/3303/{number}/5700": number + 0.5 for number in range(6)}


def until_file(gateway, count):
    """Return the readings in the gateway's file once there are `count`."""
    until(lambda: len(file_readings(gateway)) >= count, gateway.said)
    return file_readings(gateway)


def named(records):
    """Return SenML records with absolute names and no base name."""
    base, named = "", []
    for record in records:
        base = record.get("bn", base)
        named.append({**record, "n": base + record.get("n", "")})
    return named


def test_gateway_acts_on_a_number_that_was_used_only_when_it_comes_under_another(gateway, client):
    assert "2.05" in client.get(".well-known/core")[1]
    client.sequence -= 1
    _, said = client.get(".well-known/core", attempts=1)
    assert said.index("4.01") < said.index("2.05") and "Echo:" in said
    assert gateway.count("security: replay") == 1
    assert "2.05" in client.get(".well-known/core")[1]
    assert gateway.count("security: replay") == 1


def test_gateway_asks_after_a_kill_whether_libcoap_is_there(gateway, client):
    gateway.end(signal.SIGKILL)
    gateway.start()
    body, said = client.get(".well-known/core")
    assert b"</rd>" in body
    assert "4.01" in said and "Echo:" in said
    assert gateway.count("security: challenges") == 1
    assert "Echo:" not in client.get(".well-known/core")[1]


def no_answer(answer):
    """Tell whether nothing came that could be read."""
    body, said = answer
    return not body and not any(f" {digit}." in said for digit in "245")
