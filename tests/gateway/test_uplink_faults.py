"""From the store to the city's table, with the broker, the line and the consumer at their worst.

After each: every reading stands in the table once, and in order per node and lane.
"""

import asyncio
from contextlib import suppress

import pytest

from gateway.clock import SystemClock
from gateway.settings import FileUplink as FileSettings
from gateway.settings import MqttUplink as MqttSettings
from gateway.store import Store, one_thread
from gateway.uplinks import mqtt_client
from gateway.uplinks.file import FileUplink
from gateway.uplinks.mqtt import MqttUplink
from gateway.uplinks.pump import Pump
from tests.gateway.cable import Cable
from tests.gateway.city_process import CityProcess
from tests.gateway.mosquitto import Broker, City
from tests.gateway.mqtt_uplink import met
from tests.gateway.uplink_chain import NODES, chained, prove
from tests.gateway.uplink_rows import EPOCH, TIME_MS, alarm, row


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


async def feed(system, count, faults=None):
    """Store `count` readings of NODES nodes, a third of them alarms; at some a fault comes."""
    for index in range(count):
        make = alarm if index % 3 == 0 else row
        await system.store.commit_pack([make(index, f"lamp{index % NODES}")], urgent=True)
        if faults and index in faults:
            await asyncio.to_thread(faults[index])


def copies(consumer):
    """Return how many deliveries were beyond the first of their reading."""
    return consumer.rows("SELECT ifnull(sum(copies - 1), 0) FROM deliveries")[0][0]


def test_killed_broker_that_forgets_all_it_acknowledged_costs_nothing(tmp_path, broker):
    async def main():
        async with chained(tmp_path, broker) as system:

            def restart():
                broker.kill()
                broker.start()

            await feed(system, 300, {50: restart, 150: restart, 151: restart, 290: restart})
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        prove(consumer, 300)


def test_messages_that_only_the_broker_had_are_lost_with_it_and_sent_again(tmp_path, broker):
    async def main():
        async with chained(tmp_path, broker) as system:
            await feed(system, 60)
            counters = system.pump.counters
            await system.until(lambda: counters["packs unacknowledged"] > 0)
            assert await system.depth() == 60
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            await asyncio.to_thread(consumer.start)
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        consumer.kill()
        asyncio.run(main())
        prove(consumer, 60)


def test_broker_stopped_for_a_while_costs_nothing(tmp_path, broker):
    async def main():
        async with chained(tmp_path, broker) as system:
            await feed(system, 200, {60: broker.stop, 140: broker.start})
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        prove(consumer, 200)


def test_paused_broker_is_left_and_found_again(tmp_path, broker):
    async def main():
        async with chained(tmp_path, broker, keepalive_s=5) as system:
            await feed(system, 30)
            broker.pause()
            await feed(system, 1)
            await system.until(lambda: system.pump.counters["connections failed"] > 0)
            broker.resume()
            await feed(system, 90)
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        prove(consumer, 90)


def test_refused_topics_wait_until_they_are_allowed(tmp_path, broker):
    def allow(*lines):
        broker.allow(*lines)
        broker.reload()

    async def main():
        async with chained(tmp_path, broker) as system:
            await feed(system, 60)
            await system.until(lambda: system.pump.counters["packs refused"] >= 2)
            assert "0x87" in system.uplink.state and "lamp" in system.uplink.state
            await asyncio.to_thread(allow, "topic readwrite #")
            await system.until(system.drained)
            assert system.uplink.state == "connected"
            return [each.kind for each in await system.store.incidents(9)]

    with CityProcess(tmp_path, broker.url) as consumer:
        allow("topic read #", "topic write faubourg/v1/gw%2F1/ack", "topic write +/+/+/lamp0/#")
        assert asyncio.run(main()) == ["uplink_recovered", "uplink_refused"]
        prove(consumer, 60)


def test_readings_wait_until_somebody_subscribes(tmp_path, broker):
    async def main():
        async with chained(tmp_path, broker) as system:
            await feed(system, 60)
            await system.until(lambda: system.pump.counters["packs unrouted"] >= 3)
            assert await system.depth() == 60
            await asyncio.to_thread(consumer.start)
            await system.until(system.drained)

    consumer = CityProcess(tmp_path, broker.url)
    try:
        asyncio.run(main())
        prove(consumer, 60)
    finally:
        consumer.kill()


