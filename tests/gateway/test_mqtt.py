"""The MQTT uplink against mosquitto: delivery, refusals, absence."""

import asyncio
import json

import pytest

from gateway import sequence_ranges
from tests.gateway.cable import Cable
from tests.gateway.mosquitto import Broker, City
from tests.gateway.mqtt_uplink import LIMIT_S, Uplinked, uplinked
from tests.gateway.uplink_rows import EPOCH, alarm, row


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


def received(city, count, endings=("readings", "alarms")):
    """Return `count` readings that the city gets, as (kind, node, sequence)."""
    found = []
    while len(found) < count:
        message = city.messages.get(timeout=LIMIT_S)
        kind = message.topic.rpartition("/")[2]
        if kind in endings:
            (key,) = (value for name, value in message.properties.UserProperty if name == "id")
            numbers = sequence_ranges.expand(sequence_ranges.parse(key.partition(":")[2]))
            node = json.loads(message.payload)[0]["bn"]
            found.extend((kind, node, number) for number in numbers)
    return found


def test_reading_arrives_with_topic_unit_time_and_key(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(7, "a.b c")], urgent=True)
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(main())
        message = city.next("readings")
    assert message.topic == "faubourg/v1/gw%2F1/a%2Eb%20c/readings"
    assert message.properties.ContentType == "application/senml+json"
    assert message.properties.UserProperty == [("id", "1:7")]
    assert json.loads(message.payload) == [
        {"bn": "a.b c", "bver": 26, "n": "/3416/0/3", "u": "/100", "v": 50, "t": 1765000000}
    ]


def test_alarms_have_their_topic_and_go_first(tmp_path, broker):
    async def fill():
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(1), alarm(2), row(3)], urgent=True)
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(fill())
        assert received(city, 3)[0] in (("alarms", "lamp", 2), ("readings", "lamp", 1))
    with City(broker, name="later") as city:
        asyncio.run(fill_before_start(tmp_path / "other", broker))
        assert received(city, 3)[0] == ("alarms", "lamp", 2)


async def fill_before_start(folder, broker):
    folder.mkdir()
    system = Uplinked(folder, broker)
    await system.store.open(EPOCH)
    await system.store.commit_pack([row(1), alarm(2), row(3)], urgent=True)
    await system.store.close()
    async with uplinked(folder, broker) as system:
        await system.until(system.drained)


def test_nobody_subscribed_is_not_delivery(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(1), row(1, "bin")], urgent=True)
            await system.until(lambda: system.pump.counters["packs unrouted"] >= 2)
            assert await system.depth() == 2
            with City(broker) as city:
                await system.until(system.drained)
                numbers = await asyncio.to_thread(received, city, 2)
            return numbers, [each.kind for each in await system.store.incidents(9)]

    numbers, incidents = asyncio.run(main())
    assert sorted(numbers) == [("readings", "bin", 1), ("readings", "lamp", 1)]
    assert "uplink_refused" in incidents


def test_refused_topic_is_kept_while_other_nodes_are_delivered(tmp_path, broker):
    broker.allow("topic read #", "topic write faubourg/v1/gw%2F1/bin/#")
    broker.reload()

    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(1), row(1, "bin"), row(2)], urgent=True)
            await system.until(lambda: system.pump.counters["packs refused"] >= 2)
            assert await asyncio.to_thread(received, city, 1) == [("readings", "bin", 1)]
            assert await system.depth() == 3
            broker.allow("topic readwrite #")
            broker.reload()
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(main())
        assert received(city, 2) == [("readings", "lamp", 1), ("readings", "lamp", 2)]
        assert all(message.topic.endswith("/status") for message in city.messages.queue)


def test_broker_away_and_back_loses_nothing_and_keeps_the_order(tmp_path, broker):
    async def main():
        async with Cable(broker) as cable, uplinked(tmp_path, cable) as system:
            for sequence in range(0, 300, 3):
                rows = [row(sequence + index) for index in range(3)]
                await system.store.commit_pack([*rows, alarm(1000 + sequence)], urgent=True)
                if sequence == 90:
                    # Mosquitto may lose what it has acknowledged in its last moment.
                    await system.until(system.drained)
                    cable.is_closed = True
                    await asyncio.to_thread(broker.stop)
                if sequence == 210:
                    await asyncio.to_thread(broker.start)
                    # What comes between its start and the city's return mosquitto 2.0.21 throws
                    # away, with 0x00: that is what `ack = "application"` is for.
                    await asyncio.to_thread(city.connect)
                    cable.is_closed = False
            await system.until(system.drained)

    with City(broker) as city:
        asyncio.run(main())
        seen = {"readings": [], "alarms": []}
        while not (len(set(seen["readings"])) == 300 and len(set(seen["alarms"])) == 100):
            for kind, _, number in received(city, 1):
                seen[kind].append(number)
    for numbers in seen.values():
        firsts = list(dict.fromkeys(numbers))
        assert firsts == sorted(firsts)


