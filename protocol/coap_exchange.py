"""The message layer of CoAP: reliability and duplicate detection (RFC 7252 section 4).

A security layer may stand between an endpoint and this core: it has the same calls and events,
and changes messages on their way, both ways.
"""

from protocol import coap_message as coap
from protocol.coap_message import Message
from protocol.coap_parameters import TransmissionParameters
from protocol.errors import DecodeError

TRANSMISSIONS_MAX = 48
DATAGRAMS_MAX = 32
RECEPTIONS_MAX = 16
ANSWER_BYTES_MAX = 1280
NONS_MAX = 16

# Message ids are given out in order; a block of them rests for EXCHANGE_LIFETIME after its use.
_MID_BLOCKS = 16
_MID_BLOCK_BITS = 12


class MessageReceived:
    """A request or a response came, for the first time; its type and mid stand in `message`."""

    _fields = ("peer", "message")

    def __init__(self, peer, message):
        self.peer = peer
        self.message = message


class MessageSent:
    """What became of a message of ours.

    `failure` is None when a CON was acknowledged, `round_trip_ms` after its first transmission;
    else "timeout", "reset" (a NON may be rejected too) or "busy" (no message id).
    """

    _fields = ("peer", "token", "is_request", "failure", "round_trip_ms", "retransmissions")

    def __init__(self, peer, token, is_request, failure, round_trip_ms=0, retransmissions=0):
        self.peer = peer
        self.token = token
        self.is_request = is_request
        self.failure = failure
        self.round_trip_ms = round_trip_ms
        self.retransmissions = retransmissions


class _Transmission:
    """A CON of ours that waits for its turn, then for its acknowledgement.

    `message` is what the next transmission encodes: at first, and when a newer representation
    takes the place of the one under way. `due_ms` is None before the first transmission.
    """

    def __init__(self, message, peer):
        self.message = message
        self.peer = peer
        self.token = message.token
        self.is_request = coap.is_request(message.code)
        self.mid = None
        self.datagram = None
        self.first_ms = None
        self.wait_ms = None
        self.due_ms = None
        self.retransmissions = 0

    def is_of(self, peer, token, is_request):
        return self.token == token and self.is_request == is_request and self.peer == peer


class _Reception:
    """A message of a peer, and our answer if there is one yet.

    `token_hash` tells it from another with its mid, of a peer that began anew. `due_ms` is when
    an unanswered CON gets an empty acknowledgement, or None.
    """

    def __init__(self, peer, mid, token_hash, expires_ms, due_ms, is_repeatable):
        self.peer = peer
        self.mid = mid
        self.token_hash = token_hash
        self.expires_ms = expires_ms
        self.due_ms = due_ms
        self.is_repeatable = is_repeatable
        self.datagram = b""


