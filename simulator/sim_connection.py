"""A connection to the broker in memory: `gateway.uplinks.mqtt_connection.Connection`."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import topics
from gateway.uplinks.mqtt_client import PACKET_LENGTH_DEFAULT
from gateway.uplinks.mqtt_connection import (
    Delivery,
    MqttError,
    Publication,
    SubscriptionRefused,
)
from simulator.line import Line

if TYPE_CHECKING:
    from simulator.broker_host import BrokerHost

REFUSED = 0x80  # MQTT 5 section 2.4: and above
Answer = "asyncio.Future[int]"


class SimConnection:
    """One client's end; `back` is the line from the broker to him, `out` the other one.

    `gateway` is the gateway's id, "" for other clients: a gateway's will has its topic.
    """

    def __init__(self, host: "BrokerHost", settings: MqttSettings, client_id: str,
                 will: Publication | None, receive_maximum: int) -> None:
        loop = host.loop
        self.client_id = client_id
        self.will = will
        self.keepalive_s = settings.keepalive_s
        self.session_expiry_s = settings.session_expiry_s
        self.own_receive_maximum = receive_maximum
        self.gateway = topics.unescape(will.topic.split("/")[2]) if will is not None else ""
        self.out = Line(loop, host.line_s)
        self.back = Line(loop, host.line_s)
        self.receive_maximum = host.receive_maximum
        self.packet_length_max = PACKET_LENGTH_DEFAULT
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        self.connected: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self._host = host
        self._waiting: dict[int, Answer] = {}  # for a PUBACK or a SUBACK, by our own numbers
        self._publishing = 0
        self._held: deque[tuple[Publication, Answer]] = deque()
        self._last_number = 0

    # What the gateway and the city call

    def publish(self, publication: Publication) -> Answer:
        """Send a message; the future gives the PUBACK's reason code, or raises MqttError."""
        future = self._host.loop.create_future()
        if self.lost.done():
            future.set_exception(MqttError(self.lost.result()))
        elif self._publishing >= self.receive_maximum:
            self._held.append((publication, future))
        else:
            self._send(publication, future)
        return future

    async def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 1; raises MqttError when refused or lost."""
        if self.lost.done():
            raise MqttError("connection lost")
        future = self._host.loop.create_future()
        self.out.send(self._host.take_subscription, self, self._await(future), topic_filter)
        if (reason := await future) >= REFUSED:
            raise SubscriptionRefused(f"subscription to {topic_filter} refused: 0x{reason:02x}")

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that it may forget `delivery`."""
        if not self.lost.done():
            self.out.send(self._host.take_acknowledgement, self, delivery.mid)

    async def close(self) -> None:
        """End the connection in order, so that the broker does not publish our will."""
        if not self.lost.done():
            self.out.send(self._host.take_disconnect, self)
            self.lose("closed")

    # What arrives from the broker

    def take_connack(self) -> None:
        """The broker has taken us."""
        if not self.connected.done():
            self.connected.set_result(None)

    def take_answer(self, number: int, reason: int) -> None:
        """A PUBACK or SUBACK has come."""
        future = self._waiting.pop(number, None)
        if future is not None and not future.done():
            future.set_result(reason)

    def take_puback(self, number: int, reason: int) -> None:
        """A PUBACK has come: there is room for another message."""
        self.take_answer(number, reason)
        self._publishing -= 1
        if self._held and not self.lost.done():
            self._send(*self._held.popleft())

    def deliver(self, delivery: Delivery) -> None:
        """The broker sends a message."""
        self.back.send(self.deliveries.put_nowait, delivery)

    def disconnect(self, reason: str) -> None:
        """The broker ends it with a DISCONNECT."""
        self._host.forget(self)
        self.out.cut()
        self.back.send(self.lose, f"disconnected: {reason}")

    def lose(self, reason: str) -> None:
        """It is over: whoever waits hears of it."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self.back.cut()
        error = MqttError(reason)
        held = [future for _, future in self._held]
        for future in (self.connected, *self._waiting.values(), *held):
            if not future.done():
                future.set_exception(error)
                # Whoever has given up waiting need not be told.
                future.exception()
        self._held.clear()
        self._waiting.clear()

    def sever(self, is_silent: bool = False) -> None:
        """Make it deaf and dumb: its owner's process is gone, without a goodbye.

        The broker hears of it at once, or, where the power has gone (`is_silent`), when the
        keep-alive is over.
        """
        if not self.lost.done():
            self.out.cut()
            self.lose("severed")
            self._host.notice(self, is_silent)

    def _send(self, publication: Publication, future: Answer) -> None:
        self._publishing += 1
        self.out.send(self._host.take_publication, self, self._await(future), publication)

    def _await(self, future: Answer) -> int:
        self._last_number += 1
        self._waiting[self._last_number] = future
        return self._last_number
