"""Observing (RFC 7641 section 3)."""

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_message import Message
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_values import (
    NotificationReceived,
    ObservationEnded,
    Request,
    RequestFailed,
    RequestReceived,
    Response,
    ResponseReceived,
)
from tests.portable import seeded_bytes
from tests.protocol.coap_network import PEER, Network, counting, receive, sent

STATE = Response(coap.CONTENT, b"state", 0, 0)


def observing(observe=5):
    """Return an endpoint that observes since time 0, the handle and the token."""
    client = ObservingEndpoint(counting())
    handle = client.send_request(Request(coap.GET, ("x",), observe=0), PEER, 0)
    request = sent(client)[0]
    options = [(coap.OBSERVE, coap.encode_uint(observe))]
    receive(client, Message(coap.ACK, coap.CONTENT, request.mid, request.token, options, b"0"))
    client.next_event()
    return client, handle, request.token


def notification(token, observe, payload=b"new", type=coap.NON, mid=None, code=coap.CONTENT):
    options = [(coap.OBSERVE, coap.encode_uint(observe))]
    return Message(type, code, observe & 0xFFFF if mid is None else mid, token, options, payload)


def street(body_length_max=4096, block_size=1024):
    network = Network()
    network.attach("client", ObservingEndpoint(counting(), None, 1024, body_length_max))
    network.attach("server", Endpoint(counting(), None, block_size))
    network.serve["server"] = lambda request: STATE
    handle = network.endpoints["client"].send_request(
        Request(coap.GET, ("x",), observe=0), "server", 0)
    network.run(100)
    return network, handle, network.events["server"][0].exchange


def test_fetch_may_be_observed():
    network = Network()
    network.attach("client", ObservingEndpoint(counting()))
    network.attach("server", Endpoint(counting()))
    network.serve["server"] = lambda request: STATE
    network.endpoints["client"].send_request(
        Request(coap.FETCH, (), (), seeded_bytes(1, 1500), 112, 112, 0), "server", 0)
    network.run(200)
    assert len(network.events["server"]) == 1
    assert isinstance(network.events["client"][0], ResponseReceived)
    network.endpoints["server"].notify(1, STATE, 200, True)
    network.run(300)
    assert isinstance(network.events["client"][1], NotificationReceived)


def test_notifications_arrive_and_are_acknowledged():
    network, handle, exchange = street()
    response = network.events["client"][0].response
    assert response.observe == 1
    network.endpoints["server"].notify(exchange, Response(coap.CONTENT, b"on", 0), 100, True)
    network.run(200)
    event = network.events["client"][1]
    assert isinstance(event, NotificationReceived) and event.handle == handle
    assert (event.response.payload, event.response.observe) == (b"on", 2)
    assert network.endpoints["server"].next_timeout_ms() is None


def test_long_notification_is_fetched_whole():
    network, _, exchange = street()
    body = seeded_bytes(3, 3000)
    network.endpoints["server"].notify(exchange, Response(coap.CONTENT, body, 112), 100, True)
    network.run(500)
    event = network.events["client"][1]
    assert isinstance(event, NotificationReceived)
    assert event.response.payload == body
    assert len(network.events["server"]) == 1


def test_long_first_response_begins_an_observation_too():
    network = Network()
    network.attach("client", ObservingEndpoint(counting()))
    network.attach("server", Endpoint(counting(), None, 256))
    body = seeded_bytes(4, 700)
    network.serve["server"] = lambda request: Response(coap.CONTENT, body, 112, 0)
    network.endpoints["client"].send_request(Request(coap.GET, observe=0), "server", 0)
    network.run(200)
    event = network.events["client"][0]
    assert event.response.payload == body and event.response.observe is not None
    network.endpoints["server"].notify(1, STATE, 200, False)
    network.run(300)
    assert network.events["client"][1].response.payload == b"state"


def test_newer_notification_interrupts_the_fetching_of_an_older_one():
    network, _, exchange = street()
    server = network.endpoints["server"]
    server.notify(exchange, Response(coap.CONTENT, bytes(3000)), 100, False)
    server.notify(exchange, Response(coap.CONTENT, b"short"), 100, False)
    network.run(500)
    payloads = [event.response.payload for event in network.events["client"]]
    assert payloads == [b"state", b"short"]


def test_notification_over_the_limit_ends_the_observation():
    network, handle, exchange = street(2000)
    network.endpoints["server"].notify(exchange, Response(coap.CONTENT, bytes(3000)), 100, True)
    network.run(500)
    event = network.events["client"][1]
    assert isinstance(event, RequestFailed)
    assert (event.handle, event.reason) == (handle, "size")


