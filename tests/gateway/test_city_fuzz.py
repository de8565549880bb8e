"""Messages of the city that nobody would write: refused in words, never the end of its uplink."""

import json
import random

from gateway.city_door import CityDoor
from gateway.commands import CommandRefused
from gateway.uplinks import mqtt_commands, topics
from gateway.uplinks.mqtt_connection import Delivery
from tests.full_size import is_full_size
from tests.gateway.coap_street import run
from tests.gateway.service_street import running
from tests.gateway.test_http_fuzz import value

TEXT = '[uplink.city]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:1"\n'
TOPIC = topics.of_node("test", "lamp", topics.COMMANDS)


def message(draw):
    kind = draw.randrange(8)
    if kind == 0:
        return draw.randbytes(draw.randrange(60))
    if kind == 1:
        depth = draw.randrange(900, 1000)
        return (b'{"id":"x","operation":"write","path":"/3416/0/1","value":'
                + b"[" * depth + b"]" * depth + b"}")
    keys = draw.sample(mqtt_commands.KEYS, draw.randrange(len(mqtt_commands.KEYS)))
    fields = {key: value(draw) for key in keys}
    if kind > 2:
        fields |= {"id": draw.choice(("a", "b", value(draw))),
                   "operation": draw.choice(("dim", "resume", "write", "execute"))}
    if kind > 5:
        fields["path"] = draw.choice(("/3416/0/1", "/3/0/4", "/42802/0/0", "/3416/0"))
    return json.dumps(fields).encode()


def test_message_that_nobody_would_write_ends_no_uplink(tmp_path):
    draw = random.Random(4)
    count = 50_000 if is_full_size() else 500

    async def scenario():
        async with running(tmp_path, text=TEXT) as (gateway, _):
            door = CityDoor(gateway.settings, gateway.audit, gateway.submit)
            outcomes = set()
            for _ in range(count):
                delivery = Delivery(1, TOPIC, message(draw), None, None)
                request = mqtt_commands.parse(delivery, "city")
                if isinstance(request, mqtt_commands.Malformed):
                    outcomes.add("malformed")
                    mqtt_commands.refusal("test", delivery, request, 0)
                    continue
                try:
                    row = await door.take(request)
                    outcomes.add(str(row.state))
                except CommandRefused as error:
                    outcomes.add(type(error).__name__)
                    wrong = mqtt_commands.refused(request, error)
                    mqtt_commands.refusal("test", delivery, wrong, 0)
            return outcomes, len(await gateway.commands(False))

    outcomes, waiting = run(scenario())
    assert outcomes == {"malformed", "queued", "CommandRefused", "CommandForbidden"}
    assert waiting <= 32
