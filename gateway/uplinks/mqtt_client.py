"""MQTT 5 over paho-mqtt, behind asyncio: one `MqttConnection` per TCP connection, then it is over.

paho is the one stable client that shows a PUBACK's reason code, and only in `on_publish`: its
`is_published()` calls a refused message published. Nothing unsent stays in it either: when the
connection is lost every pending publish fails, and the store still has the readings.
"""

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks.mqtt_connection import (
    QOS_0_WAITING_MAX,
    RECEIVE_MAXIMUM,
    Delivery,
    MqttError,
    Publication,
    SubscriptionRefused,
)
from gateway.uplinks.mqtt_properties import PublishProperties

CONNECT_TIMEOUT_S = 20
HOUSEKEEPING_S = 1.0
RECEIVE_MAXIMUM_DEFAULT = 65_535
# MQTT 5 section 3.1.2.11.4: without a Maximum Packet Size only the protocol's own limit counts.
PACKET_LENGTH_DEFAULT = 268_435_460
GRANTED_MAX = 2


class MqttConnection:
    """One connection, as `connect` returns it: a `mqtt_connection.Connection`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._descriptor: int | None = None
        self._publishing: dict[int, asyncio.Future[int]] = {}
        # Beyond the broker's Receive Maximum (MQTT 5 section 4.9), which paho does not observe.
        self._held: deque[tuple[Publication, asyncio.Future[int]]] = deque()
        self._subscribing: dict[int, asyncio.Future[int]] = {}
        self._housekeeping: asyncio.Task | None = None
        self.receive_maximum = RECEIVE_MAXIMUM_DEFAULT
        self.packet_length_max = PACKET_LENGTH_DEFAULT
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        self.connected: asyncio.Future[None] = self._loop.create_future()
        # Resolved with the reason when the connection is over.
        self.lost: asyncio.Future[str] = self._loop.create_future()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_open = self._in_loop(self._on_socket_open)
        client.on_socket_close = self._in_loop(self._on_socket_close)
        client.on_socket_register_write = self._in_loop(self._on_register_write)
        client.on_socket_unregister_write = self._in_loop(self._on_unregister_write)

    def publish(self, publication: Publication) -> "asyncio.Future[int]":
        """Send a message; the future gives the PUBACK's reason code, or raises MqttError.

        0x00 alone means that the broker has it and somebody will get it.
        """
        future = self._loop.create_future()
        if self.lost.done():
            future.set_exception(MqttError(self.lost.result()))
        elif len(self._publishing) >= self.receive_maximum:
            self._held.append((publication, future))
        else:
            self._send(publication, future)
        return future

    def _send(self, publication: Publication, future: "asyncio.Future[int]") -> None:
        message = self._client.publish(
            publication.topic,
            publication.payload,
            qos=1,
            retain=publication.is_retained,
            properties=PublishProperties(
                publication.user_properties, publication.correlation, publication.content_type
            ),
        )
        self._publishing[message.mid] = future

    async def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 1; raises MqttError when refused or lost.

        What is retained on the broker is not wanted: it would come with every connection again.
        """
        future = self._loop.create_future()
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        _, mid = self._client.subscribe(topic_filter, options=options)
        if mid is None:
            raise MqttError("connection lost")
        self._subscribing[mid] = future
        reason = await future
        if reason > GRANTED_MAX:
            raise SubscriptionRefused(f"subscription to {topic_filter} refused: 0x{reason:02x}")

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that it may forget `delivery`."""
        # One of QoS 0 has no id: a PUBACK for it is a protocol error, and ends the connection.
        if not self.lost.done() and delivery.qos == 1:
            self._client.ack(delivery.mid, 1)

    async def close(self) -> None:
        """End the connection in order, so that the broker does not publish our will."""
        if not self.lost.done():
            self._client.disconnect()
            # paho has only queued it.
            self._client.loop_write()
            self._lose("closed")

    def _in_loop(self, callback: Callable) -> Callable:
        """Return `callback` fit for paho, which calls these from the thread that connects, too.

        It has run when paho goes on: a socket must be out of the loop before it is closed, since
        its number may be the next socket's.
        """

        async def in_loop(sock: ssl.SSLSocket) -> None:
            callback(sock)

        def call(client: Client, _: object, sock: ssl.SSLSocket) -> None:
            if threading.get_ident() == self._thread:
                callback(sock)
            elif not self._loop.is_closed():
                running = asyncio.run_coroutine_threadsafe(in_loop(sock), self._loop)
                running.result(CONNECT_TIMEOUT_S)

        return call

    def _on_socket_open(self, sock: ssl.SSLSocket) -> None:
        if not self.lost.done():
            self._descriptor = sock.fileno()
            self._loop.add_reader(self._descriptor, self._read, sock)
            self._housekeeping = self._loop.create_task(self._keep_house())

    def _on_socket_close(self, sock: ssl.SSLSocket) -> None:
        # Why, is told to `_on_disconnect` next.
        self._forget_socket()

    def _forget_socket(self) -> None:
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = None

    def _on_register_write(self, sock: ssl.SSLSocket) -> None:
        if self._descriptor is not None:
            self._loop.add_writer(self._descriptor, self._client.loop_write)

    def _on_unregister_write(self, sock: ssl.SSLSocket) -> None:
        if self._descriptor is not None:
            self._loop.remove_writer(self._descriptor)

    def _read(self, sock: ssl.SSLSocket) -> None:
        self._client.loop_read()
        # TLS may have decrypted more than it handed out: no event of the socket tells of it.
        while not self.lost.done() and getattr(sock, "pending", int)():
            self._client.loop_read()

    async def _keep_house(self) -> None:
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            await asyncio.sleep(HOUSEKEEPING_S)
        self._lose("connection closed")

    def _on_connect(
        self, client: Client, _: object, flags: object, reason: ReasonCode, properties: Properties
    ) -> None:
        if reason.is_failure:
            self._lose(f"connection refused: {reason} (0x{reason.value:02x})")
            return
        if getattr(properties, "MaximumQoS", 1) < 1:
            self._lose("the broker has no QoS 1")
            return
        self.receive_maximum = getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM_DEFAULT)
        self.packet_length_max = getattr(properties, "MaximumPacketSize", PACKET_LENGTH_DEFAULT)
        if not self.connected.done():
            self.connected.set_result(None)

    def _on_disconnect(
        self, client: Client, _: object, flags: object, reason: ReasonCode, properties: Properties
    ) -> None:
        self._lose(f"disconnected: {reason}")

    def _on_publish(
        self, client: Client, _: object, mid: int, reason: ReasonCode, properties: Properties
    ) -> None:
        _resolve(self._publishing.pop(mid, None), reason.value)
        if self._held and not self.lost.done():
            self._send(*self._held.popleft())

    def _on_subscribe(
        self,
        client: Client,
        _: object,
        mid: int,
        reasons: Sequence[ReasonCode],
        properties: Properties,
    ) -> None:
        _resolve(self._subscribing.pop(mid, None), reasons[0].value)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        properties = message.properties
        delivery = Delivery(
            mid=message.mid,
            topic=message.topic,
            payload=message.payload,
            response_topic=getattr(properties, "ResponseTopic", None),
            correlation=getattr(properties, "CorrelationData", None),
            qos=message.qos,
            user_properties=tuple(getattr(properties, "UserProperty", ())),
        )
        if delivery.qos == 0 and self.deliveries.qsize() >= QOS_0_WAITING_MAX:
            return
        self.deliveries.put_nowait(delivery)

    def _lose(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self._forget_socket()
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        error = MqttError(reason)
        held = [future for _, future in self._held]
        pending = [*self._publishing.values(), *self._subscribing.values(), *held]
        for future in (self.connected, *pending):
            if not future.done():
                future.set_exception(error)
                # Whoever has given up waiting need not be told.
                future.exception()
        self._held.clear()
        self._publishing.clear()
        self._subscribing.clear()


def _resolve(future: "asyncio.Future[int] | None", reason: int) -> None:
    if future is not None and not future.done():
        future.set_result(reason)


async def connect(
    settings: MqttSettings,
    client_id: str,
    will: Publication | None,
    receive_maximum: int = RECEIVE_MAXIMUM,
) -> MqttConnection:
    """Return a new connection to the broker of `settings`; raises MqttError.

    The session outlives it by `session_expiry_s`, so that messages wait at the broker.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=MQTTv5,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    # The window is ours: paho would walk its own queue at every PUBACK.
    client.max_inflight_messages_set(0)
    client.connect_timeout = CONNECT_TIMEOUT_S
    connection = MqttConnection(client)
    try:
        _set_credentials(client, settings)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.is_retained)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = settings.session_expiry_s
        properties.ReceiveMaximum = receive_maximum
        await asyncio.to_thread(
            client.connect,
            settings.host,
            settings.port,
            settings.keepalive_s,
            clean_start=False,
            properties=properties,
        )
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.shield(connection.connected)
    except TimeoutError as error:
        await connection.close()
        raise MqttError("no answer to CONNECT") from error
    except (OSError, ValueError) as error:
        await connection.close()
        raise MqttError(f"cannot connect: {error}") from error
    except asyncio.CancelledError:
        await connection.close()
        raise
    return connection


def _set_credentials(client: Client, settings: MqttSettings) -> None:
    if settings.username:
        password = None
        if settings.password_file:
            password = Path(settings.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        client.username_pw_set(settings.username, password)
    if settings.is_encrypted:
        tls = settings.tls
        context = ssl.create_default_context(cafile=tls.ca or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
        client.tls_set_context(context)
