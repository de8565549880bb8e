"""A lamp, a bin and a parking bay in MicroPython, a gateway, a broker, a subscriber: the chain.

All tests share one street, and each leaves it as it found it: running.
"""

import json
import signal
import time
from collections import Counter

import pytest

from gateway.uplinks import topics
from protocol.object_names import SECONDARY_UNITS
from tests.street.processes import until
from tests.street.subscriber import Subscriber, file_readings, is_same, told

COMMANDS = "faubourg/v1/street/{}/commands"
UNITS = {
    "/3416/0/3": "/100", "/3416/0/15": "h", "/3418/0/1": "V", "/3418/0/2": "A",
    "/3418/0/4": "W", "/3418/0/5": None, "/3418/0/6": "Wh", "/3411/0/1": "/100",
    "/3435/0/2": "/100", "/3435/0/3": "cm", "/3435/0/5": None, "/3431/0/2": "s",
    # What these measure the node says itself (5701).
    "/3301/0/5700": "lx", "/3303/0/5700": "Cel", "/3318/0/5700": "Hz",
}
# How far clocks of one machine, read through whole seconds and two processes, may be apart.
CLOCK_S = 10


class Street:
    """Three nodes, their gateway, and what the subscriber has."""

    def __init__(self, gateway, nodes, broker, city):
        self.gateway = gateway
        self.lamp, self.bin, self.bay = self.nodes = nodes
        self.broker = broker
        self.city = city
        self.started_s = time.time()
        self._commands = 0

    def told(self):
        """Return what the nodes said so far."""
        return {key: reading for node in self.nodes for key, reading in told(node).items()}

    def wait_for_all(self):
        """Wait until the subscriber has all that the nodes have said by now."""
        missing = set(self.told())
        until(lambda: missing <= {key for key, _ in self.city.readings()},
              lambda: sorted(missing - {key for key, _ in self.city.readings()})[:9])
        return missing

    def wait_for_state(self, endpoint, states):
        """Wait until the city was told exactly these states of a node."""
        until(lambda: self.city.states(endpoint) == states, lambda: self.city.states(endpoint))

    def wait_for_more(self, *nodes):
        """Wait until each of `nodes` has taken a reading from now on, and the city has it."""
        for node in nodes:
            node.wait_for_another("ReadingTaken")
        return self.wait_for_all()

    def packs(self, kind):
        """Return the packs on all topics of a kind, in order."""
        return [json.loads(message.payload) for message in self.city.all()
                if message.topic.endswith(f"/{kind}")]

    def units(self):
        """Return the unit of each path, as last received."""
        return {record["n"]: record.get("u") for pack in self.packs("readings") for record in pack}

    def check_once(self):
        """Check that each reading is once in the file, and, copies apart, once at the city."""
        said = self.told()
        self.wait_for_all()
        # What went out again because an acknowledgement was lost is the same in every word.
        copies = {key: record for key, record in self.city.readings()}
        assert all(record == copies[key] for key, record in self.city.readings())
        assert all(is_same(record, said[key]) for key, record in copies.items() if key in said)
        assert max(Counter(key for key, _ in file_readings(self.gateway)).values()) == 1
        assert set(copies) >= {key for key, _ in file_readings(self.gateway)} & set(said)

    def depth(self):
        """Return how many readings wait for the broker."""
        uplinks = {uplink["name"]: uplink for uplink in self.gateway.status()["uplinks"]}
        return uplinks["city"]["depth"]

    def order(self, node, payload):
        """Publish a command; return its correlation data and the answer."""
        self._commands += 1
        topic = f"town/answers/{self._commands}"
        correlation = b"order %d" % self._commands
        self.city.publish(COMMANDS.format(topics.escape(node.endpoint)), payload, topic,
                          correlation)
        until(lambda: self.city.answers(topic), f"an answer at {topic}")
        return correlation, self.city.answers(topic)[0]

    def value(self, path):
        """Return the newest value that the subscriber has of a lamp's resource."""
        records = [record for key, record in self.city.readings()
                   if key[0] == self.lamp.endpoint and record["n"] == path]
        return records[-1]["v"] if records else None


