"""Requests and responses between two endpoints."""

from protocol import coap_client, coap_server
from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_exchange import MessageLayer
from protocol.coap_message import Message, decode
from protocol.coap_values import (
    Request,
    RequestFailed,
    RequestReceived,
    Response,
    ResponseReceived,
)
from tests.protocol.coap_network import PEER, Network, counting, receive, sent


def street():
    network = Network()
    network.attach("client", Endpoint(counting()))
    network.attach("server", Endpoint(counting()))
    return network


def get(options=(), mid=7, type=coap.CON, code=coap.GET):
    return Message(type, code, mid, b"t", list(options))


def asking():
    """Return an endpoint that has sent a request, and that message."""
    client = Endpoint(counting())
    client.send_request(Request(coap.GET, ("x",)), PEER, 0)
    return client, sent(client)[0]


def test_request_and_response_cross_with_all_their_fields():
    network = street()
    network.serve["server"] = lambda request: Response(
        coap.CREATED, b"body", 60, None, ("rd", "5"), 30, [(coap.LOCATION_QUERY, b"a=b")])
    handle = network.endpoints["client"].send_request(
        Request(coap.POST, ("rd", ""), ("ep=x", "b=U"), b"</1/0>", 40, 60, None, True,
                [(coap.ECHO, b"fresh")]), "server", 0)
    network.run(100)
    event = network.events["server"][0]
    request = event.request
    assert event.peer == "client"
    assert (request.code, request.path, request.queries) == (2, ("rd", ""), ("ep=x", "b=U"))
    assert (request.payload, request.content_format, request.accept) == (b"</1/0>", 40, 60)
    assert request.is_confirmable and request.options == [(coap.ECHO, b"fresh")]
    event = network.events["client"][0]
    response = event.response
    assert isinstance(event, ResponseReceived) and event.handle == handle
    assert (response.code, response.payload, response.content_format) == (65, b"body", 60)
    assert (response.location, response.max_age_s) == (("rd", "5"), 30)
    assert response.options == [(coap.LOCATION_QUERY, b"a=b")]


def test_round_trip_and_retransmissions_are_told():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    network.drop = lambda source, datagram: network.now_ms < 1000
    network.endpoints["client"].send_request(Request(coap.POST, ("dp",)), "server", 0)
    network.run(10000)
    event = network.events["client"][0]
    assert event.retransmissions == 1
    assert 2020 <= event.round_trip_ms <= 3020


def test_late_response_comes_separately_and_is_acknowledged():
    network = street()
    network.endpoints["client"].send_request(Request(coap.GET, ("x",)), "server", 0)
    network.run(5000)
    exchange = network.events["server"][0].exchange
    network.endpoints["server"].send_response(exchange, Response(coap.CONTENT, b"late"), 5000)
    network.run(5100)
    event = network.events["client"][0]
    assert event.response.payload == b"late"
    assert event.round_trip_ms == 5010
    kinds = [(name, decode(datagram).type) for _, name, _, datagram in network.log]
    assert kinds == [("client", coap.CON), ("server", coap.ACK), ("server", coap.CON),
                     ("client", coap.ACK)]


def test_separate_response_may_overtake_the_acknowledgement():
    client, request = asking()
    receive(client, Message(coap.CON, coap.CONTENT, 900, request.token, [], b"first"), 40)
    assert client.next_event().response.payload == b"first"
    receive(client, Message(coap.ACK, coap.EMPTY, request.mid), 50)
    assert [message.type for message in sent(client)] == [coap.ACK]
    assert client.next_timeout_ms() is None


def test_separate_response_may_be_nonconfirmable():
    client, request = asking()
    receive(client, Message(coap.ACK, coap.EMPTY, request.mid), 10)
    receive(client, Message(coap.NON, coap.CONTENT, 900, request.token, [], b"x"), 40)
    assert client.next_event().response.payload == b"x"
    assert sent(client) == []


