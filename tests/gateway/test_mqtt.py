"""The MQTT uplink against mosquitto: delivery, refusals, absence, commands and results."""

import asyncio
import inspect
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from gateway import sequence_ranges
from gateway.clock import SystemClock
from gateway.commands import CommandRefused, new_command
from gateway.rows import CommandState, Lane
from gateway.settings import MqttUplink as MqttSettings
from gateway.store import Store
from gateway.uplinks import mqtt_client, topics
from gateway.uplinks.mqtt import MqttUplink
from gateway.uplinks.pump import Pump
from tests.gateway.mosquitto import Broker, City
from tests.gateway.uplink_rows import EPOCH, TIME_MS, alarm, row

LIMIT_S = 60
GATEWAY = "gw/1"
COMMANDS = topics.of_node(GATEWAY, "lamp", topics.COMMANDS)


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


class Uplinked:
    """A store and its MQTT uplink; commands to the node "gone" are refused."""

    def __init__(self, folder, broker, **settings):
        self.store = Store(str(folder / "store.db"), urgent_ms=1, measurement_ms=1)
        self.pump = Pump("city", self.store, lambda: TIME_MS)
        self.commands = []
        self.uplink = MqttUplink(
            MqttSettings(url=broker.url, **settings),
            GATEWAY,
            self.pump,
            self.store,
            SystemClock(),
            mqtt_client.connect,
            lambda: 0.02,
            self.take,
        )

    async def take(self, request):
        if request.endpoint == "gone":
            raise CommandRefused("no such node")
        command = await self.store.add_command(new_command(request, TIME_MS, 60))
        self.commands.append(command)
        return command

    async def end(self, command, **changes):
        await self.store.save_command(replace(command, finished_ms=TIME_MS, **changes))
        self.uplink.result_ready()

    async def depth(self):
        return sum([(await self.store.backlog("city", lane)).count for lane in Lane])

    async def until(self, condition):
        async with asyncio.timeout(LIMIT_S):
            while not await met(condition):
                await asyncio.sleep(0.01)

    async def drained(self):
        return await self.depth() == 0


async def met(condition):
    outcome = condition()
    return await outcome if inspect.isawaitable(outcome) else outcome


@asynccontextmanager
async def uplinked(folder, broker, **settings):
    system = Uplinked(folder, broker, **settings)
    await system.store.open(EPOCH)
    task = asyncio.ensure_future(system.uplink.run())
    try:
        yield system
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await system.store.close()


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
        async with uplinked(tmp_path, broker) as system:
            for sequence in range(0, 300, 3):
                rows = [row(sequence + index) for index in range(3)]
                await system.store.commit_pack([*rows, alarm(1000 + sequence)], urgent=True)
                if sequence == 90:
                    # Mosquitto may lose what it has acknowledged in its last moment.
                    await system.until(system.drained)
                    await asyncio.to_thread(broker.stop)
                if sequence == 210:
                    await asyncio.to_thread(broker.start)
                    await asyncio.to_thread(city.connect)
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


class Cable:
    """A TCP connection to a broker that can be cut at any byte; `url` is its near end."""

    def __init__(self, broker):
        self._broker = broker
        self._writers = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, near_reader, near_writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker.port)
        self._writers |= {near_writer, far_writer}
        await asyncio.gather(
            self._copy(near_reader, far_writer), self._copy(far_reader, near_writer)
        )
        self._writers -= {near_writer, far_writer}

    async def _copy(self, reader, writer):
        with suppress(OSError):
            while data := await reader.read(100):
                writer.write(data)
                await writer.drain()
        writer.close()


def test_connection_cut_again_and_again_loses_nothing_and_keeps_the_order(tmp_path, broker):
    async def main():
        async with Cable(broker) as cable, uplinked(tmp_path, cable) as system:
            for sequence in range(400):
                node = f"lamp{sequence % 7}"
                rows = [row(2 * sequence, node), alarm(2 * sequence + 1, node)]
                await system.store.commit_pack(rows, urgent=True)
                if sequence % 40 == 30:
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


