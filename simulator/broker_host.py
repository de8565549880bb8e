"""The broker in virtual time: connections to it, and what can go wrong with it."""

import asyncio
from collections.abc import Callable

from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks.mqtt_client import CONNECT_TIMEOUT_S
from gateway.uplinks.mqtt_connection import RECEIVE_MAXIMUM as OURS
from gateway.uplinks.mqtt_connection import MqttError, Publication
from simulator.happenings import MessagePublished, Tell
from simulator.sim_broker import RECEIVE_MAXIMUM, SUCCESS, Broker, Session
from simulator.sim_connection import SimConnection
from simulator.virtual_time import VirtualLoop

LINE_S = 0.01
# MQTT 5 section 3.1.2.10: after one and a half keep-alives without a packet it is over.
SILENCE = 1.5


class BrokerHost:
    """Gives connections to `broker`; each way takes `line_s`.

    `delay_s` is how much later it answers; `answers(connection, publication)` says whether it
    does. `refusal` is the reason code for what a gateway publishes, 0 where that is taken.
    """

    def __init__(self, loop: VirtualLoop, tell: Tell, broker: Broker,
                 line_s: float = LINE_S, receive_maximum: int = RECEIVE_MAXIMUM) -> None:
        self.loop = loop
        self.line_s = line_s
        self.receive_maximum = receive_maximum
        self.broker = broker
        self.delay_s = 0.0
        self.refusal = SUCCESS
        self.answers: Callable[[SimConnection, Publication], bool] = lambda *_: True
        self.is_up = True
        self._tell = tell
        # In the order of their making, those in the making included.
        self._connections: dict[SimConnection, Session | None] = {}

    async def connect(
        self, settings: MqttSettings, client_id: str, will: Publication | None,
        receive_maximum: int = OURS, make: Callable[..., SimConnection] = SimConnection,
    ) -> SimConnection:
        """Return a new connection; raises MqttError. It fits `mqtt_connection.Connect`."""
        connection = make(self, settings, client_id, will, receive_maximum)
        self._connections[connection] = None
        connection.out.send(self._take_connect, connection)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.shield(connection.connected)
        except TimeoutError as error:
            await connection.close()
            raise MqttError("no answer to CONNECT") from error
        except asyncio.CancelledError:
            await connection.close()
            raise
        return connection

    # What can go wrong

    def down(self, is_crash: bool = True) -> None:
        """Let the broker die, or end in order: every connection is over, none can be made."""
        if not self.is_up:
            return
        self.is_up = False
        now_s = self.loop.time()
        connections, self._connections = self._connections, {}
        for connection in connections:
            connection.out.cut()
            connection.back.cut()
            # The connections break at the same moment; a client hears of it a way later.
            self.loop.call_later(self.line_s, connection.lose, "disconnected: Unspecified error")
        if is_crash:
            self.broker.crash(now_s)
        else:
            self.broker.stop(now_s)

    def up(self) -> None:
        """Let the broker be there again, with what it had on its disk."""
        self.is_up = True

    def cut(self, gateway: str = "", client_id: str = "", is_silent: bool = False) -> None:
        """Break the connection of a gateway or another client, with all that is under way in it.

        A silent break is noticed at both ends when the keep-alive is over.
        """
        for connection in self._of(gateway, client_id):
            connection.out.cut()
            connection.back.cut()
            after_s = self.notice(connection, is_silent)
            self.loop.call_later(after_s, connection.lose, "disconnected: Keep alive timeout")

    def sever(self, gateway: str = "", client_id: str = "", is_silent: bool = False) -> None:
        """Sever the connections of a gateway or another client, those in the making included."""
        for connection in self._of(gateway, client_id):
            connection.sever(is_silent)

    def notice(self, connection: SimConnection, is_silent: bool) -> float:
        """Let the broker find that a connection is broken; return in how many seconds it does."""
        after_s = SILENCE * connection.keepalive_s if is_silent else self.line_s
        self.loop.call_later(after_s, self._gone, connection, False)
        return after_s

    def _of(self, gateway: str, client_id: str) -> list[SimConnection]:
        return [each for each in self._connections
                if (each.gateway == gateway if gateway else each.client_id == client_id)]

    # What arrives at the broker

    def _take_connect(self, connection: SimConnection) -> None:
        if not self.is_up or connection not in self._connections:
            self._connections.pop(connection, None)
            refused = "cannot connect: [Errno 111] Connection refused"
            connection.back.send(connection.lose, refused)
            return
        session = self.broker.attach(
            connection.client_id, connection, self.loop.time(), connection.session_expiry_s,
            connection.own_receive_maximum, connection.will)
        self._connections[connection] = session
        connection.back.send(connection.take_connack, extra_s=self.delay_s)
        self.broker.begin(session)

    def take_publication(self, connection: SimConnection, number: int,
                         publication: Publication) -> None:
        """Route a message, and answer it."""
        reason = self._reason(connection, publication)
        if connection.gateway:
            self._tell(MessagePublished(self.loop.now_us(), connection.gateway,
                                        publication.topic, publication.payload, reason))
        if self.answers(connection, publication):
            connection.back.send(connection.take_puback, number, reason, extra_s=self.delay_s)

    def _reason(self, connection: SimConnection, publication: Publication) -> int:
        if connection.gateway and self.refusal:
            return self.refusal
        return self.broker.publish(connection.client_id, publication, self.loop.time())

    def take_subscription(self, connection: SimConnection, number: int, text: str) -> None:
        """Remember a subscription, and answer it."""
        session = self._connections.get(connection)
        if session is not None:
            reason = self.broker.subscribe(session, text, self.loop.time())
            connection.back.send(connection.take_answer, number, reason, extra_s=self.delay_s)

    def take_acknowledgement(self, connection: SimConnection, mid: int) -> None:
        """A client has a message."""
        session = self._connections.get(connection)
        if session is not None:
            self.broker.acknowledge(session, mid, self.loop.time())

    def take_disconnect(self, connection: SimConnection) -> None:
        """A client ends its connection in order."""
        self._gone(connection, True)

    def forget(self, connection: SimConnection) -> None:
        """The broker has ended a connection itself."""
        self._connections.pop(connection, None)

    def _gone(self, connection: SimConnection, is_graceful: bool) -> None:
        session = self._connections.pop(connection, None)
        if session is not None:
            self.broker.detach(session, connection, self.loop.time(), is_graceful)
