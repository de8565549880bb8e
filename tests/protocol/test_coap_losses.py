"""Two endpoints over a network that loses, doubles and reorders, and the seam for security."""

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_exchange import MessageLayer, MessageReceived
from protocol.coap_message import decode
from protocol.coap_parameters import TransmissionParameters
from protocol.coap_values import (
    Request,
    RequestFailed,
    RequestReceived,
    Response,
    ResponseReceived,
)
from tests.portable import seeded_bytes
from tests.protocol.coap_network import Network, SeededRandom


def bad_street(seed, loss_percent):
    network = Network(seed, loss_percent, 10, 10, 3000)
    for name in ("client", "server"):
        network.attach(name, Endpoint(SeededRandom(seed).random_bytes, None, 64))
    return network


def test_every_request_ends_with_one_response_or_one_failure():
    for seed in range(12):
        network = bad_street(seed, 25)
        network.serve["server"] = lambda request: Response(coap.CHANGED, request.payload)
        handles = []
        for number in range(8):
            handles.append(network.endpoints["client"].send_request(
                Request(coap.POST, ("x",), (), bytes((number,))), "server", network.now_ms))
        network.run(2000000)
        ends = [event.handle for event in network.events["client"]]
        assert sorted(ends) == handles, seed


def test_answers_belong_to_their_requests():
    network = bad_street(3, 20)
    network.serve["server"] = lambda request: Response(coap.CHANGED, request.payload)
    for number in range(1, 9):
        network.endpoints["client"].send_request(
            Request(coap.POST, ("x",), (), bytes((number,))), "server", 0)
    network.run(2000000)
    for event in network.events["client"]:
        if isinstance(event, ResponseReceived):
            assert event.response.payload == bytes((event.handle,))


def test_request_that_changes_something_is_served_once_however_often_it_arrives():
    for seed in range(8):
        network = Network(seed, 10, 60, 10, 5000)
        network.attach("client", Endpoint(SeededRandom(seed).random_bytes))
        network.attach("server", Endpoint(SeededRandom(seed + 99).random_bytes))
        network.serve["server"] = lambda request: Response(coap.CHANGED)
        for number in range(10):
            network.endpoints["client"].send_request(
                Request(coap.POST, ("x",), (), bytes((number,))), "server", network.now_ms)
        network.run(1000000)
        served = [event.request.payload for event in network.events["server"]]
        assert len(served) == len(set(served)), seed


def test_long_bodies_arrive_whole_or_not_at_all():
    body = seeded_bytes(1, 900)
    arrived = 0
    for seed in range(12):
        network = bad_street(seed, 10)
        network.serve["server"] = lambda request: Response(coap.CONTENT, request.payload)
        network.endpoints["client"].send_request(
            Request(coap.POST, ("x",), (), body), "server", 0)
        network.run(5000000)
        event = network.events["client"][0]
        if isinstance(event, ResponseReceived) and event.response.code == coap.CONTENT:
            assert event.response.payload == body
            arrived += 1
        for event in network.events["server"]:
            assert event.request.payload == body
    assert arrived > 6


def test_slow_server_answers_over_a_bad_network():
    network = bad_street(11, 20)
    for number in range(4):
        network.endpoints["client"].send_request(
            Request(coap.GET, ("%d" % number,)), "server", 0)
    for step in range(200):
        network.run(step * 1000)
        for event in network.events["server"]:
            network.endpoints["server"].send_response(
                event.exchange, Response(coap.CONTENT, event.request.path[0].encode()),
                network.now_ms)
        network.events["server"] = []
    network.run(1000000)
    assert len(network.events["client"]) == 4
    for event in network.events["client"]:
        if isinstance(event, ResponseReceived):
            assert event.response.payload == b"%d" % (event.handle - 1)
        else:
            assert isinstance(event, RequestFailed)


def test_same_seed_gives_the_same_datagrams():
    logs = []
    for _ in range(2):
        network = bad_street(5, 20)
        network.serve["server"] = lambda request: Response(coap.CONTENT, bytes(300))
        for number in range(4):
            network.endpoints["client"].send_request(
                Request(coap.GET, ("%d" % number,)), "server", 0)
        network.run(1000000)
        logs.append(network.log)
    assert logs[0] == logs[1] and len(logs[0]) > 20


class CipherLayer:
    """What a security layer looks like: a message layer around another, here with a mask."""

    def __init__(self, layer):
        self._layer = layer
        self.counters = layer.counters
        self.count = layer.count
        self.acknowledge = layer.acknowledge
        self.reset = layer.reset
        self.cancel = layer.cancel
        self.receive_datagram = layer.receive_datagram
        self.handle_timeout = layer.handle_timeout
        self.next_timeout_ms = layer.next_timeout_ms
        self.datagrams_to_send = layer.datagrams_to_send

    def send(self, message, peer, now_ms):
        message.options, message.payload = (), coap_mask(message.options, message.payload)
        return self._layer.send(message, peer, now_ms)

    def next_event(self):
        event = self._layer.next_event()
        if isinstance(event, MessageReceived):
            message = event.message
            message.options, message.payload = coap_unmask(message.payload)
        return event


def coap_mask(options, payload):
    data = bytearray()
    coap.encode_options(data, options, payload)
    return bytes([byte ^ 0x55 for byte in data])


def coap_unmask(data):
    return coap.decode_options(bytes([byte ^ 0x55 for byte in data]), 0)


def test_security_layer_may_stand_between_endpoint_and_messages():
    network = Network(2, 10, 10, 10, 500)
    for seed, name in enumerate(("client", "server")):
        parameters = TransmissionParameters()
        random_bytes = SeededRandom(seed).random_bytes
        layer = CipherLayer(MessageLayer(random_bytes, parameters))
        network.attach(name, Endpoint(random_bytes, parameters, 64, 4096, layer))
    body = seeded_bytes(9, 500)
    network.serve["server"] = lambda request: Response(coap.CONTENT, request.payload + body)
    network.endpoints["client"].send_request(
        Request(coap.POST, ("secret",), (), body), "server", 0)
    network.run(1000000)
    assert network.events["client"][0].response.payload == body + body
    assert isinstance(network.events["server"][0], RequestReceived)
    assert not [1 for _, _, _, datagram in network.log if b"secret" in datagram]
    assert not [1 for _, _, _, datagram in network.log if decode(datagram).options]
