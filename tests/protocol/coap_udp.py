"""An endpoint on a UDP socket of the loopback, for meeting foreign implementations."""

import asyncio

from protocol import coap_message as coap
from protocol.coap_values import RequestReceived, Response

LIMIT_S = 60


class UdpPeer(asyncio.DatagramProtocol):
    """Runs `endpoint` in the event loop; `serve(peer, event)` is called for each request."""

    def __init__(self, endpoint, serve=None):
        self.endpoint = endpoint
        self.events = asyncio.Queue()
        self.observers = []
        self._serve = serve
        self._transport = None
        self._timer = None

    @classmethod
    async def open(cls, endpoint, serve=None):
        """Return a peer on a free port."""
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(
            lambda: cls(endpoint, serve), local_addr=("127.0.0.1", 0))
        return peer

    def close(self):
        self._transport.close()
        if self._timer:
            self._timer.cancel()

    @property
    def port(self):
        return self._transport.get_extra_info("sockname")[1]

    def now_ms(self):
        return int(asyncio.get_running_loop().time() * 1000)

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, datagram, address):
        self.endpoint.receive_datagram(datagram, address, self.now_ms())
        self.pump()

    async def ask(self, request, address):
        """Return the first event after `request`."""
        self.endpoint.send_request(request, address, self.now_ms())
        self.pump()
        return await self.next_event()

    async def next_event(self):
        """Return the next event that is not a request."""
        return await asyncio.wait_for(self.events.get(), LIMIT_S)

    def notify(self, response, confirmable=True):
        """Notify every observer."""
        for exchange in self.observers:
            self.endpoint.notify(exchange, response, self.now_ms(), confirmable)
        self.pump()

    def pump(self):
        """Hand out events and datagrams, and set the timer."""
        event = self.endpoint.next_event()
        while event:
            if isinstance(event, RequestReceived):
                self._serve(self, event)
            else:
                self.events.put_nowait(event)
            event = self.endpoint.next_event()
        for datagram, address in self.endpoint.datagrams_to_send():
            self._transport.sendto(datagram, address)
        if self._timer:
            self._timer.cancel()
        due_ms = self.endpoint.next_timeout_ms()
        if due_ms is not None:
            delay_s = max(0, due_ms - self.now_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self):
        self.endpoint.handle_timeout(self.now_ms())
        self.pump()


class Shelf:
    """A serve function: bodies by path, which GET, FETCH, PUT and DELETE act on.

    POST and iPATCH answer with the reversed body; `slow` answers a second late.
    """

    def __init__(self, bodies):
        self.bodies = bodies
        self.requests = []

    def __call__(self, peer, event):
        request = event.request
        self.requests.append(request)
        if request.path == ("slow",):
            asyncio.get_running_loop().call_later(
                1, self._answer, peer, event, Response(coap.CONTENT, b"at last", 0))
        elif request.code in (coap.POST, coap.IPATCH):
            self._answer(peer, event, Response(coap.CHANGED, request.payload[::-1], 42))
        elif request.code == coap.FETCH:
            self._answer(peer, event, Response(coap.CONTENT, request.payload * 2, 42))
        elif request.code == coap.PUT:
            self.bodies[request.path] = request.payload
            self._answer(peer, event, Response(coap.CHANGED))
        elif request.path not in self.bodies:
            self._answer(peer, event, Response(coap.NOT_FOUND))
        elif request.code == coap.DELETE:
            del self.bodies[request.path]
            self._answer(peer, event, Response(coap.DELETED))
        else:
            content_format = 40 if request.path == (".well-known", "core") else 42
            body = self.bodies[request.path]
            self._answer(peer, event, Response(coap.CONTENT, body, content_format, 0))
            if request.observe == 0:
                peer.observers.append(event.exchange)

    def _answer(self, peer, event, response):
        peer.endpoint.send_response(event.exchange, response, peer.now_ms())
        peer.pump()
