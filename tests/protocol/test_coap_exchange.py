"""The message layer: reliability (RFC 7252 4.2 to 4.4, 4.7, 4.8)."""

from protocol import coap_exchange
from protocol import coap_message as coap
from protocol.coap_exchange import MessageLayer, MessageReceived, MessageSent
from protocol.coap_message import Message
from protocol.coap_parameters import TransmissionParameters
from tests.protocol.coap_network import PEER, receive, sent, zeros


def request(code=coap.GET, token=b"t", type=coap.CON, mid=None):
    return Message(type, code, mid, token, [(coap.URI_PATH, b"x")])


def response(code=coap.CONTENT, token=b"t", type=coap.CON, mid=None, payload=b""):
    return Message(type, code, mid, token, [], payload)


def transmission_times(layer, until_ms):
    times = [0] * len(sent(layer))
    while layer.next_timeout_ms() is not None and layer.next_timeout_ms() <= until_ms:
        now_ms = layer.next_timeout_ms()
        layer.handle_timeout(now_ms)
        times.extend([now_ms] * len(sent(layer)))
    return times


def test_defaults_give_the_times_of_RFC7252_4_8_2():
    parameters = TransmissionParameters()
    assert parameters.max_transmit_wait_ms == 93000
    assert parameters.exchange_lifetime_ms == 247000
    assert parameters.non_lifetime_ms == 145000


def test_lost_acknowledgement_is_retransmitted_after_two_seconds_and_then_twice_as_late():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    assert transmission_times(layer, 200000) == [0, 2000, 6000, 14000, 30000]


def test_jitter_stretches_the_first_timeout_by_half_at_most():
    layer = MessageLayer(lambda count: b"\xff" * count)
    layer.send(request(), PEER, 0)
    assert transmission_times(layer, 200000) == [0, 3000, 9000, 21000, 45000]


def test_four_retransmissions_without_acknowledgement_are_a_timeout():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    transmission_times(layer, 61999)
    assert layer.next_event() is None
    layer.handle_timeout(62000)
    event = layer.next_event()
    assert (event.peer, event.token, event.is_request) == (PEER, b"t", True)
    assert event.failure == "timeout"
    assert layer.next_timeout_ms() is None


def test_retransmission_is_the_same_datagram():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    first = layer.datagrams_to_send()
    layer.handle_timeout(2000)
    assert layer.datagrams_to_send() == first


def test_acknowledgement_ends_retransmission_and_tells_the_round_trip():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    layer.handle_timeout(2000)
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 2100)
    event = layer.next_event()
    assert (event.failure, event.round_trip_ms, event.retransmissions) == (None, 2100, 1)
    assert layer.next_timeout_ms() is None


def test_acknowledgement_of_another_peer_or_message_is_ignored():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 1, "another")
    receive(layer, Message(coap.ACK, coap.EMPTY, 1), 1)
    assert layer.next_event() is None
    assert layer.counters == {"unexpected": 2}
    assert layer.next_timeout_ms() == 2000


def test_piggybacked_response_is_delivery_and_message():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    receive(layer, response(type=coap.ACK, mid=0, payload=b"22.3 C"), 50)
    assert isinstance(layer.next_event(), MessageSent)
    event = layer.next_event()
    assert isinstance(event, MessageReceived)
    assert event.message.payload == b"22.3 C"


def test_piggybacked_response_with_another_token_is_ignored():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    receive(layer, response(type=coap.ACK, mid=0, token=b"u"), 50)
    assert layer.next_event() is None
    assert layer.next_timeout_ms() == 2000


def test_response_that_overtakes_the_acknowledgement_stands_for_it():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    receive(layer, response(mid=500), 60)
    event = layer.next_event()
    assert (event.failure, event.round_trip_ms) == (None, 60)
    assert isinstance(layer.next_event(), MessageReceived)
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 70)
    assert layer.counters == {"unexpected": 1}


def test_reset_of_a_request_is_a_failure():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    receive(layer, Message(coap.RST, coap.EMPTY, 0))
    assert layer.next_event().failure == "reset"
    assert layer.next_timeout_ms() is None


