"""The uplink `mqtt`: readings out, commands in, results out (MQTT 5, QoS 1).

A reading counts as delivered on a PUBACK with reason 0x00 alone. 0x10 (nobody subscribed: the
broker has thrown it away) and 0x80 up (refused) are not delivery: the readings are kept, tried
again ever more rarely, and an incident says so.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from gateway.clock import Clock
from gateway.coap_log import PeerLog
from gateway.commands import CommandRefused, Request
from gateway.rows import CommandRow
from gateway.settings import MqttUplink as MqttSettings
from gateway.store import Store, StoreError
from gateway.uplinks import mqtt_commands, topics
from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.mqtt_client import (
    Delivery,
    MqttConnection,
    MqttError,
    Publication,
    SubscriptionRefused,
)
from gateway.uplinks.pump import STORE_RETRY_S, Pump, backoff_s
from gateway.uplinks.senml_pack import Pack

SUCCESS, NO_SUBSCRIBERS, TOO_LONG = 0x00, 0x10, 0x95
_REFUSALS = {
    NO_SUBSCRIBERS: ("packs unrouted", "nobody is subscribed to"),
    TOO_LONG: ("packs too long", "the broker's Maximum Packet Size is too small for"),
}
REFUSED_FIRST_S, REFUSED_MAX_S = 2.0, 300.0
RESULTS_MAX = 50
STATES_MAX = 10_000
KEY_PROPERTY = "id"
SENML_JSON = "application/senml+json"
JSON = "application/json"
CLOSE_TIMEOUT_S = 2.0
# A broker that takes messages and answers none is as good as gone.
ANSWER_TIMEOUT_MS = 60_000
HOUSEKEEPING_MS = 1000

log = logging.getLogger(__name__)

Connect = Callable[[MqttSettings, str, Publication], Awaitable[MqttConnection]]
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
        self._in_flight = 0
        self._refusals_in_a_row = 0
        self._not_before_ms = 0
        self._credit = 0.0
        self._credit_ms = 0
        self._answered_ms = 0
        self._has_results = asyncio.Event()
        self._has_states = asyncio.Event()
        self._node_states: dict[str, str] = {}
        self._connection: MqttConnection | None = None
        self.state = "closed"

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
        failures = 0
        while True:
            try:
                await self._pump.open()
                self._connection = await self._connect(
                    self._settings, self._client_id(), self._gateway_state("offline")
                )
                failures = 0
                await self._serve(self._connection)
            except (MqttError, StoreError) as error:
                self.state = str(error)
                self._pump.counters["connections failed"] += 1
                if failures == 0:
                    self._pump.note("uplink_lost", str(error))
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

    async def _serve(self, connection: MqttConnection) -> None:
        """Serve one connection until it is lost: raises MqttError, or StoreError."""
        self.state = "subscribing"
        self._in_flight = 0
        # What comes now may be answered, whatever was refused on the last connection.
        self._refusals_in_a_row = self._not_before_ms = 0
        self._has_results.set()
        connection.publish(self._gateway_state("online")).add_done_callback(_ignore)
        works = (
            self._raise_when_lost(connection),
            self._send_readings(connection),
            self._pump.keep_cursors(),
            self._take_commands(connection),
            self._send_results(connection),
            self._send_states(connection),
        )
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._pump.save()

    async def _raise_when_lost(self, connection: MqttConnection) -> None:
        raise MqttError(await asyncio.shield(connection.lost))

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)

    async def _send_readings(self, connection: MqttConnection) -> None:
        window_max = min(self._settings.window, connection.receive_maximum)
        while True:
            self._pump.wake.clear()
            await self._pump.refill()
            now_ms = self._now_ms()
            self._earn(window_max, now_ms)
            while self._may_send(window_max, now_ms):
                found = self._pump.next_pack(now_ms)
                if found is None:
                    break
                self._send(connection, *found)
            if self._in_flight and now_ms - self._answered_ms > ANSWER_TIMEOUT_MS:
                raise MqttError("the broker acknowledges nothing")
            await self._wait_for_work(window_max, now_ms)

    def _earn(self, window_max: int, now_ms: int) -> None:
        """Add to the credit what the time since the last call is worth in messages."""
        earned = (now_ms - self._credit_ms) * self._settings.messages_per_s / 1000
        self._credit = min(self._credit + earned, float(window_max))
        self._credit_ms = now_ms

    def _is_full(self, window_max: int) -> bool:
        # After a refusal one message at a time finds out whether the broker is in a better mood.
        return self._in_flight >= (1 if self._refusals_in_a_row else window_max)

    def _may_send(self, window_max: int, now_ms: int) -> bool:
        is_over = now_ms >= self._not_before_ms
        return is_over and self._credit >= 1 and not self._is_full(window_max)

    async def _wait_for_work(self, window_max: int, now_ms: int) -> None:
        wait_ms = HOUSEKEEPING_MS
        resting_ms = self._pump.next_timeout_ms()
        if self._is_full(window_max):
            pass  # an answer wakes us
        elif now_ms < self._not_before_ms:
            wait_ms = self._not_before_ms - now_ms
        elif self._credit < 1:
            wait_ms = 1 + 1000 // self._settings.messages_per_s
        elif resting_ms is not None:
            wait_ms = min(wait_ms, max(resting_ms - now_ms, 1))
        # Not wait_for: before Python 3.12 it loses a cancellation that comes with the wake-up.
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                await self._pump.wake.wait()

    def _send(self, connection: MqttConnection, window: LaneWindow, pack: Pack) -> None:
        publication = self._publication(pack)
        while publication.length_max > connection.packet_length_max:
            if len(pack.readings) == 1:
                self._refused(window, pack, TOO_LONG)
                return
            pack = window.shortened(pack)
            publication = self._publication(pack)
        if self._in_flight == 0:
            self._answered_ms = self._now_ms()
        self._in_flight += 1
        self._credit -= 1
        future = connection.publish(publication)
        future.add_done_callback(lambda done: self._outcome(connection, window, pack, done))

    def _publication(self, pack: Pack) -> Publication:
        kind = topics.ALARMS if pack.is_alarm else topics.READINGS
        return Publication(
            topics.of_node(self._gateway_id, pack.endpoint, kind),
            self._pump.encode(pack).encode(),
            user_properties=((KEY_PROPERTY, pack.key(self._pump.epoch)),),
            content_type=SENML_JSON,
        )

    def _outcome(
        self,
        connection: MqttConnection,
        window: LaneWindow,
        pack: Pack,
        done: "asyncio.Future[int]",
    ) -> None:
        if done.cancelled() or done.exception() is not None or connection is not self._connection:
            # The connection is over, and with it this window: the readings are read anew.
            self._pump.counters["packs without answer"] += 1
            return
        self._in_flight -= 1
        self._answered_ms = self._now_ms()
        self._pump.wake.set()
        reason = done.result()
        if reason == SUCCESS:
            self._refusals_in_a_row = 0
            self._pump.delivered(window, pack)
            return
        self._refused(window, pack, reason)

    def _refused(self, window: LaneWindow, pack: Pack, reason: int) -> None:
        kind, text = _REFUSALS.get(reason, ("packs refused", "refused is"))
        self._pump.counters[kind] += 1
        if self._refusals_in_a_row == 0:
            detail = f"0x{reason:02x}: {text} {pack.endpoint}'s readings; they are kept"
            self._pump.note("uplink_refused", detail)
        now_ms = self._now_ms()
        attempt = window.refusals(pack.endpoint)
        rest_s = min(REFUSED_MAX_S, REFUSED_FIRST_S * 2 ** min(attempt, 16))
        # Half of it fixed, half drawn: nodes that were refused together do not come back together.
        rest_ms = int(rest_s * (0.5 + self._random() / 2) * 1000)
        window.refused(pack, now_ms + rest_ms)
        wait_ms = int(backoff_s(self._refusals_in_a_row, self._random) * 1000)
        self._not_before_ms = now_ms + wait_ms
        self._refusals_in_a_row += 1

    async def _take_commands(self, connection: MqttConnection) -> None:
        await self._subscribe(connection)
        while True:
            delivery = await connection.deliveries.get()
            answer = await self._take(delivery)
            if answer is not None:
                await connection.publish(answer)
            connection.acknowledge(delivery)

    async def _subscribe(self, connection: MqttConnection) -> None:
        while True:
            try:
                await connection.subscribe(topics.commands_filter(self._gateway_id))
                self.state = "connected"
                return
            except SubscriptionRefused as error:
                # Readings are sent all the same.
                self.state = f"connected, but {error}"
                self._pump.note("uplink_refused", str(error))
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

    async def _send_results(self, connection: MqttConnection) -> None:
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

    async def _send_states(self, connection: MqttConnection) -> None:
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
