"""An hour of a node's virtual time: its compiled image in MicroPython, and the server it talks to.

The node is alone in its interpreter (`tests/micropython/hour.py`), so that a heap that is large
enough for the hour is large enough for the node. The server is played here: it registers the node,
sets its clock, observes, reads, discovers, writes, and acknowledges what the node sends.
"""

import random
import shutil
import subprocess
from pathlib import Path

from protocol import coap_message as coap
from protocol import credentials, lwm2m_content, senml
from protocol.coap_exchange import MessageLayer
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_security import SecurityLayer
from protocol.coap_values import (
    NotificationReceived,
    Request,
    RequestFailed,
    RequestReceived,
    Response,
    ResponseReceived,
)
from tests import debian
from tests.firmware.secure_street import ServerKeys
from tests.micropython import hour
from tests.micropython.process import InterpreterDied, LineProcess
from tools import board_images

HOUR_MS = 3_600_000
KEYS = credentials.decode(hour.CREDENTIALS)
UNIX_S = 1_800_000_000
PEER = "node"
STEP_MS = 300_000
READINGS_NEEDED = 3
SENML_CBOR, LINK_FORMAT, TEXT = 112, 40, 0
START = board_images.ROOT / "tests/micropython/hour.py"

# The object of each furniture, a resource of it to observe, and what an operator writes to it.
CONTROLS = {
    "lamp": (3416, 3, {1: 30, 51: UNIX_S + 7200}),
    "bin": (3435, 2, {4: 75}),
    "parking": (3431, 1, {5: "loop"}),
}


class HourFailed(Exception):
    """The node did not do its work; the message says what was missing."""