def test_command_comes_in_and_its_result_goes_to_the_response_topic(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            text = '{"id":"c1","operation":"dim","level":30,"for_s":60}'
            await asyncio.to_thread(city.publish, COMMANDS, text, "city/answers", b"\x07")
            await system.until(lambda: system.commands)
            (command,) = system.commands
            assert (command.endpoint, command.level, command.origin) == ("lamp", 30, "city")
            await system.end(command, state=CommandState.DONE, code="2.04")
            answer = await asyncio.to_thread(city.next, "answers")
            await system.until(lambda: is_reported(system))
            return answer

    with City(broker, "city/#") as city:
        answer = asyncio.run(main())
    assert answer.properties.CorrelationData == b"\x07"
    assert json.loads(answer.payload) == {
        "id": "c1",
        "node": "lamp",
        "result": "done",
        "code": "2.04",
        "detail": "",
        "time": TIME_MS // 1000,
    }


async def is_reported(system):
    return not await system.store.unreported_commands("city", 9)


def test_result_without_response_topic_goes_to_results_also_after_a_restart(tmp_path, broker):
    async def take():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            await asyncio.to_thread(city.publish, COMMANDS, '{"id":"c","operation":"resume"}')
            await system.until(lambda: system.commands)
            return system.commands[0]

    async def report(command):
        async with uplinked(tmp_path, broker) as system:
            await system.end(command, state=CommandState.UNKNOWN)
            return await asyncio.to_thread(city.next, "results")

    with City(broker) as city:
        answer = asyncio.run(report(asyncio.run(take())))
    assert answer.topic == "faubourg/v1/gw%2F1/lamp/results"
    assert json.loads(answer.payload)["result"] == "unknown"


def test_command_sent_while_the_gateway_was_away_waits_at_the_broker(tmp_path, broker):
    async def connect_once():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            await asyncio.to_thread(city.publish, COMMANDS, '{"id":"1","operation":"resume"}')
            await system.until(lambda: system.commands)

    async def come_back():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.commands)
            return [each.id for each in system.commands]

    with City(broker, "nothing") as city:
        asyncio.run(connect_once())
        city.publish(COMMANDS, '{"id":"2","operation":"resume"}')
    assert asyncio.run(come_back()) == ["2"]


def test_repeated_id_gives_the_stored_result_again(tmp_path, broker):
    text = '{"id":"c1","operation":"resume"}'

    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            await asyncio.to_thread(city.publish, COMMANDS, text, "city/first")
            await system.until(lambda: system.commands)
            await system.end(system.commands[0], state=CommandState.FAILED, code="4.05")
            await asyncio.to_thread(city.next, "first")
            await asyncio.to_thread(city.publish, COMMANDS, text, "city/second", b"2")
            return await asyncio.to_thread(city.next, "second")

    with City(broker, "city/#") as city:
        answer = asyncio.run(main())
    fields = json.loads(answer.payload)
    assert (fields["result"], fields["code"]) == ("failed", "4.05")
    assert answer.properties.CorrelationData == b"2"


@pytest.mark.parametrize(
    ("topic", "text", "command_id"),
    [
        (COMMANDS, "{", None),
        (COMMANDS, "[1]", None),
        (COMMANDS, b"\xff\xfe", None),
        (COMMANDS, '{"operation":"resume"}', None),
        (COMMANDS, '{"id":"x","operation":"resume","speed":1}', "x"),
        (COMMANDS, '{"id":"x","operation":"dim","level":1e999999}', None),
        (COMMANDS, '{"id":"x","operation":"dim","level":101}', "x"),
        (COMMANDS, '{"id":["x"],"operation":"resume"}', None),
        (COMMANDS.replace("lamp", "gone"), '{"id":"x","operation":"resume"}', "x"),
        (COMMANDS.replace("lamp", "a.b"), '{"id":"x","operation":"resume"}', None),
    ],
)
def test_message_that_is_no_command_is_answered_and_disturbs_nothing(
    tmp_path, broker, topic, text, command_id
):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            await asyncio.to_thread(city.publish, topic, text, "city/answers", b"9")
            answer = await asyncio.to_thread(city.next, "answers")
            await asyncio.to_thread(city.publish, COMMANDS, '{"id":"y","operation":"resume"}')
            await system.until(lambda: system.commands)
            return answer, system.pump.counters["commands refused"]

    with City(broker, "city/#") as city:
        answer, refused = asyncio.run(main())
    fields = json.loads(answer.payload)
    assert (fields["id"], fields["result"], refused) == (command_id, "failed", 1)
    assert fields["detail"]