def test_duplicate_response_is_acknowledged_but_told_once():
    client, request = asking()
    answer = Message(coap.CON, coap.CONTENT, 900, request.token, [])
    receive(client, answer, 40)
    receive(client, answer, 2040)
    assert [message.type for message in sent(client)] == [coap.ACK, coap.ACK]
    assert client.next_event() and client.next_event() is None


def test_unexpected_confirmable_response_is_reset():
    client = Endpoint(counting())
    receive(client, Message(coap.CON, coap.CONTENT, 900, b"?", []))
    answer = sent(client)[0]
    assert (answer.type, answer.mid) == (coap.RST, 900)
    assert client.counters == {"unexpected response": 1}


def test_response_of_another_peer_is_unexpected():
    client, request = asking()
    receive(client, Message(coap.CON, coap.CONTENT, 900, request.token, []), 0, "another")
    assert [message.type for message in sent(client)] == [coap.RST]
    assert client.next_event() is None


def test_unanswered_request_fails_after_93_seconds_at_most():
    network = street()
    network.drop = lambda source, datagram: True
    handle = network.endpoints["client"].send_request(Request(coap.GET), "server", 0)
    network.run(93000)
    event = network.events["client"][0]
    assert isinstance(event, RequestFailed)
    assert (event.handle, event.reason) == (handle, "timeout")


def test_request_that_is_acknowledged_but_never_answered_fails_after_93_seconds():
    client, request = asking()
    receive(client, Message(coap.ACK, coap.EMPTY, request.mid), 1000)
    assert client.next_timeout_ms() == 94000
    client.handle_timeout(94000)
    assert client.next_event().reason == "timeout"
    assert client.next_timeout_ms() is None


def test_nonconfirmable_request_gets_a_nonconfirmable_response():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CONTENT)
    network.endpoints["client"].send_request(
        Request(coap.GET, is_confirmable=False), "server", 0)
    network.run(100)
    types = [decode(datagram).type for _, _, _, datagram in network.log]
    assert types == [coap.NON, coap.NON]
    assert not network.events["server"][0].request.is_confirmable


def test_unanswered_nonconfirmable_request_fails_after_93_seconds():
    client = Endpoint(counting())
    client.send_request(Request(coap.GET, is_confirmable=False), PEER, 0)
    assert client.next_timeout_ms() == 93000
    client.handle_timeout(93000)
    assert client.next_event().reason == "timeout"


def test_rejected_request_fails():
    for is_confirmable in (True, False):
        client = Endpoint(counting())
        client.send_request(Request(coap.GET, is_confirmable=is_confirmable), PEER, 0)
        receive(client, Message(coap.RST, coap.EMPTY, sent(client)[0].mid))
        assert client.next_event().reason == "reset"


def test_cancelled_request_is_not_heard_of_again():
    client, request = asking()
    client.cancel(1)
    receive(client, Message(coap.ACK, coap.CONTENT, request.mid, request.token, []))
    assert client.next_event() is None
    assert client.next_timeout_ms() is None


def test_requests_beyond_the_limit_fail_as_busy():
    client = Endpoint(counting())
    for _ in range(coap_client.REQUESTS_MAX):
        client.send_request(Request(coap.GET), PEER, 0)
    assert client.next_event() is None
    handle = client.send_request(Request(coap.GET), PEER, 0)
    event = client.next_event()
    assert (event.handle, event.reason) == (handle, "busy")


def test_token_in_use_is_not_given_again():
    tokens = [b"aaaa", b"aaaa", b"bbbb"]
    client = Endpoint(lambda count: tokens.pop(0) if count == 4 else bytes(count))
    client.send_request(Request(coap.GET), PEER, 0)
    client.send_request(Request(coap.GET), PEER, 0)
    receive(client, Message(coap.ACK, coap.EMPTY, 0))
    assert [message.token for message in sent(client)] == [b"aaaa", b"bbbb"]


