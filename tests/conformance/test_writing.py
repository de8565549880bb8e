"""Device management, the cases that write and execute, against the node."""

import cbor2
import pytest
from aiocoap.numbers import codes

from tests.conformance import senml, tlv
from tests.conformance.node_process import RESTART_EXIT_CODE
from tests.conformance.street import LIFETIME_S, TEXT, TLV, VALUE_CBOR

# uCIFI's scheduler ids of a lamp: the multiple resource that a server may write.
SCHEDULERS = "3416/0/13"


def number_bytes(number):
    return number.to_bytes(4, "big", signed=True)


def test_1_1_int_205_setting_basic_information_plain_text(street):
    for path, value in (
            ("1/0/2", "101"), ("1/0/3", "1010"), ("1/0/5", "2000"), ("1/0/6", "0")):
        street.write(path, value)
        assert street.text(path) == value


def test_1_1_int_212_setting_basic_information_cbor(street):
    for path, value in (("1/0/2", 101), ("1/0/3", 1010), ("1/0/6", False)):
        written = street.ask(codes.PUT, path, cbor2.dumps(value), content_format=VALUE_CBOR)
        assert written.code == codes.CHANGED
        assert street.values(path) == {"/" + path: value}


def test_1_1_int_215_setting_basic_information_tlv(street):
    before = street.ask(codes.GET, "1/0", accept=TLV).payload
    payload = b"".join((
        tlv.resource(2, number_bytes(101)), tlv.resource(3, number_bytes(1010)),
        tlv.resource(5, number_bytes(2000)), tlv.resource(6, b"\x00"), tlv.resource(7, b"U")))
    assert street.ask(codes.POST, "1/0", payload, content_format=TLV).code == codes.CHANGED
    resources = tlv.resources(street.ask(codes.GET, "1/0", accept=TLV).payload)
    assert [tlv.integer(resources[number]) for number in (2, 3, 5, 6)] == [101, 1010, 2000, 0]
    assert resources[7] == b"U" and tlv.integer(resources[1]) == LIFETIME_S
    writable = b"".join(tlv.resource(number, value)
                        for number, value in tlv.resources(before).items() if number != 0)
    assert street.ask(codes.PUT, "1/0", writable, content_format=TLV).code == codes.CHANGED
    assert street.ask(codes.GET, "1/0", accept=TLV).payload == before


def test_1_1_int_221_attempt_to_perform_operations_on_security(street):
    attempts = [
        street.ask(codes.GET, "0/0"),
        street.ask(codes.GET, "0/0/0"),
        street.ask(codes.PUT, "0/0/0", b"coap://localhost", content_format=TEXT),
        street.ask(codes.PUT, "0/0", query="pmin=10"),
        street.ask(codes.GET, "0", accept=40),
        street.ask(codes.DELETE, "0/0"),
        street.ask(codes.GET, "0/0/0", observe=0),
        street.ask(codes.FETCH, "", senml.pack(senml.CBOR, {"/0/0/0": None, "/21/0/0": None}),
                   content_format=senml.CBOR),
        street.ask(codes.GET, "21/0"),
    ]
    assert [answer.code for answer in attempts] == [codes.UNAUTHORIZED] * len(attempts)
    assert street.read_composite(["/0/0/0", "/1/0/0"]) == {"/1/0/0": 1}


def test_1_1_int_226_write_partial_update_on_object_instance(street):
    payload = senml.pack(senml.CBOR, {"/1/0/1": 60, "/1/0/6": False})
    written = street.ask(codes.POST, "1/0", payload, content_format=senml.CBOR)
    assert written.code == codes.CHANGED
    assert street.heard().opt.uri_query == ("lt=60",)
    values = street.values("1/0")
    assert (values["/1/0/1"], values["/1/0/6"], values["/1/0/5"]) == (60, False, 86400)


def test_1_1_int_227_write_replace_on_resource(street):
    street.write("1/0/1", "63")
    assert street.heard().opt.uri_query == ("lt=63",)
    assert street.text("1/0/1") == "63"
    street.write("1/0/1", str(LIFETIME_S))
    assert street.heard().opt.uri_query == (f"lt={LIFETIME_S}",)