@pytest.fixture(scope="module")
def street(new_gateway, new_node, broker):
    uplinks = f'[uplink.file]\ntype = "file"\n[uplink.city]\ntype = "mqtt"\nurl = "{broker.url}"\n'
    with Subscriber(broker) as city:
        gateway = new_gateway("gateway", uplinks).start()
        lamp = new_node("lamp", "lamp", 1, gateway, own={"fade_ms": 0})
        lamp.see(lux=2)
        container = new_node("bin", "bin", 2, gateway, own={"measure_interval_s": 10})
        container.see(distance_mm=336)
        bay = new_node("bay", "parking", 3, gateway)
        bay.see(frequency_hz__0=60000)
        nodes = [node.start() for node in (lamp, container, bay)]
        yield Street(gateway, nodes, broker, city)
        for node in nodes:
            assert node.errors.read_text() == ""
        assert not [line for line in gateway.log() if "Traceback" in line or " ERROR " in line]


def test_three_furnitures_register(street):
    for node in street.nodes:
        node.wait_for(lambda event: event["event"] == "Registered")
        street.wait_for_state(node.endpoint, ["registered"])
        known = street.gateway.node(node.endpoint)
        assert (known["state"], known["furniture"]) == ("registered", node.furniture)
    assert street.gateway.node(street.bin.endpoint)["queue_mode"] is True


def test_every_reading_reaches_the_subscriber_once_as_the_node_took_it(street):
    wanted = street.wait_for_more(*street.nodes)
    readings = [each for each in street.city.readings() if each[0] in wanted]
    assert len(readings) == len(wanted) >= 10
    said = street.told()
    wrong = [(key, record, said[key]) for key, record in readings
             if not is_same(record, said[key])]
    assert not wrong


def test_file_uplink_has_each_reading_once(street):
    wanted = street.wait_for_more(street.lamp)
    until(lambda: wanted <= {key for key, _ in file_readings(street.gateway)})
    assert max(Counter(key for key, _ in file_readings(street.gateway)).values()) == 1


def test_numbers_bear_units_and_secondary_ones_name_their_version(street):
    # What a sensor measures is read after its node registered: until then its unit is missing.
    until(lambda: UNITS.items() <= street.units().items(), street.units)
    for pack in street.packs("readings"):
        is_secondary = not set(SECONDARY_UNITS).isdisjoint(record.get("u") for record in pack)
        assert pack[0].get("bver") == (26 if is_secondary else None)


def test_times_are_absolute_and_right(street):
    wanted = street.wait_for_more(*street.nodes)
    now_s = time.time()
    for key, record in street.city.readings():
        assert street.started_s - CLOCK_S <= record["t"] <= now_s + CLOCK_S, (key, record)
    for node in street.nodes:
        uptimes = {event["sequence"]: event["uptime_ms"] for event in node.events("ReadingTaken")}
        starts = [float(record["t"]) - uptimes[key[2]] / 1000
                  for key, record in street.city.readings()
                  if key in wanted and key[0] == node.endpoint]
        assert max(starts) - min(starts) < CLOCK_S


def test_dimming_command_changes_the_lamp_and_returns_its_result(street):
    order = {"id": "d1", "operation": "dim", "level": 30, "for_s": 600}
    correlation, answer = street.order(street.lamp, json.dumps(order))
    assert answer.properties.CorrelationData == correlation
    result = json.loads(answer.payload)
    assert (result["id"], result["node"]) == ("d1", street.lamp.endpoint)
    assert (result["result"], result["code"]) == ("done", "2.04")
    street.lamp.wait_for(lambda event: event.get("permille") == 300)
    assert street.gateway.read(street.lamp.endpoint, "/3416/0/1") == 30
    until(lambda: street.value("/3416/0/2") == 30, lambda: street.value("/3416/0/2"))


def test_resuming_gives_the_lamp_back_to_its_schedule(street):
    street.order(street.lamp, '{"id": "d2", "operation": "dim", "level": 40}')
    street.lamp.wait_for(lambda event: event.get("permille") == 400)
    _, answer = street.order(street.lamp, '{"id": "r2", "operation": "resume"}')
    assert json.loads(answer.payload)["result"] == "done"
    until(lambda: street.lamp.events("LightSet")[-1]["permille"] > 400, street.lamp.said)


def test_command_that_is_known_is_not_done_again(street):
    order = '{"id": "w1", "operation": "write", "path": "/3416/0/4", "value": %d}'
    street.order(street.lamp, order % 77)
    street.order(street.lamp, order % 66)
    assert street.gateway.read(street.lamp.endpoint, "/3416/0/4") == 77


