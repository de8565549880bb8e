"""Protected messages with anything wrong with them, at a node: no forgery, no exception, no
growth, and nothing damaged keeps a good message out."""

import gc
import sys
from collections import deque
from random import Random

from protocol import coap_message as coap
from protocol import coap_security, oscore
from protocol.coap_exchange import RECEPTIONS_MAX
from protocol.coap_message import Message
from protocol.coap_values import RequestReceived, ResponseReceived
from tests.firmware.board import NODE, SERVER
from tests.firmware.secure_street import SecureStreet
from tests.full_size import is_full_size
from tests.protocol.oscore_fuzz import mutated

MESSAGES = 200_000 if is_full_size() else 6_000
STEP_MS = 200
REPORT_EVERY = 10
GROWTH_MAX = 1.02
COUNTERS_MAX = 40
RECORDED_MAX = 200
MANUFACTURER = [((3, 0, 0), "Faubourg")]
PATHS = ((b"3", b"0", b"0"), (b"3416", b"0", b"4"), (b"42802", b"0", b"0"), (b"0", b"0"))


class Fuzzed:
    """The node of a street, and what it takes for authentic."""

    def __init__(self, street):
        self.street = street
        self.node, self.keys = self.street.node, self.street.server_keys
        self._heard = []
        self._next_event = self.node.endpoint.next_event
        self.node.endpoint.next_event = self._noting_event

    def _noting_event(self):
        event = self._next_event()
        if isinstance(event, RequestReceived):
            request = event.request
            self._heard.append((request.code, request.path, request.payload))
        elif isinstance(event, ResponseReceived):
            self._heard.append(event.response.code)
        return event

    def hear(self, *datagrams):
        """Give datagrams to the node; return what it took for authentic."""
        self._heard.clear()
        for datagram in datagrams:
            self.node.receive_datagram(datagram, SERVER, self.street.now_ms)
            while self.node.next_event():
                pass
        return list(self._heard)

    def request(self, random, number):
        """Return (datagram, what it asks) of a request that the server has not made before."""
        code = random.choice((coap.GET, coap.PUT, coap.POST, coap.DELETE, coap.FETCH))
        path = random.choice(PATHS)
        options = [(coap.URI_PATH, each) for each in path] + [(coap.CONTENT_FORMAT, b"")]
        if code in (coap.GET, coap.FETCH) and random.random() < 0.2:
            # The begin of an observation, or the end of one that there is not: outer FETCH.
            options.insert(0, (coap.OBSERVE, random.choice((b"", b"\x01"))))
        payload = random.randbytes(random.randrange(40))
        inner = Message(random.choice((coap.CON, coap.NON)), code, number & 0xFFFF,
                        number.to_bytes(4, "big"), options, payload)
        held = self.keys.sending()
        outer, _ = oscore.protect_request(
            held.context, inner, self.keys.take_sequence(held))
        return coap.encode(outer), (code, tuple(each.decode() for each in path), payload)

    def answers(self, number):
        """Let the node report; return the datagrams that answer what it says."""
        self.node.reporting.report((3416, 0, 5), number % 1000)
        self.node.handle_timeout(self.street.now_ms)
        for datagram, _ in self.node.datagrams_to_send():
            self.street.server.receive_datagram(datagram, NODE, self.street.now_ms)
        self.street._take_events()
        return [datagram for datagram, _ in self.street.server.datagrams_to_send()]

    def settle(self):
        """Carry what is left to say, and forget what the street has collected."""
        self.street.settle()
        for collected in (self.street.wire, self.street.requests, self.street.records,
                          self.street.events, self.street.notifications,
                          self.street.board.store.writes):
            collected.clear()

    def table_lengths(self):
        layer = self.node.endpoint._layer
        return {"asked": len(layer._asked), "received": len(layer._received),
                "observed": len(layer._observed), "receptions": len(layer._layer._receptions),
                "counters": len(self.node.counters)}


def new_street():
    """A street whose node has seen the server's Echo."""
    street = SecureStreet(lifetime_s=86400, report_interval_s=86400)
    assert street.read("3/0/0") == MANUFACTURER
    return street


BOUNDS = {"asked": coap_security.ASKED_MAX, "received": coap_security.RECEIVED_MAX,
          "observed": coap_security.OBSERVED_MAX, "receptions": RECEPTIONS_MAX,
          "counters": COUNTERS_MAX}


def test_node_takes_nothing_that_was_not_sent_and_all_that_was():
    random, fuzzed, blocks, kept_out = Random(1), Fuzzed(new_street()), [], 0
    recorded = deque(maxlen=RECORDED_MAX)
    current = fuzzed.node.keys.current
    for number in range(MESSAGES):
        fuzzed.street.now_ms += STEP_MS
        datagram, asked = fuzzed.request(random, number)
        heard = fuzzed.hear(mutated(datagram, number), datagram)
        assert heard in ([], [asked]), f"message {number}: {heard} for {asked}"
        kept_out += not heard
        recorded.append(datagram)
        again = random.choice(recorded)
        assert fuzzed.hear(mutated(again, number), again) == [], f"message {number}: {again}"
        fuzzed.node.datagrams_to_send()
        if number % REPORT_EVERY == 0:
            for answer in fuzzed.answers(number):
                heard = fuzzed.hear(mutated(answer, number), answer)
                assert heard in ([], [coap.CHANGED], [coap.CREATED]), f"message {number}: {heard}"
                recorded.append(answer)
            fuzzed.settle()
        if number in (MESSAGES // 2, MESSAGES - 1):
            gc.collect()
            blocks.append(sys.getallocatedblocks())
            lengths = fuzzed.table_lengths()
            assert all(lengths[name] <= most for name, most in BOUNDS.items()), lengths
    # The original is a replay where the damage added what nobody protects, say a Proxy-Uri.
    assert kept_out < MESSAGES / 100
    assert fuzzed.node.keys.current is current and fuzzed.node.keys.trial is None
    assert blocks[1] < GROWTH_MAX * blocks[0], "it grows"
    assert fuzzed.street.read("3/0/0") == MANUFACTURER


def test_node_that_was_just_reset_takes_nothing_recorded_however_it_is_changed():
    random, street = Random(2), new_street()
    fuzzed = Fuzzed(street)
    recorded = [fuzzed.request(random, number)[0] for number in range(50)]
    assert all(fuzzed.hear(datagram) for datagram in recorded)
    street.reboot()
    fuzzed = Fuzzed(street)
    began_ms = street.now_ms
    for number in range(MESSAGES // 10):
        street.now_ms += STEP_MS
        datagram = random.choice(recorded)
        assert fuzzed.hear(mutated(datagram, number), datagram) == []
        fuzzed.node.datagrams_to_send()
    # Each challenge costs the node a number.
    seconds = (street.now_ms - began_ms) // coap_security.CHALLENGE_INTERVAL_MS
    assert 0 < street.count("security: challenges") <= seconds + 1
    assert not street.node.keys.current.window.is_initialised
