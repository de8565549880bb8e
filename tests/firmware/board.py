"""A board in memory, and a node on it that talks to a scripted server: for portable tests."""

from firmware.node import Node
from protocol import coap_message as coap
from protocol import lwm2m_content, object_table, senml
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_values import (
    NotificationReceived,
    Request,
    RequestReceived,
    Response,
    ResponseReceived,
)
from protocol.settings import Settings
from tests.portable import seeded_bytes
from tests.protocol.block_cipher import aes

SERVER = ("gateway.example", 5683)
NODE = ("node.example", 40000)
STEPS_MAX = 1000


class Randomness:
    """Unpredictable enough, and the same in every run."""

    def __init__(self, seed):
        self._seed = seed

    def __call__(self, count):
        self._seed += 1
        return seeded_bytes(self._seed * 2654435761, count)


class MemoryStore:
    """A durable store that outlives its board."""

    def __init__(self):
        self.entries = {}
        self.writes = []

    def read(self, key):
        return self.entries.get(key)

    def write(self, key, data):
        assert len(data) <= 4096
        self.entries[key] = bytes(data)
        self.writes.append(key)

    def append(self, key, data):
        self.entries[key] = self.entries.get(key, b"") + data
        self.writes.append(key)

    def keys(self, prefix):
        return [key for key in self.entries if key.startswith(prefix)]

    def remove(self, key):
        self.entries.pop(key, None)


class Radio:
    """An Ethernet port."""

    bearer = 41

    def __init__(self):
        self.addresses = ("192.0.2.7",)

    def rssi_dbm(self):
        return None

    def link_quality(self):
        return None

    def ip_addresses(self):
        return self.addresses

    def router_addresses(self):
        return ("192.0.2.1",)


class Dimmer:
    """Remembers its level."""

    def __init__(self):
        self.permille = 1000

    def set_level(self, permille):
        self.permille = permille


class Battery:
    """A cell whose voltage a test sets."""

    def __init__(self):
        self.voltage_mv = 3600

    def read_mv(self):
        return self.voltage_mv


class Rangefinder:
    """Looks into a bin that is half full."""

    def __init__(self):
        self.distance_mm = 600

    def measure_mm(self):
        return self.distance_mm


class Board:
    """A lamp's board with a dimmer alone, or a bin's with battery and rangefinder."""

    name = "TEST"
    model = "Test board"
    hardware_version = "1"
    mac = bytes((0x24, 0x6F, 0x28, 1, 2, 3))
    reset_cause = "power"
    meter = photocell = motion = rangefinder = accelerometer = thermometer = None
    loops = ()
    battery = None
    dimmer = None
    journal_segments = 64
    journal_writes_per_hour = 3600
    journal_writes_burst = 60
    energy_save_interval_s = 60

    def __init__(self, furniture="lamp", store=None, seed=1):
        self.furniture = furniture
        self.store = store or MemoryStore()
        self.random_bytes = Randomness(seed)
        self.aes = aes
        self.radio = Radio()
        self.resets = 0
        if furniture == "lamp":
            self.dimmer = Dimmer()
        else:
            self.battery = Battery()
            self.rangefinder = Rangefinder()

    def reset(self):
        self.resets += 1


