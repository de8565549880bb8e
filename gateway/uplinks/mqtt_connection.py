"""The uplink client's seam: what the gateway and the city ask of a connection to a broker.

`mqtt_client` makes them on paho-mqtt; a simulation has a broker of its own behind them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.settings import MqttUplink as MqttSettings

# What the broker may send us unacknowledged; more waits at the broker.
RECEIVE_MAXIMUM = 20
# Of QoS 0 the broker sends as much as it gets; what exceeds this is lost, as QoS 0 may be.
QOS_0_WAITING_MAX = 100
# Of a PUBLISH: fixed header, lengths of topic and properties, packet id, property identifiers.
HEAD_LENGTH_MAX = 24


class MqttError(Exception):
    """The connection cannot be made, or is lost."""


class SubscriptionRefused(MqttError):
    """The broker does not let us subscribe; the connection goes on."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to publish with QoS 1."""

    topic: str
    payload: bytes
    user_properties: tuple[tuple[str, str], ...] = ()
    correlation: bytes | None = None
    content_type: str | None = None
    is_retained: bool = False

    @property
    def length_max(self) -> int:
        """Return how long its packet may at most become, in bytes (MQTT 5 section 3.3)."""
        texts = [self.topic, self.content_type or ""]
        texts += [text for pair in self.user_properties for text in pair]
        length = sum(len(text.encode()) for text in texts) + len(self.correlation or b"")
        return HEAD_LENGTH_MAX + 5 * len(self.user_properties) + length + len(self.payload)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that came in; it counts as unread until `acknowledge` is called with it."""

    mid: int
    topic: str
    payload: bytes
    response_topic: str | None
    correlation: bytes | None
    qos: int = 1
    user_properties: tuple[tuple[str, str], ...] = ()


class Connection(Protocol):
    """One connection to a broker; it lives as long as one TCP connection, then it is over."""

    deliveries: "asyncio.Queue[Delivery]"
    # Resolved with the reason when the connection is over.
    lost: "asyncio.Future[str]"
    # How many messages the broker takes unacknowledged; `publish` itself holds back what exceeds.
    receive_maximum: int
    packet_length_max: int

    def publish(self, publication: Publication) -> "asyncio.Future[int]":
        """Send a message; the future gives the PUBACK's reason code, or raises MqttError."""

    async def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 1, without what is retained; raises MqttError."""

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that it may forget `delivery`."""

    async def close(self) -> None:
        """End the connection in order, so that the broker does not publish its will."""


# (settings, client id, will, receive maximum); raises MqttError.
Connect = Callable[[MqttSettings, str, Publication | None, int], Awaitable[Connection]]
