"""The city in virtual time: broker, consumer and commands, with what can go wrong with each."""

import asyncio
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any

from gateway.city import City
from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import topics
from gateway.uplinks.mqtt_connection import Connect, Publication
from simulator.broker_host import BrokerHost
from simulator.commander import CLIENT_ID as COMMANDER_ID
from simulator.commander import EXPIRES_S, SESSION_EXPIRY_S, Command, Commander
from simulator.happenings import Tell
from simulator.sim_broker import Broker, Durability
from simulator.sim_connection import Answer, SimConnection
from simulator.sim_table import SimTable
from simulator.virtual_time import DelayedExecutor, VirtualLoop

CLIENT_ID = "faubourg-city"
# A database that is not in the same house; what comes meanwhile goes into the next commit.
COMMIT_S = 1.0
READING_TOPICS = (topics.READINGS, topics.ALARMS)


class Ack(StrEnum):
    """How the consumer acknowledges what it has committed."""

    ONCE = "once"
    LATE = "late"
    TWICE = "twice"
    NEVER = "never"


class SimCity:
    """What `composition.UplinkBuilder(connect=city.connect)` reaches, and the city behind it.

    `acknowledges` says who does, as the uplinks' setting `ack`: the "application" or the
    "broker". `commit_s` is how long a commit takes before it is acknowledged.

    Faults: `broker_down`, `broker_up`, `delay_s` (the broker answers so much later), `refusal`
    (its reason code for what gateways publish: 0x87, 0x97; 0 for none), `cut`; `consumer_down`,
    `consumer_up`, `ack` with `ack_delay_s`, `die_after_commit`.
    """

    def __init__(self, loop: VirtualLoop, tell: Tell, seed: int | str, *,
                 start_unix_s: float = 0.0, durability: Durability = Durability.ALWAYS,
                 queue_length_max: int | None = None, acknowledges: str = "application",
                 commit_s: float = COMMIT_S) -> None:
        self.ack = Ack.ONCE
        self.ack_delay_s = 60.0
        self.broker = Broker(durability, queue_length_max)
        self.host = BrokerHost(loop, tell, self.broker)
        self.host.answers = self._does_broker_answer
        self.table = SimTable(loop, tell, start_unix_s)
        self.commander = Commander(self.host, tell, Random(f"{seed}/city/commands").random)
        self._loop = loop
        self._acknowledges = acknowledges
        self._commit_s = commit_s
        self._random = Random(f"{seed}/city/consumer")
        self._consumer: asyncio.Task | None = None
        self._commanding: asyncio.Task | None = None

    @property
    def connect(self) -> Connect:
        """Return what makes an uplink's connection."""
        return self.host.connect

    async def start(self) -> None:
        """Begin to consume and to command, and return when both are subscribed."""
        self._commanding = self._loop.create_task(self.commander.run())
        self.consumer_up()
        await asyncio.sleep(8 * self.host.line_s)

    async def stop(self) -> None:
        """End both."""
        self.consumer_down()
        commanding, self._commanding = self._commanding, None
        if commanding is not None:
            commanding.cancel()
            await asyncio.wait([commanding])

    def give(self, gateway: str, endpoint: str, operation: str, path: str = "",
             value: Any = None, expires_s: int = EXPIRES_S) -> str:
        """Ask `gateway` for something at a node (`commander.Command`); return the command's id."""
        return self.commander.give(gateway, Command(endpoint, operation, path, value, expires_s))

    def waiting(self) -> int:
        """Return how many messages wait at the broker for the consumer and for the commander."""
        return self.broker.waiting(CLIENT_ID, COMMANDER_ID)

    # The broker's faults

    def broker_down(self, is_crash: bool = True) -> None:
        """Let the broker die; what a crash leaves of its memory, `durability` says."""
        self.host.down(is_crash)

    def broker_up(self) -> None:
        """Let it be there again."""
        self.host.up()

    @property
    def delay_s(self) -> float:
        """Return how much later than at once the broker answers."""
        return self.host.delay_s

    @delay_s.setter
    def delay_s(self, delay_s: float) -> None:
        self.host.delay_s = delay_s

    @property
    def refusal(self) -> int:
        """Return the reason code with which the broker refuses what gateways publish, or 0."""
        return self.host.refusal

    @refusal.setter
    def refusal(self, reason: int) -> None:
        self.host.refusal = reason

    def cut(self, gateway: str, is_silent: bool = False) -> None:
        """Break the connection between a gateway and the broker, with all that is on its way."""
        self.host.cut(gateway, is_silent=is_silent)

    def sever(self, gateway: str, is_silent: bool = False) -> None:
        """A gateway was killed, or lost its power (`is_silent`): nothing more comes from it."""
        self.host.sever(gateway, is_silent=is_silent)

    def _does_broker_answer(self, connection: SimConnection, publication: Publication) -> bool:
        is_silent = self._acknowledges == "broker" and self.ack == Ack.NEVER
        is_reading = publication.topic.rpartition("/")[2] in READING_TOPICS
        return not (is_silent and is_reading and connection.gateway)

    # The consumer and its faults

    def consumer_up(self) -> None:
        """Start the consumer, if it does not run."""
        if self._consumer is not None:
            return
        settings = MqttSettings(
            url="mqtt://city", client_id=CLIENT_ID, session_expiry_s=SESSION_EXPIRY_S)
        city = City(
            settings, lambda counters: self.table, None, self._random.random,
            connect=partial(self.host.connect, make=partial(_ConsumerConnection, self)),
            new_executor=lambda: DelayedExecutor(lambda: self._commit_s))
        self._consumer = self._loop.create_task(city.run())

    def consumer_down(self) -> None:
        """Kill the consumer: what it has not acknowledged yet, it never does."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            self.host.sever(client_id=CLIENT_ID)
            consumer.cancel()

    def die_after_commit(self, for_s: float) -> None:
        """Kill the consumer right after its next commit; it is back `for_s` later."""

        def die() -> None:
            self.consumer_down()
            self._loop.call_later(for_s, self.consumer_up)

        self.table.after_commit = die


class _ConsumerConnection(SimConnection):
    """The consumer's connection, which brings its acknowledgements late, twice or never."""

    def __init__(self, city: SimCity, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._city = city

    def publish(self, publication: Publication) -> Answer:
        """Send an acknowledgement."""
        city, publish = self._city, super().publish
        if city.ack in (Ack.ONCE, Ack.TWICE):
            answer = publish(publication)
        else:
            answer = city.host.loop.create_future()
            answer.set_result(0)
        if city.ack in (Ack.LATE, Ack.TWICE):
            city.host.loop.call_later(city.ack_delay_s, self._publish_late, publish, publication)
        return answer

    def _publish_late(self, publish: Any, publication: Publication) -> None:
        publish(publication).add_done_callback(_ignore)


def _ignore(answer: Answer) -> None:
    """Look at what became of a message that need not arrive."""
    if not answer.cancelled():
        answer.exception()
