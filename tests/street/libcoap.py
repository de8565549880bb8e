"""libcoap's `coap-client`, and the server's place in front of a node that it can take."""

import os
import signal
import socket
import subprocess
import time

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_values import Request, RequestReceived, Response, ResponseReceived
from tests import debian
from tests.ports import LOOPBACK, free_port
from tests.street.processes import LIMIT_S, until

# A run of coap-client begins with a random message id; one that its peer has heard from another
# run within the last minutes (RFC 7252 4.2) is answered with that run's answer.
ATTEMPTS_MAX = 3
ANSWER_S = 10


class CoapClient:
    """Runs coap-client against `port` of the loopback interface, from `own_port` if one is given.

    Each call returns (payload, messages): the bytes of the body, and what the program shows of
    the messages and their options.
    """

    def __init__(self, folder, port, own_port=None):
        self._program = debian.program("coap-client")
        self._folder = folder
        self._port = port
        self._from = [] if own_port is None else ["-p", str(own_port)]
        folder.mkdir(exist_ok=True)
        self._body = folder / "body"

    def get(self, path, *options):
        """Return the answer to a GET; `options` are the program's."""
        return self.ask("get", path, *options)

    def put(self, path, content_format, body, *options):
        """Return the answer to a PUT."""
        return self.ask("put", path, "-t", str(content_format), "-f", self._file(body), *options)

    def ask(self, method, path, *options):
        """Return the answer to any method."""
        for _ in range(ATTEMPTS_MAX):
            self._body.unlink(missing_ok=True)
            command = self._command(path, "-m", method, "-B", str(ANSWER_S), *options)
            done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
            said = (done.stdout + done.stderr).decode(errors="replace")
            if any(f" {digit}." in said for digit in "245"):
                break
        return self._body.read_bytes() if self._body.exists() else b"", said

    def send(self, method, path, content_format, body, *options):
        """Return the answer to a method with a body."""
        return self.ask(method, path, "-t", str(content_format), "-f", self._file(body), *options)

    def observe(self, path, *options):
        """Begin to observe; returns a function that gives what was notified so far, and one
        that ends the observation."""
        self._body.unlink(missing_ok=True)
        process = subprocess.Popen(
            self._command(path, "-s", str(LIMIT_S), "-w", *options),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def seen():
            return self._body.read_bytes() if self._body.exists() else b""

        def end():
            process.send_signal(signal.SIGINT)
            try:
                process.wait(LIMIT_S)
            finally:
                process.kill()

        return seen, end

    def _command(self, path, *options):
        uri = f"coap://127.0.0.1:{self._port}/{path}"
        return [self._program, *self._from, "-v", "7", "-o", self._body, *options, uri]

    def _file(self, body):
        path = self._folder / "request"
        path.write_bytes(body)
        return path


class Reception:
    """A server's port that takes a node in and mutes it.

    After `take` the port is free for another program, which the node takes for its server.
    """

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, free_port()))
        self._socket.settimeout(0.05)
        self._endpoint = Endpoint(os.urandom)
        self._muted_port = None
        self.port = self._socket.getsockname()[1]

    def take(self, node):
        """Return the port of the process `node`, once it is registered and muted (1/0/23)."""
        until(self._turn, node.said)
        self._socket.close()
        return self._muted_port

    def _turn(self):
        """Serve what has come; return the node's port once it is muted."""
        now_ms = int(time.monotonic() * 1000)
        try:
            datagram, peer = self._socket.recvfrom(2000)
            self._endpoint.receive_datagram(datagram, peer, now_ms)
        except TimeoutError:
            self._endpoint.handle_timeout(now_ms)
        while event := self._endpoint.next_event():
            if isinstance(event, RequestReceived):
                self._answer(event, now_ms)
            elif isinstance(event, ResponseReceived):
                self._muted_port = self._peer[1]
        for datagram, peer in self._endpoint.datagrams_to_send():
            self._socket.sendto(datagram, peer)
        return self._muted_port

    def _answer(self, event, now_ms):
        response = Response(coap.CHANGED)
        if event.request.path == ("rd",):
            response = Response(coap.CREATED, location=("rd", "1"))
            self._peer = event.peer
            mute = Request(coap.PUT, ("1", "0", "23"), payload=b"1", content_format=0)
            self._endpoint.send_request(mute, event.peer, now_ms)
        self._endpoint.send_response(event.exchange, response, now_ms)