@pytest.mark.parametrize("payload", [
    "", "{", "[]", "\xff", '{"id": "x"}', '{"id": "x", "operation": "explode"}',
    '{"id": "x", "operation": "dim", "level": "much"}', "[" * 60000,
    '{"id": "x", "operation": "dim", "level": 101}', '{"id": 7, "operation": "resume"}',
])
def test_malformed_command_is_answered_and_disturbs_nothing(street, payload):
    correlation, answer = street.order(street.lamp, payload.encode("latin-1"))
    assert json.loads(answer.payload)["result"] == "failed"
    assert answer.properties.CorrelationData == correlation
    assert street.gateway.command_line("ping", street.lamp.endpoint).returncode == 0
    said = [line for line in street.gateway.log() if "command refused" in line]
    assert 1 <= len(said) <= 1 + int((time.time() - street.started_s) / 60)


def test_bin_that_gets_full_says_so_at_once(street):
    street.bin.wait_for(lambda event: event.get("path") == [3435, 0, 5])
    assert not street.bin.took("/3435/0/5", True)
    street.bin.see(distance_mm=216)
    until(lambda: street.bin.took("/3435/0/5", True), street.bin.said)
    said = street.wait_for_all()
    full = [record for key, record in street.city.readings()
            if key in said and record["n"] == "/3435/0/5"]
    assert full[-1]["vb"] is True


def test_burning_bin_raises_an_alarm_on_its_own_topic(street):
    street.bin.see(distance_mm=336, centicelsius=8000)
    until(lambda: street.bin.took("/3435/0/22", True), street.bin.said)
    street.wait_for_all()
    street.bin.see(distance_mm=336)
    alarms = [(pack[0]["bn"], record["n"], record.get("vb"))
              for pack in street.packs("alarms") for record in pack]
    assert (street.bin.endpoint, "/3435/0/22", True) in alarms


def test_car_that_drives_in_occupies_the_bay(street):
    street.bay.wait_for(lambda event: event.get("path") == [3318, 0, 5700])
    street.bay.see(frequency_hz__0=60600)
    until(lambda: street.bay.took("/3431/0/1", True), street.bay.said)
    street.wait_for_all()
    records = [record for key, record in street.city.readings() if record["n"] == "/3431/0/1"]
    assert records[-1]["vb"] is True
    assert street.gateway.read(street.bay.endpoint, "/3431/0/1") is True


def test_broker_that_stops_and_comes_back_misses_nothing(street):
    # Mosquitto may lose what it has acknowledged in its last moment, unless it is idle.
    street.wait_for_all()
    street.broker.stop()
    count = len(street.told())
    until(lambda: len(street.told()) > count + 10, street.lamp.said)
    until(lambda: street.depth() > 0)
    street.broker.start()
    street.city.connect()
    street.wait_for_more(street.lamp)
    street.check_once()


def test_killed_gateway_goes_on_with_its_nodes_and_loses_nothing(street):
    registered = {node.endpoint: len(node.events("Registered")) for node in street.nodes}
    street.gateway.end(signal.SIGKILL)
    count = len(street.told())
    until(lambda: len(street.told()) > count + 5, street.lamp.said)
    street.gateway.start()
    street.wait_for_more(street.lamp, street.bay)
    street.check_once()
    for node in street.nodes:
        assert street.gateway.state(node.endpoint) in ("registered", "sleeping")
        assert len(node.events("Registered")) == registered[node.endpoint]


def test_stopped_gateway_takes_its_time_and_nothing_is_lost(street):
    assert street.gateway.end(signal.SIGTERM) == 0
    street.gateway.start()
    street.wait_for_more(street.lamp)
    street.check_once()


@pytest.mark.parametrize(("number", "is_compiled", "signal_number"), [
    (8, True, signal.SIGINT), (9, False, signal.SIGTERM)])
def test_node_that_is_stopped_deregisters(street, new_node, number, is_compiled, signal_number):
    node = new_node(f"leaving{number}", "lamp", number, street.gateway, is_compiled).start()
    until(lambda: street.gateway.state(node.endpoint) == "registered", node.said)
    node.wait_for(lambda event: event["event"] == "ReadingsAcknowledged")
    assert node.end(signal_number) == 0
    assert node.events()[-1] == {"event": "Stopped"}
    assert street.gateway.state(node.endpoint) == "gone"
    street.wait_for_state(node.endpoint, ["registered", "gone"])
    assert {event["sequence"] for event in node.events("ReadingTaken")} == {
        number for event in node.events("ReadingsAcknowledged") for number in event["sequences"]}
