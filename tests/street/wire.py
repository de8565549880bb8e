"""A UDP socket that says what it likes to one peer, well formed or not."""

import contextlib
import random
import socket
import time

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from protocol.errors import DecodeError
from tests.protocol.block_cipher import aes
from tests.street.processes import LIMIT_S

QUIET_S = 0.05
# After a flood the kernel has no room for what comes next, until its receiver has caught up.
RETRANSMISSION_S = 3
TRANSMISSIONS_MAX = LIMIT_S // RETRANSMISSION_S


class Wire:
    """A socket, bound to `own_port` if one is given, towards `port` of the loopback interface.

    With `keys`, its Credentials, requests go protected, the first one under number `sequence`.
    """

    def __init__(self, port, own_port=0, keys=None, sequence=0):
        self._context = None if keys is None else oscore.SecurityContext(
            aes, keys.master_secret, keys.master_salt, keys.sender_id, keys.recipient_id)
        self._sequence = sequence
        self._asked = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", own_port))
        self._socket.connect(("127.0.0.1", port))
        self._mid = random.randrange(1 << 16)
        self.name = "127.0.0.1:%d" % self._socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def say(self, datagram):
        """Send bytes."""
        with contextlib.suppress(ConnectionRefusedError):
            self._socket.send(datagram)

    def hear(self, limit_s=LIMIT_S):
        """Return the next message that is one; of a protected answer to us what is in it."""
        self._socket.settimeout(limit_s)
        while True:
            with contextlib.suppress(DecodeError, ConnectionRefusedError):
                return self._opened(coap.decode(self._socket.recv(2000)))

    def _opened(self, message):
        option = coap.option(message.options, coap.OSCORE)
        if option is None or message.token not in self._asked:
            return message
        return oscore.unprotect_response(
            self._context, message, oscore_option.decode(option), self._asked[message.token])[0]

    def drain(self):
        """Throw away what comes until nothing comes for a moment."""
        self._socket.settimeout(QUIET_S)
        with contextlib.suppress(TimeoutError):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    self._socket.recv(2000)

    def request(self, code, path, payload=b"", content_format=None, options=()):
        """Return (the bytes of a confirmable request, its token); `path` may have queries."""
        self._mid = (self._mid + 1) % (1 << 16)
        token = self._mid.to_bytes(2, "big")
        path, _, queries = path.partition("?")
        given = [(coap.URI_PATH, part.encode()) for part in path.split("/") if part]
        given += [(coap.URI_QUERY, query.encode()) for query in queries.split("&") if query]
        if content_format is not None:
            given.append((coap.CONTENT_FORMAT, coap.encode_uint(content_format)))
        given = sorted([*given, *options], key=lambda option: option[0])
        message = coap.Message(coap.CON, code, self._mid, token, given, payload)
        return coap.encode(self._protected(message)), token

    def _protected(self, message):
        """Return a request as it goes out; what OSCORE cannot carry stands outside."""
        if self._context is None:
            return message
        outside = [each for each in message.options if each[0] == coap.PROXY_URI]
        message.options = [each for each in message.options if each[0] != coap.PROXY_URI]
        outer, self._asked[message.token] = oscore.protect_request(
            self._context, message, self._sequence)
        self._sequence += 1
        outer.options = sorted([*outer.options, *outside], key=lambda option: option[0])
        return outer

    def ask(self, code, path, payload=b"", content_format=None, options=()):
        """Return the code of the answer to a confirmable request, as "2.05"."""
        return self.answer(code, path, payload, content_format, options)[0]

    def answer(self, *arguments):
        """Return (code, payload) of the answer to a confirmable request."""
        datagram, token = self.request(*arguments)
        for _ in range(TRANSMISSIONS_MAX):
            self.say(datagram)
            with contextlib.suppress(TimeoutError):
                return self._response(token)
        raise TimeoutError("no answer")

    def _response(self, token):
        end_s = time.monotonic() + RETRANSMISSION_S
        while (left_s := end_s - time.monotonic()) > 0:
            message = self.hear(left_s)
            if message.token == token and not coap.is_request(message.code) and message.code:
                return f"{message.code >> 5}.{message.code & 31:02}", message.payload
        raise TimeoutError
