"""Commands and results over MQTT, against mosquitto."""

import asyncio
import json

import pytest

from gateway.rows import CommandState
from gateway.uplinks import topics
from tests.gateway.mosquitto import Broker, City
from tests.gateway.mqtt_uplink import GATEWAY, uplinked
from tests.gateway.service_street import running
from tests.gateway.uplink_rows import TIME_MS, row

COMMANDS = topics.of_node(GATEWAY, "lamp", topics.COMMANDS)


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        yield running


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


def test_command_with_qos_0_is_taken_and_the_connection_stays(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            for number in (0, 1):
                text = json.dumps({"id": f"c{number}", "operation": "resume"})
                await asyncio.to_thread(city.publish, COMMANDS, text, qos=0)
            await system.until(lambda: len(system.commands) == 2)
            await system.store.commit_pack([row(1)], urgent=True)
            await system.until(system.drained)
            assert system.pump.counters["connections failed"] == 0

    with City(broker) as city:
        asyncio.run(main())


def test_command_that_this_uplink_may_not_give_is_answered_with_refused(tmp_path, broker):
    text = f'[uplink.city]\ntype = "mqtt"\nurl = "{broker.url}"\n'
    commands = topics.of_node("test", "lamp", topics.COMMANDS)

    async def main():
        async with running(tmp_path, text=text) as (gateway, _):
            async with asyncio.timeout(60):
                while (await gateway.uplinks())[0].state != "connected":
                    await asyncio.sleep(0.01)
            reboot = '{"id":"c1","operation":"execute","path":"/3/0/4"}'
            await asyncio.to_thread(city.publish, commands, reboot, "city/answers", b"\x07")
            answer = await asyncio.to_thread(city.next, "answers")
            return answer, await gateway.commands(True), await gateway.audit.rows("lamp", 9)

    with City(broker, "city/#") as city:
        answer, queued, (entry,) = asyncio.run(main())
    fields = json.loads(answer.payload)
    assert (fields["id"], fields["result"], queued) == ("c1", "refused", [])
    assert fields["detail"] == "/3/0/4: not allowed to this uplink"
    assert (entry.door, entry.who) == ("uplink", "city")
    assert entry.result == f"refused: {fields['detail']}"


def test_command_that_meets_a_bug_keeps_nothing_else_back(tmp_path, broker):
    async def main():
        async with uplinked(tmp_path, broker) as system:
            await system.until(lambda: system.uplink.state == "connected")
            fault = COMMANDS.replace("lamp", "fault")
            await asyncio.to_thread(city.publish, fault, '{"id":"x","operation":"resume"}')
            await asyncio.to_thread(city.publish, COMMANDS, '{"id":"y","operation":"resume"}')
            await system.until(lambda: system.commands)
            await system.store.commit_pack([row(1)], urgent=True)
            await system.until(system.drained)
            return [each.id for each in system.commands], system.pump.counters

    with City(broker) as city:
        taken, counters = asyncio.run(main())
    assert (taken, counters["errors"], counters["connections failed"]) == (["y"], 1, 0)