def test_connection_cut_again_and_again_loses_nothing_and_keeps_the_order(tmp_path, broker):
    async def main():
        async with Cable(broker) as cable, uplinked(tmp_path, cable) as system:
            for sequence in range(400):
                node = f"lamp{sequence % 7}"
                rows = [row(2 * sequence, node), alarm(2 * sequence + 1, node)]
                await system.store.commit_pack(rows, urgent=True)
                if sequence % 40 == 30:
                    await system.until(lambda: system.uplink.state == "connected")
                    cable.cut()
            await system.until(system.drained)
            return system.pump.counters["connections failed"]

    with City(broker) as city:
        assert asyncio.run(main()) >= 5
        by_node = {}
        while len({number for numbers in by_node.values() for number in numbers}) < 800:
            for kind, node, number in received(city, 1):
                by_node.setdefault((kind, node), []).append(number)
    for numbers in by_node.values():
        firsts = list(dict.fromkeys(numbers))
        assert firsts == sorted(firsts)


def test_paused_broker_is_noticed_by_keep_alive(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker, keepalive_s=5) as system:
            await system.until(lambda: system.uplink.state == "connected")
            broker.pause()
            await system.store.commit_pack([row(1)], urgent=True)
            await system.until(lambda: system.uplink.state != "connected")
            assert await system.depth() == 1

    asyncio.run(main())


def test_restarted_gateway_goes_on_behind_its_cursor(tmp_path, broker):
    async def main(sequence):
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(sequence)], urgent=True)
            await system.until(system.drained)

    with City(broker) as city:
        for sequence in (1, 2, 3):
            asyncio.run(main(sequence))
        assert [number for _, _, number in received(city, 3)] == [1, 2, 3]


def test_more_messages_than_the_broker_takes_at_once(tmp_path):
    with Broker(tmp_path / "small", "max_inflight_messages 3") as broker, City(broker) as city:

        async def main():
            async with uplinked(tmp_path, broker) as system:
                rows = [row(1, f"lamp{index}") for index in range(50)]
                await system.store.commit_pack(rows, urgent=True)
                await system.until(system.drained)
                return system.pump.counters["connections failed"]

        assert asyncio.run(main()) == 0
        assert len(set(received(city, 50))) == 50


def test_gateway_s_state_is_retained_and_its_will_says_when_it_is_gone(tmp_path, broker):
    def state():
        with City(broker, "faubourg/v1/gw%2F1/status", "watch") as watch:
            return json.loads(watch.next("status").payload)["state"]

    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            return await asyncio.to_thread(state)

    assert asyncio.run(main()) == "online"
    assert state() == "offline"


def test_node_s_state_is_published(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            system.uplink.node_state("lamp", "registered")
            return await asyncio.to_thread(city.next, "lamp/status")

    with City(broker) as city:
        fields = json.loads(asyncio.run(main()).payload)
    assert (fields["node"], fields["state"]) == ("lamp", "registered")


def test_packs_are_made_to_fit_what_the_broker_takes(tmp_path):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            rows = [row(number, value="x" * 100) for number in range(1, 41)]
            await system.store.commit_pack(rows, urgent=True)
            await system.until(system.drained)
            assert system.pump.counters["connections failed"] == 0

    with Broker(tmp_path / "broker", "max_packet_size 2000") as broker, City(broker) as city:
        asyncio.run(main())
        numbers = [number for _, _, number in received(city, 40)]
    assert numbers == list(range(1, 41))


def test_reading_too_long_for_the_broker_is_kept_and_stops_no_other_node(tmp_path):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.store.commit_pack([row(1, "big", value="x" * 3000), row(2)], urgent=True)
            await system.until(lambda: system.pump.counters["packs delivered"])
            assert await system.depth() == 2 and system.pump.counters["packs too long"]
            assert system.pump.counters["connections failed"] == 0
            await system.until(lambda: system.store.incidents(5))
            return await system.store.incidents(5)

    with Broker(tmp_path / "broker", "max_packet_size 2000") as broker, City(broker) as city:
        incidents = asyncio.run(main())
        assert received(city, 1) == [("readings", "lamp", 2)]
    assert "big" in incidents[0].detail