class MessageLayer:
    """Sends and receives messages; a core.

    At most `nstart` CONs per peer are in flight, the others wait. `counters` is a dict of names
    to ints.
    """

    def __init__(self, random_bytes, parameters=None):
        self.counters = {}
        # What answers our requests is authentic or nothing: a forged ACK or RST ends none of them.
        self.is_protected = False
        self._random_bytes = random_bytes
        self._parameters = parameters or TransmissionParameters()
        self._transmissions = []
        self._receptions = []
        # (peer, mid, token, is_request) of the last NONs, which may be rejected.
        self._nons = []
        self._datagrams = []
        self._events = []
        self._next_mid = int.from_bytes(random_bytes(2), "big")
        self._mid_block_free_ms = [0] * _MID_BLOCKS

    def send(self, message, peer, now_ms):
        """Send `message`; False if there was no room for it.

        A CON or NON gets its mid here. An ACK is the answer to the request `message.mid`: it goes
        piggy-backed if that is still unacknowledged, else as a CON of its own. A response
        takes the place of one with the same token that still waits for its turn or for its
        acknowledgement (RFC 7641 4.5.2).
        """
        if message.type == coap.ACK:
            if self._answer(message, peer):
                return True
            message.type = coap.CON
        is_request = coap.is_request(message.code)
        if not is_request:
            for sent in self._transmissions:
                if sent.is_of(peer, message.token, False):
                    message.type = coap.CON
                    sent.message = message
                    return True
        if message.type == coap.NON:
            message.mid = self._take_mid(now_ms)
            if message.mid is None:
                return False
            if len(self._nons) >= NONS_MAX:
                del self._nons[0]
            self._nons.append((peer, message.mid, message.token, is_request))
            self._emit(coap.encode(message), peer)
        elif len(self._transmissions) >= TRANSMISSIONS_MAX:
            self.count("transmissions full")
            return False
        else:
            self._transmissions.append(_Transmission(message, peer))
            self._start_waiting(now_ms)
        return True

    def acknowledge(self, message, peer):
        """Answer a received CON with an Empty ACK."""
        if message.type == coap.CON:
            self._answer(Message(coap.ACK, coap.EMPTY, message.mid), peer)

    def reset(self, message, peer):
        """Reject a received CON or NON."""
        if message.type in (coap.CON, coap.NON):
            self._answer(Message(coap.RST, coap.EMPTY, message.mid), peer)

    def forget(self, message, peer):
        """Be as if the received `message`, which nobody has answered, had not come."""
        reception = _find(self._receptions, peer, message.mid)
        if reception and not reception.datagram and message.type != coap.ACK:
            self._receptions.remove(reception)

    def cancel(self, peer, token, is_request):
        """Stop sending the CON with this token; nothing more is heard of it."""
        for sent in tuple(self._transmissions):
            if sent.is_of(peer, token, is_request):
                self._transmissions.remove(sent)

    def receive_datagram(self, datagram, peer, now_ms):
        """Take one datagram; whatever is wrong with it is counted."""
        try:
            message = coap.decode(datagram)
        except DecodeError:
            self.count("malformed")
            # A CON with a message format error is rejected (RFC 7252 4.2).
            if len(datagram) >= 4 and datagram[0] >> 4 == 4 | coap.CON:
                mid = datagram[2] << 8 | datagram[3]
                self._emit(coap.encode(Message(coap.RST, coap.EMPTY, mid)), peer)
            return
        if message.type in (coap.ACK, coap.RST):
            self._receive_answer(message, peer, now_ms)
        elif not self._is_duplicate(message, peer, now_ms):
            self._receive_message(message, peer, now_ms)
        self._start_waiting(now_ms)

    def handle_timeout(self, now_ms):
        """Do what is due at `now_ms`."""
        for reception in self._receptions:
            if reception.due_ms is not None and reception.due_ms <= now_ms:
                self._answer(Message(coap.ACK, coap.EMPTY, reception.mid), reception.peer)
        for sent in tuple(self._transmissions):
            if sent.due_ms is not None and sent.due_ms <= now_ms:
                if sent.retransmissions < self._parameters.max_retransmit:
                    sent.retransmissions += 1
                    sent.wait_ms *= 2
                    self._transmit(sent, now_ms)
                else:
                    self._finish(sent, "timeout", now_ms)
        self._start_waiting(now_ms)

    def next_timeout_ms(self):
        """Return when handle_timeout is due, or None."""
        times = []
        for sent in self._transmissions:
            if sent.due_ms is not None:
                times.append(sent.due_ms)
            elif self._in_flight(sent.peer) < self._parameters.nstart:
                # It waited for one that was cancelled.
                return 0
        for reception in self._receptions:
            if reception.due_ms is not None:
                times.append(reception.due_ms)
        return min(times) if times else None

    def datagrams_to_send(self):
        """Return [(datagram, peer)], and forget them."""
        datagrams = self._datagrams
        self._datagrams = []
        return datagrams

    def next_event(self):
        """Return a MessageReceived or MessageSent, or None."""
        return self._events.pop(0) if self._events else None

    def count(self, name):
        """Count one more `name`."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def _emit(self, datagram, peer):
        if len(self._datagrams) >= DATAGRAMS_MAX:
            self.count("datagrams full")
        else:
            self._datagrams.append((datagram, peer))

    def _receive_message(self, message, peer, now_ms):
        if message.code == coap.EMPTY:
            # A "CoAP ping" (RFC 7252 4.3), unless it is a NON, which must not be Empty.
            self.count("ping")
            if message.type == coap.CON:
                self.reset(message, peer)
            return
        self._remember(message, peer, now_ms)
        if not coap.is_request(message.code):
            for sent in self._transmissions:
                # The acknowledgement of our request was lost or overtaken (RFC 7252 5.2.2).
                if sent.due_ms is not None and sent.is_of(peer, message.token, True):
                    self._finish(sent, None, now_ms)
                    break
        self._events.append(MessageReceived(peer, message))

    def _receive_answer(self, message, peer, now_ms):
        sent = _find(self._transmissions, peer, message.mid)
        if sent is None:
            if self.is_protected and message.type == coap.ACK and message.code != coap.EMPTY:
                self._events.append(MessageReceived(peer, message))
            elif message.type == coap.ACK or not self._lose_non(message.mid, peer):
                self.count("unexpected")
        elif message.type == coap.RST:
            if self.is_protected and sent.is_request:
                self.count("security: unprotected reset")
            else:
                self._finish(sent, "reset", now_ms)
        elif message.code == coap.EMPTY:
            self._finish(sent, None, now_ms)
        elif sent.is_of(peer, message.token, True):
            self._finish(sent, None, now_ms)
            self._events.append(MessageReceived(peer, message))
        else:
            self.count("unexpected")

    def _lose_non(self, mid, peer):
        """Report the NON that was rejected; False if none of the last had this mid."""
        for entry in self._nons:
            if entry[1] == mid and entry[0] == peer:
                self._nons.remove(entry)
                self._events.append(MessageSent(peer, entry[2], entry[3], "reset"))
                return True
        return False

    def _finish(self, sent, failure, now_ms):
        """Report the end of a transmission; a replacement begins anew if it may."""
        self._transmissions.remove(sent)
        round_trip_ms = now_ms - sent.first_ms
        self._events.append(MessageSent(sent.peer, sent.token, sent.is_request, failure,
                                        round_trip_ms, sent.retransmissions))
        if sent.message and not failure:
            self._transmissions.insert(0, _Transmission(sent.message, sent.peer))

    def _start_waiting(self, now_ms):
        """Start what NSTART allows, in order for each peer."""
        for sent in tuple(self._transmissions):
            if sent.due_ms is None and self._in_flight(sent.peer) < self._parameters.nstart:
                sent.first_ms = now_ms
                base_ms = self._parameters.ack_timeout_ms
                spread_ms = base_ms * (self._parameters.ack_random_percent - 100) // 100
                jitter = int.from_bytes(self._random_bytes(2), "big")
                sent.wait_ms = base_ms + spread_ms * jitter // 0xFFFF
                self._transmit(sent, now_ms)

    def _in_flight(self, peer):
        count = 0
        for sent in self._transmissions:
            if sent.due_ms is not None and sent.peer == peer:
                count += 1
        return count

    def _transmit(self, sent, now_ms):
        if sent.message:
            mid = self._take_mid(now_ms)
            if mid is None:
                self._finish(sent, "busy", now_ms)
                return
            sent.message.mid = sent.mid = mid
            sent.datagram = coap.encode(sent.message)
            sent.message = None
        sent.due_ms = now_ms + sent.wait_ms
        self._emit(sent.datagram, sent.peer)

    def _take_mid(self, now_ms):
        """Return the next message id, or None while the peer may still know it (RFC 7252 4.4)."""
        mid = self._next_mid
        block = mid >> _MID_BLOCK_BITS
        if self._mid_block_free_ms[block] > now_ms:
            self.count("message ids exhausted")
            return None
        self._next_mid = (mid + 1) & 0xFFFF
        if self._next_mid >> _MID_BLOCK_BITS != block:
            self._mid_block_free_ms[block] = now_ms + self._parameters.exchange_lifetime_ms
        return mid

    def _is_duplicate(self, message, peer, now_ms):
        """Tell whether this CON or NON came before; if so, repeat our answer (RFC 7252 4.5).

        The same mid with another token is another message: a peer that restarted draws its mids
        anew, and would get an answer that it did not ask for, until it gives up.
        """
        reception = _find(self._receptions, peer, message.mid)
        if reception is None or reception.expires_ms <= now_ms:
            return False
        if reception.token_hash != hash(message.token):
            self._receptions.remove(reception)
            return False
        self.count("duplicate")
        if reception.due_ms is not None:
            self._answer(Message(coap.ACK, coap.EMPTY, message.mid), peer)
        elif message.type == coap.CON and reception.datagram:
            self._emit(reception.datagram, peer)
        return True

    def _remember(self, message, peer, now_ms):
        """Note the message, forgetting others if there is no room.

        First goes what is expired, then the oldest that may be repeated without harm (RFC 7252
        4.5: GET, FETCH and responses), then the oldest that changed something.
        """
        kept = self._receptions
        answer_bytes = 0
        for reception in tuple(kept):
            if reception.expires_ms <= now_ms:
                kept.remove(reception)
            else:
                answer_bytes += len(reception.datagram)
        while len(kept) >= RECEPTIONS_MAX or answer_bytes > ANSWER_BYTES_MAX:
            victim = kept[0]
            for reception in kept:
                if reception.is_repeatable:
                    victim = reception
                    break
            kept.remove(victim)
            answer_bytes -= len(victim.datagram)
        is_repeatable = message.code in (coap.GET, coap.FETCH) or not coap.is_request(message.code)
        expires_ms = now_ms + self._parameters.non_lifetime_ms
        due_ms = None
        if message.type == coap.CON:
            expires_ms = now_ms + self._parameters.exchange_lifetime_ms
            due_ms = now_ms + self._parameters.ack_timeout_ms // 4
        kept.append(_Reception(peer, message.mid, hash(message.token), expires_ms, due_ms,
                               is_repeatable))

    def _answer(self, message, peer):
        """Answer the received message `message.mid`; False if that was done already."""
        reception = _find(self._receptions, peer, message.mid)
        if message.type == coap.ACK and (reception is None or reception.due_ms is None):
            return False
        datagram = coap.encode(message)
        if reception:
            reception.due_ms = None
            reception.datagram = datagram
        self._emit(datagram, peer)
        return True


def _find(entries, peer, mid):
    for entry in entries:
        if entry.mid == mid and entry.peer == peer:
            return entry
    return None
