"""When which readings go to the gateway: packs of SenML by Send (OMA Core 6.4.5, RFC 8428)."""

from firmware import losses
from firmware.jitter import below
from protocol import coap_message as coap
from protocol import senml
from protocol.coap_values import Request
from protocol.lwm2m_content import SENML_CBOR
from protocol.lwm2m_path import render
from protocol.senml import Record

# One pack, one datagram: the payload that RFC 7252 4.6 finds safe.
PACK_LENGTH_MAX = 1024
RECORDS_MAX = 64
# Readings of before the clock is known wait for it so long after the registration.
CLOCK_WAIT_MS = 30000
# A gateway answers measurements after its commit, within a second; taken back at once they would
# never be delivered where urgent readings come every second.
ANSWER_WAIT_MS = 2000
RETRY_FIRST_MS = 5000
RETRY_MAX_MS = 600000
# Dropped ranges per pack; the rest follows in the next one.
DROPPED_RANGES_PER_PACK_MAX = 4

_SEND_PATH = ("dp",)
_JOURNAL = "/42800/0/"
# What a pack takes beyond its readings' size in the journal: the journal's own records.
_JOURNAL_LENGTH = 150
_REFUSALS = (
    coap.BAD_REQUEST, coap.BAD_OPTION, coap.REQUEST_ENTITY_TOO_LARGE,
    coap.UNSUPPORTED_CONTENT_FORMAT,
)


class Pack:
    """A pack under way: its lane, its readings' boot and numbers, where they stand in the
    journal, and the losses that it tells of.
    """

    _fields = ("is_urgent", "begun_ms", "boot", "sequences", "positions", "dropped", "handle")

    def __init__(self, is_urgent, begun_ms, boot, sequences, positions, dropped):
        self.is_urgent = is_urgent
        self.begun_ms = begun_ms
        self.boot = boot
        self.sequences = sequences
        self.positions = positions
        self.dropped = dropped
        self.handle = None