def test_reset_of_a_nonconfirmable_message_is_a_failure_too():
    layer = MessageLayer(zeros)
    layer.send(response(type=coap.NON), PEER, 0)
    receive(layer, Message(coap.RST, coap.EMPTY, 0))
    event = layer.next_event()
    assert (event.token, event.is_request, event.failure) == (b"t", False, "reset")


def test_reset_of_a_nonconfirmable_message_is_known_for_the_last_sixteen():
    layer = MessageLayer(zeros)
    for index in range(coap_exchange.NONS_MAX + 1):
        layer.send(response(token=bytes((index,)), type=coap.NON), PEER, 0)
    receive(layer, Message(coap.RST, coap.EMPTY, 0))
    assert layer.next_event() is None
    receive(layer, Message(coap.RST, coap.EMPTY, 1))
    assert layer.next_event().token == b"\x01"


def test_cancelled_message_is_not_sent_again():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    layer.cancel(PEER, b"t", True)
    assert layer.next_timeout_ms() is None


def test_ping_is_answered_with_a_reset():
    layer = MessageLayer(zeros)
    receive(layer, Message(coap.CON, coap.EMPTY, 77))
    answer = sent(layer)[0]
    assert (answer.type, answer.code, answer.mid) == (coap.RST, coap.EMPTY, 77)
    assert layer.next_event() is None


def test_empty_nonconfirmable_message_is_ignored():
    layer = MessageLayer(zeros)
    receive(layer, Message(coap.NON, coap.EMPTY, 77))
    assert sent(layer) == []
    assert layer.next_event() is None


def test_malformed_confirmable_message_is_reset():
    layer = MessageLayer(zeros)
    layer.receive_datagram(bytes.fromhex("40010102ff"), PEER, 0)
    answer = sent(layer)[0]
    assert (answer.type, answer.mid) == (coap.RST, 0x0102)
    assert layer.counters == {"malformed": 1}


def test_other_malformed_datagrams_are_dropped():
    layer = MessageLayer(zeros)
    for datagram in ("", "4001", "50010102ff", "60450102d0", "70450102", "80010102"):
        layer.receive_datagram(bytes.fromhex(datagram), PEER, 0)
    assert sent(layer) == []
    assert layer.counters == {"malformed": 6}


def test_one_confirmable_message_per_peer_is_in_flight():
    layer = MessageLayer(zeros)
    layer.send(request(token=b"1"), PEER, 0)
    layer.send(request(token=b"2"), PEER, 0)
    layer.send(request(token=b"3"), "another", 0)
    assert [message.token for message in sent(layer)] == [b"1", b"3"]
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 10)
    assert [message.token for message in sent(layer)] == [b"2"]


def test_nstart_may_be_larger():
    layer = MessageLayer(zeros, TransmissionParameters(nstart=2))
    for token in (b"1", b"2", b"3"):
        layer.send(request(token=token), PEER, 0)
    assert [message.token for message in sent(layer)] == [b"1", b"2"]


def test_next_message_starts_when_the_one_in_flight_fails():
    layer = MessageLayer(zeros, TransmissionParameters(max_retransmit=0))
    layer.send(request(token=b"1"), PEER, 0)
    layer.send(request(token=b"2"), PEER, 0)
    sent(layer)
    layer.handle_timeout(2000)
    assert [message.token for message in sent(layer)] == [b"2"]
    assert layer.next_timeout_ms() == 4000


def test_next_message_starts_when_the_one_in_flight_is_cancelled():
    layer = MessageLayer(zeros)
    layer.send(request(token=b"1"), PEER, 0)
    layer.send(request(token=b"2"), PEER, 0)
    layer.cancel(PEER, b"1", True)
    sent(layer)
    assert layer.next_timeout_ms() == 0
    layer.handle_timeout(5)
    assert [message.token for message in sent(layer)] == [b"2"]


def test_round_trip_does_not_count_the_time_in_the_backlog():
    layer = MessageLayer(zeros)
    layer.send(request(token=b"1"), PEER, 0)
    layer.send(request(token=b"2"), PEER, 0)
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 1000)
    receive(layer, Message(coap.ACK, coap.EMPTY, 1), 1030)
    layer.next_event()
    assert layer.next_event().round_trip_ms == 30