def is_connected_again(system, cable, number):
    return cable.connections == number and system.uplink.state == "connected"


def test_line_that_swallows_bytes_and_then_resets_costs_nothing(tmp_path, broker):
    async def main():
        async with Cable(broker) as cable, chained(tmp_path, cable) as system:
            for part in range(1, 5):
                await system.until(lambda n=part: is_connected_again(system, cable, n))
                cable.swallow()
                before = cable.swallowed
                await feed(system, 40 * part)
                await system.until(lambda before=before: cable.swallowed > before + 200)
                cable.cut()
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        prove(consumer, 160)


def test_line_that_breaks_after_every_few_messages_costs_nothing(tmp_path, broker):
    async def main():
        async with Cable(broker, bytes_max=4000) as cable, chained(tmp_path, cable) as system:
            await feed(system, 300)
            await system.until(system.drained)
            incidents = await system.store.incidents(99)
            return cable.connections, [each.kind for each in incidents]

    with CityProcess(tmp_path, broker.url) as consumer:
        connections, incidents = asyncio.run(main())
        prove(consumer, 300)
    assert connections >= 5
    assert incidents.count("uplink_lost") <= 2


def test_consumer_killed_between_commit_and_acknowledgement_counts_nothing_twice(tmp_path, broker):
    async def main():
        async with Cable(broker) as cable, chained(tmp_path, broker) as system:
            behind = CityProcess(tmp_path, cable.url)
            await asyncio.to_thread(behind.start)
            cable.swallow()
            await feed(system, 20)
            await asyncio.to_thread(behind.wait, bool)
            assert await system.depth() == 20
            behind.kill()
            cable.cut()
            with CityProcess(tmp_path, broker.url) as consumer:
                await system.until(system.drained)
                prove(consumer, 20)
                assert copies(consumer) > 0

    asyncio.run(main())


def test_consumer_killed_again_and_again_costs_nothing(tmp_path, broker):
    def restart():
        consumer.kill()
        consumer.start()

    async def main():
        async with chained(tmp_path, broker) as system:
            await feed(system, 300, {40: restart, 120: restart, 121: restart, 250: restart})
            await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        prove(consumer, 300)


def test_gateway_killed_again_and_again_costs_nothing(tmp_path, broker):
    async def main(first):
        async with chained(tmp_path, broker) as system:
            for index in range(first, first + 40):
                make = alarm if index % 3 == 0 else row
                await system.store.commit_pack([make(index, f"lamp{index % NODES}")], urgent=True)
            if first == 160:
                await system.until(system.drained)

    with CityProcess(tmp_path, broker.url) as consumer:
        for first in range(0, 200, 40):
            asyncio.run(main(first))
        prove(consumer, 200)


def test_dead_broker_delays_neither_the_other_uplink_nor_an_acknowledgement(tmp_path, broker):
    async def main():
        store = Store(str(tmp_path / "store.db"), urgent_ms=1, measurement_ms=1)
        await store.open(EPOCH)
        pumps = [Pump(name, store, lambda: TIME_MS) for name in ("file", "dead")]
        settings = FileSettings(path=str(tmp_path / "out.jsonl"))
        file = FileUplink(settings, pumps[0], one_thread(), lambda: 0.0)
        dead = MqttUplink(
            MqttSettings(url=broker.url, ack="application"), "gw", pumps[1], store, SystemClock(),
            mqtt_client.connect, lambda: 0.0, None,
        )  # fmt: skip
        tasks = [asyncio.ensure_future(each.run()) for each in (file, dead)]
        await until(lambda: dead.state == "connected")
        broker.pause()
        for sequence in range(200):
            # Each of these is what a node's 2.04 waits for.
            assert (await store.commit_pack([row(sequence)], urgent=True)).stored == 1
            delivered = sequence + 1
            await until(lambda n=delivered: pumps[0].counters["readings delivered"] >= n)
        assert pumps[1].counters["readings delivered"] == 0
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await store.close()

    async def until(condition):
        async with asyncio.timeout(60):
            while not await met(condition):
                await asyncio.sleep(0)

    with City(broker):
        asyncio.run(main())
