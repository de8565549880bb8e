"""The readings' way out of the MQTT uplink: window, pace, outcome of each message.

With `ack = "broker"` a pack is delivered on a PUBACK with reason 0x00 alone. With
`ack = "application"` that only means "under way": a pack is delivered when the consumer has
acknowledged all of its readings, and is published again under the same key until then.
0x10 (nobody subscribed: the broker has thrown it away) and 0x80 up (refused) are delivery in
neither: the readings are kept, tried again ever more rarely, and an incident says so.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from gateway.clock import Clock
from gateway.coap_log import PeerLog
from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import mqtt_acks, topics
from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.mqtt_connection import Connection, MqttError, Publication
from gateway.uplinks.pump import Pump, backoff_s
from gateway.uplinks.senml_pack import Pack
from gateway.uplinks.under_way import Sent, UnderWay

SUCCESS, NO_SUBSCRIBERS, TOO_LONG = 0x00, 0x10, 0x95
_REFUSALS = {
    NO_SUBSCRIBERS: ("packs unrouted", "nobody is subscribed to readings; they are kept"),
    TOO_LONG: ("packs too long", "the broker's Maximum Packet Size is too small for readings"),
}
_REFUSED = ("packs refused", "the broker refuses readings; they are kept")
SILENT = "the consumer acknowledges nothing; readings are kept and go again"
REFUSED_FIRST_S, REFUSED_MAX_S = 2.0, 300.0
# One message asks whether somebody listens by now: at most 8 s after somebody does.
UNROUTED_ATTEMPTS_MAX = 3
# The longest time between two tries to wake a silent consumer, unless it is given more itself.
PROBE_MAX_MS = 60_000
REPEATS_DOUBLED_MAX = 5
# A broker that takes messages and answers none is as good as gone.
ANSWER_TIMEOUT_MS = 60_000
HOUSEKEEPING_MS, IDLE_MS = 1000, 60_000
RESTING_MIN_MS = 20
KEY_PROPERTY = "id"
SENML_JSON = "application/senml+json"

log = logging.getLogger(__name__)


class ReadingSender:
    """Publishes what `pump` has, on one connection after the other."""

    def __init__(
        self,
        settings: MqttSettings,
        gateway_id: str,
        pump: Pump,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._gateway_id = gateway_id
        self._pump = pump
        self._clock = clock
        self._random = random
        self._peer_log = PeerLog(log)
        self._waits_for_consumer = settings.ack == "application"
        self._ack_timeout_ms = settings.ack_timeout_s * 1000
        self._under_way = UnderWay()
        self._connection: Connection | None = None
        self._credit = 0.0
        self._credit_ms = 0

    @property
    def outlives_connection(self) -> bool:
        """Return whether what is under way may yet be acknowledged on the next connection."""
        return self._waits_for_consumer

    def forget(self) -> None:
        """Forget what is under way: the pump reads it anew."""
        self._under_way.clear()

    def begin(self, connection: Connection) -> None:
        """Begin anew on a connection; what comes now may be answered, whatever was refused."""
        self._connection = connection
        self._under_way.resume(self._now_ms())
        self._refusals_in_a_row = self._not_before_ms = self._round = 0
        self._probes = self._probe_ms = 0
        self._unanswered = 0
        self._answered_ms = self._heard_ms = self._now_ms()
        # Of the application's acknowledgements the broker's Receive Maximum knows nothing.
        maximum = self._settings.window
        if not self._waits_for_consumer:
            maximum = min(maximum, connection.receive_maximum)
        self._window_max = maximum

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)

    async def run(self) -> None:
        """Publish for ever after `begin`; raises MqttError when the broker answers nothing."""
        while True:
            self._pump.wake.clear()
            await self._pump.refill()
            now_ms = self._now_ms()
            self._earn(now_ms)
            self._repeat(now_ms)
            while self._may_send(now_ms):
                # A replay leaves half of the window to what comes meanwhile.
                has_room = 2 * len(self._under_way) < self._window_max
                found = self._pump.next_pack(now_ms, has_room)
                if found is None:
                    break
                self._send(*found)
            if self._unanswered and now_ms - self._answered_ms > ANSWER_TIMEOUT_MS:
                raise MqttError("the broker acknowledges nothing")
            await self._wait_for_work(now_ms)

    def _earn(self, now_ms: int) -> None:
        """Add to the credit what the time since the last call is worth in messages."""
        earned = (now_ms - self._credit_ms) * self._settings.messages_per_s / 1000
        self._credit = min(self._credit + earned, float(self._window_max))
        self._credit_ms = now_ms

    def _is_full(self) -> bool:
        # After a refusal one message at a time finds out whether the broker is in a better mood.
        is_asking = self._refusals_in_a_row > 0 and self._unanswered > 0
        return is_asking or len(self._under_way) >= self._window_max

    def _may_send(self, now_ms: int) -> bool:
        is_over = now_ms >= self._not_before_ms
        return is_over and self._credit >= 1 and not self._is_full()

    async def _wait_for_work(self, now_ms: int) -> None:
        # With nothing stored that is not delivered, only what is new can be a reason to act.
        is_idle = not self._unanswered and not self._pump.is_behind
        wait_ms = IDLE_MS if is_idle else HOUSEKEEPING_MS
        resting_ms = self._pump.next_timeout_ms()
        if self._is_full():
            pass  # an answer wakes us
        elif now_ms < self._not_before_ms:
            wait_ms = min(wait_ms, self._not_before_ms - now_ms)
        elif self._credit < 1:
            wait_ms = 1 + 1000 // self._settings.messages_per_s
        elif resting_ms is not None:
            # One that may go and does not, since a replay has no room, must not spin the loop.
            wait_ms = min(wait_ms, max(resting_ms - now_ms, RESTING_MIN_MS))
        # Not wait_for: before Python 3.12 it loses a cancellation that comes with the wake-up.
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                await self._pump.wake.wait()

    def _send(self, window: LaneWindow, pack: Pack) -> None:
        publication = self._publication(pack)
        while publication.length_max > self._connection.packet_length_max:
            if len(pack.readings) == 1:
                self._keep(window, pack, TOO_LONG)
                return
            pack = window.shortened(pack)
            publication = self._publication(pack)
        self._publish(self._under_way.add(window, pack, self._pump.epoch), publication)

    def _publication(self, pack: Pack) -> Publication:
        kind = topics.ALARMS if pack.is_alarm else topics.READINGS
        return Publication(
            topics.of_node(self._gateway_id, pack.endpoint, kind),
            self._pump.encode(pack).encode(),
            user_properties=((KEY_PROPERTY, pack.key(self._pump.epoch)),),
            content_type=SENML_JSON,
        )

    def _publish(self, sent: Sent, publication: Publication) -> None:
        if self._unanswered == 0:
            self._answered_ms = self._now_ms()
        self._unanswered += 1
        self._credit -= 1
        sent.round = self._round
        connection = self._connection
        future = connection.publish(publication)
        future.add_done_callback(lambda done: self._outcome(connection, sent, done))

    def _outcome(
        self, connection: Connection, sent: Sent, done: "asyncio.Future[int]"
    ) -> None:
        """Take the PUBACK of a message."""
        if done.cancelled() or done.exception() is not None or connection is not self._connection:
            # The connection is over: its readings go again on the next one.
            self._pump.counters["packs without answer"] += 1
            return
        self._unanswered -= 1
        now_ms = self._answered_ms = self._now_ms()
        self._pump.wake.set()
        reason = done.result()
        if reason != SUCCESS:
            self._refused(sent, reason, now_ms)
            return
        self._refusals_in_a_row = 0
        if self._waits_for_consumer:
            # Copies of copies would drown a consumer that is slow, not dead.
            wait_ms = self._ack_timeout_ms * 2 ** min(sent.repeats, REPEATS_DOUBLED_MAX)
            self._under_way.expect(sent, now_ms + wait_ms)
        elif self._under_way.remove(sent):
            self._pump.delivered(sent.window, sent.pack)

    def _refused(self, sent: Sent, reason: int, now_ms: int) -> None:
        if sent.round == self._round:
            # What was published together is refused together, and counts as one refusal.
            self._round += 1
            attempt = self._refusals_in_a_row
            if reason == NO_SUBSCRIBERS:
                attempt = min(attempt, UNROUTED_ATTEMPTS_MAX)
            wait_ms = int(backoff_s(attempt, self._random) * 1000)
            self._not_before_ms = now_ms + wait_ms
            self._refusals_in_a_row += 1
        # The consumer may have acknowledged meanwhile what came to it before.
        if self._under_way.remove(sent):
            self._keep(sent.window, sent.pack, reason)

    def _keep(self, window: LaneWindow, pack: Pack, reason: int) -> None:
        """Put a refused pack back, to go again when its node has rested."""
        counter, text = _REFUSALS.get(reason, _REFUSED)
        self._pump.counters[counter] += 1
        self._pump.troubles.begin("uplink_refused", f"0x{reason:02x}: {text}", pack.endpoint)
        if reason == NO_SUBSCRIBERS:
            # It is no matter of this node: the next try may be its.
            window.refused(pack, self._not_before_ms, is_general=True)
            return
        attempt = window.refusals(pack.endpoint)
        rest_s = min(REFUSED_MAX_S, REFUSED_FIRST_S * 2 ** min(attempt, 16))
        # Half of it fixed, half drawn: nodes that were refused together do not come back together.
        rest_ms = int(rest_s * (0.5 + self._random() / 2) * 1000)
        window.refused(pack, self._now_ms() + rest_ms)

    # The consumer's own acknowledgements

    def acknowledged(self, payload: bytes) -> None:
        """Take a message of the gateway's `ack` topic."""
        try:
            entries, malformed = mqtt_acks.parse(payload)
        except ValueError as error:
            self._count_malformed(1, str(error))
            return
        if malformed:
            self._count_malformed(malformed, 'no "node" in an entry, or an "id" that is none')
        for entry in entries:
            whole, is_known = self._under_way.acknowledge(entry)
            if not is_known:
                self._pump.counters["acknowledgements unknown"] += 1
            for sent in whole:
                self._pump.delivered(sent.window, sent.pack)
        if entries:
            self._heard()
            self._pump.wake.set()

    def _count_malformed(self, count: int, reason: str) -> None:
        self._pump.counters["acknowledgements malformed"] += count
        what = f"acknowledgement malformed: {reason}"
        self._peer_log.warning(f"uplink {self._pump.name}", what, self._clock.monotonic_s())

    def _heard(self) -> None:
        self._heard_ms = self._now_ms()
        if self._probes:
            self._probes = self._probe_ms = 0
            self._pump.troubles.end()

    def _repeat(self, now_ms: int) -> None:
        """Publish again what the consumer should have acknowledged; one by one if it is silent."""
        if self._refusals_in_a_row and self._unanswered:
            return
        is_silent = now_ms - self._heard_ms >= self._ack_timeout_ms
        while self._credit >= 1 and now_ms >= max(self._not_before_ms, self._probe_ms):
            sent = self._under_way.take_overdue(now_ms)
            if sent is None:
                return
            self._pump.counters["packs unacknowledged"] += 1
            if is_silent:
                self._pump.troubles.begin("uplink_unacknowledged", SILENT)
                rest_ms = self._ack_timeout_ms * 2 ** min(self._probes, 16)
                rest_ms = min(rest_ms, max(PROBE_MAX_MS, self._ack_timeout_ms))
                self._probe_ms = now_ms + int(rest_ms * (0.5 + self._random() / 2))
                self._probes += 1
            self._publish(sent, self._publication(sent.pack))
