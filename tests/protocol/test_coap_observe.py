"""Serving observations (RFC 7641 section 4)."""

from protocol import coap_message as coap
from protocol import coap_server
from protocol.coap_endpoint import Endpoint
from protocol.coap_message import Message
from protocol.coap_values import ObservationEnded, RequestReceived, Response
from tests.protocol.coap_network import PEER, receive, sent, zeros

DAY_MS = 24 * 3600 * 1000
STATE = Response(coap.CONTENT, b"state", 0, 0)


def register(server, mid=1, token=b"t", observe=b"", now_ms=0, peer=PEER, path=b"x"):
    """Register by hand; return the exchange."""
    options = [(coap.OBSERVE, observe), (coap.URI_PATH, path)]
    receive(server, Message(coap.CON, coap.GET, mid, token, options), now_ms, peer)
    event = server.next_event()
    while not isinstance(event, RequestReceived):
        event = server.next_event()
    server.send_response(event.exchange, STATE, now_ms)
    return event.exchange


def observed():
    """Return a server with an observer, and the exchange."""
    server = Endpoint(zeros)
    exchange = register(server)
    sent(server)
    return server, exchange


def test_accepted_observation_has_a_sequence_number():
    server = Endpoint(zeros)
    register(server)
    assert coap.uint_option(sent(server)[0].options, coap.OBSERVE) == 1


def test_observation_that_is_not_accepted_is_a_plain_request():
    server = Endpoint(zeros)
    receive(server, Message(coap.CON, coap.GET, 1, b"t", [(coap.OBSERVE, b"")]))
    exchange = server.next_event().exchange
    server.send_response(exchange, Response(coap.CONTENT), 0)
    assert coap.option(sent(server)[0].options, coap.OBSERVE) is None
    assert not server.notify(exchange, STATE, 0, True)


def test_error_does_not_begin_an_observation():
    server = Endpoint(zeros)
    receive(server, Message(coap.CON, coap.GET, 1, b"t", [(coap.OBSERVE, b"")]))
    exchange = server.next_event().exchange
    server.send_response(exchange, Response(coap.NOT_FOUND, observe=0), 0)
    assert coap.option(sent(server)[0].options, coap.OBSERVE) is None
    assert not server.notify(exchange, STATE, 0, True)


def test_observe_in_a_put_is_ignored():
    server = Endpoint(zeros)
    receive(server, Message(coap.CON, coap.PUT, 1, b"t", [(coap.OBSERVE, b"")]))
    event = server.next_event()
    assert event.request.observe is None
    server.send_response(event.exchange, STATE, 0)
    assert coap.option(sent(server)[0].options, coap.OBSERVE) is None


def test_notifications_count_up_and_bear_the_token():
    server, exchange = observed()
    for _ in range(3):
        assert server.notify(exchange, STATE, 0, False)
    messages = sent(server)
    assert [coap.uint_option(message.options, coap.OBSERVE) for message in messages] == [2, 3, 4]
    assert [message.token for message in messages] == [b"t"] * 3


def test_sequence_number_wraps_at_24_bits():
    server, exchange = observed()
    server._last_sequence = 0xFFFFFF
    server.notify(exchange, STATE, 0, False)
    assert coap.option(sent(server)[0].options, coap.OBSERVE) == b""


def test_caller_chooses_confirmable_or_not():
    server, exchange = observed()
    server.notify(exchange, STATE, 0, False)
    server.notify(exchange, STATE, 0, True)
    assert [message.type for message in sent(server)] == [coap.NON, coap.CON]


def test_a_notification_is_confirmable_at_least_every_24_hours():
    server, exchange = observed()
    types = []
    for now_ms in (DAY_MS - 1, DAY_MS, DAY_MS + 1, 2 * DAY_MS - 1, 2 * DAY_MS):
        server.notify(exchange, STATE, now_ms, False)
        message = sent(server)[0]
        types.append(message.type)
        if message.type == coap.CON:
            receive(server, Message(coap.ACK, coap.EMPTY, message.mid), now_ms)
    assert types == [coap.NON, coap.CON, coap.NON, coap.NON, coap.CON]


