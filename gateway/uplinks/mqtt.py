"""The uplink `mqtt`: readings out, commands in, results out (MQTT 5, QoS 1).

What counts as delivered is said in `mqtt_readings`.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.clock import Clock
from gateway.coap_log import PeerLog
from gateway.commands import CommandRefused, Request
from gateway.rows import CommandRow
from gateway.settings import MqttUplink as MqttSettings
from gateway.store import Store, StoreError
from gateway.uplinks import mqtt_commands, topics
from gateway.uplinks.mqtt_connection import (
    QOS_0_WAITING_MAX,
    RECEIVE_MAXIMUM,
    Connect,
    Connection,
    Delivery,
    MqttError,
    Publication,
    SubscriptionRefused,
)
from gateway.uplinks.mqtt_readings import (
    NO_SUBSCRIBERS,
    REFUSED_MAX_S,
    SUCCESS,
    ReadingSender,
)
from gateway.uplinks.pump import STORE_RETRY_S, Pump, backoff_s

RESULTS_MAX = 50
STATES_MAX = 10_000
JSON = "application/json"
CLOSE_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)

OnCommand = Callable[[Request], Awaitable[CommandRow]]


class MqttUplink:
    """One broker. `connect` is `mqtt_client.connect` or a simulation's.

    `on_command(request)` returns the command's row once it is durable, a known id's as it stands;
    it raises CommandRefused or StoreError.
    """

    def __init__(
        self,
        settings: MqttSettings,
        gateway_id: str,
        pump: Pump,
        store: Store,
        clock: Clock,
        connect: Connect,
        random: Callable[[], float],
        on_command: OnCommand,
    ) -> None:
        self._settings = settings
        self._gateway_id = gateway_id
        self._pump = pump
        self._peer_log = PeerLog(log)
        self._store = store
        self._clock = clock
        self._connect = connect
        self._random = random
        self._on_command = on_command
        self._readings = ReadingSender(settings, gateway_id, pump, clock, random)
        self._commands: asyncio.Queue[Delivery] = asyncio.Queue()
        self._has_results = asyncio.Event()
        self._has_states = asyncio.Event()
        self._node_states: dict[str, str] = {}
        self._connection: Connection | None = None
        self._state = "closed"

    @property
    def state(self) -> str:
        """Return what people should know: connected or not, and what keeps readings back."""
        trouble = self._pump.troubles.text
        is_held_up = trouble and self._state == "connected"
        return f"connected, but {trouble}" if is_held_up else self._state

    def result_ready(self) -> None:
        """Say that a command has ended; its result is read from the store and published."""
        self._has_results.set()

    def node_state(self, endpoint: str, state: str) -> None:
        """Publish a node's new state ("registered", "gone") when there is a connection.

        Only the last state of a node waits; this is a live view, not kept over a restart.
        """
        if endpoint in self._node_states or len(self._node_states) < STATES_MAX:
            self._node_states[endpoint] = state
            self._has_states.set()

    async def run(self) -> None:
        """Connect and serve for ever."""
        failures, is_resuming = 0, False
        while True:
            try:
                if not is_resuming:
                    self._readings.forget()
                    await self._pump.open()
                will = self._gateway_state("offline")
                self._connection = await self._connect(
                    self._settings, self._client_id(), will, RECEIVE_MAXIMUM
                )
                failures = 0
                self._pump.troubles.end()
                await self._serve(self._connection)
            except (MqttError, StoreError) as error:
                is_resuming = isinstance(error, MqttError) and self._readings.outlives_connection
                self._state = str(error)
                self._pump.counters["connections failed"] += 1
                self._pump.troubles.begin("uplink_lost", str(error))
                failures += 1
            finally:
                await self._close()
            await asyncio.sleep(backoff_s(failures, self._random))

    def _client_id(self) -> str:
        return self._settings.client_id or f"faubourg-{self._gateway_id}"

    def _gateway_state(self, state: str) -> Publication:
        # The will stands in the broker from the start, so its text has no time.
        payload = json.dumps({"gateway": self._gateway_id, "state": state}).encode()
        topic = topics.of_gateway(self._gateway_id)
        return Publication(topic, payload, content_type=JSON, is_retained=True)

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.lost.done():
            return
        farewell = connection.publish(self._gateway_state("offline"))
        farewell.add_done_callback(_ignore)
        await asyncio.wait([farewell], timeout=CLOSE_TIMEOUT_S)
        await connection.close()

    async def _serve(self, connection: Connection) -> None:
        """Serve one connection until it is lost: raises MqttError, or StoreError."""
        self._state = "subscribing"
        self._commands = asyncio.Queue()
        self._readings.begin(connection)
        self._has_results.set()
        connection.publish(self._gateway_state("online")).add_done_callback(_ignore)
        works = (
            self._raise_when_lost(connection),
            self._send_readings(connection),
            self._pump.keep_cursors(),
            self._take_deliveries(connection),
            self._take_commands(connection),
            self._send_results(connection),
            self._send_states(connection),
        )
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # In their order: of two that end together, always the same one says why.
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._pump.save()

    async def _raise_when_lost(self, connection: Connection) -> None:
        raise MqttError(await asyncio.shield(connection.lost))

    async def _send_readings(self, connection: Connection) -> None:
        if self._settings.ack == "application":
            # Before the first message, or its acknowledgement would find nobody.
            await self._subscribe(connection, topics.of_acknowledgements(self._gateway_id))
        await self._readings.run()

    async def _take_deliveries(self, connection: Connection) -> None:
        """Take what comes in; an acknowledgement never waits behind a command."""
        acknowledgements = topics.of_acknowledgements(self._gateway_id)
        while True:
            delivery = await connection.deliveries.get()
            if delivery.topic == acknowledgements:
                self._readings.acknowledged(delivery.payload)
                connection.acknowledge(delivery)
            elif delivery.qos or self._commands.qsize() < QOS_0_WAITING_MAX:
                self._commands.put_nowait(delivery)

    async def _take_commands(self, connection: Connection) -> None:
        await self._subscribe(connection, topics.filter_of(self._gateway_id, topics.COMMANDS))
        self._state = "connected"
        while True:
            delivery = await self._commands.get()
            try:
                answer = await self._take(delivery)
            except Exception:
                # A bug of ours: one message must not keep back readings and all other commands.
                log.exception("uplink %s: command on %r", self._pump.name, delivery.topic)
                self._pump.counters["errors"] += 1
                answer = None
            if answer is not None:
                await connection.publish(answer)
            connection.acknowledge(delivery)

    async def _subscribe(self, connection: Connection, topic_filter: str) -> None:
        while True:
            try:
                await connection.subscribe(topic_filter)
                self._pump.troubles.end(topic_filter)
                return
            except SubscriptionRefused as error:
                self._state = "connected"
                self._pump.troubles.begin("uplink_refused", str(error), topic_filter)
                await asyncio.sleep(REFUSED_MAX_S)

    async def _take(self, delivery: Delivery) -> Publication | None:
        """Return what to answer at once: nothing when the command was taken and is under way."""
        request = mqtt_commands.parse(delivery, self._pump.name)
        if isinstance(request, Request):
            try:
                row = await self._submit(request)
                self._pump.counters["commands taken"] += 1
                if not row.state.is_final:
                    return None
                topic, correlation = request.response_topic, request.correlation
                row = replace(row, response_topic=topic, correlation=correlation)
                return mqtt_commands.result(self._gateway_id, row)
            except CommandRefused as error:
                request = mqtt_commands.refused(request, error)
        self._pump.counters["commands refused"] += 1
        what = f"command refused: {request.endpoint or 'no node'!r}: {request.reason}"
        self._peer_log.warning(f"uplink {self._pump.name}", what, self._clock.monotonic_s())
        unix_s = self._clock.unix_ms() // 1000
        return mqtt_commands.refusal(self._gateway_id, delivery, request, unix_s)

    async def _submit(self, request: Request) -> CommandRow:
        while True:
            try:
                return await self._on_command(request)
            except StoreError as error:
                # Not acknowledged, it stays at the broker meanwhile.
                log.error("uplink %s: command not stored: %s", self._pump.name, error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _send_results(self, connection: Connection) -> None:
        failures = 0
        while True:
            await self._has_results.wait()
            self._has_results.clear()
            rows = await self._store.unreported_commands(self._pump.name, RESULTS_MAX)
            if len(rows) == RESULTS_MAX:
                self._has_results.set()
            for row in rows:
                reason = await connection.publish(mqtt_commands.result(self._gateway_id, row))
                if reason not in (SUCCESS, NO_SUBSCRIBERS):
                    failures += 1
                    self._pump.counters["results refused"] += 1
                    self._has_results.set()
                    await asyncio.sleep(backoff_s(failures, self._random))
                    break
                failures = 0
                # Nobody waits at the response topic any more: the result stays in the store.
                self._pump.counters["results unrouted"] += reason == NO_SUBSCRIBERS
                await self._store.mark_reported(row.id)

    async def _send_states(self, connection: Connection) -> None:
        while True:
            await self._has_states.wait()
            self._has_states.clear()
            while self._node_states:
                endpoint = next(iter(self._node_states))
                state = self._node_states.pop(endpoint)
                unix_s = self._clock.unix_ms() // 1000
                payload = json.dumps({"node": endpoint, "state": state, "time": unix_s})
                topic = topics.of_node(self._gateway_id, endpoint, topics.STATUS)
                await connection.publish(Publication(topic, payload.encode(), content_type=JSON))


def _ignore(done: "asyncio.Future[int]") -> None:
    """Look at the outcome of a message that need not arrive, so that asyncio does not complain."""
    if not done.cancelled():
        done.exception()
