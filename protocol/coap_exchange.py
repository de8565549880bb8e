"""The message layer of CoAP: reliability and duplicate detection (RFC 7252 section 4).

A security layer may stand between an endpoint and this core: it has the same calls and events,
and changes messages on their way, both ways.
"""

from protocol import coap_message as coap
from protocol.coap_message import Message
from protocol.coap_parameters import TransmissionParameters
from protocol.errors import DecodeError

BACKLOG_MAX = 48
DATAGRAMS_MAX = 32
RECEPTIONS_MAX = 24
RECEPTIONS_BYTES_MAX = 3072
NON_RESPONSES_MAX = 16

_MID_BLOCKS = 16
_MID_BLOCK_BITS = 12


class MessageReceived:
    """A request or a response came, for the first time; its type and mid stand in `message`."""

    _fields = ("peer", "message")

    def __init__(self, peer, message):
        self.peer = peer
        self.message = message


class MessageDelivered:
    """The peer acknowledged a CON of ours, `round_trip_ms` after its first transmission."""

    _fields = ("peer", "token", "is_request", "round_trip_ms", "retransmissions")

    def __init__(self, peer, token, is_request, round_trip_ms, retransmissions):
        self.peer = peer
        self.token = token
        self.is_request = is_request
        self.round_trip_ms = round_trip_ms
        self.retransmissions = retransmissions


class MessageUndelivered:
    """`reason`: "timeout" (a CON was never acknowledged) or "reset" (CON or NON response)."""

    _fields = ("peer", "token", "is_request", "reason")

    def __init__(self, peer, token, is_request, reason):
        self.peer = peer
        self.token = token
        self.is_request = is_request
        self.reason = reason


class _Transmission:
    """A CON of ours that waits for its acknowledgement."""

    def __init__(self, message, peer, now_ms, wait_ms):
        self.peer = peer
        self.token = message.token
        self.is_request = coap.is_request(message.code)
        self.mid = message.mid
        self.datagram = coap.encode(message)
        self.first_ms = now_ms
        self.wait_ms = wait_ms
        self.due_ms = now_ms + wait_ms
        self.retransmissions = 0
        self.replacement = None


class _Reception:
    """A message of a peer, with our answer; `acknowledge_ms` is None once there is one."""

    def __init__(self, peer, mid, expires_ms, is_repeatable, acknowledge_ms):
        self.peer = peer
        self.mid = mid
        self.expires_ms = expires_ms
        self.is_repeatable = is_repeatable
        self.acknowledge_ms = acknowledge_ms
        self.datagram = None


