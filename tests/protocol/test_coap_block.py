"""Block-wise transfers: options, gathering, cutting, and two endpoints that use them."""

from protocol import coap_block
from protocol import coap_message as coap
from protocol.coap_block import Block, Gathering, RequestBodies, Snapshots, block_option, cut
from protocol.coap_endpoint import Endpoint
from protocol.coap_message import Message, decode, encode
from protocol.coap_values import (
    Request,
    RequestFailed,
    RequestReceived,
    Response,
    ResponseReceived,
)
from protocol.errors import DecodeError
from tests.portable import raises, seeded_bytes
from tests.protocol.coap_network import Network, counting

BODY = seeded_bytes(5, 2500)
LIFETIME_MS = 247000


def street(client_block_size=1024, server_block_size=1024, body_length_max=4096):
    network = Network()
    network.attach("client", Endpoint(counting(), None, client_block_size, body_length_max))
    network.attach("server", Endpoint(counting(), None, server_block_size, body_length_max))
    return network


def ask(network, request):
    network.endpoints["client"].send_request(request, "server", network.now_ms)
    network.run(network.now_ms + 500000)
    return network.events["client"].pop()


def requests_seen(network):
    return [event.request for event in network.events["server"]
            if isinstance(event, RequestReceived)]


def messages(network, source):
    return [decode(datagram) for _, name, _, datagram in network.log if name == source]


def answer_of(endpoint, code, options, payload=b"", mid=0, peer="peer", now_ms=0):
    """Return the message that answers a request made by hand."""
    message = Message(coap.CON, code, mid, b"t", options, payload)
    endpoint.receive_datagram(encode(message), peer, now_ms)
    return decode(endpoint.datagrams_to_send()[0][0])


def put_block(endpoint, number, has_more, payload, mid, peer="peer", now_ms=0, size1=None, szx=0):
    options = [(11, b"x"), (27, Block(number, has_more, szx).encode())]
    if size1 is not None:
        options.append((60, coap.encode_uint(size1)))
    return answer_of(endpoint, coap.PUT, options, payload, mid, peer, now_ms)


def test_RFC7959_2_2_block_option_values():
    block = block_option([(27, b"\x33")], 27)
    assert (block.number, block.has_more, block.szx) == (3, False, 3)
    block = block_option([(23, b"\x01\x0e")], 23)
    assert (block.number, block.has_more, block.szx) == (16, True, 6)
    assert Block(0, False, 0).encode() == b""
    assert Block(0xFFFFF, True, 6).encode() == b"\xff\xff\xfe"


def test_reserved_size_exponent_7_is_refused():
    raises(DecodeError, block_option, [(27, b"\x07")], 27)


def test_body_is_cut_at_multiples_of_the_block_size():
    block, payload = cut(bytes(100), 64, 1)
    assert (block.number, block.has_more, len(payload)) == (2, True, 32)
    block, payload = cut(bytes(100), 96, 1)
    assert (block.number, block.has_more, len(payload)) == (3, False, 4)
    block, payload = cut(bytes(64), 32, 1)
    assert not block.has_more


def test_gathering_takes_blocks_in_order_even_when_they_become_smaller():
    gathering = Gathering()
    assert gathering.append(Block(0, True, 1), bytes(32))
    assert gathering.append(Block(2, True, 0), bytes(16))
    assert gathering.append(Block(3, False, 0), b"end")
    assert len(gathering.body) == 51


def test_gathering_refuses_gaps_repetitions_and_blocks_that_are_not_full():
    gathering = Gathering()
    assert not gathering.append(Block(1, True, 0), bytes(16))
    assert not gathering.append(Block(0, True, 0), bytes(15))
    assert not gathering.append(Block(0, False, 0), bytes(17))
    assert gathering.append(Block(0, True, 0), bytes(16))
    assert not gathering.append(Block(0, True, 0), bytes(16))


def test_unfinished_request_body_expires():
    bodies = RequestBodies(4096, LIFETIME_MS)
    assert bodies.receive("k", Block(0, True, 0), bytes(16), None, 0)[0] == coap.CONTINUE
    code, _ = bodies.receive("k", Block(1, False, 0), b"x", None, LIFETIME_MS)
    assert code == coap.REQUEST_ENTITY_INCOMPLETE