def test_reset_of_a_confirmable_notification_ends_the_observation():
    server, exchange = observed()
    server.notify(exchange, STATE, 0, True)
    receive(server, Message(coap.RST, coap.EMPTY, sent(server)[0].mid))
    event = server.next_event()
    assert isinstance(event, ObservationEnded)
    assert (event.exchange, event.reason) == (exchange, "reset")
    assert not server.notify(exchange, STATE, 0, True)


def test_reset_of_a_nonconfirmable_notification_ends_the_observation():
    server, exchange = observed()
    server.notify(exchange, STATE, 0, False)
    receive(server, Message(coap.RST, coap.EMPTY, sent(server)[0].mid))
    assert server.next_event().exchange == exchange
    assert not server.notify(exchange, STATE, 0, False)


def test_notification_that_is_never_acknowledged_ends_the_observation():
    server, exchange = observed()
    server.notify(exchange, STATE, 0, True)
    while server.next_timeout_ms() is not None:
        server.handle_timeout(server.next_timeout_ms())
    event = server.next_event()
    assert (event.exchange, event.reason) == (exchange, "timeout")


def test_newest_state_replaces_one_still_in_retransmission():
    server, exchange = observed()
    server.notify(exchange, Response(coap.CONTENT, b"1"), 0, True)
    server.notify(exchange, Response(coap.CONTENT, b"2"), 100, True)
    server.notify(exchange, Response(coap.CONTENT, b"3"), 200, False)
    assert [message.payload for message in sent(server)] == [b"1"]
    server.handle_timeout(2000)
    again = sent(server)
    assert [message.payload for message in again] == [b"3"]
    assert coap.uint_option(again[0].options, coap.OBSERVE) == 4


def test_error_notification_is_the_last_and_has_no_number():
    server, exchange = observed()
    assert server.notify(exchange, Response(coap.NOT_FOUND), 0, True)
    message = sent(server)[0]
    assert message.code == coap.NOT_FOUND
    assert coap.option(message.options, coap.OBSERVE) is None
    assert not server.notify(exchange, STATE, 0, True)


def test_ended_observation_is_silent():
    server, exchange = observed()
    server.notify(exchange, STATE, 0, True)
    server.end_observation(exchange)
    assert server.next_timeout_ms() is None
    assert not server.notify(exchange, STATE, 0, True)
    assert server.next_event() is None


def test_deregistration_ends_the_observation_and_is_answered():
    server, exchange = observed()
    options = [(coap.OBSERVE, b"\x01"), (coap.URI_PATH, b"x")]
    receive(server, Message(coap.CON, coap.GET, 2, b"t", options))
    event = server.next_event()
    assert (event.exchange, event.reason) == (exchange, "cancelled")
    event = server.next_event()
    assert event.request.observe == 1
    server.send_response(event.exchange, STATE, 0)
    assert coap.option(sent(server)[0].options, coap.OBSERVE) is None


def test_new_registration_with_the_same_token_replaces_the_old_one():
    server, exchange = observed()
    again = register(server, 2)
    assert again != exchange
    assert not server.notify(exchange, STATE, 0, False)
    assert server.notify(again, STATE, 0, False)
    numbers = [coap.uint_option(message.options, coap.OBSERVE) for message in sent(server)]
    assert numbers == [2, 3]


def test_replaced_registration_is_told():
    server, exchange = observed()
    options = [(coap.OBSERVE, b""), (coap.URI_PATH, b"x")]
    receive(server, Message(coap.CON, coap.GET, 2, b"t", options))
    event = server.next_event()
    assert (event.exchange, event.reason) == (exchange, "replaced")


def test_same_token_of_another_peer_is_another_observation():
    server, exchange = observed()
    register(server, 1, peer="another")
    assert server.notify(exchange, STATE, 0, False)


def test_observations_are_bounded():
    server = Endpoint(zeros)
    for mid in range(coap_server.OBSERVATIONS_MAX):
        register(server, mid, bytes((mid,)))
    sent(server)
    exchange = register(server, 99, b"one more")
    answer = sent(server)[0]
    assert answer.code == coap.CONTENT
    assert coap.option(answer.options, coap.OBSERVE) is None
    event = server.next_event()
    assert (event.exchange, event.reason) == (exchange, "busy")