class MessageLayer:
    """Sends and receives messages; a core.

    At most `nstart` CONs per peer are in flight, the others wait in a backlog. `counters` is a
    dict of names to ints.
    """

    def __init__(self, random_bytes, parameters=None):
        self.counters = {}
        self._random_bytes = random_bytes
        self._parameters = parameters or TransmissionParameters()
        self._transmissions = []
        self._backlog = []
        self._receptions = []
        self._non_responses = []
        self._datagrams = []
        self._events = []
        self._next_mid = int.from_bytes(random_bytes(2), "big")
        self._mid_block_free_ms = [0] * _MID_BLOCKS

    def send(self, message, peer, now_ms):
        """Send `message`; False if there was no room for it.

        A CON or NON gets its mid here. An ACK is the answer to the request `message.mid`: it goes
        piggy-backed if that is still unacknowledged, else as a CON of its own. A response
        replaces the one with the same token that is still waiting for room or acknowledgement
        (RFC 7641 4.5.2).
        """
        if message.type == coap.ACK:
            if self._answer(message, peer):
                return True
            message.type = coap.CON
        if coap.is_response(message.code) and self._replace(message, peer):
            return True
        if message.type == coap.NON:
            return self._send_non(message, peer, now_ms)
        if len(self._backlog) >= BACKLOG_MAX:
            self.count("backlog full")
            return False
        self._backlog.append((message, peer))
        self._work_off_backlog(now_ms)
        return True

    def acknowledge(self, message, peer):
        """Answer a received CON with an Empty ACK."""
        if message.type == coap.CON:
            self._answer(Message(coap.ACK, coap.EMPTY, message.mid), peer)

    def reset(self, message, peer):
        """Reject a received CON or NON."""
        if message.type in (coap.CON, coap.NON):
            self._answer(Message(coap.RST, coap.EMPTY, message.mid), peer)

    def cancel(self, peer, token, is_request):
        """Stop sending the CON with this token; nothing more is heard of it."""
        self._transmissions = [
            sent for sent in self._transmissions if not _is_sent(sent, peer, token, is_request)
        ]
        self._backlog = [
            entry for entry in self._backlog if not _is_waiting(entry, peer, token, is_request)
        ]

    def receive_datagram(self, datagram, peer, now_ms):
        """Take one datagram; whatever is wrong with it is counted."""
        try:
            message = coap.decode(datagram)
        except DecodeError:
            self._reject(datagram, peer)
            return
        if message.type in (coap.ACK, coap.RST):
            self._receive_answer(message, peer, now_ms)
        elif not self._is_duplicate(message, peer, now_ms):
            self._receive_message(message, peer, now_ms)

    def handle_timeout(self, now_ms):
        """Do what is due at `now_ms`."""
        for reception in self._receptions:
            if reception.acknowledge_ms is not None and reception.acknowledge_ms <= now_ms:
                self._answer(Message(coap.ACK, coap.EMPTY, reception.mid), reception.peer)
        for sent in tuple(self._transmissions):
            if sent.due_ms <= now_ms:
                self._retransmit(sent, now_ms)
        self._work_off_backlog(now_ms)

    def next_timeout_ms(self):
        """Return when handle_timeout is due, or None."""
        times = [sent.due_ms for sent in self._transmissions]
        times.extend(
            [
                reception.acknowledge_ms
                for reception in self._receptions
                if reception.acknowledge_ms is not None
            ]
        )
        if self._backlog and not self._transmissions:
            times.append(self._mid_block_free_ms[self._next_mid >> _MID_BLOCK_BITS])
        return min(times) if times else None

    def datagrams_to_send(self):
        """Return [(datagram, peer)], and forget them."""
        datagrams = self._datagrams
        self._datagrams = []
        return datagrams

    def next_event(self):
        """Return MessageReceived, MessageDelivered or MessageUndelivered, or None."""
        return self._events.pop(0) if self._events else None

    def count(self, name):
        """Count one more `name`."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def _emit(self, datagram, peer):
        if len(self._datagrams) >= DATAGRAMS_MAX:
            self.count("datagram queue full")
        else:
            self._datagrams.append((datagram, peer))

    def _emit_empty(self, type, mid, peer):
        self._emit(coap.encode(Message(type, coap.EMPTY, mid)), peer)

    def _reject(self, datagram, peer):
        """Count a message format error; a CON is answered with a Reset (RFC 7252 4.2)."""
        self.count("malformed")
        if len(datagram) >= 4 and datagram[0] >> 4 == 4 | coap.CON:
            self._emit_empty(coap.RST, datagram[2] << 8 | datagram[3], peer)

    def _receive_message(self, message, peer, now_ms):
        if message.code == coap.EMPTY:
            # "CoAP ping" (RFC 7252 4.3); a NON must not be Empty.
            self.count("ping" if message.type == coap.CON else "malformed")
            if message.type == coap.CON:
                self._emit_empty(coap.RST, message.mid, peer)
            return
        self._remember(message, peer, now_ms)
        if coap.is_response(message.code):
            # Its acknowledgement was lost or overtaken (RFC 7252 5.2.2).
            for sent in self._transmissions:
                if _is_sent(sent, peer, message.token, True):
                    self._deliver(sent, now_ms)
                    break
        self._events.append(MessageReceived(peer, message))

    def _receive_answer(self, message, peer, now_ms):
        sent = self._transmission(peer, message.mid)
        if sent is None:
            self._receive_unexpected_answer(message, peer)
        elif message.type == coap.RST:
            self._fail(sent, "reset")
            self._work_off_backlog(now_ms)
        elif message.code == coap.EMPTY:
            self._deliver(sent, now_ms)
        elif sent.is_request and sent.token == message.token:
            self._deliver(sent, now_ms)
            self._events.append(MessageReceived(peer, message))
        else:
            self.count("unexpected")

    def _receive_unexpected_answer(self, message, peer):
        for index, (known, mid, token) in enumerate(self._non_responses):
            if message.type == coap.RST and mid == message.mid and known == peer:
                del self._non_responses[index]
                self._events.append(MessageUndelivered(peer, token, False, "reset"))
                return
        self.count("unexpected")

    def _transmission(self, peer, mid):
        for sent in self._transmissions:
            if sent.mid == mid and sent.peer == peer:
                return sent
        return None

    def _deliver(self, sent, now_ms):
        self._transmissions.remove(sent)
        round_trip_ms = now_ms - sent.first_ms
        self._events.append(
            MessageDelivered(
                sent.peer, sent.token, sent.is_request, round_trip_ms, sent.retransmissions
            )
        )
        if sent.replacement:
            self._backlog.insert(0, (sent.replacement, sent.peer))
        self._work_off_backlog(now_ms)

    def _fail(self, sent, reason):
        self._transmissions.remove(sent)
        self._events.append(MessageUndelivered(sent.peer, sent.token, sent.is_request, reason))

    def _retransmit(self, sent, now_ms):
        if sent.retransmissions >= self._parameters.max_retransmit:
            self._fail(sent, "timeout")
            return
        sent.retransmissions += 1
        sent.wait_ms *= 2
        sent.due_ms = now_ms + sent.wait_ms
        mid = self._take_mid(now_ms) if sent.replacement else None
        if mid is not None:
            sent.replacement.mid = sent.mid = mid
            sent.datagram = coap.encode(sent.replacement)
            sent.replacement = None
        self._emit(sent.datagram, sent.peer)

    def _replace(self, message, peer):
        """Put a response in the place of its predecessor, which the peer need not see any more."""
        for sent in self._transmissions:
            if _is_sent(sent, peer, message.token, False):
                message.type = coap.CON
                sent.replacement = message
                return True
        for index, entry in enumerate(self._backlog):
            if _is_waiting(entry, peer, message.token, False):
                message.type = coap.CON
                self._backlog[index] = (message, peer)
                return True
        return False

    def _send_non(self, message, peer, now_ms):
        message.mid = self._take_mid(now_ms)
        if message.mid is None:
            return False
        if coap.is_response(message.code):
            if len(self._non_responses) >= NON_RESPONSES_MAX:
                del self._non_responses[0]
            self._non_responses.append((peer, message.mid, message.token))
        self._emit(coap.encode(message), peer)
        return True

    def _work_off_backlog(self, now_ms):
        """Start what NSTART allows, in order for each peer."""
        waiting = []
        for message, peer in self._backlog:
            if self._in_flight(peer) < self._parameters.nstart:
                message.mid = self._take_mid(now_ms)
                if message.mid is not None:
                    self._start(message, peer, now_ms)
                    continue
            waiting.append((message, peer))
        self._backlog = waiting

    def _in_flight(self, peer):
        return sum([sent.peer == peer for sent in self._transmissions])

    def _start(self, message, peer, now_ms):
        base_ms = self._parameters.ack_timeout_ms
        spread_ms = base_ms * (self._parameters.ack_random_percent - 100) // 100
        jitter = int.from_bytes(self._random_bytes(2), "big")
        sent = _Transmission(message, peer, now_ms, base_ms + spread_ms * jitter // 0xFFFF)
        self._transmissions.append(sent)
        self._emit(sent.datagram, peer)

    def _take_mid(self, now_ms):
        """Return the next message id, or None while it might still be known (RFC 7252 4.4).

        Ids are given out in order; each block of them rests for EXCHANGE_LIFETIME after its end.
        """
        mid = self._next_mid
        block = mid >> _MID_BLOCK_BITS
        if self._mid_block_free_ms[block] > now_ms:
            self.count("message ids exhausted")
            return None
        self._next_mid = (mid + 1) & 0xFFFF
        if self._next_mid >> _MID_BLOCK_BITS != block:
            lifetime_ms = self._parameters.exchange_lifetime_ms()
            self._mid_block_free_ms[block] = now_ms + lifetime_ms
        return mid

    def _is_duplicate(self, message, peer, now_ms):
        """Tell whether this CON or NON came before; if so, repeat our answer (RFC 7252 4.5)."""
        reception = self._reception(peer, message.mid)
        if reception is None or reception.expires_ms <= now_ms:
            return False
        self.count("duplicate")
        if message.type == coap.CON:
            if reception.acknowledge_ms is not None:
                self._answer(Message(coap.ACK, coap.EMPTY, message.mid), peer)
            elif reception.datagram:
                self._emit(reception.datagram, peer)
        return True

    def _reception(self, peer, mid):
        for reception in self._receptions:
            if reception.mid == mid and reception.peer == peer:
                return reception
        return None

    def _remember(self, message, peer, now_ms):
        is_confirmable = message.type == coap.CON
        parameters = self._parameters
        lifetime_ms = (
            parameters.exchange_lifetime_ms() if is_confirmable else parameters.non_lifetime_ms()
        )
        self._receptions = [kept for kept in self._receptions if kept.expires_ms > now_ms]
        self._forget_until(RECEPTIONS_MAX - 1, RECEPTIONS_BYTES_MAX)
        is_repeatable = message.code not in (coap.POST, coap.PUT, coap.DELETE, coap.IPATCH)
        self._receptions.append(
            _Reception(
                peer,
                message.mid,
                now_ms + lifetime_ms,
                is_repeatable,
                now_ms + parameters.ack_timeout_ms // 4 if is_confirmable else None,
            )
        )

    def _forget_until(self, count_max, bytes_max):
        """Forget answers until the rest fits.

        First goes the oldest whose repetition does no harm (RFC 7252 4.5: GET, responses), then
        the oldest that changed something.
        """
        total = sum([len(kept.datagram or b"") for kept in self._receptions])
        while len(self._receptions) > count_max or total > bytes_max:
            victim = self._receptions[0]
            for reception in self._receptions:
                if reception.is_repeatable and reception.acknowledge_ms is None:
                    victim = reception
                    break
            self._receptions.remove(victim)
            total -= len(victim.datagram or b"")

    def _answer(self, message, peer):
        """Answer the received message `message.mid`, once; False if that is no longer possible."""
        reception = self._reception(peer, message.mid)
        if message.type == coap.ACK and (reception is None or reception.acknowledge_ms is None):
            return False
        datagram = coap.encode(message)
        if reception:
            reception.acknowledge_ms = None
            reception.datagram = datagram
        self._emit(datagram, peer)
        return True


def _is_sent(sent, peer, token, is_request):
    return sent.token == token and sent.is_request == is_request and sent.peer == peer


def _is_waiting(entry, peer, token, is_request):
    message, waiting_peer = entry
    is_same_kind = coap.is_request(message.code) == is_request
    return message.token == token and is_same_kind and waiting_peer == peer
