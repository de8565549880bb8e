"""What an endpoint makes of options it does not know, and of broken messages."""

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_message import Message, encode
from protocol.coap_values import Request, RequestReceived, Response, ResponseReceived
from tests.portable import seeded_bytes
from tests.protocol.coap_network import PEER, counting, receive, sent


def get(options=(), mid=7, type=coap.CON, code=coap.GET):
    return Message(type, code, mid, b"t", list(options))


def asking():
    """Return an endpoint that has sent a request, and that message."""
    client = Endpoint(counting())
    client.send_request(Request(coap.GET, ("x",)), PEER, 0)
    return client, sent(client)[0]


def test_unknown_critical_option_in_a_request_is_4_02():
    for number in (coap.IF_MATCH, coap.IF_NONE_MATCH, coap.OSCORE, 2049, 65001):
        server = Endpoint(counting())
        receive(server, get([(number, b"")]))
        assert sent(server)[0].code == coap.BAD_OPTION
        assert server.next_event() is None


def test_unknown_critical_option_in_a_nonconfirmable_request_is_silently_rejected():
    server = Endpoint(counting())
    receive(server, get([(2049, b"")], type=coap.NON))
    assert sent(server) == []
    assert server.counters == {"bad option": 1}


def test_request_to_a_proxy_is_5_05():
    for number in (coap.PROXY_URI, coap.PROXY_SCHEME):
        server = Endpoint(counting())
        receive(server, get([(number, b"coap")]))
        assert sent(server)[0].code == coap.PROXYING_NOT_SUPPORTED


def test_unknown_elective_option_is_ignored():
    server = Endpoint(counting())
    receive(server, get([(coap.URI_PATH, b"x"), (2048, b"?")]))
    assert server.next_event().request.path == ("x",)


def test_critical_option_of_a_wrong_length_is_4_02():
    for number, value in ((coap.ACCEPT, b"123"), (coap.URI_HOST, b""), (coap.BLOCK2, b"1234"),
                          (coap.URI_PORT, b"123"), (coap.URI_PATH, bytes(256))):
        server = Endpoint(counting())
        receive(server, get([(number, value)]))
        assert sent(server)[0].code == coap.BAD_OPTION


def test_elective_option_of_a_wrong_length_is_ignored():
    server = Endpoint(counting())
    receive(server, get([(coap.OBSERVE, b"1234"), (coap.CONTENT_FORMAT, b"123")]))
    request = server.next_event().request
    assert (request.observe, request.content_format) == (None, None)


def test_second_critical_option_that_may_come_once_is_4_02():
    server = Endpoint(counting())
    receive(server, get([(coap.ACCEPT, b"\x70"), (coap.ACCEPT, b"\x3c")]))
    assert sent(server)[0].code == coap.BAD_OPTION


def test_second_elective_option_that_may_come_once_is_ignored():
    server = Endpoint(counting())
    receive(server, get([(coap.CONTENT_FORMAT, b"\x70"), (coap.CONTENT_FORMAT, b"\x3c")]))
    assert server.next_event().request.content_format == 112


def test_uri_host_and_port_are_understood():
    server = Endpoint(counting())
    receive(server, get([(coap.URI_HOST, b"lamp"), (coap.URI_PORT, b"\x16\x33")]))
    assert isinstance(server.next_event(), RequestReceived)


def test_path_that_is_not_text_is_4_00():
    for path in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82"):
        server = Endpoint(counting())
        receive(server, get([(coap.URI_PATH, path)]))
        assert sent(server)[0].code == coap.BAD_REQUEST


def test_unknown_method_is_4_05():
    server = Endpoint(counting())
    receive(server, get(code=8))
    assert sent(server)[0].code == coap.METHOD_NOT_ALLOWED


def test_fetch_patch_and_ipatch_are_methods():
    for code in (coap.FETCH, coap.PATCH, coap.IPATCH):
        server = Endpoint(counting())
        receive(server, get(code=code))
        assert server.next_event().request.code == code


def test_unknown_critical_option_in_a_separate_response_is_reset_and_fails_the_request():
    client, request = asking()
    receive(client, Message(coap.CON, coap.CONTENT, 900, request.token, [(2049, b"")]))
    assert [message.type for message in sent(client)] == [coap.RST]
    assert client.next_event().reason == "bad response"


def test_unknown_critical_option_in_a_piggybacked_response_fails_the_request():
    client, request = asking()
    receive(client, Message(coap.ACK, coap.CONTENT, request.mid, request.token, [(2049, b"")]))
    assert sent(client) == []
    assert client.next_event().reason == "bad response"


def test_continue_without_anything_to_continue_fails_the_request():
    client, request = asking()
    receive(client, Message(coap.ACK, coap.CONTINUE, request.mid, request.token, []))
    assert client.next_event().reason == "bad response"


def test_random_datagrams_change_nothing_but_counters():
    client, request = asking()
    due_ms = client.next_timeout_ms()
    for seed in range(400):
        data = bytearray(seeded_bytes(seed, 4 + seed % 50))
        # Version 1, any type; no request, and no token or message id that we know.
        data[0] = 0x40 | data[0] & 0x3F
        data[1] |= 0x40
        data[2] |= 0x80
        client.receive_datagram(bytes(data), PEER, seed)
        client.datagrams_to_send()
    assert client.next_event() is None
    assert client.next_timeout_ms() == due_ms
    receive(client, Message(coap.ACK, coap.CONTENT, request.mid, request.token, []), 500)
    assert isinstance(client.next_event(), ResponseReceived)


def test_mutated_requests_are_answered_or_dropped_and_the_next_one_is_served():
    options = [(6, b""), (11, b"3416"), (12, b"\x70"), (15, b"pmin=1"), (17, b"\x70"),
               (27, b"\x08"), (60, b"\x40")]
    datagram = encode(Message(coap.CON, coap.PUT, 7, b"1234", options, bytes(16)))
    server = Endpoint(counting())
    for position in range(len(datagram)):
        for value in (0, 1, 8, 0x7F, 0xD0, 0xE0, 0xFF):
            data = bytearray(datagram)
            data[position] = value
            data[2] = position
            data[3] ^= value
            server.receive_datagram(bytes(data), PEER, 0)
            event = server.next_event()
            if isinstance(event, RequestReceived):
                server.send_response(event.exchange, Response(coap.CHANGED), 0)
            server.datagrams_to_send()
    receive(server, get(mid=60000), 300000)
    assert isinstance(server.next_event(), RequestReceived)