class Server:
    """The server's side of the hour: a core that also counts what it was told."""

    def __init__(self, furniture: str) -> None:
        self._object_id, self._observed_id, self._written = CONTROLS[furniture]
        rng = random.Random(1)
        layer = SecurityLayer(MessageLayer(rng.randbytes), ServerKeys(KEYS), rng.randbytes)
        self._endpoint = ObservingEndpoint(rng.randbytes, message_layer=layer)
        self._asked: dict[int, str] = {}
        self._next_step_ms: int | None = None
        self.registrations = self.readings = self.answers = self.notifications = 0
        self.failures: list[str] = []

    def receive(self, datagram: bytes, now_ms: int) -> None:
        self._endpoint.receive_datagram(datagram, PEER, now_ms)
        self._take_events(now_ms)

    def handle_timeout(self, now_ms: int) -> None:
        self._endpoint.handle_timeout(now_ms)
        self._take_events(now_ms)
        if self._next_step_ms is not None and now_ms >= self._next_step_ms:
            self._next_step_ms = now_ms + STEP_MS
            if not self._asked:
                self._begin(now_ms)
            self._control(now_ms)

    def next_timeout_ms(self) -> int:
        times = (self._endpoint.next_timeout_ms(), self._next_step_ms)
        return min((time for time in times if time is not None), default=HOUR_MS)

    def datagrams(self) -> list[bytes]:
        return [datagram for datagram, _ in self._endpoint.datagrams_to_send()]

    def is_content(self) -> bool:
        """Say whether the node did all of its work, and did it once."""
        return (not self.failures and self.registrations == 1 and self.notifications > 0
                and self.readings >= READINGS_NEEDED and self.answers == len(self._asked))

    def _take_events(self, now_ms: int) -> None:
        while event := self._endpoint.next_event():
            if isinstance(event, RequestReceived):
                response = self._respond(event.request, now_ms)
                self._endpoint.send_response(event.exchange, response, now_ms)
            elif isinstance(event, ResponseReceived):
                self._judge(event)
            elif isinstance(event, NotificationReceived):
                self.notifications += 1
            elif isinstance(event, RequestFailed):
                self.failures.append(f"{self._asked[event.handle]}: {event.reason}")

    def _respond(self, request: Request, now_ms: int) -> Response:
        if request.path == ("dp",):
            self.readings += len(senml.decode_cbor(request.payload))
        elif request.path == ("rd",):
            self.registrations += 1
            self._next_step_ms = now_ms + 1000
            return Response(coap.CREATED, location=("rd", "1"))
        return Response(coap.CHANGED)

    def _judge(self, event: ResponseReceived) -> None:
        self.answers += 1
        code = event.response.code
        if code not in (coap.CONTENT, coap.CHANGED):
            self.failures.append(f"{self._asked[event.handle]}: {code >> 5}.{code & 31:02}")

    def _begin(self, now_ms: int) -> None:
        clock = str(UNIX_S + now_ms // 1000).encode()
        self._send(now_ms, coap.PUT, "3/0/13", payload=clock, content_format=TEXT)
        observed = f"{self._object_id}/0/{self._observed_id}"
        self._send(now_ms, coap.GET, observed, observe=0, accept=SENML_CBOR)

    def _control(self, now_ms: int) -> None:
        base = (self._object_id, 0)
        leaves = [((*base, number), value) for number, value in self._written.items()]
        payload = lwm2m_content.encode(SENML_CBOR, base, leaves)
        self._send(now_ms, coap.POST, f"{self._object_id}/0", payload=payload,
                   content_format=SENML_CBOR)
        self._send(now_ms, coap.GET, "3", accept=SENML_CBOR)
        self._send(now_ms, coap.GET, f"{self._object_id}", accept=SENML_CBOR)
        self._send(now_ms, coap.GET, f"{self._object_id}", accept=LINK_FORMAT)

    def _send(self, now_ms: int, code: int, path: str, **fields) -> None:
        request = Request(code, tuple(path.split("/")), **fields)
        self._asked[self._endpoint.send_request(request, PEER, now_ms)] = f"{code} /{path}"


def build_image(furniture: str, folder: Path) -> board_images.Image:
    """Compile the node with `furniture` into `folder`."""
    return board_images.build_image(furniture, START, folder, [furniture])


def command(image: Path, furniture: str, heap: int) -> list[str]:
    # Without address randomisation the figure is the same in every run, where that is permitted.
    probe = subprocess.run(["setarch", "-R", "true"], capture_output=True)
    prefix = ["setarch", "-R"] if shutil.which("setarch") and probe.returncode == 0 else []
    return [*prefix, debian.program("micropython-i386"), "-X", f"heapsize={heap}",
            "-m", "tests.micropython.hour", furniture]


def run(image: Path, furniture: str, heap: int) -> Server:
    """Let the node of `image` live for an hour in `heap` bytes; return what its server saw.

    Raises InterpreterDied if the heap is too small, HourFailed if the node's work is not done.
    """
    process = LineProcess(command(image, furniture, heap), image, ".frozen")
    server = Server(furniture)
    try:
        play(process, server)
    finally:
        process.close()
    if not server.is_content():
        raise HourFailed(f"{furniture}: {server.registrations} registrations, {server.readings}"
                         f" readings, {server.notifications} notifications, {server.answers}"
                         f" answers, failed: {server.failures}")
    return server


def play(node, server: Server) -> None:
    """Let an hour pass between `server` and `node`, a LineProcess or what is asked like one."""
    now_ms = 0
    datagrams: list[bytes] = []
    node_ms = 0
    while now_ms < HOUR_MS:
        lines = [f"{now_ms} {datagram.hex()}" for datagram in datagrams]
        if node_ms <= now_ms:
            lines.append(str(now_ms))
        for line in lines:
            words = node.ask(line).split()
            node_ms = HOUR_MS if words[0] == "None" else int(words[0])
            for word in words[1:]:
                server.receive(bytes.fromhex(word), now_ms)
        server.handle_timeout(now_ms)
        datagrams = server.datagrams()
        if not datagrams:
            now_ms = max(now_ms + 1, min(node_ms, server.next_timeout_ms()))


def fits(image: Path, furniture: str, heap: int) -> bool:
    """Say whether `heap` bytes are enough."""
    try:
        run(image, furniture, heap)
    except (InterpreterDied, HourFailed):
        return False
    return True
