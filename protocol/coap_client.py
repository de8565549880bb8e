"""The asking half of a CoAP endpoint: requests out, responses and notifications in.

RFC 7252 section 5, RFC 7641 section 3, RFC 7959.
"""

from protocol import coap_message as coap
from protocol.coap_block import Block, Gathering, block_option, cut
from protocol.coap_message import Message
from protocol.coap_values import (
    NotificationReceived,
    RequestFailed,
    ResponseReceived,
    decode_response,
    request_options,
    usable_options,
)  # fmt: skip
from protocol.errors import DecodeError

REQUESTS_MAX = 16
EVENTS_MAX = 32
TOKEN_LENGTH = 4
# After this a notification is newer whatever its number says (RFC 7641 3.4).
FRESHNESS_MS = 128000


class _Pending:
    """A request that waits for its response, or observes."""

    def __init__(self, handle, request, peer, szx):
        self.handle = handle
        self.request = request
        self.peer = peer
        self.szx = szx
        # Of the request message under way, or None.
        self.token = None
        # Of the registration, once the peer accepted it.
        self.observation_token = None
        self.first_ms = 0
        self.retransmissions = 0
        self.deadline_ms = None
        # How much of our body the peer has acknowledged.
        self.offset = 0
        # The first block of a response and the body so far.
        self.response = None
        self.gathering = None
        self.is_answered = False
        self.is_silent = False
        self.sequence = 0
        self.sequence_ms = 0