class ScarceLayer(MessageLayer):
    """Has no memory for more than 100 bytes."""

    def send(self, message, peer, now_ms):
        if len(message.payload) > 100:
            raise MemoryError
        return MessageLayer.send(self, message, peer, now_ms)


def test_answer_that_finds_no_memory_becomes_5_00():
    server = Endpoint(counting(), message_layer=ScarceLayer(counting()))
    receive(server, get())
    server.send_response(server.next_event().exchange, Response(coap.CONTENT, bytes(200)), 0)
    answer = sent(server)[0]
    assert (answer.type, answer.code, answer.mid) == (coap.ACK, coap.INTERNAL_SERVER_ERROR, 7)
    assert server.next_event() is None


def test_observation_whose_first_answer_finds_no_memory_is_over():
    server = Endpoint(counting(), message_layer=ScarceLayer(counting()))
    receive(server, get([(coap.OBSERVE, b"")]))
    exchange = server.next_event().exchange
    server.send_response(exchange, Response(coap.CONTENT, bytes(200), observe=0), 0)
    answer = sent(server)[0]
    assert answer.code == coap.INTERNAL_SERVER_ERROR and answer.options == []
    assert server.next_event().exchange == exchange
    assert not server.notify(exchange, Response(coap.CONTENT), 0, False)


class ScarceEndpoint(Endpoint):
    """Has no memory for a request."""

    def _hand_over(self, exchange, request, now_ms):
        raise MemoryError


def test_request_that_finds_no_memory_is_answered_5_03():
    server = ScarceEndpoint(counting())
    receive(server, get())
    assert sent(server)[0].code == coap.SERVICE_UNAVAILABLE


def test_peer_without_room_answers_5_03_with_max_age():
    server = Endpoint(counting())
    for mid in range(coap_server.EXCHANGES_MAX):
        receive(server, get(mid=mid))
    assert sent(server) == []
    receive(server, get(mid=99))
    answer = sent(server)[0]
    assert answer.code == coap.SERVICE_UNAVAILABLE
    assert coap.uint_option(answer.options, coap.MAX_AGE) == coap_server.BUSY_MAX_AGE_S


def test_requests_that_were_never_answered_make_room_after_247_seconds():
    server = Endpoint(counting())
    for mid in range(coap_server.EXCHANGES_MAX):
        receive(server, get(mid=mid))
        server.next_event()
    receive(server, get(mid=99), 247000)
    assert isinstance(server.next_event(), RequestReceived)


def test_response_after_247_seconds_is_ignored():
    server = Endpoint(counting())
    receive(server, get())
    server.handle_timeout(500)
    sent(server)
    server.send_response(server.next_event().exchange, Response(coap.CONTENT), 247000)
    assert sent(server) == []
    assert server.counters == {"late response": 1}


def test_second_response_is_ignored():
    server = Endpoint(counting())
    receive(server, get())
    exchange = server.next_event().exchange
    server.send_response(exchange, Response(coap.CONTENT), 0)
    server.send_response(exchange, Response(coap.CONTENT), 0)
    assert len(sent(server)) == 1


def test_one_peer_that_does_not_answer_does_not_stop_another():
    network = street()
    network.attach("dead", Endpoint(counting()))
    network.serve["server"] = lambda request: Response(coap.CONTENT)
    network.drop = lambda source, datagram: source == "dead"
    network.endpoints["client"].send_request(Request(coap.GET), "dead", 0)
    network.endpoints["client"].send_request(Request(coap.GET), "server", 0)
    network.run(100)
    assert isinstance(network.events["client"][0], ResponseReceived)


def test_idle_endpoint_has_no_timeout():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CONTENT)
    network.endpoints["client"].send_request(Request(coap.GET), "server", 0)
    network.run(100)
    assert network.endpoints["client"].next_timeout_ms() is None
    assert network.endpoints["server"].next_timeout_ms() is None
