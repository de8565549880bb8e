from protocol import cbor, link_format, lwm2m_content, senml
from protocol import coap_message as coap
from protocol.data_types import ObjectLink
from protocol.lwm2m_content import CBOR, OCTET_STREAM, SENML_CBOR, SENML_JSON, TEXT, TLV
from protocol.number import Decimal
from protocol.object_table import type_of
from protocol.senml import Record
from tests.firmware.board import Board, Street, code_text

GET, PUT, POST, DELETE, FETCH, IPATCH = (
    coap.GET, coap.PUT, coap.POST, coap.DELETE, coap.FETCH, coap.IPATCH)


def ask(code, path, payload=b"", **options):
    """Return the response code's text of one request to a fresh node."""
    return code_text(Street().request(code, path, payload, **options).code)


def names(*paths):
    return senml.encode_cbor([Record(path) for path in paths])


def values(**named):
    """A SenML CBOR pack: values(p1_0_2=101) says 101 for 1/0/2."""
    return senml.encode_cbor(
        [Record(name[1:].replace("_", "/"), named[name]) for name in sorted(named)])


def decoded(response):
    return {leaf[0]: leaf[1] for leaf in lwm2m_content.decode(
        response.content_format, (), response.payload, type_of)}


def test_int_201_a_string_is_read_as_plain_text():
    response = Street().request(GET, "3/0/0", accept=TEXT)
    assert (response.code, response.content_format) == (coap.CONTENT, TEXT)
    assert response.payload == b"Faubourg"


def test_int_203_an_instance_is_read_as_tlv():
    response = Street().request(GET, "3/0", accept=TLV)
    assert response.content_format == TLV
    leaves = dict(lwm2m_content.decode(TLV, (3, 0), response.payload, type_of))
    assert leaves[(3, 0, 1)] == "Test board"
    assert leaves[(3, 0, 22, 0)] == ObjectLink(3410, 0)
    assert (3, 0, 4) not in leaves


def test_int_211_a_resource_is_read_as_cbor():
    response = Street().request(GET, "1/0/1", accept=CBOR)
    assert cbor.decode(response.payload) == 3600


def test_int_212_a_resource_is_written_as_cbor():
    street = Street()
    response = street.request(PUT, "1/0/1", cbor.encode(7200), content_format=CBOR)
    assert response.code == coap.CHANGED
    assert street.read("1/0/1") == [((1, 0, 1), 7200)]


def test_int_205_a_resource_is_written_as_plain_text():
    street = Street()
    assert street.write("1/0/3", "60") == "2.04"
    assert street.read("1/0/3") == [((1, 0, 3), 60)]
    assert street.write("1/0/6", "0") == "2.04"
    assert street.read("1/0/6") == [((1, 0, 6), False)]


def test_int_215_an_instance_is_written_as_tlv():
    street = Street()
    leaves = [((1, 0, 2), 5), ((1, 0, 3), 65), ((1, 0, 6), False)]
    payload = lwm2m_content.encode(TLV, (1, 0), leaves, type_of)
    assert street.request(POST, "1/0", bytes(payload), content_format=TLV).code == coap.CHANGED
    assert [street.read("1/0/%d" % leaf[0][2])[0] for leaf in leaves] == leaves


def test_int_221_security_and_oscore_objects_are_not_for_servers():
    for path in ("0", "0/0", "0/0/0", "21", "21/0/0"):
        assert ask(GET, path) == "4.01"
        assert ask(GET, path, accept=40) == "4.01"
        assert ask(PUT, path, b"x", content_format=TEXT) == "4.01"
        assert ask(POST, path) == "4.01"
    assert ask(DELETE, "0/0") == "4.01"
    assert ask(PUT, "0/0", queries=("pmin=1",)) == "4.01"
    assert ask(IPATCH, "", values(p0_0_0="coap://evil"), content_format=SENML_CBOR) == "4.01"


def test_int_222_an_object_is_read_with_all_instances():
    response = Street().request(GET, "1", accept=SENML_CBOR)
    assert {path[:2] for path in decoded(response)} == {(1, 0)}
    assert decoded(response)[(1, 0, 1)] == 3600


def test_int_223_an_instance_is_read():
    found = decoded(Street().request(GET, "3/0", accept=SENML_JSON))
    assert found[(3, 0, 0)] == "Faubourg"
    assert found[(3, 0, 11, 0)] == 0


def test_int_224_a_resource_is_read():
    assert decoded(Street().request(GET, "3/0/16", accept=SENML_CBOR)) == {(3, 0, 16): "U"}


