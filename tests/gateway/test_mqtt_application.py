"""`ack = "application"` against mosquitto: only the consumer's acknowledgement is delivery."""

import asyncio
import json

import pytest

from tests.gateway.mosquitto import Broker, City
from tests.gateway.mqtt_uplink import LIMIT_S, uplinked
from tests.gateway.uplink_rows import alarm, row

ACK_TOPIC = "faubourg/v1/gw%2F1/ack"


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


def application(folder, broker, **settings):
    """Return a running uplink that waits for the consumer, at most `ack_timeout_s`."""
    return uplinked(folder, broker, **{"ack": "application", "ack_timeout_s": 3600, **settings})


async def next_key(city):
    """Return (node, id) of the next message with readings."""
    while True:
        message = await asyncio.to_thread(city.messages.get, timeout=LIMIT_S)
        if message.topic.endswith(("/readings", "/alarms")):
            properties = dict(message.properties.UserProperty)
            return json.loads(message.payload)[0]["bn"], properties["id"]


async def acknowledge(city, *pairs):
    """Acknowledge each (node, id), as a consumer does after its commit."""
    acks = [{"node": node, "id": key} for node, key in pairs]
    await asyncio.to_thread(city.publish, ACK_TOPIC, json.dumps({"acks": acks}))


def test_broker_s_acknowledgement_alone_moves_no_cursor(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker) as system:
            await system.store.commit_pack([row(1), row(2), alarm(3)], urgent=True)
            pairs = [await next_key(city), await next_key(city)]
            # The broker has acknowledged all that came before this one.
            system.uplink.node_state("lamp", "registered")
            await asyncio.to_thread(city.next, "lamp/status")
            assert await system.depth() == 3 and not system.pump.counters["packs delivered"]
            await acknowledge(city, *pairs)
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(main())


def test_acknowledgement_in_parts_and_over_several_packs_counts(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker) as system:
            rows = [row(1), row(2), row(3, boot=2), *(row(n) for n in range(4, 7))]
            await system.store.commit_pack(rows, urgent=True)
            assert await next_key(city) == ("lamp", "1:1-2")
            await acknowledge(city, ("lamp", "1:2"))
            await acknowledge(city, ("lamp", "1:1"))
            assert await next_key(city) == ("lamp", "2:3")
            await acknowledge(city, ("lamp", "2:1-1000"), ("lamp", "1:4-5"))
            assert await next_key(city) == ("lamp", "1:4-6")
            # What was named before its pack went out does not count: that may be another pack.
            await acknowledge(city, ("lamp", "1:1-6"))
            await system.until(system.drained)
            return system.pump.counters["acknowledgements unknown"]

    with City(broker) as city:
        assert asyncio.run(main()) == 1


def test_unknown_and_malformed_acknowledgements_are_counted_and_change_nothing(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker) as system:
            await system.store.commit_pack([row(1)], urgent=True)
            pair = await next_key(city)
            await acknowledge(city, ("lamp", "9:1"), ("bin", "1:1"), ("lamp", "nonsense"))
            await asyncio.to_thread(city.publish, ACK_TOPIC, b"\xff nonsense")
            counters = system.pump.counters
            await system.until(lambda: counters["acknowledgements malformed"] == 2)
            assert counters["acknowledgements unknown"] == 2 and await system.depth() == 1
            await acknowledge(city, pair, pair)
            await system.until(system.drained)
            assert counters["packs delivered"] == 1

    with City(broker) as city:
        asyncio.run(main())


def test_pack_goes_again_under_the_same_key_until_it_is_acknowledged(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker, ack_timeout_s=1) as system:
            await system.store.commit_pack([row(1), row(2)], urgent=True)
            first = await next_key(city)
            await system.store.commit_pack([row(3)], urgent=True)
            assert [await next_key(city), await next_key(city)] == [first, first]
            await acknowledge(city, first)
            assert await next_key(city) == ("lamp", "1:3")
            await acknowledge(city, ("lamp", "1:3"))
            await system.until(system.drained)
            kinds = [each.kind for each in await system.store.incidents(9)]
            assert kinds == ["uplink_recovered", "uplink_unacknowledged"]
            assert system.uplink.state == "connected"

    with City(broker) as city:
        asyncio.run(main())


def test_silent_consumer_is_asked_with_one_pack_at_a_time_and_then_gets_all(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker, ack_timeout_s=1, window=5) as system:
            rows = [row(1, f"lamp{index}") for index in range(20)]
            await system.store.commit_pack(rows, urgent=True)
            seen = [await next_key(city) for _ in range(5 + 3)]
            assert len(set(seen)) == 5 and system.pump.counters["packs unacknowledged"] == 3
            assert "acknowledges nothing" in system.uplink.state
            await acknowledge(city, *set(seen))
            acknowledged = set(seen)
            while len(acknowledged) < 20:
                pair = await next_key(city)
                acknowledged.add(pair)
                await acknowledge(city, pair)
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(main())


def test_first_word_of_a_silent_consumer_brings_all_that_is_overdue_at_once(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker, ack_timeout_s=2, window=5) as system:
            rows = [row(1, f"lamp{index}") for index in range(5)]
            await system.store.commit_pack(rows, urgent=True)
            seen = {await next_key(city) for _ in range(5)}
            probe = await next_key(city)
            await acknowledge(city, probe)
            again = {await next_key(city) for _ in range(4)}
            assert again == seen - {probe}
            # Not one by one, as a consumer is asked that has said nothing since.
            assert system.uplink.state == "connected"
            await acknowledge(city, *again)
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(main())


def test_alarm_overtakes_measurements_while_the_window_is_full(tmp_path, broker):
    async def main():
        async with application(tmp_path, broker, window=2) as system:
            rows = [row(1, f"lamp{index}") for index in range(6)]
            await system.store.commit_pack(rows, urgent=False)
            first = await next_key(city)
            await next_key(city)
            await system.store.commit_pack([alarm(2)], urgent=True)
            await acknowledge(city, first)
            assert await next_key(city) == ("lamp", "1:2")

    with City(broker) as city:
        asyncio.run(main())


def test_restarted_gateway_sends_again_what_nobody_acknowledged(tmp_path, broker):
    async def main(acknowledges):
        async with application(tmp_path, broker) as system:
            if not acknowledges:
                await system.store.commit_pack([row(1)], urgent=True)
            pair = await next_key(city)
            if acknowledges:
                await acknowledge(city, pair)
                await system.until(system.drained)
            return pair

    with City(broker) as city:
        assert asyncio.run(main(False)) == asyncio.run(main(True))