class Street:
    """A node and a server on a lossless link, in a time of their own (`now_ms`).

    The server answers a Register with 2.01, an Update or a Send with 2.04, a De-register with
    2.02, unless `answers` {"register", "update", "send" or "deregister": response code or None}
    says otherwise: None is no answer. Lists collect what passes: `requests` of the node,
    `records` of its Sends, `notifications`, `events` of the node.
    """

    def __init__(self, board=None, is_registered=True, **settings):
        values = {"server_uri": "coap://gateway.example:5683", "registration_spread_s": 0,
                  "security": "none"}
        values.update(settings)
        self.board = board or Board()
        self.settings = Settings(**values)
        self.now_ms = 0
        self.node = Node(self.board, self.settings)
        self.server = self.new_server()
        self.answers = {}
        self.is_down = False
        self.requests = []
        self.records = []
        self.notifications = []
        self.events = []
        self._responses = {}
        self._registrations = 0
        if is_registered:
            self.node.start(0)
            self.settle()
            assert self.names()[0] == "register"
            del self.requests[:]
            del self.records[:]

    def new_server(self):
        """Return the server's endpoint."""
        return ObservingEndpoint(Randomness(99))

    def names(self):
        """Return what kinds of requests the server got."""
        return [_name(request) for request in self.requests]

    def settle(self):
        """Carry datagrams until there are none, at the present moment."""
        for _ in range(STEPS_MAX):
            datagrams = self.node.datagrams_to_send()
            answers = self.server.datagrams_to_send()
            for datagram, peer in datagrams:
                assert peer == SERVER
                if not self.is_down:
                    self.server.receive_datagram(datagram, NODE, self.now_ms)
            for datagram, _ in answers:
                if not self.is_down:
                    self.node.receive_datagram(datagram, SERVER, self.now_ms)
            self._take_events()
            if not datagrams and not answers:
                return
        raise AssertionError("endless talk")

    def advance(self, duration_ms):
        """Let time pass."""
        end_ms = self.now_ms + duration_ms
        self.settle()
        steps_at_once = 0
        while True:
            times = [self.node.next_timeout_ms(), self.server.next_timeout_ms()]
            times = [max(time, self.now_ms) for time in times if time is not None]
            if not times or min(times) > end_ms:
                break
            steps_at_once = steps_at_once + 1 if min(times) == self.now_ms else 0
            assert steps_at_once < 20, "a node that never rests"
            self.now_ms = min(times)
            self.node.handle_timeout(self.now_ms)
            self.server.handle_timeout(self.now_ms)
            self.settle()
        self.now_ms = end_ms
        self.settle()

    def request(self, code, path, payload=b"", **options):
        """Ask the node and return its Response; `path` is text such as "3/0/1"."""
        return self.observe(code, path, payload, **options)[1]

    def observe(self, code, path, payload=b"", **options):
        """Ask the node and return (handle, Response)."""
        queries = options.pop("queries", ())
        segments = tuple(path.split("/")) if path else ()
        request = Request(code, segments, queries, payload, **options)
        handle = self.server.send_request(request, NODE, self.now_ms)
        self.settle()
        return handle, self._responses.pop(handle)

    def read(self, path, accept=None):
        """Return the leaves at `path`."""
        response = self.request(coap.GET, path, accept=accept)
        assert response.code == coap.CONTENT, code_text(response.code)
        base = tuple([int(number) for number in path.split("/")])
        return lwm2m_content.decode(
            response.content_format, base, response.payload, object_table.type_of)

    def write(self, path, text):
        """Write one resource as text and return the response code's text."""
        response = self.request(coap.PUT, path, text.encode(), content_format=0)
        return code_text(response.code)

    def _take_events(self):
        event = self.node.next_event()
        while event:
            self.events.append(event)
            event = self.node.next_event()
        event = self.server.next_event()
        while event:
            if isinstance(event, RequestReceived):
                self._answer(event)
            elif isinstance(event, ResponseReceived):
                self._responses[event.handle] = event.response
            elif isinstance(event, NotificationReceived):
                self.notifications.append(event)
            event = self.server.next_event()

    def _answer(self, event):
        name = _name(event.request)
        self.requests.append(event.request)
        if name == "register":
            self._registrations += 1
        codes = {"register": coap.CREATED, "deregister": coap.DELETED}
        code = self.answers.get(name, codes.get(name, coap.CHANGED))
        if code is None:
            return
        if name == "send" and code == coap.CHANGED:
            self.records.extend(senml.decode_cbor(event.request.payload))
        location = ("rd", str(self._registrations)) if code == coap.CREATED else ()
        self.server.send_response(event.exchange, Response(code, location=location), self.now_ms)


def _name(request):
    if request.path == ("dp",):
        return "send"
    if request.code == coap.DELETE:
        return "deregister"
    return "register" if request.path == ("rd",) else "update"


def code_text(code):
    """Return a response code as the standards write it: "2.05"."""
    return "%d.%02d" % (code >> 5, code & 31)