def test_int_225_a_resource_instance_is_read():
    response = Street().request(GET, "3/0/11/0", accept=TEXT)
    assert response.payload == b"0"
    assert ask(GET, "3/0/11/1") == "4.04"


def test_int_226_a_partial_write_leaves_the_rest_as_it_is():
    street = Street()
    payload = values(p1_0_2=7)
    assert street.request(POST, "1/0", payload, content_format=SENML_CBOR).code == coap.CHANGED
    assert street.read("1/0/2") == [((1, 0, 2), 7)]
    assert street.read("1/0/1") == [((1, 0, 1), 3600)]


def test_int_227_a_resource_is_replaced():
    street = Street()
    assert street.write("3410/0/3", "Rue de la Roe") == "2.04"
    assert street.read("3410/0/3") == [((3410, 0, 3), "Rue de la Roe")]


def test_int_228_a_resource_instance_is_written():
    street = Street()
    assert street.write("3416/0/35/0", "10") == "2.04"
    assert street.read("3416/0/35") == [((3416, 0, 35, 0), 10)]
    assert street.write("3416/0/35/9", "10") == "4.04"


def test_int_230_a_composite_write_changes_several_objects():
    street = Street()
    payload = values(p1_0_2=101, p1_0_6=True, p3_0_13=0)
    response = street.request(IPATCH, "", payload, content_format=SENML_CBOR)
    assert response.code == coap.CHANGED
    assert street.read("1/0/2") == [((1, 0, 2), 101)]
    assert street.read("3/0/13") == [((3, 0, 13), 0)]


def test_ETS_write_composite_example():
    payload = (b"\x83\xa3\x21\x61\x2f\x00\x65" b"1/0/2" b"\x02\x18\x65\xa2\x00\x65" b"1/0/6"
               b"\x04\xf5\xa2\x00\x66" b"3/0/13" b"\x02\x00")
    assert ask(IPATCH, "", payload, content_format=SENML_CBOR) == "2.04"


def test_int_257_a_composite_write_is_all_or_nothing():
    street = Street()
    for bad, code in ((values(p1_0_2=101, p3_0_0="no"), "4.05"),
                      (values(p1_0_2=101, p3_0_99=1), "4.04"),
                      (values(p1_0_2=101, p9_0_0=1), "4.04"),
                      (values(p1_0_2=101, p1_0_7="X"), "4.00"),
                      (values(p1_0_2=101, p1_0_6=5), "4.00")):
        response = street.request(IPATCH, "", bad, content_format=SENML_CBOR)
        assert code_text(response.code) == code
        assert street.read("1/0/2") == [((1, 0, 2), 0)]


def test_int_231_and_232_senml_in_json_and_cbor_say_the_same():
    street = Street()
    json = street.request(GET, "1/0", accept=SENML_JSON)
    binary = street.request(GET, "1/0", accept=SENML_CBOR)
    assert json.payload[:1] == b"["
    assert decoded(json) == decoded(binary)


def test_int_233_and_234_senml_is_written_in_cbor_and_json():
    street = Street()
    response = street.request(PUT, "1/0/2", values(p1_0_2=9), content_format=SENML_CBOR)
    assert response.code == coap.CHANGED
    response = street.request(
        PUT, "1/0/2", b'[{"n":"/1/0/2","v":11}]', content_format=SENML_JSON)
    assert response.code == coap.CHANGED
    assert street.read("1/0/2") == [((1, 0, 2), 11)]


def test_int_235_a_composite_read_of_the_root_gives_everything():
    response = Street().request(FETCH, "", names("/"), content_format=SENML_CBOR)
    assert {path[0] for path in decoded(response)} >= {1, 3, 4, 3410, 3415, 3416, 42800}


def test_int_236_and_281_a_composite_read_leaves_out_what_is_missing():
    payload = names("/3/0/0", "/3/0/99", "/9", "/0/0/0", "/3/0/4", "/1/0/1")
    response = Street().request(FETCH, "", payload, content_format=SENML_CBOR)
    assert decoded(response) == {(3, 0, 0): "Faubourg", (1, 0, 1): 3600}


def test_int_229_and_280_a_composite_read_gives_what_it_names():
    payload = names("/3/0/0", "/1/0/1", "/3/0/11/0")
    response = Street().request(
        FETCH, "", payload, content_format=SENML_CBOR, accept=SENML_JSON)
    assert response.content_format == SENML_JSON
    assert set(decoded(response)) == {(3, 0, 0), (1, 0, 1), (3, 0, 11, 0)}