def test_snapshots_give_way_to_newer_ones():
    snapshots = Snapshots()
    for key in range(coap_block.SNAPSHOTS_MAX + 1):
        snapshots.keep(key, Response(69))
    assert snapshots.find(0) is None
    assert snapshots.find(1) and snapshots.find(2)
    snapshots.keep(2, None)
    assert snapshots.find(2) is None


def test_long_request_arrives_whole():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    event = ask(network, Request(coap.POST, ("dp",), (), BODY, 112))
    assert event.response.code == coap.CHANGED
    request = requests_seen(network)[0]
    assert request.payload == BODY
    assert (request.path, request.content_format) == (("dp",), 112)
    assert len(messages(network, "client")) == 3


def test_request_that_fits_a_block_has_no_block_option():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    ask(network, Request(coap.POST, ("dp",), (), bytes(1024)))
    assert coap.option(messages(network, "client")[0].options, coap.BLOCK1) is None


def test_first_block_announces_the_size_of_the_body():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    ask(network, Request(coap.POST, ("dp",), (), BODY))
    sizes = [coap.uint_option(message.options, coap.SIZE1)
             for message in messages(network, "client")]
    assert sizes == [2500, None, None]


def test_blocks_are_answered_with_continue():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    ask(network, Request(coap.POST, ("dp",), (), BODY))
    answers = messages(network, "server")
    assert [answer.code for answer in answers] == [coap.CONTINUE, coap.CONTINUE, coap.CHANGED]
    assert [coap.option(answer.options, coap.BLOCK1) for answer in answers] == [
        b"\x0e", b"\x1e", b"\x26"]


def test_each_block_has_a_token_of_its_own():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    ask(network, Request(coap.POST, ("dp",), (), BODY))
    assert len(set([message.token for message in messages(network, "client")])) == 3


def test_server_with_smaller_blocks_is_heeded():
    network = street(1024, 256)
    network.serve["server"] = lambda request: Response(coap.CHANGED)
    ask(network, Request(coap.PUT, ("x",), (), BODY))
    assert requests_seen(network)[0].payload == BODY
    second = messages(network, "client")[1]
    assert (block_option(second.options, 27).number, len(second.payload)) == (4, 256)


def test_smaller_size_in_4_13_is_a_hint_to_begin_again():
    client = Endpoint(counting())
    client.send_request(Request(coap.PUT, ("x",), (), bytes(600)), "server", 0)
    first = decode(client.datagrams_to_send()[0][0])
    assert len(first.payload) == 600
    answer = Message(coap.ACK, coap.REQUEST_ENTITY_TOO_LARGE, first.mid, first.token,
                     [(27, Block(0, True, 4).encode())])
    client.receive_datagram(encode(answer), "server", 0)
    again = decode(client.datagrams_to_send()[0][0])
    assert len(again.payload) == 256
    assert block_option(again.options, 27).szx == 4


def test_4_13_without_hint_is_the_answer():
    network = street(1024, 1024, 2000)
    event = ask(network, Request(coap.PUT, ("x",), (), BODY))
    assert event.response.code == coap.REQUEST_ENTITY_TOO_LARGE
    assert requests_seen(network) == []


def test_announced_size_over_the_limit_is_refused_at_once_with_the_limit():
    server = Endpoint(counting())
    answer = put_block(server, 0, True, bytes(16), 1, size1=4097)
    assert answer.code == coap.REQUEST_ENTITY_TOO_LARGE
    assert coap.uint_option(answer.options, coap.SIZE1) == 4096


def test_body_that_grows_over_the_limit_is_refused():
    server = Endpoint(counting(), None, 1024, 40)
    assert put_block(server, 0, True, bytes(16), 1).code == coap.CONTINUE
    assert put_block(server, 1, True, bytes(16), 2).code == coap.CONTINUE
    assert put_block(server, 2, True, bytes(16), 3).code == coap.REQUEST_ENTITY_TOO_LARGE
    assert put_block(server, 3, False, b"x", 4).code == coap.REQUEST_ENTITY_INCOMPLETE


def test_missing_block_is_4_08():
    server = Endpoint(counting())
    assert put_block(server, 0, True, bytes(16), 1).code == coap.CONTINUE
    assert put_block(server, 2, False, b"x", 2).code == coap.REQUEST_ENTITY_INCOMPLETE