def test_1_1_int_228_write_on_resource_instance(street):
    """Deviation: on 3416/0/13, a multiple Integer; a lamp has no Portfolio."""
    both = senml.pack(senml.CBOR, {f"/{SCHEDULERS}/0": 1, f"/{SCHEDULERS}/1": 2})
    assert street.ask(codes.PUT, SCHEDULERS, both, content_format=112).code == codes.CHANGED
    street.write(SCHEDULERS + "/0", "7")
    assert street.values(SCHEDULERS) == {f"/{SCHEDULERS}/0": 7, f"/{SCHEDULERS}/1": 2}
    assert street.text(SCHEDULERS + "/0") == "7"


@pytest.mark.parametrize("content_format", [senml.JSON, senml.CBOR])
def test_1_1_int_230_write_composite(street, content_format):
    """Deviation: the multiple resource is 3416/0/13; a lamp has no Portfolio."""
    entries = {"/1/0/1": 60, "/1/0/6": False, f"/{SCHEDULERS}/0": 11, f"/{SCHEDULERS}/1": 22,
               f"/{SCHEDULERS}/2": 33, f"/{SCHEDULERS}/3": 44}
    written = street.ask(codes.iPATCH, "", senml.pack(content_format, entries),
                         content_format=content_format)
    assert written.code == codes.CHANGED
    assert street.heard().opt.uri_query == ("lt=60",)
    assert street.read_composite(list(entries), content_format) == entries


def test_1_1_int_233_setting_basic_information_senml_cbor(street):
    basic_information_is_set(street, senml.CBOR)


def test_1_1_int_234_setting_basic_information_senml_json(street):
    basic_information_is_set(street, senml.JSON)


def basic_information_is_set(street, content_format):
    def write(code, path, entries):
        payload = senml.pack(content_format, entries)
        written = street.ask(code, path, payload, content_format=content_format)
        assert written.code == codes.CHANGED

    write(codes.POST, "1/0", {"/1/0/1": 61, "/1/0/6": False})
    assert street.heard().opt.uri_query == ("lt=61",)
    values = street.values("1/0", content_format)
    assert (values["/1/0/1"], values["/1/0/6"]) == (61, False)
    write(codes.PUT, "3410/0/4", {"/3410/0/4": "pole 17, é"})
    assert street.values("3410/0/4", content_format) == {"/3410/0/4": "pole 17, é"}
    write(codes.PUT, "1/0/1", {"/1/0/1": 63})
    assert street.heard().opt.uri_query == ("lt=63",)


def test_1_1_int_241_executable_resource_rebooting_the_device(street):
    assert street.ask(codes.POST, "3/0/4").code == codes.CHANGED
    assert street.run(street.node.ended()) == RESTART_EXIT_CODE
    registration = street.start_node()
    assert registration.opt.uri_path == ("rd",)
    assert registration.opt.uri_query[0] == street.registration.opt.uri_query[0]
    assert street.text("3/0/0") == "Faubourg"


def test_1_1_int_256_write_operation_failure(street):
    refused = street.ask(codes.PUT, "1/0/0", b"123", content_format=TEXT)
    assert refused.code == codes.METHOD_NOT_ALLOWED
    assert street.text("1/0/0") == "1"
    entries = senml.pack(senml.CBOR, {"/1/0/2": 77, "/1/0/0": 123})
    refused = street.ask(codes.iPATCH, "", entries, content_format=senml.CBOR)
    assert refused.code == codes.METHOD_NOT_ALLOWED
    assert street.text("1/0/2") == "0"


def test_1_1_int_257_write_composite_server_and_device(street):
    """The specification's own payload; the clock goes on from what was written to 3/0/13.

    Then one with a value that the node cannot take: nothing of it may be written.
    """
    payload = bytes.fromhex(
        "83a321612f0065312f302f32021865a20065312f302f3604f5a20066332f302f31330200")
    street.write("1/0/6", "0")
    assert street.ask(codes.iPATCH, "", payload, content_format=112).code == codes.CHANGED
    values = street.read_composite(["/1/0/2", "/1/0/6", "/3/0/13"])
    assert (values["/1/0/2"], values["/1/0/6"]) == (101, True)
    assert 0 <= values["/3/0/13"] < 120
    entries = senml.pack(senml.CBOR, {"/1/0/2": 77, "/3/0/15": "no time zone"})
    assert street.ask(codes.iPATCH, "", entries, content_format=112).code == codes.BAD_REQUEST
    assert street.text("1/0/2") == "101"