def test_backlog_is_bounded():
    layer = MessageLayer(zeros)
    results = [layer.send(request(token=bytes((index,))), PEER, 0)
               for index in range(coap_exchange.TRANSMISSIONS_MAX + 1)]
    assert results.count(False) == 1 and not results[-1]
    assert layer.counters == {"transmissions full": 1}


def test_datagrams_that_nobody_fetches_are_bounded():
    layer = MessageLayer(zeros)
    for mid in range(coap_exchange.DATAGRAMS_MAX + 3):
        receive(layer, Message(coap.CON, coap.EMPTY, mid))
    assert len(sent(layer)) == coap_exchange.DATAGRAMS_MAX
    assert layer.counters["datagrams full"] == 3


def test_newer_response_takes_the_place_of_one_under_way_at_its_next_retransmission():
    layer = MessageLayer(zeros)
    layer.send(response(payload=b"old"), PEER, 0)
    layer.send(response(payload=b"older than new"), PEER, 1000)
    layer.send(response(payload=b"new", type=coap.NON), PEER, 1500)
    assert [message.payload for message in sent(layer)] == [b"old"]
    layer.handle_timeout(2000)
    message = sent(layer)[0]
    assert (message.type, message.mid, message.payload) == (coap.CON, 1, b"new")
    assert layer.next_timeout_ms() == 6000


def test_replacement_inherits_the_number_of_retransmissions():
    layer = MessageLayer(zeros)
    layer.send(response(payload=b"old"), PEER, 0)
    transmission_times(layer, 14000)
    layer.send(response(payload=b"new"), PEER, 15000)
    assert transmission_times(layer, 200000) == [30000]
    assert layer.next_event().failure == "timeout"


def test_replacement_goes_at_once_when_the_old_one_is_acknowledged():
    layer = MessageLayer(zeros)
    layer.send(response(payload=b"old"), PEER, 0)
    layer.send(response(payload=b"new"), PEER, 10)
    sent(layer)
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 20)
    message = sent(layer)[0]
    assert (message.mid, message.payload) == (1, b"new")
    assert layer.next_timeout_ms() == 2020


def test_replacement_is_forgotten_when_the_old_one_is_rejected():
    layer = MessageLayer(zeros)
    layer.send(response(payload=b"old"), PEER, 0)
    layer.send(response(payload=b"new"), PEER, 10)
    sent(layer)
    receive(layer, Message(coap.RST, coap.EMPTY, 0), 20)
    assert sent(layer) == []
    assert layer.next_timeout_ms() is None


def test_response_that_still_waits_is_replaced():
    layer = MessageLayer(zeros)
    layer.send(request(), PEER, 0)
    layer.send(response(token=b"o", payload=b"old"), PEER, 0)
    layer.send(response(token=b"o", payload=b"new"), PEER, 5)
    sent(layer)
    receive(layer, Message(coap.ACK, coap.EMPTY, 0), 10)
    assert [message.payload for message in sent(layer)] == [b"new"]


def test_message_ids_are_not_used_again_within_their_lifetime():
    layer = MessageLayer(zeros)
    seen = bytearray(65536)
    count = 0
    while layer.send(response(type=coap.NON), PEER, count // 1000):
        mid = int.from_bytes(layer.datagrams_to_send()[0][0][2:4], "big")
        assert not seen[mid]
        seen[mid] = 1
        count += 1
    assert count == 65536
    # The first 4096 rest together, from the last one's use at 4 ms on.
    assert not layer.send(response(type=coap.NON), PEER, 247000 + 3)
    assert layer.send(response(type=coap.NON), PEER, 247000 + 4)


def test_confirmable_message_without_message_id_fails_as_busy():
    layer = MessageLayer(zeros)
    while layer.send(response(type=coap.NON), PEER, 0):
        layer.datagrams_to_send()
    layer.send(request(), PEER, 0)
    assert layer.next_event().failure == "busy"
    assert layer.next_timeout_ms() is None


def test_first_message_id_is_random():
    layer = MessageLayer(lambda count: b"\x12\x34\x56\x78"[:count])
    layer.send(request(), PEER, 0)
    assert sent(layer)[0].mid == 0x1234
