"""What servers that are not ours want of a node, as the wire showed it."""

from protocol import coap_message as coap
from protocol import link_format
from tests.firmware.board import Street


def root_links(request):
    return [link for link in link_format.decode(request.payload) if link.target == "/"]


def registering():
    street = Street(is_registered=False)
    street.node.start(0)
    street.settle()
    return street


def test_wakaama_1_1_server_reads_the_root_link_with_one_unquoted_format():
    # To ct="60 110 112 11542" and to ct=11542 it answers 4.00.
    request = registering().requests[0]
    assert request.payload.startswith(b'</>;rt="oma.lwm2m";ct=112,</1/0>,</3/0>')


def test_wakaama_2023_server_that_refuses_the_format_gets_the_objects_alone():
    street = Street(is_registered=False)
    street.answers["register"] = coap.BAD_REQUEST
    street.node.start(0)
    street.settle()
    del street.answers["register"]
    street.advance(60000)
    first, second = street.requests[:2]
    assert (len(root_links(first)), len(root_links(second))) == (1, 0)
    assert second.payload.startswith(b"</1/0>,</3/0>")


def test_a_server_that_refuses_a_register_for_other_reasons_gets_the_format_again():
    street = Street(is_registered=False)
    street.answers["register"] = coap.BAD_REQUEST
    street.node.start(0)
    street.advance(600000)
    assert [len(root_links(request)) for request in street.requests[:4]] == [1, 0, 1, 0]


def test_lwm2m_node_lib_1_4_server_executes_with_a_format_and_nothing_in_it():
    street = Street()
    assert street.request(coap.POST, "1/0/8", content_format=1541).code == coap.CHANGED
    refused = street.request(coap.POST, "1/0/8", b"0", content_format=1541)
    assert refused.code == coap.UNSUPPORTED_CONTENT_FORMAT


def test_lwm2m_node_lib_1_4_server_writes_in_the_text_format_of_before_the_registry():
    street = Street()
    response = street.request(coap.PUT, "3416/0/1", b"55", content_format=1541)
    assert response.code == coap.CHANGED
    assert street.read("3416/0/1") == [((3416, 0, 1), 55)]