def test_late_copy_of_a_block_does_not_disturb_the_others():
    bodies = RequestBodies(4096, LIFETIME_MS)
    bodies.receive("k", Block(0, True, 0), b"a" * 16, None, 0)
    bodies.receive("k", Block(1, True, 0), b"b" * 16, None, 0)
    code, _ = bodies.receive("k", Block(1, True, 0), b"b" * 16, None, 0)
    assert code == coap.REQUEST_ENTITY_INCOMPLETE
    assert bodies.receive("k", Block(2, False, 0), b"c", None, 0) == (
        None, b"a" * 16 + b"b" * 16 + b"c")


def test_block_without_a_first_one_is_4_08():
    server = Endpoint(counting())
    assert put_block(server, 1, False, b"x", 1).code == coap.REQUEST_ENTITY_INCOMPLETE


def test_block_of_a_wrong_size_is_4_00():
    server = Endpoint(counting())
    assert put_block(server, 0, True, bytes(15), 1).code == coap.BAD_REQUEST


def test_reserved_size_exponent_is_4_00():
    server = Endpoint(counting())
    assert answer_of(server, coap.PUT, [(27, b"\x07")], b"x").code == coap.BAD_REQUEST
    assert answer_of(server, coap.GET, [(23, b"\x07")], b"", 1).code == coap.BAD_REQUEST


def test_first_block_begins_the_body_again():
    server = Endpoint(counting())
    put_block(server, 0, True, b"a" * 16, 1)
    put_block(server, 0, True, b"b" * 16, 2)
    server.receive_datagram(
        encode(Message(coap.CON, coap.PUT, 3, b"t", [(11, b"x"), (27, b"\x10")], b"c")), "peer", 0)
    assert server.next_event().request.payload == b"b" * 16 + b"c"


def test_third_body_at_a_time_is_5_03_with_max_age():
    server = Endpoint(counting())
    assert put_block(server, 0, True, bytes(16), 1, "a").code == coap.CONTINUE
    assert put_block(server, 0, True, bytes(16), 1, "b").code == coap.CONTINUE
    answer = put_block(server, 0, True, bytes(16), 1, "c")
    assert answer.code == coap.SERVICE_UNAVAILABLE
    assert coap.uint_option(answer.options, coap.MAX_AGE) > 0


def test_abandoned_bodies_make_room_after_their_lifetime():
    server = Endpoint(counting())
    put_block(server, 0, True, bytes(16), 1, "a")
    put_block(server, 0, True, bytes(16), 1, "b")
    answer = put_block(server, 0, True, bytes(16), 1, "c", LIFETIME_MS)
    assert answer.code == coap.CONTINUE


def test_other_request_tag_is_another_body():
    server = Endpoint(counting())
    options = [(11, b"x"), (27, b"\x08"), (292, b"1")]
    assert answer_of(server, coap.PUT, options, bytes(16), 1).code == coap.CONTINUE
    options = [(11, b"x"), (27, b"\x10"), (292, b"2")]
    assert answer_of(server, coap.PUT, options, b"y", 2).code == coap.REQUEST_ENTITY_INCOMPLETE


def test_long_response_arrives_whole():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CONTENT, BODY, 11542)
    event = ask(network, Request(coap.GET, ("3416", "0")))
    assert (event.response.payload, event.response.content_format) == (BODY, 11542)
    assert len(requests_seen(network)) == 1


def test_blocks_of_a_response_share_an_etag():
    network = street()
    network.serve["server"] = lambda request: Response(coap.CONTENT, BODY)
    ask(network, Request(coap.GET, ("x",)))
    etags = [coap.option(answer.options, coap.ETAG) for answer in messages(network, "server")]
    assert len(etags) == 3 and len(set(etags)) == 1 and etags[0]


def test_etag_of_the_user_is_kept():
    network = street()
    network.serve["server"] = lambda request: Response(
        coap.CONTENT, BODY, options=((coap.ETAG, b"v1"),))
    event = ask(network, Request(coap.GET, ("x",)))
    assert event.response.options == [(coap.ETAG, b"v1")]
    assert event.response.payload == BODY


