"""A network between endpoints, in virtual time: it delays, loses, doubles and reorders."""

from protocol.coap_message import decode, encode
from protocol.coap_values import RequestReceived

PEER = "peer"


class SeededRandom:
    """Numbers and bytes that depend on a seed alone."""

    def __init__(self, seed):
        self._state = seed & 0xFFFFFFFF

    def below(self, limit):
        """Return an int from 0 to `limit` - 1."""
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % limit

    def random_bytes(self, count):
        """Return `count` bytes."""
        return bytes([self.below(256) for _ in range(count)])


class Network:
    """Endpoints by name; the name is the peer that the others see.

    `serve` maps the name of a server to a function that answers a Request with a Response, or
    with None to answer later. `log` holds all datagrams as (time, source, destination, datagram).
    """

    def __init__(self, seed=1, loss_percent=0, duplicate_percent=0, delay_ms=10, spread_ms=0):
        self.now_ms = 0
        self.endpoints = {}
        self.serve = {}
        self.events = {}
        self.log = []
        self.drop = None
        self._random = SeededRandom(seed)
        self._loss_percent = loss_percent
        self._duplicate_percent = duplicate_percent
        self._delay_ms = delay_ms
        self._spread_ms = spread_ms
        self._in_flight = []

    def attach(self, name, endpoint):
        """Put `endpoint` on the network; return it."""
        self.endpoints[name] = endpoint
        self.events[name] = []
        return endpoint

    def run(self, until_ms):
        """Let time pass until `until_ms`."""
        self.settle()
        while True:
            time_ms = self._next_ms()
            if time_ms is None or time_ms > until_ms:
                break
            self.now_ms = max(self.now_ms, time_ms)
            self._step()
            self.settle()
        self.now_ms = max(self.now_ms, until_ms)

    def settle(self):
        """Take what the endpoints have to send and to tell at this time."""
        for name in sorted(self.endpoints):
            endpoint = self.endpoints[name]
            event = endpoint.next_event()
            while event:
                self.events[name].append(event)
                if isinstance(event, RequestReceived) and name in self.serve:
                    response = self.serve[name](event.request)
                    if response:
                        endpoint.send_response(event.exchange, response, self.now_ms)
                event = endpoint.next_event()
            for datagram, peer in endpoint.datagrams_to_send():
                self._carry(datagram, name, peer)

    def _carry(self, datagram, source, destination):
        self.log.append((self.now_ms, source, destination, datagram))
        if self.drop and self.drop(source, datagram):
            return
        if self._random.below(100) < self._loss_percent:
            return
        copies = 2 if self._random.below(100) < self._duplicate_percent else 1
        for _ in range(copies):
            due_ms = self.now_ms + self._delay_ms + self._random.below(self._spread_ms + 1)
            self._in_flight.append((due_ms, source, destination, datagram))

    def _next_ms(self):
        times = [entry[0] for entry in self._in_flight]
        for endpoint in self.endpoints.values():
            timeout_ms = endpoint.next_timeout_ms()
            if timeout_ms is not None:
                times.append(timeout_ms)
        return min(times) if times else None

    def _step(self):
        arriving = [entry for entry in self._in_flight if entry[0] <= self.now_ms]
        self._in_flight = [entry for entry in self._in_flight if entry[0] > self.now_ms]
        for _, source, destination, datagram in arriving:
            self.endpoints[destination].receive_datagram(datagram, source, self.now_ms)
        for name in sorted(self.endpoints):
            timeout_ms = self.endpoints[name].next_timeout_ms()
            if timeout_ms is not None and timeout_ms <= self.now_ms:
                self.endpoints[name].handle_timeout(self.now_ms)


def zeros(count):
    """Random bytes that are none: message ids and tokens from 0 on, no jitter."""
    return bytes(count)


def counting():
    """Return a random_bytes whose calls give 1, 2, 3 and so on."""
    calls = [0]

    def random_bytes(count):
        calls[0] += 1
        return calls[0].to_bytes(count, "big")

    return random_bytes


def receive(core, message, now_ms=0, peer=PEER):
    """Let `core` receive a Message."""
    core.receive_datagram(encode(message), peer, now_ms)


def sent(core):
    """Return the Messages that `core` has to send."""
    return [decode(datagram) for datagram, _ in core.datagrams_to_send()]