def test_older_notification_is_left_out():
    client, _, token = observing(5)
    receive(client, notification(token, 7))
    receive(client, notification(token, 6))
    assert client.next_event().response.observe == 7
    assert client.next_event() is None
    assert client.counters == {"stale notification": 1}


def test_older_confirmable_notification_is_acknowledged_all_the_same():
    client, _, token = observing(5)
    receive(client, notification(token, 4, type=coap.CON))
    assert [message.type for message in sent(client)] == [coap.ACK]
    assert client.next_event() is None


def test_RFC7641_3_4_freshness():
    wanted = ((5, 6, True), (5, 5, False), (5, 4, False), (5, 5 + (1 << 23) - 1, True),
              (5, 5 + (1 << 23), False), (0xFFFFFF, 0, True), ((1 << 23) + 6, 5, True),
              ((1 << 23) + 4, 5, False))
    for first, second, is_newer in wanted:
        client, _, token = observing(first)
        receive(client, notification(token, second), 1000)
        assert (client.next_event() is not None) == is_newer, (first, second)


def test_any_notification_is_newer_after_128_seconds():
    client, _, token = observing(5)
    receive(client, notification(token, 1), 128000)
    assert client.next_event() is None
    receive(client, notification(token, 2), 128001)
    assert client.next_event().response.observe == 2


def test_notification_without_a_number_is_the_last():
    client, _, token = observing()
    receive(client, Message(coap.CON, coap.CONTENT, 50, token, [], b"end"))
    assert client.next_event().response.observe is None
    receive(client, notification(token, 60))
    assert client.next_event() is None
    assert [message.type for message in sent(client)] == [coap.ACK, coap.RST]


def test_error_notification_is_the_last():
    client, _, token = observing()
    receive(client, Message(coap.CON, coap.NOT_FOUND, 50, token, []))
    assert client.next_event().response.code == coap.NOT_FOUND
    receive(client, notification(token, 60))
    assert client.next_event() is None


def test_forgotten_observation_is_rejected_at_its_next_notification():
    client, handle, token = observing()
    client.cancel(handle)
    receive(client, notification(token, 60, mid=60))
    answer = sent(client)[0]
    assert (answer.type, answer.mid) == (coap.RST, 60)


def test_cancellation_asks_with_observe_1_and_the_same_token():
    network, handle, exchange = street()
    network.endpoints["client"].cancel_observation(handle, 100)
    network.run(300)
    requests = [event.request for event in network.events["server"]
                if isinstance(event, RequestReceived)]
    assert [request.observe for request in requests] == [0, 1]
    ended = [event for event in network.events["server"] if isinstance(event, ObservationEnded)]
    assert [(event.exchange, event.reason) for event in ended] == [(exchange, "cancelled")]
    assert len(network.events["client"]) == 1
    assert network.endpoints["client"].next_timeout_ms() is None


def test_cancellation_that_fails_is_not_told():
    client, handle, _ = observing()
    client.cancel_observation(handle, 0)
    while client.next_timeout_ms() is not None:
        client.handle_timeout(client.next_timeout_ms())
    assert client.next_event() is None


def test_notifications_that_nobody_fetches_are_bounded():
    client, _, token = observing(0)
    for number in range(1, 40):
        receive(client, notification(token, number))
    count = 0
    while client.next_event():
        count += 1
    assert count == 32
    assert client.counters == {"events full": 7}


def test_observation_survives_reordering_and_doubling():
    network = Network(8, 15, 20, 20, 400)
    network.attach("client", ObservingEndpoint(counting()))
    network.attach("server", Endpoint(counting()))
    network.serve["server"] = lambda request: STATE
    network.endpoints["client"].send_request(Request(coap.GET, observe=0), "server", 0)
    network.run(100000)
    server = network.endpoints["server"]
    for number in range(200):
        server.notify(1, Response(coap.CONTENT, b"%d" % number), network.now_ms, number % 4 == 0)
        network.run(network.now_ms + 150)
    server.notify(1, Response(coap.CONTENT, b"200"), network.now_ms, True)
    network.run(network.now_ms + 200000)
    states = [int(str(event.response.payload, "utf-8")) for event in network.events["client"][1:]]
    assert states == sorted(set(states))
    assert states[-1] == 200 and len(states) > 20
