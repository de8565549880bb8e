"""A CoAP endpoint, client and server: RFC 7252, 7641, 7959 and 8132 over datagrams."""

from protocol.coap_client import Client
from protocol.coap_exchange import MessageLayer, MessageReceived
from protocol.coap_message import is_request
from protocol.coap_parameters import TransmissionParameters
from protocol.coap_server import Server

BLOCK_SIZE = 1024
BODY_LENGTH_MAX = 4096


class Endpoint(Client, Server):
    """Sends requests and answers requests; a core.

    `block_size`, a power of two from 16 to 1024, bounds the payload of a message we send;
    `body_length_max` bounds a body that is received in blocks. A `message_layer` may be given
    that has the calls and events of coap_exchange.MessageLayer. `counters` is a dict of names to
    ints: what was dropped, and why.
    """

    def __init__(
        self,
        random_bytes,
        parameters=None,
        block_size=BLOCK_SIZE,
        body_length_max=BODY_LENGTH_MAX,
        message_layer=None,
    ):
        self._parameters = parameters or TransmissionParameters()
        self._layer = message_layer or MessageLayer(random_bytes, self._parameters)
        self.counters = self._layer.counters
        self._events = []
        self._random_bytes = random_bytes
        self._body_length_max = body_length_max
        self._szx = 0
        while 16 << self._szx < block_size:
            self._szx += 1
        Client.__init__(self)
        Server.__init__(self)

    def receive_datagram(self, datagram, peer, now_ms):
        """Take one datagram; whatever is wrong with it is counted."""
        self._layer.receive_datagram(datagram, peer, now_ms)
        self._take_events(now_ms)

    def handle_timeout(self, now_ms):
        """Do what is due at `now_ms`."""
        self._layer.handle_timeout(now_ms)
        self._take_events(now_ms)
        self._fail_overdue(now_ms)

    def next_timeout_ms(self):
        """Return when handle_timeout is due; None if nothing is under way."""
        next_ms = self._layer.next_timeout_ms()
        for pending in self._pending.values():
            due_ms = pending.deadline_ms
            if due_ms is not None and (next_ms is None or due_ms < next_ms):
                next_ms = due_ms
        return next_ms

    def datagrams_to_send(self):
        """Return [(datagram, peer)], and forget them."""
        return self._layer.datagrams_to_send()

    def next_event(self):
        """Return the next event (see coap_values), or None."""
        return self._events.pop(0) if self._events else None

    def has_event(self):
        """Tell whether next_event() has one."""
        return len(self._events) > 0

    def _take_events(self, now_ms):
        event = self._layer.next_event()
        while event:
            if isinstance(event, MessageReceived):
                if is_request(event.message.code):
                    self._receive_request(event.message, event.peer, now_ms)
                else:
                    self._receive_response(event.message, event.peer, now_ms)
            elif event.is_request:
                self._note_sent(event, now_ms)
            elif event.failure:
                self._lose_observer(event.peer, event.token, event.failure)
            event = self._layer.next_event()