class Reporting:
    """Sends the readings of a journal, one pack at a time, and forgets them on 2.04 alone.

    Urgent ones go at once. Measurements wait `batch_wait_ms` and a random part of `spread_ms` for
    company, then all go, pack after pack: at dusk a thousand lamps have something to say in the
    same second. A failed pack's readings go again with the same numbers, later and later.
    """

    def __init__(self, journal, clock, random_bytes, batch_wait_ms, spread_ms):
        self._journal = journal
        self._clock = clock
        self._random_bytes = random_bytes
        self._batch_wait_ms = batch_wait_ms
        self._spread_ms = spread_ms
        self._batch_ms = 0
        self._clock_wait_until_ms = None
        self.failures = 0
        self._retry_ms = 0
        # Falls to 1 when the gateway refuses a pack, to find the reading that it cannot take, and
        # by half where there is no memory for a pack.
        self._records_max = RECORDS_MAX
        self.pack = None
        self.last_sequences = ()

    def report(self, path, value, uptime_ms=None):
        """Take a reading; `uptime_ms` None is now. flush() must follow before anything is sent."""
        self._journal.take(path, value, self._clock.now_ms if uptime_ms is None else uptime_ms)

    def flush(self, now_ms):
        """Let the journal write what is due, and begin to wait for company."""
        was_empty = not self._journal.has(False)
        self._journal.flush(now_ms)
        if was_empty and self._journal.has(False):
            spread_ms = below(self._random_bytes, self._spread_ms)
            self._batch_ms = now_ms + self._batch_wait_ms + spread_ms

    def resume(self, now_ms):
        """The node is registered: packs may go, a clock will come soon."""
        if self.failures <= 1:
            self._retry_ms = now_ms
        self._clock_wait_until_ms = now_ms + CLOCK_WAIT_MS

    def hurry(self, now_ms):
        """Wait for nothing any more: the node is going."""
        self._batch_ms = self._retry_ms = now_ms
        self._batch_wait_ms = self._spread_ms = 0
        self._journal.hurry()
        self._clock_wait_until_ms = None

    def cancel(self):
        """Forget the pack under way, not its readings; return its handle, or None."""
        handle = self.pack.handle if self.pack else None
        self.pack = None
        return handle

    def due_ms(self):
        """Return when the next pack may go (in the past: now), or None.

        While a pack is under way, only an urgent one may take the place of one that is not, once
        that has had the time that an answer needs.
        """
        due_ms = None
        journal = self._journal
        if journal.has(True) and not (self.pack and self.pack.is_urgent):
            due_ms = self._retry_ms
            if self.pack:
                due_ms = max(due_ms, self.pack.begun_ms + ANSWER_WAIT_MS)
        elif not self.pack and (journal.has(False) or journal.losses.ranges):
            due_ms = max(self._retry_ms, self._batch_ms)
            if self._clock.source is None and self._clock_wait_until_ms is not None:
                due_ms = max(due_ms, self._clock_wait_until_ms)
        return due_ms

    def next_request(self, now_ms):
        """Return the Send that is due, or None; note_sent() must follow with its handle.

        Where nothing waits, a pack without readings tells of losses.
        """
        due_ms = self.due_ms()
        if due_ms is None or due_ms > now_ms:
            return None
        is_urgent = self._journal.has(True)
        readings = self._journal.oldest(
            is_urgent, self._records_max, PACK_LENGTH_MAX - _JOURNAL_LENGTH)
        if not readings and not self._journal.losses.ranges:
            return None
        count = len(readings)
        payload = self._payload(is_urgent, readings, now_ms)
        while len(payload) > PACK_LENGTH_MAX and count > 1:
            count = count * 3 // 4
            payload = self._payload(is_urgent, readings[:count], now_ms)
        return Request(coap.POST, _SEND_PATH, payload=payload, content_format=SENML_CBOR)

    def note_sent(self, handle):
        """The Send of next_request() is under way."""
        self.pack.handle = handle

    def receive_response(self, code, now_ms):
        """Take the gateway's answer to the pack under way."""
        pack = self.pack
        self.pack = None
        if code == coap.CHANGED:
            self.failures = 0
            self._retry_ms = now_ms
            self._records_max = RECORDS_MAX
            self._journal.acknowledge(pack.boot, pack.sequences, pack.positions)
            self._journal.told(pack.dropped)
        elif code in _REFUSALS and len(pack.sequences) == 1:
            self._journal.refuse(pack.boot, pack.sequences[0], pack.positions)
        else:
            if code in _REFUSALS:
                self._records_max = 1
            self._back_off(now_ms)

    def shrink(self, now_ms):
        """There was no memory for the pack that was due: try a smaller one later."""
        self._records_max = max(self._records_max // 2, 1)
        self.receive_failure(now_ms)

    def receive_failure(self, now_ms):
        """No answer came to the pack under way."""
        self.pack = None
        self._back_off(now_ms)

    def _back_off(self, now_ms):
        ceiling_ms = min(RETRY_FIRST_MS << min(self.failures, 10), RETRY_MAX_MS)
        self.failures += 1
        self._retry_ms = now_ms + ceiling_ms // 2 + below(self._random_bytes, ceiling_ms // 2)

    def _payload(self, is_urgent, readings, now_ms):
        journal = self._journal
        boot = readings[0].boot if readings else journal.losses.ranges[0][0]
        sequences = [reading.sequence for reading in readings]
        dropped = journal.losses.of_boot(boot)[:DROPPED_RANGES_PER_PACK_MAX]
        self.pack = Pack(is_urgent, now_ms, boot, sequences, journal.positions(readings), dropped)
        records = []
        if boot is not None:
            self.last_sequences = sequences
            records = self._journal_records(boot, sequences, dropped)
        for reading in readings:
            records.append(Record(render(reading.path), reading.value,
                                  self._time(reading, now_ms)))
        return senml.encode_cbor(records)

    def _journal_records(self, boot, sequences, dropped):
        journal = self._journal
        records = [
            Record(_JOURNAL + "0", boot),
            Record(_JOURNAL + "1", losses.render_sequences(sequences)),
            Record(_JOURNAL + "2", journal.oldest_sequence(boot)),
            Record(_JOURNAL + "4", journal.last_sequence(boot)),
            Record(_JOURNAL + "5", journal.oldest_boot())]
        if dropped:
            records.append(Record(_JOURNAL + "3", losses.render(dropped)))
        return records

    def _time(self, reading, now_ms):
        """Return a reading's Unix time, or how long ago it was; None if nobody can know."""
        unix_ms = self._journal.unix_ms(reading)
        if unix_ms is not None:
            return unix_ms // 1000
        if reading.boot not in (None, self._journal.boot):
            return None
        unix_s = self._clock.to_unix_s(reading.uptime_ms)
        # Relative to now, and so in the past (RFC 8428 4.5.3).
        return -((now_ms - reading.uptime_ms) // 1000) if unix_s is None else unix_s
