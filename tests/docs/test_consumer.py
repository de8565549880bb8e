"""The integration page's consumer, run against mosquitto as a reader runs it."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import time

import pytest
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.debian import program
from tests.docs import pages
from tests.gateway.mosquitto import LIMIT_S, Broker

TOPIC = "faubourg/v1/gateway/lamp/readings"


@pytest.fixture
def broker(tmp_path):
    program("mosquitto")
    with Broker(tmp_path / "broker") as running:
        yield running


@contextlib.contextmanager
def consumer(folder, broker):
    text, = pages.blocks(pages.ROOT / "docs/integration.md", "python")
    (folder / "consumer.py").write_text(text)
    with open(folder / "consumer.log", "wb") as log:
        running = subprocess.Popen([sys.executable, "consumer.py", "127.0.0.1", str(broker.port)],
                                   cwd=folder, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(LIMIT_S)
        finally:
            running.kill()


def publish(broker, key, *sequences):
    """Publish a pack until somebody is subscribed to it."""
    records = [{"n": "/3416/0/3", "v": each, "t": 1765000000 + each} for each in sequences]
    records[0]["bn"] = "lamp"
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = ("id", key)
    reasons = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.on_publish = lambda client, data, mid, reason, _: reasons.append(reason.value)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    end_s = time.monotonic() + LIMIT_S
    while 0 not in reasons and time.monotonic() < end_s:
        message = client.publish(TOPIC, json.dumps(records), qos=1, properties=properties)
        message.wait_for_publish(LIMIT_S)
        time.sleep(0.1)
    client.disconnect()
    client.loop_stop()
    assert 0 in reasons


def kept(folder, wanted):
    """Return what the consumer has kept, once that is `wanted`, or when it took too long."""
    end_s = time.monotonic() + LIMIT_S
    found = None
    while found != wanted and time.monotonic() < end_s:
        time.sleep(0.1)
        with contextlib.suppress(sqlite3.OperationalError), \
                contextlib.closing(sqlite3.connect(folder / "city.db")) as database:
            found = database.execute(
                "SELECT boot, sequence, value FROM readings ORDER BY 1, 2").fetchall()
    return found


def test_readings_are_kept_once_with_their_identity(tmp_path, broker):
    with consumer(tmp_path, broker):
        publish(broker, "7:2-3,5", 2, 3, 5)
        publish(broker, "7:3,5-6", 3, 5, 6)
        wanted = [("7", 2, 2), ("7", 3, 3), ("7", 5, 5), ("7", 6, 6)]
        assert kept(tmp_path, wanted) == wanted, (tmp_path / "consumer.log").read_text()


def test_readings_of_other_makers_nodes_are_kept_too(tmp_path, broker):
    with consumer(tmp_path, broker):
        publish(broker, "unsequenced:99:4", 4)
        assert kept(tmp_path, [("unsequenced:99", 4, 4)]) == [("unsequenced:99", 4, 4)]


def test_broker_keeps_readings_while_the_consumer_is_away(tmp_path, broker):
    with consumer(tmp_path, broker):
        publish(broker, "7:1", 1)
        assert kept(tmp_path, [("7", 1, 1)]) == [("7", 1, 1)]
    publish(broker, "7:2", 2)
    with consumer(tmp_path, broker):
        assert kept(tmp_path, [("7", 1, 1), ("7", 2, 2)]) == [("7", 1, 1), ("7", 2, 2)]
