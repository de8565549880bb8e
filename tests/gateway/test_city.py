"""The reference consumer: each reading once, nothing acknowledged that is not kept."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.city_messages import MALFORMED, acknowledgements, key_of, rows_of
from gateway.city_rows import Rows
from gateway.uplinks.mqtt_connection import Delivery
from protocol.number import Decimal
from tests.gateway.city_process import PROGRAM, CityProcess
from tests.gateway.mosquitto import Broker, City
from tests.gateway.mqtt_uplink import uplinked
from tests.gateway.uplink_rows import TIME_MS, alarm, row

READINGS = "faubourg/v1/gw%2F1/lamp/readings"
PACK = b'[{"bn":"lamp","n":"/3416/0/3","v":0.10,"u":"h","t":17.5},{"n":"/1","vb":true,"t":18}]'
ALL = "SELECT * FROM readings ORDER BY arrival"
REFUSED = "SELECT topic, id, payload, reason FROM refused"


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


def message(payload=PACK, key="7:1-2", topic=READINGS):
    properties = () if key is None else (("id", key),)
    return Delivery(1, topic, payload, None, None, 1, properties)


def kept(tmp_path, *messages):
    """Return (rows of `query`...) and the counters after `messages` in one commit."""
    counters = Counter()
    rows = Rows(str(tmp_path / "city.db"), counters)
    rows.commit(messages)
    rows.close()
    return CityProcess(tmp_path, "").rows, counters


def test_reading_becomes_a_row_with_its_exact_value(tmp_path):
    rows, counters = kept(tmp_path, message())
    first, second = rows(ALL)
    assert first[:11] == (
        *(1, "gw/1", "lamp", 7, 1, "readings", "/3416/0/3", "v", "0.10", "h", 17500),
    )
    assert second[4:11] == (2, "readings", "/1", "vb", "true", "", 18000)
    assert counters == {"messages": 1, "commits": 1, "readings": 2}


def test_copies_are_ignored_and_counted_whatever_pack_they_come_in(tmp_path):
    one = b'[{"bn":"lamp","n":"/1","v":1,"t":1}]'
    messages = (message(), message(), message(one, "7:2"), message(one, "unsequenced:9:2"))
    rows, counters = kept(tmp_path, *messages)
    assert [each[3:5] for each in rows(ALL)] == [(7, 1), (7, 2), ("unsequenced:9", 2)]
    assert rows("SELECT * FROM deliveries ORDER BY arrival") == [(1, 2), (2, 3)]
    assert counters["duplicates"] == 3 and counters["readings"] == 3


@pytest.mark.parametrize(
    "wrong",
    [
        message(b"\xff\x00"),
        message(b"[]"),
        message(b"3"),
        message(key=None),
        message(key="nonsense"),
        message(key=":1-2"),
        message(key="7:1-3"),
        message(key=f"{1 << 70}:1-2"),
        message(b'[{"bn":"lamp","n":"/1","v":1,"t":1},{"n":"/1","v":1,"t":1e999999999}]'),
        message(b'[{"bn":"lamp","n":"/1","v":1,"t":1},{"n":{},"v":1,"t":1}]'),
        message(b'[{"bn":"lamp","n":"/1","v":1,"t":1},{"n":"/1","v":[],"t":1}]'),
        message(b'[{"bn":"lamp","n":"/1","v":1,"t":1},{"n":"/1","v":NaN,"t":1}]'),
        message(b'[{"bn":"lamp","n":"/1","v":1,"t":1},{"n":"\\ud800","v":1,"t":1}]'),
        message(b'[{"bn":"lamp","n":"/1","v":1,"t":1},{"n":"/1","v":1,"vb":true,"t":1}]'),
        message(topic="faubourg/v1/a.b/lamp/readings"),
    ],
)
def test_message_that_is_no_pack_is_kept_whole_and_costs_its_neighbours_nothing(tmp_path, wrong):
    rows, counters = kept(tmp_path, message(key="6:1-2"), wrong, message(key="8:1-2"))
    assert [each[3] for each in rows(ALL)] == [6, 6, 8, 8]
    ((topic, key, payload, reason),) = rows(REFUSED)
    assert (topic, key, payload) == (wrong.topic, key_of(wrong), wrong.payload) and reason
    assert counters["refused"] == 1


@given(st.binary(max_size=80), st.text(max_size=20))
def test_any_message_gives_rows_or_one_of_the_expected_errors(payload, key):
    try:
        rows_of(message(payload, key), 0)
    except MALFORMED:
        return


def test_acknowledgements_name_each_gateway_s_nodes_and_keys():
    other = "faubourg/v1/other/bin/alarms"
    messages = [message(), message(key="8:1", topic=other), message(key=None), message(key="7:3")]
    published = {
        each.topic: json.loads(each.payload)["acks"] for each in acknowledgements(messages)
    }
    assert published == {
        "faubourg/v1/gw%2F1/ack": [
            {"node": "lamp", "id": "7:1-2"},
            {"node": "lamp", "id": "7:3"},
        ],
        "faubourg/v1/other/ack": [{"node": "bin", "id": "8:1"}],
    }


def test_uplink_and_consumer_agree_on_every_kind_of_value(tmp_path, broker):
    values = [50, Decimal(-2150, -2), True, "ünï", b"\x00\xff"]

    async def main():
        async with uplinked(tmp_path, broker, ack="application") as system:
            rows = [row(index, value=value) for index, value in enumerate(values, 1)]
            await system.store.commit_pack([*rows, alarm(6)], urgent=True)
            await system.store.commit_pack([row(None, boot=None)], urgent=True)
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        summary = consumer.stop()
    found = {each[4]: each for each in consumer.rows(ALL) if each[3] == 1}
    assert [found[number][7:9] for number in range(1, 7)] == [
        ("v", "50"), ("v", "-21.5"), ("vb", "true"), ("vs", "ünï"), ("vd", "AP8"), ("vb", "true"),
    ]  # fmt: skip
    assert found[6][5] == "alarms" and found[1][9:11] == ("/100", TIME_MS)
    assert (summary["readings"], summary["duplicates"], summary["refused"]) == (7, 0, 0)


def test_refused_message_is_acknowledged_to_the_broker_and_does_not_come_again(tmp_path, broker):
    with City(broker, "nothing", "writer") as writer:
        with CityProcess(tmp_path, broker.url) as consumer:
            writer.publish(READINGS, b"nonsense")
            consumer.wait(bool, REFUSED)
            consumer.stop()
        with CityProcess(tmp_path, broker.url) as consumer:
            writer.publish(READINGS, b"more")
            consumer.wait(lambda rows: len(rows) == 2, REFUSED)
            assert consumer.stop()["messages"] == 1


def test_nothing_is_acknowledged_that_cannot_be_committed(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker, ack="application", ack_timeout_s=1) as system:
            other = sqlite3.connect(consumer.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await system.store.commit_pack([row(1), row(1, "bin")], urgent=True)
            await system.until(lambda: system.pump.counters["packs unacknowledged"] >= 2)
            assert await system.depth() == 2
            other.execute("ROLLBACK")
            other.close()
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        consumer.wait(lambda rows: len(rows) == 2)


def test_consumer_that_was_away_gets_what_the_broker_kept(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(1), alarm(2)], urgent=True)
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        consumer.kill()
    asyncio.run(main())
    with CityProcess(tmp_path, broker.url) as consumer:
        consumer.wait(lambda rows: len(rows) == 2)


def test_only_the_named_gateway_s_readings_are_taken(tmp_path, broker):
    with City(broker, "nothing", "writer") as writer:
        with CityProcess(tmp_path, broker.url, "--gateway", "gw/1") as consumer:
            writer.publish("faubourg/v1/other/lamp/readings", b"theirs")
            writer.publish(READINGS, b"ours")
            consumer.wait(bool, REFUSED)
            assert consumer.stop()["messages"] == 1


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--into", "postgresql://db/city"], 2, "SQLite only"),
        (["--into", "sqlite:"], 2, "sqlite:FILE"),
        (["--mqtt", "http://broker"], 2, "mqtts://host"),
        (["--into", "sqlite:/no/such/folder/city.db"], 1, "cannot be used"),
    ],
)
def test_wrong_use_is_told_with_what_is_allowed(tmp_path, options, code, words):
    command = [sys.executable, "-c", PROGRAM, "city", *options]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == code and words in outcome.stderr