def test_client_with_smaller_blocks_gets_them():
    server = Endpoint(counting())
    options = [(11, b"x"), (23, b"\x01")]
    server.receive_datagram(encode(Message(coap.CON, coap.GET, 1, b"t", options)), "peer", 0)
    server.send_response(server.next_event().exchange, Response(coap.CONTENT, BODY), 0)
    answer = decode(server.datagrams_to_send()[0][0])
    assert answer.payload == BODY[:32]
    assert coap.option(answer.options, coap.BLOCK2) == b"\x09"


def test_client_may_ask_for_smaller_blocks_midway():
    server = Endpoint(counting())
    server.receive_datagram(encode(Message(coap.CON, coap.GET, 1, b"t", [])), "peer", 0)
    server.send_response(server.next_event().exchange, Response(coap.CONTENT, BODY), 0)
    server.datagrams_to_send()
    answer = answer_of(server, coap.GET, [(23, Block(2, False, 5).encode())], b"", 2)
    assert answer.payload == BODY[1024:1536]


def test_block_of_a_forgotten_response_is_made_anew():
    server = Endpoint(counting())
    options = [(11, b"x"), (23, Block(2, False, 6).encode())]
    server.receive_datagram(encode(Message(coap.CON, coap.GET, 1, b"t", options)), "peer", 0)
    server.send_response(server.next_event().exchange, Response(coap.CONTENT, BODY), 0)
    answer = decode(server.datagrams_to_send()[0][0])
    assert answer.payload == BODY[2048:]


def test_block_of_a_forgotten_answer_to_a_post_is_4_08():
    server = Endpoint(counting())
    answer = answer_of(server, coap.POST, [(23, Block(2, False, 6).encode())])
    assert answer.code == coap.REQUEST_ENTITY_INCOMPLETE
    assert server.next_event() is None


def test_block_beyond_the_end_is_4_00():
    server = Endpoint(counting())
    options = [(11, b"x"), (23, Block(9, False, 6).encode())]
    server.receive_datagram(encode(Message(coap.CON, coap.GET, 1, b"t", options)), "peer", 0)
    server.send_response(server.next_event().exchange, Response(coap.CONTENT, BODY), 0)
    assert decode(server.datagrams_to_send()[0][0]).code == coap.BAD_REQUEST


def test_response_over_the_limit_fails():
    network = street(1024, 1024, 2000)
    network.serve["server"] = lambda request: Response(coap.CONTENT, BODY)
    event = ask(network, Request(coap.GET, ("x",)))
    assert isinstance(event, RequestFailed) and event.reason == "size"


def test_response_that_changes_midway_fails():
    client = Endpoint(counting())
    client.send_request(Request(coap.GET, ("x",)), "server", 0)
    for number, etag in ((0, b"1"), (1, b"2")):
        asked = decode(client.datagrams_to_send()[0][0])
        options = [(4, etag), (23, Block(number, True, 0).encode())]
        answer = Message(coap.ACK, coap.CONTENT, asked.mid, asked.token, options, bytes(16))
        client.receive_datagram(encode(answer), "server", 0)
    assert client.next_event().reason == "bad response"


def test_both_bodies_may_be_long():
    for code in (coap.POST, coap.FETCH, coap.IPATCH):
        network = street(256, 128)
        network.serve["server"] = lambda request: Response(coap.CONTENT, request.payload + BODY)
        event = ask(network, Request(code, (), (), BODY[:1000], 112, 112))
        assert isinstance(event, ResponseReceived)
        assert event.response.payload == BODY[:1000] + BODY
        assert len(requests_seen(network)) == 1


def test_short_fetch_repeats_its_body_with_each_block():
    network = street(64, 64)
    network.serve["server"] = lambda request: Response(coap.CONTENT, bytes(100))
    ask(network, Request(coap.FETCH, (), (), b"[/3/0]", 112))
    assert [message.payload for message in messages(network, "client")] == [b"[/3/0]"] * 2


def test_bodies_of_every_length_survive_both_ways():
    for length in (0, 1, 15, 16, 17, 31, 32, 33, 160, 161):
        network = street(16, 32)
        network.serve["server"] = lambda request: Response(coap.CHANGED, request.payload)
        event = ask(network, Request(coap.POST, ("x",), (), BODY[:length]))
        assert event.response.payload == BODY[:length]
