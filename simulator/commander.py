"""The city's other program: it gives commands over the broker and hears what became of them."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import topics
from gateway.uplinks.mqtt_connection import Delivery, MqttError
from gateway.uplinks.pump import backoff_s
from simulator.broker_host import BrokerHost
from simulator.happenings import CommandAnswered, CommandGiven, Tell
from simulator.sim_broker import SUCCESS, Question
from simulator.sim_connection import SimConnection

CLIENT_ID = "city-commands"
ANSWERS = "city/answers"
SESSION_EXPIRY_S = 604_800
# A gateway that has never been there has no session at the broker: 0x10 says so.
RETRY_S = 30.0
# Until then every gateway is back, too, and its session at the broker takes messages again.
ASK_AGAIN_S = 300.0
EXPIRES_S = 86_400


@dataclass(frozen=True, slots=True)
class Command:
    """What the city asks of a node; it may wait `expires_s` seconds for the node.

    `value` is (level, seconds) of a dim, seconds None where it says no length; what is written;
    or an execute's arguments.
    """

    endpoint: str
    operation: str  # "dim", "resume", "write", "execute"
    path: str = ""
    value: Any = None
    expires_s: int = EXPIRES_S

    def payload(self, command_id: str) -> bytes:
        """Return it as a gateway takes it (`docs/integration.md`, "Commands")."""
        fields = {"id": command_id, "operation": self.operation}
        if self.operation == "dim":
            fields["level"], fields["for_s"] = self.value
        else:
            fields |= {"path": self.path or None, "value": self.value}
        fields["expires_s"] = self.expires_s
        said = {name: each for name, each in fields.items() if each is not None}
        return json.dumps(said).encode()


class Commander:
    """Gives each command under an id of its own, until the broker has taken it.

    With every new connection, and once more a while later, it asks again for what has had no
    answer: the broker may have lost it, and a gateway that knows the id does not do it twice.
    `random()` gives 0 to 1.
    """

    def __init__(self, host: BrokerHost, tell: Tell, random: Callable[[], float]) -> None:
        self.counters: Counter[str] = Counter()
        self._host = host
        self._tell = tell
        self._random = random
        self._settings = MqttSettings(url="mqtt://city", client_id=CLIENT_ID,
                                      session_expiry_s=SESSION_EXPIRY_S)
        self._unanswered: dict[str, Question] = {}
        self._connection: SimConnection | None = None

    def give(self, gateway: str, command: Command) -> str:
        """Return the id of the command that `gateway` is asked for."""
        self.counters["given"] += 1
        command_id = f"city-{self.counters['given']}"
        self._tell(CommandGiven(
            self._host.loop.now_us(), gateway, command.endpoint, command_id, command.operation,
            command.path, command.value, command.expires_s))
        self._unanswered[command_id] = Question(
            topics.of_node(gateway, command.endpoint, topics.COMMANDS),
            command.payload(command_id), correlation=command_id.encode(),
            response_topic=f"{ANSWERS}/{topics.escape(gateway)}")
        self._ask(command_id)
        return command_id

    @property
    def unanswered(self) -> list[str]:
        """Return the ids of the commands that nobody has answered, in their order."""
        return list(self._unanswered)

    async def run(self) -> None:
        """Serve for ever."""
        failures = 0
        while True:
            try:
                connection = await self._host.connect(self._settings, CLIENT_ID, None)
                await connection.subscribe(f"{ANSWERS}/+")
                self._connection, failures = connection, 0
                self._ask_again(connection)
                self._host.loop.call_later(ASK_AGAIN_S, self._ask_again, connection)
                await self._hear(connection)
            except MqttError:
                failures += 1
            self._connection = None
            await asyncio.sleep(backoff_s(failures, self._random))

    async def _hear(self, connection: SimConnection) -> None:
        """Take answers; raises MqttError when the connection is lost."""
        getting = asyncio.ensure_future(self._take_answers(connection))
        try:
            raise MqttError(await asyncio.shield(connection.lost))
        finally:
            getting.cancel()

    async def _take_answers(self, connection: SimConnection) -> None:
        while True:
            delivery = await connection.deliveries.get()
            self._answered(delivery)
            connection.acknowledge(delivery)

    def _ask_again(self, connection: SimConnection) -> None:
        if connection is self._connection:
            for command_id in self._unanswered:
                self._ask(command_id)

    def _ask(self, command_id: str) -> None:
        """Publish a command that has had no answer, and again while the broker refuses it."""
        question = self._unanswered.get(command_id)
        if question is None or self._connection is None:
            return

        def done(asked: "asyncio.Future[int]") -> None:
            # Lost with its connection: the next one asks for it.
            if not asked.cancelled() and asked.exception() is None and asked.result() != SUCCESS:
                self.counters["refused"] += 1
                self._host.loop.call_later(RETRY_S, self._ask, command_id)

        self._connection.publish(question).add_done_callback(done)

    def _answered(self, delivery: Delivery) -> None:
        self.counters["answers"] += 1
        gateway = topics.unescape(delivery.topic.rpartition("/")[2])
        try:
            fields = json.loads(delivery.payload)
            said = [fields[name] or "" for name in ("node", "id", "result", "code", "detail")]
            node, command_id, result, code, detail = said
        except (ValueError, LookupError, TypeError) as error:
            node, command_id, result, code, detail = "", "", "malformed", "", ascii(error)
        self._unanswered.pop(command_id, None)
        self._tell(CommandAnswered(self._host.loop.now_us(), gateway, node, command_id, result,
                                   f"{code} {detail}".strip()))
