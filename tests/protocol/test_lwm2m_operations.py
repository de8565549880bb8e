from protocol import coap_message as coap
from protocol import lwm2m_operations as operations
from protocol.coap_values import Request
from protocol.errors import DecodeError, ProtocolError
from protocol.lwm2m_operations import ARGUMENTS_LENGTH_MAX, classify, parse_arguments
from tests.portable import raises, seeded_bytes


def kind(code, *segments, **options):
    return classify(Request(code, segments, **options)).kind


def test_get_reads_or_discovers():
    assert kind(coap.GET, "3", "0") == operations.READ
    assert kind(coap.GET, "3", "0", accept=112) == operations.READ
    assert kind(coap.GET, "3", accept=40) == operations.DISCOVER


def test_put_writes_values_or_attributes():
    assert kind(coap.PUT, "1", "0", "1", payload=b"5") == operations.WRITE_REPLACE
    assert kind(coap.PUT, "1", "0", "1", content_format=0) == operations.WRITE_REPLACE
    assert kind(coap.PUT, "1", "0", "1", queries=("pmin=5",)) == operations.WRITE_ATTRIBUTES


def test_post_creates_writes_or_executes():
    assert kind(coap.POST, "3416") == operations.CREATE
    assert kind(coap.POST, "3416", "0") == operations.WRITE_PARTIAL
    assert kind(coap.POST, "3", "0", "4") == operations.EXECUTE
    assert kind(coap.POST, "3416", "0", "35", content_format=11542) == operations.WRITE_PARTIAL


def test_delete_deletes():
    assert kind(coap.DELETE, "3453", "0") == operations.DELETE


def test_composites_are_at_the_root_alone():
    assert kind(coap.FETCH) == operations.READ_COMPOSITE
    assert kind(coap.IPATCH, "") == operations.WRITE_COMPOSITE
    assert kind(coap.FETCH, "3") is None
    assert kind(coap.IPATCH, "3", "0") is None
    assert kind(coap.GET) is None


def test_observe_counts_for_reading_alone():
    assert classify(Request(coap.GET, ("3",), observe=0)).observe == 0
    assert classify(Request(coap.FETCH, (), observe=1)).observe == 1
    assert classify(Request(coap.PUT, ("3",), observe=0)).observe is None


def test_a_path_is_made_of_ids():
    assert classify(Request(coap.GET, ("65534", "0", "0", "0"))).path == (65534, 0, 0, 0)
    assert classify(Request(coap.GET, ("3", ""))).path == (3,)
    for segments in (("65535",), ("x",), ("03",), ("3", "", "0"), ("1", "2", "3", "4", "5")):
        raises(DecodeError, classify, Request(coap.GET, segments))


def test_arguments_of_execute():
    assert parse_arguments("") == []
    assert parse_arguments("5") == [(5, None)]
    assert parse_arguments("2='10.3'") == [(2, "10.3")]
    assert parse_arguments("7,0='https://www.oma.org',9=''") == [
        (7, None), (0, "https://www.oma.org"), (9, "")]


def test_arguments_that_break_the_grammar():
    for text in ("a", ",", "0,", ",0", "0=1", "0='a", "0='a'b", "0,0", "10", "0=''' ", " 0"):
        raises(DecodeError, parse_arguments, text)
    raises(DecodeError, parse_arguments, "0='%s'" % ("x" * ARGUMENTS_LENGTH_MAX))


def test_random_requests_are_classified_or_refused():
    for seed in range(300):
        data = seeded_bytes(seed, 12)
        segments = tuple([chr(32 + byte % 95) * (byte % 4) for byte in data[:data[0] % 6]])
        try:
            classify(Request(data[1] % 8, segments, payload=data[2:data[3] % 4]))
            parse_arguments("".join([chr(39 + byte % 25) for byte in data]))
        except ProtocolError:
            pass
