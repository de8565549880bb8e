"""A gateway's ways out, severed with its life: its network, and its connection to the broker.

What passes to the outside is nobody's (`virtual_time.OWNER`), so that the timers and tasks of the
network and the city outlive the gateway; what comes in is the gateway's own.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.coap_transport import DatagramTransport, Local, Peer, Receive
from gateway.uplinks.mqtt import Connect
from gateway.uplinks.mqtt_connection import Connection, Delivery, MqttError, Publication
from simulator.virtual_time import OWNER


class SeverableTransport:
    """A datagram transport of `owner` that does nothing once it is severed."""

    def __init__(self, inner: DatagramTransport, owner: object) -> None:
        self._inner = inner
        self._owner = owner
        self._receive: Receive | None = None
        self._is_severed = False

    def open(self, receive: Receive) -> None:
        self._receive = receive
        self._inner.open(self._take)

    def send(self, datagram: bytes, peer: Peer, local: Local) -> bool:
        if self._is_severed:
            return False
        token = OWNER.set(None)
        try:
            return self._inner.send(datagram, peer, local)
        finally:
            OWNER.reset(token)

    def addresses(self) -> list[Peer]:
        return self._inner.addresses()

    def close(self) -> None:
        if not self._is_severed:
            self._inner.close()

    def sever(self) -> None:
        """Let nothing in and nothing out any more."""
        if not self._is_severed:
            self._inner.close()
        self._is_severed = True

    def _take(self, datagram: bytes, peer: Peer, local: Local) -> None:
        if self._is_severed:
            return
        token = OWNER.set(self._owner)
        try:
            self._receive(datagram, peer, local)
        finally:
            OWNER.reset(token)


class SeverableUplinks:
    """Makes connections with `connect`, and severs them all."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connections: list[_Connection] = []
        self._is_severed = False

    async def connect(self, *arguments: Any) -> Connection:
        """Connect as `gateway.uplinks.mqtt_client.connect` does. Raises MqttError."""
        if self._is_severed:
            raise MqttError("severed")
        token = OWNER.set(None)
        try:
            inner = await self._connect(*arguments)
        finally:
            OWNER.reset(token)
        self._connections = [each for each in self._connections if not each.lost.done()]
        connection = _Connection(inner)
        self._connections.append(connection)
        if self._is_severed:
            connection.sever()
        return connection

    def sever(self) -> None:
        """Let nothing out any more."""
        self._is_severed = True
        for each in self._connections:
            each.sever()
        self._connections = []


class _Connection:
    """A connection; a severed one takes everything and does nothing."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self._is_severed = False
        self.deliveries = inner.deliveries
        self.lost = inner.lost

    @property
    def receive_maximum(self) -> int:
        return self._inner.receive_maximum

    @property
    def packet_length_max(self) -> int:
        return self._inner.packet_length_max

    def publish(self, publication: Publication) -> "asyncio.Future[int]":
        if self._is_severed:
            return asyncio.get_running_loop().create_future()
        return _outside(self._inner.publish, publication)

    async def subscribe(self, topic_filter: str) -> None:
        token = OWNER.set(None)
        try:
            await self._inner.subscribe(topic_filter)
        finally:
            OWNER.reset(token)

    def acknowledge(self, delivery: Delivery) -> None:
        if not self._is_severed:
            _outside(self._inner.acknowledge, delivery)

    async def close(self) -> None:
        if not self._is_severed:
            token = OWNER.set(None)
            try:
                await self._inner.close()
            finally:
                OWNER.reset(token)

    def sever(self) -> None:
        self._is_severed = True


def _outside(function: Callable, *arguments: Any) -> Any:
    token = OWNER.set(None)
    try:
        return function(*arguments)
    finally:
        OWNER.reset(token)
