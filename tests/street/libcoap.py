"""libcoap's `coap-client`, and the server's place in front of a node that it can take."""

import os
import signal
import socket
import subprocess
import time

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_exchange import MessageLayer
from protocol.coap_security import SecurityLayer
from protocol.coap_values import Request, RequestReceived, Response, ResponseReceived
from tests import debian
from tests.firmware.secure_street import ServerKeys
from tests.ports import LOOPBACK, free_port
from tests.street.processes import LIMIT_S, until

# A run of coap-client begins with a random message id; one that its peer has heard from another
# run within the last minutes (RFC 7252 4.2) is answered with that run's answer.
ATTEMPTS_MAX = 3
ANSWER_S = 10


class CoapClient:
    """Runs coap-client against `port` of the loopback interface, from `own_port` if one is given.

    With `keys`, its Credentials, it speaks OSCORE; what number comes next it keeps in a file.
    Each call returns (payload, messages): the bytes of the body, and what the program shows of
    the messages inside and their options.
    """

    def __init__(self, folder, port, own_port=None, keys=None):
        self._program = debian.program("coap-client")
        self._folder = folder
        self._port = port
        self._from = [] if own_port is None else ["-p", str(own_port)]
        folder.mkdir(exist_ok=True)
        self._body = folder / "body"
        self._sequence = folder / "sequence"
        if keys is not None:
            context = folder / "oscore.conf"
            context.touch(0o600)
            context.write_text(configuration(keys))
            self._from += ["-E", f"{context},{self._sequence}"]

    @property
    def sequence(self):
        """The number that the next request will have."""
        return int(self._sequence.read_text())

    @sequence.setter
    def sequence(self, number):
        self._sequence.write_text(f"{number}\n")

    def get(self, path, *options, attempts=ATTEMPTS_MAX):
        """Return the answer to a GET; `options` are the program's."""
        return self.ask("get", path, *options, attempts=attempts)

    def put(self, path, content_format, body, *options):
        """Return the answer to a PUT."""
        return self.ask("put", path, "-t", str(content_format), "-f", self._file(body), *options)

    def ask(self, method, path, *options, attempts=ATTEMPTS_MAX):
        """Return the answer to any method."""
        for _ in range(attempts):
            self._body.unlink(missing_ok=True)
            command = self._command(path, "-m", method, "-B", str(ANSWER_S), *options)
            done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
            said = inside((done.stdout + done.stderr).decode(errors="replace"))
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


def configuration(keys):
    """Return libcoap's form of Credentials (coap-oscore-conf(5))."""
    texts = {"master_secret": keys.master_secret, "master_salt": keys.master_salt,
             "sender_id": keys.sender_id, "recipient_id": keys.recipient_id}
    lines = [f'{name},hex,"{value.hex()}"\n' for name, value in texts.items()]
    # AES-CCM-16-64-128 and HKDF SHA-256 by their numbers in COSE.
    return "".join(lines) + "replay_window,integer,32\naead_alg,integer,10\nhkdf_alg,integer,-10\n"


def inside(said):
    """Return what the program shows without the protected messages, whose codes say nothing."""
    lines = said.split("\n")
    return "\n".join(line for line in lines if "Oscore:" not in line)


class Reception:
    """A server's port that takes a node in; with the node's `keys` by OSCORE.

    After `take` the port is free for another program, which the node takes for its server. With
    `is_muting` the node has been told to send nothing (1/0/23), and it remembers that.
    """

    def __init__(self, keys=None, port=None, is_muting=True):
        self._is_muting = is_muting
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, port or free_port()))
        self._socket.settimeout(0.05)
        layer = None if keys is None else SecurityLayer(
            MessageLayer(os.urandom), ServerKeys(keys), os.urandom)
        self._endpoint = Endpoint(os.urandom, message_layer=layer)
        self._taken_port = None
        self.port = self._socket.getsockname()[1]

    def take(self, node):
        """Return the port of the process `node`, once it is registered and, if so, muted."""
        until(self._turn, node.said)
        self._socket.close()
        return self._taken_port

    def _turn(self):
        """Serve what has come; return the node's port once it is taken in."""
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
                self._taken_port = self._peer[1]
        for datagram, peer in self._endpoint.datagrams_to_send():
            self._socket.sendto(datagram, peer)
        return self._taken_port

    def _answer(self, event, now_ms):
        response = Response(coap.CHANGED)
        if event.request.path == ("rd",):
            response = Response(coap.CREATED, location=("rd", "1"))
            self._peer = event.peer
            if self._is_muting:
                mute = Request(coap.PUT, ("1", "0", "23"), payload=b"1", content_format=0)
                self._endpoint.send_request(mute, event.peer, now_ms)
            else:
                self._taken_port = event.peer[1]
        self._endpoint.send_response(event.exchange, response, now_ms)
