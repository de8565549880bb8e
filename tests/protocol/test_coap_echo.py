"""A request that is asked for its freshness (RFC 9175 2.3)."""

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_exchange import MessageLayer
from protocol.coap_message import Message, decode, encode
from protocol.coap_values import Request, Response, ResponseReceived
from tests.protocol.coap_network import PEER, Network, counting

FRESH = b"fresh"


def doubting(times=1):
    """Return a network whose server asks `times` times for freshness, and what it was asked."""
    network = Network()
    network.attach("client", Endpoint(counting()))
    network.attach("server", Endpoint(counting()))
    asked = []

    def serve(request):
        asked.append(request)
        if len(asked) <= times:
            return Response(coap.UNAUTHORIZED, options=((coap.ECHO, FRESH),))
        return Response(coap.CHANGED, b"done")

    network.serve["server"] = serve
    return network, asked


def ask(network, request):
    network.endpoints["client"].send_request(request, "server", 0)
    network.run(1000)
    assert len(network.events["client"]) == 1
    return network.events["client"][0]


def test_RFC9175_2_3_a_request_is_repeated_with_the_echo_and_the_user_sees_one_answer():
    network, asked = doubting()
    event = ask(network, Request(coap.POST, ("x",), ("a=b",), b"body", 0))
    assert isinstance(event, ResponseReceived) and event.response.payload == b"done"
    first, second = asked
    assert first.options == [] and second.options == [(coap.ECHO, FRESH)]
    assert (second.path, second.queries, second.payload) == (("x",), ("a=b",), b"body")


def test_a_server_that_is_never_content_is_told_once_more_only():
    network, asked = doubting(times=9)
    event = ask(network, Request(coap.GET, ("x",)))
    assert event.response.code == coap.UNAUTHORIZED and len(asked) == 2


def test_a_4_01_without_echo_is_an_answer():
    network, asked = doubting()
    network.serve["server"] = lambda request: Response(coap.UNAUTHORIZED)
    assert ask(network, Request(coap.GET, ("x",))).response.code == coap.UNAUTHORIZED


def test_a_body_in_blocks_begins_anew_with_the_echo():
    network, asked = doubting()
    body = bytes(range(256)) * 10
    event = ask(network, Request(coap.PUT, ("x",), (), body, 42))
    assert event.response.payload == b"done"
    assert asked[-1].payload == body


def test_what_is_forgotten_is_not_acknowledged_and_is_taken_again_when_it_comes_again():
    layer = MessageLayer(counting())
    datagram = encode(Message(coap.CON, coap.GET, 7, b"t"))
    for _ in range(2):
        layer.receive_datagram(datagram, PEER, 0)
        event = layer.next_event()
        assert event.message.mid == 7
        layer.forget(event.message, PEER)
        assert layer.next_timeout_ms() is None
    assert layer.datagrams_to_send() == []


def test_what_was_answered_cannot_be_forgotten():
    layer = MessageLayer(counting())
    datagram = encode(Message(coap.CON, coap.GET, 7, b"t"))
    layer.receive_datagram(datagram, PEER, 0)
    message = layer.next_event().message
    layer.send(Message(coap.ACK, coap.CONTENT, 7, b"t", [], b"x"), PEER, 0)
    layer.forget(message, PEER)
    layer.receive_datagram(datagram, PEER, 0)
    assert layer.next_event() is None
    first, again = layer.datagrams_to_send()
    assert first == again and decode(first[0]).payload == b"x"