def test_int_237_without_accept_the_node_chooses():
    street = Street()
    assert street.request(GET, "3").content_format == SENML_CBOR
    assert street.request(GET, "3/0/22").content_format == SENML_CBOR
    assert street.request(GET, "3/0/0").content_format == TEXT


def test_int_241_a_reboot_is_answered_and_then_done():
    street = Street()
    assert street.request(POST, "3/0/4").code == coap.CHANGED
    assert street.board.resets == 0
    street.advance(4000)
    assert street.board.resets == 1


def test_int_256_what_is_read_only_cannot_be_written():
    assert ask(PUT, "3/0/0", b"Other", content_format=TEXT) == "4.05"
    assert ask(POST, "3/0", values(p3_0_0="Other"), content_format=SENML_CBOR) == "4.05"


def test_int_651_every_readable_device_resource_is_read():
    found = dict(Street().read("3/0"))
    for resource_id in (0, 1, 2, 3, 13, 14, 15, 16, 17, 18):
        assert (3, 0, resource_id) in found
    assert (3, 0, 6, 0) in found


def test_int_652_the_firmware_version_is_read():
    assert Street().read("3/0/3")[0][1].count(".") == 2


def test_int_680_and_685_the_device_can_be_neither_created_nor_deleted():
    assert ask(POST, "3", values(p3_0_13=1), content_format=SENML_CBOR) == "4.05"
    assert ask(POST, "3", values(p3_1_13=1), content_format=SENML_CBOR) == "4.05"
    assert ask(DELETE, "3/0") == "4.05"


def test_int_701_connectivity_is_read():
    found = dict(Street().read("4/0"))
    assert found[(4, 0, 0)] == 41
    assert found[(4, 0, 4, 0)] == "192.0.2.7"
    assert found[(4, 0, 5, 0)] == "192.0.2.1"


def test_what_is_not_there_is_not_found():
    for path in ("9", "3/1", "3/0/99", "3/0/99/0", "3/0/1/0", "70000", "x", "3/0/0/0/0", "03"):
        assert ask(GET, path) == "4.04"
    assert ask(PUT, "3/0/99", b"1", content_format=TEXT) == "4.04"
    assert ask(POST, "3/0/99") == "4.04"
    assert ask(DELETE, "3416/9") == "4.04"
    assert ask(PUT, "3/0/99", queries=("pmin=1",)) == "4.04"
    assert ask(GET, "3/0/99", accept=40) == "4.04"


def test_operations_that_make_no_sense_are_not_allowed():
    assert ask(GET, "3/0/4") == "4.05"
    assert ask(POST, "3/0/0") == "4.05"
    assert ask(PUT, "3", b"x", content_format=TLV) == "4.05"
    assert ask(DELETE, "3") == "4.05"
    assert ask(DELETE, "3/0/0") == "4.05"
    assert ask(GET, "") == "4.05"
    assert ask(DELETE, "") == "4.05"
    assert ask(POST, "") == "4.05"
    assert ask(FETCH, "3/0", names("/3/0/0"), content_format=SENML_CBOR) == "4.05"
    assert ask(coap.PATCH, "3/0", b"x", content_format=SENML_CBOR) == "4.05"


def test_formats_that_cannot_say_it_are_not_acceptable():
    assert ask(GET, "3/0", accept=TEXT) == "4.06"
    assert ask(GET, "3/0/11", accept=CBOR) == "4.06"
    assert ask(GET, "3/0/0", accept=OCTET_STREAM) == "4.06"
    assert ask(GET, "3/0/0", accept=9999) == "4.06"
    assert ask(FETCH, "", names("/3/0/0"), content_format=SENML_CBOR, accept=TEXT) == "4.06"


def test_formats_that_are_not_understood_are_said_so():
    assert ask(PUT, "1/0/1", b"60", content_format=9999) == "4.15"
    assert ask(PUT, "1/0/1", b"60") == "4.15"
    assert ask(POST, "3/0/4", b"x", content_format=9999) == "4.15"
    assert ask(FETCH, "", b"/3", content_format=TEXT) == "4.15"
    assert ask(IPATCH, "", b"x", content_format=TLV) == "4.15"