class Client:
    """Sends requests over a message layer; puts its events into the list `events`."""

    def __init__(self, layer, events, random_bytes, szx, body_length_max, response_timeout_ms):
        self._layer = layer
        self._events = events
        self._random_bytes = random_bytes
        self._szx = szx
        self._body_length_max = body_length_max
        self._response_timeout_ms = response_timeout_ms
        self._pending = {}
        self._last_handle = 0

    def send_request(self, request, peer, now_ms):
        """Send `request`; return its handle."""
        self._last_handle += 1
        handle = self._last_handle
        if len(self._pending) >= REQUESTS_MAX:
            self._events.append(RequestFailed(handle, "busy"))
            return handle
        pending = _Pending(handle, request, peer, self._szx)
        self._pending[handle] = pending
        self._send_body(pending, now_ms)
        return handle

    def cancel(self, handle):
        """Forget the request or observation `handle`."""
        pending = self._pending.pop(handle, None)
        if pending and pending.token is not None:
            self._layer.cancel(pending.peer, pending.token, True)

    def cancel_observation(self, handle, now_ms):
        """Ask the peer to end the observation `handle` (RFC 7641 3.6)."""
        pending = self._pending.get(handle)
        if pending is None or pending.observation_token is None:
            self.cancel(handle)
            return
        if pending.token is not None:
            self._layer.cancel(pending.peer, pending.token, True)
        pending.is_silent = True
        token = pending.observation_token
        pending.observation_token = None
        pending.offset = 0
        self._send_body(pending, now_ms, token)

    def receive(self, message, peer, now_ms):
        """Take a response from the message layer."""
        pending = self._find(peer, message.token)
        options = usable_options(message.options)
        if pending is None or options is None:
            self._layer.count("unexpected response" if options else "bad option")
            self._layer.reset(message, peer)
            if pending:
                self._fail(pending, "bad response")
            return
        self._layer.acknowledge(message, peer)
        try:
            response = decode_response(message.code, options, message.payload)
            if message.token == pending.token:
                self._receive_response(pending, response, options, now_ms)
            else:
                self._receive_notification(pending, response, options, now_ms)
        except DecodeError:
            self._fail(pending, "bad response")

    def receive_delivered(self, event, now_ms):
        """Note that a request message was acknowledged."""
        pending = self._find(event.peer, event.token)
        if pending:
            pending.first_ms = now_ms - event.round_trip_ms
            pending.retransmissions = event.retransmissions
            pending.deadline_ms = now_ms + self._response_timeout_ms

    def receive_undelivered(self, event):
        """Note that a request message was not acknowledged, or rejected."""
        pending = self._find(event.peer, event.token)
        if pending:
            self._fail(pending, event.reason)

    def handle_timeout(self, now_ms):
        """Give up the requests whose response is overdue."""
        for pending in tuple(self._pending.values()):
            if pending.deadline_ms is not None and pending.deadline_ms <= now_ms:
                self._fail(pending, "timeout")

    def next_timeout_ms(self):
        """Return when handle_timeout is due, or None."""
        times = [
            pending.deadline_ms
            for pending in self._pending.values()
            if pending.deadline_ms is not None
        ]
        return min(times) if times else None

    def _find(self, peer, token):
        for pending in self._pending.values():
            if token in (pending.token, pending.observation_token) and pending.peer == peer:
                return pending
        return None

    def _fail(self, pending, reason):
        self.cancel(pending.handle)
        if not pending.is_silent:
            self._events.append(RequestFailed(pending.handle, reason))

    def _send_body(self, pending, now_ms, token=None):
        """Send the request with its body, or the block of it that begins at `offset`."""
        request = pending.request
        options = request_options(request)
        if request.observe is not None:
            observe = 1 if pending.is_silent else request.observe
            coap.add_option(options, coap.OBSERVE, coap.encode_uint(observe))
        payload = request.payload
        if len(payload) > 16 << pending.szx:
            block, payload = cut(payload, pending.offset, pending.szx)
            coap.add_option(options, coap.BLOCK1, block.encode())
            if block.number == 0:
                size = coap.encode_uint(len(request.payload))
                coap.add_option(options, coap.SIZE1, size)
        self._send(pending, options, payload, now_ms, token)

    def _send_for_block(self, pending, szx, now_ms):
        """Ask for the next block of the response."""
        offset = len(pending.gathering.body)
        options = request_options(pending.request)
        coap.add_option(options, coap.BLOCK2, Block(offset >> szx + 4, False, szx).encode())
        payload = b""
        # The body of a FETCH belongs to what is asked (RFC 8132 2.3).
        if pending.request.code == coap.FETCH and len(pending.request.payload) <= 16 << szx:
            payload = pending.request.payload
        self._send(pending, options, payload, now_ms)

    def _send(self, pending, options, payload, now_ms, token=None):
        type = coap.CON if pending.request.is_confirmable else coap.NON
        pending.token = self._unused_token() if token is None else token
        pending.first_ms = now_ms
        pending.retransmissions = 0
        pending.deadline_ms = None
        if type == coap.NON:
            pending.deadline_ms = now_ms + self._response_timeout_ms
        message = Message(type, pending.request.code, None, pending.token, options, payload)
        if not self._layer.send(message, pending.peer, now_ms):
            self._fail(pending, "busy")

    def _unused_token(self):
        while True:
            token = self._random_bytes(TOKEN_LENGTH)
            for pending in self._pending.values():
                if token in (pending.token, pending.observation_token):
                    break
            else:
                return token

    def _receive_response(self, pending, response, options, now_ms):
        granted = block_option(options, coap.BLOCK1)
        if granted and self._continue_body(pending, response.code, granted, now_ms):
            return
        if response.code == coap.CONTINUE:
            raise DecodeError("nothing to continue")
        if pending.request.observe == 0 and response.observe is not None:
            pending.observation_token = pending.token
            self._note_sequence(pending, response, now_ms)
        self._gather(pending, response, options, now_ms)

    def _continue_body(self, pending, code, granted, now_ms):
        """Send the next block of our body; False if `code` is the answer to the whole."""
        length = len(pending.request.payload)
        size = 16 << pending.szx
        szx = min(pending.szx, granted.szx)
        if code == coap.REQUEST_ENTITY_TOO_LARGE:
            # A smaller size is a hint to try again with it (RFC 7959 2.9.3).
            if pending.offset or szx == pending.szx or length <= 16 << szx:
                return False
        elif coap.is_success(code) and pending.offset + size < length:
            pending.offset += size
        else:
            return False
        pending.szx = szx
        self._send_body(pending, now_ms)
        return True

    def _receive_notification(self, pending, response, options, now_ms):
        if response.observe is None or not coap.is_success(response.code):
            pending.observation_token = None
        elif self._is_stale(pending, response.observe, now_ms):
            self._layer.count("stale notification")
            return
        else:
            self._note_sequence(pending, response, now_ms)
        if pending.token is not None:
            self._layer.cancel(pending.peer, pending.token, True)
        pending.response = None
        self._gather(pending, response, options, now_ms)

    def _is_stale(self, pending, sequence, now_ms):
        ahead = sequence - pending.sequence & 0xFFFFFF
        is_newer = 0 < ahead < 1 << 23 or now_ms - pending.sequence_ms > FRESHNESS_MS
        return not is_newer

    def _note_sequence(self, pending, response, now_ms):
        pending.sequence = response.observe
        pending.sequence_ms = now_ms

    def _gather(self, pending, response, options, now_ms):
        """Report `response`, or put its block to the others and ask for the next."""
        block = block_option(options, coap.BLOCK2)
        if block is None or not coap.is_success(response.code):
            self._finish(pending, response, now_ms)
            return
        if pending.response is None:
            pending.response = response
            pending.gathering = Gathering()
        if pending.response.etag != response.etag:
            raise DecodeError("another body")
        if not pending.gathering.append(block, response.payload):
            raise DecodeError("another block")
        if len(pending.gathering.body) > self._body_length_max:
            self._fail(pending, "size")
        elif block.has_more:
            self._send_for_block(pending, min(block.szx, self._szx), now_ms)
        else:
            pending.response.payload = bytes(pending.gathering.body)
            self._finish(pending, pending.response, now_ms)

    def _finish(self, pending, response, now_ms):
        pending.token = None
        pending.deadline_ms = None
        pending.response = None
        pending.gathering = None
        if pending.observation_token is None:
            del self._pending[pending.handle]
        if pending.is_silent:
            return
        if not pending.is_answered:
            pending.is_answered = True
            event = ResponseReceived(
                pending.handle, response, now_ms - pending.first_ms, pending.retransmissions
            )
        elif len(self._events) >= EVENTS_MAX:
            self._layer.count("event queue full")
            return
        else:
            event = NotificationReceived(pending.handle, response)
        self._events.append(event)
