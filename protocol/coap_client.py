"""The asking half of a CoAP endpoint: requests and their responses (RFC 7252 section 5).

A response that asks for freshness is answered by the request with its Echo (RFC 9175 2.3).
"""

from protocol import coap_message as coap
from protocol.coap_block import Block, Gathering, block_option, cut
from protocol.coap_message import Message
from protocol.coap_values import (
    RequestFailed,
    ResponseReceived,
    decode_response,
    request_options,
    usable_options,
)
from protocol.errors import DecodeError

REQUESTS_MAX = 16
TOKEN_LENGTH = 4


class Pending:
    """A request that waits for its response."""

    def __init__(self, handle, request, peer, szx):
        self.handle = handle
        self.request = request
        self.peer = peer
        self.szx = szx
        # Of the request message under way.
        self.token = None
        self.first_ms = 0
        self.retransmissions = 0
        self.deadline_ms = None
        # How much of our body the peer has.
        self.offset = 0
        # The first block of a response, and the body so far.
        self.response = None
        self.gathering = None
        # What a server that doubts our freshness wants to see again.
        self.echo = None


class Client:
    """Sends requests. The attributes it shares with Server are made in coap_endpoint."""

    def __init__(self):
        self._pending = {}
        self._last_handle = 0

    def send_request(self, request, peer, now_ms):
        """Send a Request with a body of any size; return its handle, an int."""
        self._last_handle += 1
        handle = self._last_handle
        if len(self._pending) >= REQUESTS_MAX:
            self._events.append(RequestFailed(handle, "busy"))
            return handle
        pending = Pending(handle, request, peer, self._szx)
        self._pending[handle] = pending
        try:
            self._send_body(pending, now_ms)
        except MemoryError:
            # Else it would take up room for ever.
            self.cancel(handle)
            raise
        return handle

    def cancel(self, handle):
        """Forget a request of ours; nothing more is heard of it."""
        pending = self._pending.pop(handle, None)
        if pending:
            self._layer.cancel(pending.peer, pending.token, True)

    def _find_pending(self, peer, token):
        for pending in self._pending.values():
            if pending.token == token and pending.peer == peer:
                return pending
        return None

    def _fail(self, pending, reason):
        self.cancel(pending.handle)
        self._events.append(RequestFailed(pending.handle, reason))

    def _fail_overdue(self, now_ms):
        for pending in tuple(self._pending.values()):
            if pending.deadline_ms is not None and pending.deadline_ms <= now_ms:
                self._fail(pending, "timeout")

    def _send_body(self, pending, now_ms, token=None):
        """Send the request with its body, or the block of it that begins at `offset`."""
        options = request_options(pending.request)
        body = payload = pending.request.payload
        if len(body) > 16 << pending.szx:
            block, payload = cut(body, pending.offset, pending.szx)
            coap.add_option(options, coap.BLOCK1, block.encode())
            if block.number == 0:
                coap.add_option(options, coap.SIZE1, coap.encode_uint(len(body)))
        self._send(pending, options, payload, now_ms, token)

    def _send_for_block(self, pending, szx, now_ms):
        """Ask for the next block of the response."""
        options = []
        for entry in request_options(pending.request):
            if entry[0] != coap.OBSERVE:
                options.append(entry)
        block = Block(len(pending.gathering.body) >> szx + 4, False, szx)
        coap.add_option(options, coap.BLOCK2, block.encode())
        # The body of a FETCH belongs to what is asked (RFC 8132 2.3).
        payload = pending.request.payload
        if pending.request.code != coap.FETCH or len(payload) > 16 << pending.szx:
            payload = b""
        self._send(pending, options, payload, now_ms, None)

    def _send(self, pending, options, payload, now_ms, token):
        while token is None or self._find_pending(pending.peer, token):
            token = self._random_bytes(TOKEN_LENGTH)
        pending.token = token
        pending.first_ms = now_ms
        pending.retransmissions = 0
        pending.deadline_ms = None
        type = coap.CON
        if not pending.request.is_confirmable:
            type = coap.NON
            pending.deadline_ms = now_ms + self._parameters.max_transmit_wait_ms
        if pending.echo is not None:
            coap.add_option(options, coap.ECHO, pending.echo)
        message = Message(type, pending.request.code, None, token, options, payload)
        if not self._layer.send(message, pending.peer, now_ms):
            self._fail(pending, "busy")

    def _note_sent(self, event, now_ms):
        """Take a MessageSent about a request."""
        pending = self._find_pending(event.peer, event.token)
        if pending is None:
            return
        if event.failure:
            self._fail(pending, event.failure)
            return
        pending.first_ms = now_ms - event.round_trip_ms
        pending.retransmissions = event.retransmissions
        pending.deadline_ms = now_ms + self._parameters.max_transmit_wait_ms

    def _receive_response(self, message, peer, now_ms):
        pending = self._find_pending(peer, message.token)
        options = usable_options(message.options)
        if pending is None or options is None:
            self._layer.count("bad option" if pending else "unexpected response")
            self._layer.reset(message, peer)
            if pending:
                self._fail(pending, "bad response")
            return
        self._layer.acknowledge(message, peer)
        echo = coap.option(options, coap.ECHO)
        if message.code == coap.UNAUTHORIZED and echo is not None and pending.echo is None:
            self._repeat(pending, echo, now_ms)
            return
        try:
            self._take_response(pending, message, options, now_ms)
        except DecodeError:
            self._fail(pending, "bad response")

    def _repeat(self, pending, echo, now_ms):
        """Ask once more, from the begin, and show that it is us, and now."""
        pending.echo = echo
        pending.offset = 0
        pending.response = pending.gathering = None
        self._send_body(pending, now_ms)

    def _take_response(self, pending, message, options, now_ms):
        granted = block_option(options, coap.BLOCK1)
        if granted and self._continue_body(pending, message.code, granted, now_ms):
            return
        if message.code == coap.CONTINUE:
            raise DecodeError("nothing to continue")
        self._gather(pending, message, options, now_ms)

    def _continue_body(self, pending, code, granted, now_ms):
        """Send the next block of our body; False if `code` is the answer to the whole."""
        length = len(pending.request.payload)
        szx = min(pending.szx, granted.szx)
        if code == coap.REQUEST_ENTITY_TOO_LARGE:
            # A smaller size is a hint to try again with it (RFC 7959 2.9.3).
            if pending.offset or szx == pending.szx or length <= 16 << szx:
                return False
        elif coap.is_success(code) and pending.offset + (16 << pending.szx) < length:
            pending.offset += 16 << pending.szx
        else:
            return False
        pending.szx = szx
        self._send_body(pending, now_ms)
        return True

    def _gather(self, pending, message, options, now_ms):
        """Report the response, or put its block to the others and ask for the next."""
        response = decode_response(message, options)
        block = block_option(options, coap.BLOCK2)
        if block and coap.is_success(message.code):
            if pending.response is None:
                pending.response = response
                pending.gathering = Gathering(coap.option(options, coap.ETAG))
            gathering = pending.gathering
            is_same = gathering.key == coap.option(options, coap.ETAG)
            if not is_same or not gathering.append(block, message.payload):
                raise DecodeError("another body, or another block")
            if len(gathering.body) > self._body_length_max:
                self._fail(pending, "size")
                return
            if block.has_more:
                self._send_for_block(pending, min(block.szx, self._szx), now_ms)
                return
            response = pending.response
            response.payload = bytes(gathering.body)
        self._finish(pending, response, now_ms)

    def _finish(self, pending, response, now_ms):
        del self._pending[pending.handle]
        round_trip_ms = now_ms - pending.first_ms
        self._events.append(
            ResponseReceived(pending.handle, response, round_trip_ms, pending.retransmissions)
        )
