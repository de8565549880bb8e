"""The city's end: readings as a subscriber of the broker, or a reader of the file, has them."""

import json
import queue
from decimal import Decimal

from gateway import sequence_ranges
from gateway.uplinks import topics
from tests.gateway.mosquitto import City

OF_THE_PACK = ("bn", "bver", "id")


class Subscriber(City):
    """A paho client (MQTT 5) that keeps every message of the gateway."""

    def __init__(self, broker):
        self._all = []
        super().__init__(broker, "#")

    def all(self):
        """Return every message so far, in order."""
        while True:
            try:
                self._all.append(self.messages.get_nowait())
            except queue.Empty:
                return list(self._all)

    def answers(self, topic):
        """Return the messages on exactly this topic."""
        return [message for message in self.all() if message.topic == topic]

    def readings(self):
        """Return (key, record) of every reading so far; a key is (endpoint, boot, sequence)."""
        found = []
        for message in self.all():
            kind = message.topic.rpartition("/")[2]
            if kind in (topics.READINGS, topics.ALARMS):
                pack = json.loads(message.payload, parse_float=Decimal)
                found += keyed(pack, dict(message.properties.UserProperty)["id"])
                assert topics.node_of(message.topic) == pack[0]["bn"]
        return found

    def states(self, endpoint):
        """Return what the gateway said of a node's registration, in order."""
        return [json.loads(message.payload)["state"] for message in self.all()
                if message.topic.endswith(f"/{topics.escape(endpoint)}/{topics.STATUS}")]


def keyed(pack, identity):
    """Return (key, record) of each record of a SenML pack, by the pack's idempotency key.

    Without what the first record says of the pack: another time it may be cut elsewhere.
    """
    boot, _, ranges = identity.rpartition(":")
    numbers = sequence_ranges.expand(sequence_ranges.parse(ranges))
    assert len(numbers) == len(pack)
    records = [{field: each[field] for field in each if field not in OF_THE_PACK} for each in pack]
    return [((pack[0]["bn"], boot, number), record) for number, record in zip(numbers, records)]


def file_readings(gateway):
    """Return (key, record) of every reading in the gateway's file uplink."""
    return [each for pack in gateway.lines() for each in keyed(pack, pack[0]["id"])]


def told(node):
    """Return {key: (path, value)} of every reading that a node took, as it printed it."""
    return {
        (node.endpoint, str(event["boot"]), event["sequence"]):
            ("/" + "/".join(map(str, event["path"])), event["value"])
        for event in node.events("ReadingTaken")
    }


def is_same(record, reading):
    """Tell whether a SenML record says what a node printed of its reading."""
    path, value = reading
    if record["n"] != path:
        return False
    if "v" in record:
        return not isinstance(value, bool) and Decimal(record["v"]) == Decimal(value)
    return record.get("vb", record.get("vs")) == value
