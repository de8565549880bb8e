"""CoAP's message layer for a gateway with thousands of peers (RFC 7252 section 4).

It takes the place of aiocoap's, between its token layer and a datagram transport, because a
gateway needs what that one does not give: an acknowledgement of a notification that waits for a
commit, duplicates recognised in bounded memory, work per message that does not grow with the
number of sleeping peers, and a dead peer's errors kept to that peer.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from random import Random

from aiocoap import Message, error, interfaces
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.constants import TransportTuning
from aiocoap.numbers.types import ACK, CON, NON, RST

from gateway.coap_codec import IncomingMessage
from gateway.recent_messages import RecentMessages

BACKLOG_MAX = 8
"""Confirmable messages that wait for one peer's turn (NSTART = 1)."""

Monitor = Callable[[], None]


class GatewayTuning(TransportTuning):
    """Transmission parameters of incoming requests and of ours.

    MAX_LATENCY of 10 s instead of 100 s makes EXCHANGE_LIFETIME 67 s: a datagram does not live
    longer in an access network, and the memory for duplicates shrinks to a quarter.
    EMPTY_ACK_DELAY stays below ACK_TIMEOUT and above the longest group commit, so that one
    datagram is acknowledgement and answer.
    """

    MAX_LATENCY = 10.0
    EMPTY_ACK_DELAY = 1.7


class Acknowledgement:
    """The answer that a confirmable response of a peer still waits for.

    Whoever takes the response may call `hold()` at once, and later exactly one of `send()`,
    `reject()` (the peer gets a Reset) and `drop()` (the peer gets nothing and repeats itself,
    which `on_drop`, if any, hears of before).
    """

    __slots__ = ("_layer", "_message", "is_held", "on_drop")

    def __init__(self, layer: "MessageLayer", message: Message) -> None:
        self._layer = layer
        self._message = message
        self.is_held = False
        self.on_drop: Callable[[], None] | None = None

    def hold(self) -> None:
        """Keep the peer waiting; its repetitions are ignored meanwhile."""
        self.is_held = True

    def send(self) -> None:
        """Acknowledge, if it was confirmable; its repetitions are acknowledged again."""
        self._layer.answer_empty(self._message, ACK)

    def reject(self) -> None:
        """Answer with a Reset: nobody here knows what this message is about."""
        self._layer.answer_empty(self._message, RST)

    def drop(self) -> None:
        """Forget the message, so that its repetition counts as new."""
        self._layer.forget(self._message)
        if self.on_drop is not None:
            self.on_drop()


class _Exchange:
    """A confirmable message of ours that waits for its acknowledgement."""

    __slots__ = ("message", "datagram", "monitor", "timeout_s", "retransmissions", "timer")

    def __init__(self, message: Message, monitor: Monitor, timeout_s: float) -> None:
        self.message = message
        self.datagram = message.encode()
        self.monitor = monitor
        self.timeout_s = timeout_s
        self.retransmissions = 0
        self.timer: asyncio.TimerHandle | None = None


