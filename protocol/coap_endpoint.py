"""A CoAP endpoint, client and server: RFC 7252, 7641, 7959 and 8132 over datagrams."""

from protocol.coap_block import size_exponent
from protocol.coap_client import Client
from protocol.coap_exchange import MessageDelivered, MessageLayer, MessageReceived
from protocol.coap_message import is_request
from protocol.coap_parameters import TransmissionParameters
from protocol.coap_server import Server

BLOCK_SIZE = 1024
BODY_LENGTH_MAX = 4096


class Endpoint:
    """Sends requests and answers requests; a core.

    `block_size`, a power of two from 16 to 1024, bounds the payload of a message;
    `body_length_max` bounds a body that is received. A `message_layer` may be given that has the
    calls and events of coap_exchange.MessageLayer. `counters` is a dict of names to ints: what
    was dropped, and why.
    """

    def __init__(
        self,
        random_bytes,
        parameters=None,
        block_size=BLOCK_SIZE,
        body_length_max=BODY_LENGTH_MAX,
        message_layer=None,
    ):
        parameters = parameters or TransmissionParameters()
        self._layer = message_layer or MessageLayer(random_bytes, parameters)
        self.counters = self._layer.counters
        self._events = []
        szx = size_exponent(block_size)
        self._client = Client(
            self._layer,
            self._events,
            random_bytes,
            szx,
            body_length_max,
            parameters.max_transmit_wait_ms(),
        )
        self._server = Server(
            self._layer, self._events, szx, body_length_max, parameters.exchange_lifetime_ms()
        )

    def send_request(self, request, peer, now_ms):
        """Send a Request with a body of any size; return its handle, an int."""
        return self._client.send_request(request, peer, now_ms)

    def cancel(self, handle):
        """Forget a request or an observation of ours; nothing more is heard of it."""
        self._client.cancel(handle)

    def cancel_observation(self, handle, now_ms):
        """Ask the peer to end an observation of ours; nothing more is heard of it."""
        self._client.cancel_observation(handle, now_ms)

    def send_response(self, exchange, response, now_ms):
        """Answer the `exchange` of a RequestReceived, once."""
        self._server.send_response(exchange, response, now_ms)

    def notify(self, exchange, response, now_ms, confirmable):
        """Send a newer state to the observer `exchange`; False if that observation is over.

        An error code ends the observation.
        """
        return self._server.notify(exchange, response, now_ms, confirmable)

    def end_observation(self, exchange):
        """Forget the observer `exchange` without telling it."""
        self._server.end_observation(exchange)

    def receive_datagram(self, datagram, peer, now_ms):
        """Take one datagram; whatever is wrong with it is counted."""
        self._layer.receive_datagram(datagram, peer, now_ms)
        self._dispatch(now_ms)

    def handle_timeout(self, now_ms):
        """Do what is due at `now_ms`."""
        self._layer.handle_timeout(now_ms)
        self._dispatch(now_ms)
        self._client.handle_timeout(now_ms)

    def next_timeout_ms(self):
        """Return when handle_timeout is due; None if nothing is under way."""
        times = (self._layer.next_timeout_ms(), self._client.next_timeout_ms())
        times = [time_ms for time_ms in times if time_ms is not None]
        return min(times) if times else None

    def datagrams_to_send(self):
        """Return [(datagram, peer)], and forget them."""
        return self._layer.datagrams_to_send()

    def next_event(self):
        """Return the next event (see coap_values), or None."""
        return self._events.pop(0) if self._events else None

    def _dispatch(self, now_ms):
        event = self._layer.next_event()
        while event:
            if isinstance(event, MessageReceived):
                half = self._server if is_request(event.message.code) else self._client
                half.receive(event.message, event.peer, now_ms)
            elif event.is_request:
                if isinstance(event, MessageDelivered):
                    self._client.receive_delivered(event, now_ms)
                else:
                    self._client.receive_undelivered(event)
            elif not isinstance(event, MessageDelivered):
                self._server.lose_observer(event.peer, event.token, event.reason)
            event = self._layer.next_event()
