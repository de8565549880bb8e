"""The message layer: answers, and how they are remembered for duplicates (RFC 7252 4.5, 5.2)."""

from protocol import coap_exchange
from protocol import coap_message as coap
from protocol.coap_exchange import MessageLayer, MessageReceived
from protocol.coap_message import Message
from tests.protocol.coap_network import PEER, receive, sent, zeros


def request(code=coap.GET, token=b"t", type=coap.CON, mid=None):
    return Message(type, code, mid, token, [(coap.URI_PATH, b"x")])


def response(code=coap.CONTENT, token=b"t", type=coap.CON, mid=None, payload=b""):
    return Message(type, code, mid, token, [], payload)


def test_answer_in_time_goes_with_the_acknowledgement():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    layer.send(response(type=coap.ACK, mid=9), PEER, 499)
    answer = sent(layer)[0]
    assert (answer.type, answer.code, answer.mid, answer.token) == (coap.ACK, 69, 9, b"t")
    assert layer.next_timeout_ms() is None


def test_late_answer_follows_an_empty_acknowledgement():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    assert layer.next_timeout_ms() == 500
    layer.handle_timeout(500)
    empty = sent(layer)[0]
    assert (empty.type, empty.code, empty.mid) == (coap.ACK, coap.EMPTY, 9)
    layer.send(response(type=coap.ACK, mid=9), PEER, 800)
    answer = sent(layer)[0]
    assert (answer.type, answer.code, answer.mid, answer.token) == (coap.CON, 69, 0, b"t")


def test_duplicate_request_gets_the_same_answer_and_is_no_second_event():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    assert isinstance(layer.next_event(), MessageReceived)
    layer.send(response(type=coap.ACK, mid=9, payload=b"once"), PEER, 0)
    first = layer.datagrams_to_send()
    receive(layer, request(mid=9), 2000)
    assert layer.datagrams_to_send() == first
    assert layer.next_event() is None
    assert layer.counters == {"duplicate": 1}


def test_duplicate_of_an_unanswered_request_is_acknowledged_at_once():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    receive(layer, request(mid=9), 100)
    assert [(message.type, message.code) for message in sent(layer)] == [(coap.ACK, coap.EMPTY)]


def test_duplicate_of_a_request_answered_separately_is_acknowledged_again():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    layer.handle_timeout(500)
    layer.send(response(type=coap.ACK, mid=9), PEER, 800)
    sent(layer)
    receive(layer, request(mid=9), 900)
    assert [(message.type, message.code) for message in sent(layer)] == [(coap.ACK, coap.EMPTY)]


def test_duplicate_nonconfirmable_request_is_silently_ignored():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9, type=coap.NON))
    layer.next_event()
    layer.send(response(type=coap.NON), PEER, 0)
    sent(layer)
    receive(layer, request(mid=9, type=coap.NON), 144999)
    assert sent(layer) == []
    assert layer.next_event() is None


def test_same_message_id_with_another_token_is_another_message():
    layer = MessageLayer(zeros)
    receive(layer, request(coap.PUT, b"before", mid=9))
    layer.send(response(coap.CHANGED, b"before", coap.ACK, 9), PEER, 0)
    sent(layer)
    layer.next_event()
    receive(layer, request(coap.GET, b"after", mid=9), 1000)
    assert layer.next_event().message.token == b"after"
    layer.send(response(coap.CONTENT, b"after", coap.ACK, 9), PEER, 1000)
    receive(layer, request(coap.GET, b"after", mid=9), 3000)
    assert [message.token for message in sent(layer)] == [b"after", b"after"]
    assert layer.next_event() is None and layer.counters == {"duplicate": 1}


def test_same_message_id_of_another_peer_is_another_message():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    receive(layer, request(mid=9), 0, "another")
    assert layer.next_event().peer == PEER
    assert layer.next_event().peer == "another"


def test_confirmable_message_is_remembered_for_247_seconds():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9))
    layer.next_event()
    receive(layer, request(mid=9), 246999)
    assert layer.next_event() is None
    receive(layer, request(mid=9), 247000)
    assert isinstance(layer.next_event(), MessageReceived)


def test_nonconfirmable_message_is_remembered_for_145_seconds():
    layer = MessageLayer(zeros)
    receive(layer, request(mid=9, type=coap.NON))
    layer.next_event()
    receive(layer, request(mid=9, type=coap.NON), 145000)
    assert isinstance(layer.next_event(), MessageReceived)


def test_what_may_be_repeated_is_forgotten_before_what_changed_something():
    layer = MessageLayer(zeros)
    receive(layer, request(code=coap.POST, mid=0))
    for mid in range(1, coap_exchange.RECEPTIONS_MAX + 5):
        receive(layer, request(mid=mid))
    while layer.next_event():
        pass
    receive(layer, request(mid=1))
    assert isinstance(layer.next_event(), MessageReceived)
    receive(layer, request(code=coap.POST, mid=0))
    assert layer.next_event() is None


def test_remembered_answers_are_bounded_in_bytes():
    layer = MessageLayer(zeros)
    for mid in range(5):
        receive(layer, request(code=coap.POST, mid=mid))
        layer.send(response(type=coap.ACK, mid=mid, payload=bytes(1024)), PEER, 0)
    receive(layer, request(mid=5))
    while layer.next_event():
        pass
    sent(layer)
    receive(layer, request(code=coap.POST, mid=4))
    assert len(sent(layer)[0].payload) == 1024
    receive(layer, request(code=coap.POST, mid=0))
    assert isinstance(layer.next_event(), MessageReceived)