class MessageLayer(interfaces.TokenInterface, interfaces.MessageManager):
    """Message ids, types, retransmission, duplicates; one exchange at a time per peer.

    `tokens` is aiocoap's token layer above, `transmit(datagram, remote)` the transport below. A
    request of ours has its number of retransmissions as `message.retransmissions`; a response
    handed up carries as `message.acknowledgement` its `Acknowledgement`, None if piggybacked.
    `is_protected`: `tokens` knows an authentic answer: no forged ACK or RST ends a request.
    """

    def __init__(
        self,
        tokens,
        transmit: Callable[[bytes, object], None],
        random: Random,
        is_protected: bool = False,
    ) -> None:
        self._tokens = tokens
        self._transmit = transmit
        self._is_protected = is_protected
        self._random = random
        self._loop = tokens.loop
        self._next_mid = random.getrandbits(16)
        self._recent = RecentMessages(GatewayTuning().EXCHANGE_LIFETIME)
        self._exchanges: dict[object, _Exchange] = {}
        self._backlogs: dict[object, deque[tuple[Message, Monitor]]] = {}
        self._unanswered: dict[tuple[object, bytes], tuple[Message, asyncio.TimerHandle]] = {}
        self._is_shut_down = False
        self.counters: Counter[str] = Counter()

    @property
    def client_credentials(self):
        """Return aiocoap's map of credentials; transports below have no use for it."""
        return self._tokens.client_credentials

    async def fill_or_recognize_remote(self, message: Message) -> bool:
        """Return whether the message goes to a peer of this transport."""
        return getattr(message.remote, "layer", None) is self

    async def shutdown(self) -> None:
        """Stop every timer; nothing is sent any more."""
        self._is_shut_down = True
        for exchange in self._exchanges.values():
            exchange.timer.cancel()
        for _, timer in self._unanswered.values():
            timer.cancel()
        self._exchanges.clear()
        self._backlogs.clear()
        self._unanswered.clear()

    def dispatch_error(self, exception: Exception, remote: object) -> None:
        """Count what the network reports; only silence after all repetitions ends an exchange."""
        self.counters["network errors"] += 1

    # Incoming

    def dispatch_message(self, message: IncomingMessage) -> None:
        """Take one message from the transport."""
        if self._is_shut_down:
            return
        if message.code is EMPTY:
            self._receive_empty(message)
        elif message.mtype is ACK:
            self._receive_piggybacked(message)
        elif self._is_duplicate(message):
            self.counters["duplicates"] += 1
        elif message.code.is_request():
            self._receive_request(message)
        else:
            self._receive_response(message)

    def reset(self, remote: object, mid: int) -> None:
        """Reject a confirmable message that cannot be parsed (RFC 7252 section 4.2)."""
        self.counters["resets sent"] += 1
        self._send_empty(remote, mid, RST)

    def _receive_empty(self, message: Message) -> None:
        if message.mtype is CON:
            self.counters["pings"] += 1
            self._send_empty(message.remote, message.mid, RST)
            return
        if message.mtype is RST and self._is_protected and self._is_of_request(message):
            self.counters["resets ignored"] += 1
            return
        exchange = self._finish_exchange(message)
        if exchange is not None and message.mtype is RST:
            exchange.monitor()

    def _is_of_request(self, message: Message) -> bool:
        exchange = self._exchanges.get(message.remote)
        return (exchange is not None and exchange.message.mid == message.mid
                and exchange.message.code.is_request())

    def _receive_piggybacked(self, message: IncomingMessage) -> None:
        # Only the exchange itself makes it new: a late copy must not count as a notification.
        # Of what is protected copies are known, and a forged one may have ended the exchange.
        is_new = self._finish_exchange(message) is not None or self._is_protected
        message.acknowledgement = None
        if (not is_new or message.unusable_option is not None
                or not self._tokens.process_response(message)):
            self.counters["responses ignored"] += 1

    def _receive_request(self, message: IncomingMessage) -> None:
        if message.mtype is CON:
            key = (message.remote, message.token)
            earlier = self._unanswered.pop(key, None)
            if earlier is not None:
                earlier[1].cancel()
            timer = self._loop.call_later(
                message.transport_tuning.EMPTY_ACK_DELAY, self._acknowledge_late, key
            )
            self._unanswered[key] = (message, timer)
        self._tokens.process_request(message)

    def _receive_response(self, message: IncomingMessage) -> None:
        acknowledgement = Acknowledgement(self, message)
        message.acknowledgement = acknowledgement
        if message.unusable_option is not None or not self._tokens.process_response(message):
            self.counters["responses rejected"] += 1
            acknowledgement.reject()
            # In the memory for duplicates a stranger's would take a node's place.
            self.forget(message)
        elif not acknowledgement.is_held:
            acknowledgement.send()

    def _is_duplicate(self, message: Message) -> bool:
        key = (message.remote, message.mid)
        if key not in self._recent:
            self._recent.add(key, self._loop.time())
            return False
        answer = self._recent.answer(key)
        if answer is not None and message.mtype is CON:
            self._transmit(answer, message.remote)
        return True

    def _acknowledge_late(self, key: tuple[object, bytes]) -> None:
        message, _ = self._unanswered.pop(key)
        self.counters["separate responses"] += 1
        self.answer_empty(message, ACK)

    # Outgoing

    def ping(self, remote: object, on_answer: Monitor) -> Callable[[], None]:
        """Send a CoAP ping (RFC 7252 section 4.3); returns what ends it.

        Raises NetworkError if too much waits for this peer.
        """
        message = Message(code=EMPTY, _mtype=CON, _mid=self._take_mid())
        message.remote = remote
        self._send_or_queue(message, on_answer)
        return lambda: self._abandon(message)

    def answer_empty(self, message: Message, type: int) -> None:
        """Answer a peer's message with an empty ACK or RST; an ACK only if it was confirmable."""
        if not self._is_shut_down and (message.mtype is CON or type is RST):
            datagram = self._send_empty(message.remote, message.mid, type)
            self._recent.set_answer((message.remote, message.mid), datagram)

    def ignore(self, message: Message) -> None:
        """Answer a peer's request with nothing at all, nor its copies."""
        _, timer = self._unanswered.pop((message.remote, message.token), (None, None))
        if timer is not None:
            timer.cancel()

    def forget(self, message: Message) -> None:
        """Let the next copy of a peer's message count as new."""
        self._recent.remove((message.remote, message.mid))

    def send_message(self, message: Message, monitor: Monitor) -> Callable[[], None] | None:
        """Send a request or response; `monitor` is called if the peer answers it with a Reset.

        Returns what the caller calls once it has no more interest in it.
        """
        if self._is_shut_down:
            return None
        if message.code.is_response():
            self._send_response(message, monitor)
            return None
        if message.mtype is None:
            is_unreliable = message.transport_tuning.reliability is False
            message.mtype = NON if is_unreliable else CON
        message.mid = self._take_mid()
        self._send_or_queue(message, monitor)
        return lambda: self._abandon(message)

    def _send_response(self, message: Message, monitor: Monitor) -> None:
        no_response = message.opt.no_response
        is_unwanted = bool(no_response and no_response & 1 << message.code.class_ - 1)
        if no_response is not None:
            message.opt.no_response = None
        request, timer = self._unanswered.pop((message.remote, message.token), (None, None))
        if request is not None:
            timer.cancel()
            if is_unwanted:
                self.answer_empty(request, ACK)
                return
            message.mtype, message.mid = ACK, request.mid
            datagram = message.encode()
            self._recent.set_answer((message.remote, message.mid), datagram)
            self._transmit(datagram, message.remote)
        elif not is_unwanted:
            message.mtype = NON if message.request.mtype is NON else CON
            message.mid = self._take_mid()
            self._send_or_queue(message, monitor)

    def _send_or_queue(self, message: Message, monitor: Monitor) -> None:
        message.retransmissions = 0
        if message.mtype is NON:
            self._transmit(message.encode(), message.remote)
        elif message.remote not in self._exchanges:
            self._start_exchange(message, monitor)
        else:
            backlog = self._backlogs.setdefault(message.remote, deque())
            if len(backlog) >= BACKLOG_MAX:
                self.counters["backlog full"] += 1
                raise error.NetworkError("too many messages wait for this peer")
            backlog.append((message, monitor))

    def _start_exchange(self, message: Message, monitor: Monitor) -> None:
        tuning = message.transport_tuning
        timeout_s = tuning.ACK_TIMEOUT * self._random.uniform(1, tuning.ACK_RANDOM_FACTOR)
        exchange = _Exchange(message, monitor, timeout_s)
        self._exchanges[message.remote] = exchange
        exchange.timer = self._loop.call_later(timeout_s, self._retransmit, exchange)
        self._transmit(exchange.datagram, message.remote)

    def _retransmit(self, exchange: _Exchange) -> None:
        message = exchange.message
        if exchange.retransmissions >= message.transport_tuning.MAX_RETRANSMIT:
            self.counters["exchanges timed out"] += 1
            del self._exchanges[message.remote]
            self._tokens.fail(message, error.ConRetransmitsExceeded("no acknowledgement"))
            self._continue_backlog(message.remote)
            return
        exchange.retransmissions += 1
        message.retransmissions = exchange.retransmissions
        self.counters["retransmissions"] += 1
        exchange.timeout_s *= 2
        exchange.timer = self._loop.call_later(exchange.timeout_s, self._retransmit, exchange)
        self._transmit(exchange.datagram, message.remote)

    def _finish_exchange(self, message: Message) -> _Exchange | None:
        exchange = self._exchanges.get(message.remote)
        if exchange is None or exchange.message.mid != message.mid:
            return None
        self._end_exchange(exchange)
        return exchange

    def _end_exchange(self, exchange: _Exchange) -> None:
        exchange.timer.cancel()
        del self._exchanges[exchange.message.remote]
        self._continue_backlog(exchange.message.remote)

    def _continue_backlog(self, remote: object) -> None:
        backlog = self._backlogs.get(remote)
        if backlog and remote not in self._exchanges:
            self._start_exchange(*backlog.popleft())
        if not backlog:
            self._backlogs.pop(remote, None)

    def _abandon(self, message: Message) -> None:
        """Stop repeating a request that was answered otherwise, or that nobody waits for."""
        exchange = self._exchanges.get(message.remote)
        if exchange is not None and exchange.message is message:
            self._end_exchange(exchange)
            return
        backlog = self._backlogs.get(message.remote, ())
        for entry in backlog:
            if entry[0] is message:
                backlog.remove(entry)
                return

    def move(self, message: Message, remote: object) -> None:
        """Go on repeating a request of ours at its peer's new address, if it still is repeated."""
        exchange = self._exchanges.get(message.remote)
        if exchange is None or exchange.message is not message or remote in self._exchanges:
            return
        del self._exchanges[message.remote]
        self._continue_backlog(message.remote)
        message.remote = remote
        self._exchanges[remote] = exchange
        self._transmit(exchange.datagram, remote)

    def _send_empty(self, remote: object, mid: int, type: int) -> bytes:
        datagram = bytes((0x40 | type << 4, 0, mid >> 8, mid & 0xFF))
        self._transmit(datagram, remote)
        return datagram

    def _take_mid(self) -> int:
        self._next_mid = self._next_mid + 1 & 0xFFFF
        return self._next_mid