def test_payloads_that_are_wrong_are_bad_requests():
    assert ask(PUT, "1/0/1", b"many", content_format=TEXT) == "4.00"
    assert ask(PUT, "1/0/1", b"-1", content_format=TEXT) == "4.00"
    assert ask(PUT, "1/0/1", b"\xff", content_format=SENML_CBOR) == "4.00"
    assert ask(PUT, "1/0/1", values(p1_0_2=1), content_format=SENML_CBOR) == "4.00"
    assert ask(POST, "1/0", values(p3_0_13=1), content_format=SENML_CBOR) == "4.00"
    assert ask(POST, "1/0", b"\x80", content_format=SENML_CBOR) == "4.00"
    assert ask(FETCH, "", b"\x80", content_format=SENML_CBOR) == "4.00"
    assert ask(IPATCH, "", b"\x80", content_format=SENML_CBOR) == "4.00"


def test_unknown_optional_resources_in_an_instance_write_are_passed_over():
    street = Street()
    response = street.request(
        POST, "1/0", values(p1_0_2=8, p1_0_10=ObjectLink(11, 0)), content_format=SENML_CBOR)
    assert response.code == coap.CHANGED
    assert street.read("1/0/2") == [((1, 0, 2), 8)]


def test_execute_takes_arguments_of_the_standard_form_only():
    assert ask(POST, "1/0/8", b"0='now',1", content_format=TEXT) == "2.04"
    for arguments in (b"x", b"0=", b"0='a", b"0,0", b"0='a'1", b"\xff"):
        assert ask(POST, "1/0/8", arguments, content_format=TEXT) == "4.00"


def test_an_instance_is_created_listed_and_deleted():
    street = Street()
    payload = lwm2m_content.encode(
        TLV, (3453, 0), [((3453, 0, 1), 0), ((3453, 0, 4), "* * *")], type_of)
    response = street.request(POST, "3453", bytes(payload), content_format=TLV)
    assert code_text(response.code) == "2.01"
    assert response.location[0] == "3453"
    path = "/".join(response.location)
    street.settle()
    update = [request for request in street.requests if request.path[:1] == ("rd",)][-1]
    listed = [link.target for link in link_format.decode(update.payload)]
    assert "/" + path in listed
    assert code_text(street.request(DELETE, path).code) == "2.02"
    assert code_text(street.request(GET, path).code) == "4.04"


def test_what_was_written_survives_a_reset():
    street = Street()
    street.write("3410/0/4", "LP-0815")
    street.write("1/0/23", "1")
    again = Street(Board(store=street.board.store))
    assert again.read("3410/0/4") == [((3410, 0, 4), "LP-0815")]
    assert again.read("1/0/23") == [((1, 0, 23), True)]


def test_a_configuration_reset_brings_the_settings_back():
    street = Street(asset="LP-1")
    street.write("3410/0/4", "LP-0815")
    assert street.request(POST, "3410/0/8").code == coap.CHANGED
    assert street.read("3410/0/4") == [((3410, 0, 4), "LP-1")]


def test_floats_are_exact():
    street = Street()
    assert street.write("3416/0/49", "2.5") == "2.04"
    assert street.read("3416/0/49") == [((3416, 0, 49), Decimal(25, -1))]


def test_replacing_a_program_leaves_nothing_of_the_old_one():
    street = Street()
    create(street, {1: {0: "18:00~23:00"}, 0: "old", 4: {0: "18:00"}, 5: {0: "100"}})
    leaves = [((3454, 0, 4, 0), "19:00;22:00"), ((3454, 0, 5, 0), "90;30")]
    payload = lwm2m_content.encode(112, (3454, 0), leaves, type_of)
    assert street.request(coap.PUT, "3454/0", payload, content_format=112).code == coap.CHANGED
    assert street.read("3454/0") == [((3454, 0, 0), "")] + leaves


def test_partial_write_of_a_program_leaves_the_rest_of_it():
    street = Street()
    create(street, {1: {0: "18:00~23:00"}, 0: "old", 4: {0: "18:00"}, 5: {0: "100"}})
    payload = lwm2m_content.encode(
        112, (3454, 0), [((3454, 0, 5, 0), "50")], type_of)
    assert street.request(coap.POST, "3454/0", payload, content_format=112).code == coap.CHANGED
    assert ((3454, 0, 1, 0), "18:00~23:00") in street.read("3454/0")


def create(street, resources):
    leaves = []
    for resource_id in sorted(resources):
        value = resources[resource_id]
        path = (3454, 0, resource_id)
        if isinstance(value, dict):
            leaves += [(path + (key,), value[key]) for key in value]
        else:
            leaves.append((path, value))
    payload = lwm2m_content.encode(112, (3454,), leaves, type_of)
    assert street.request(coap.POST, "3454", payload, content_format=112).code == coap.CREATED
