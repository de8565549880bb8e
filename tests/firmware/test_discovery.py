from protocol import coap_message as coap
from protocol import link_format, lwm2m_content
from protocol.lwm2m_content import TLV
from protocol.object_table import type_of
from tests.firmware.board import Street, code_text

GET, PUT, POST, DELETE = coap.GET, coap.PUT, coap.POST, coap.DELETE


def ask(code, path, **options):
    """Return the response code's text of one request to a fresh node."""
    return code_text(Street().request(code, path, **options).code)


def targets(response):
    return {link.target: dict(link.attributes) for link in link_format.decode(response.payload)}


def test_int_260_discover_shows_instances_resources_and_attributes():
    street = Street()
    found = targets(street.request(GET, "3", accept=40))
    assert found["/3"] == {}
    for target in ("/3/0", "/3/0/0", "/3/0/4", "/3/0/13"):
        assert target in found
    assert found["/3/0/11"] == {"dim": "1"}
    assert street.request(PUT, "3", queries=("pmin=10", "pmax=200")).code == coap.CHANGED
    assert targets(street.request(GET, "3", accept=40))["/3"] == {"pmin": "10", "pmax": "200"}
    assert targets(street.request(GET, "3/0", accept=40))["/3/0"] == {"pmin": "10", "pmax": "200"}


def test_int_260_discover_of_a_resource_shows_inherited_attributes():
    street = Street()
    street.request(PUT, "3", queries=("pmin=10", "pmax=200"))
    assert street.request(PUT, "3/0/13", queries=("gt=6", "lt=1", "st=1")).code == coap.CHANGED
    found = targets(street.request(GET, "3/0/13", accept=40))
    assert found == {"/3/0/13": {"pmin": "10", "pmax": "200", "gt": "6", "lt": "1", "st": "1"}}
    street.request(PUT, "3/0/13", queries=("gt", "st"))
    assert "gt" not in targets(street.request(GET, "3/0/13", accept=40))["/3/0/13"]


def test_int_261_attributes_of_a_multiple_resource_and_its_instances():
    street = Street()
    assert street.request(PUT, "3/0/11", queries=("pmin=5",)).code == coap.CHANGED
    assert street.request(PUT, "3/0/11/0", queries=("gt=1",)).code == coap.CHANGED
    found = targets(street.request(GET, "3/0/11", accept=40))
    assert found["/3/0/11"] == {"dim": "1", "pmin": "5"}
    assert found["/3/0/11/0"] == {"gt": "1"}


def test_int_264_and_266_discover_goes_as_deep_as_asked():
    street = Street()
    found = targets(street.request(GET, "3", accept=40, queries=("depth=1",)))
    assert set(found) == {"/3", "/3/0"}
    found = targets(street.request(GET, "3", accept=40, queries=("depth=3",)))
    assert "/3/0/11/0" in found
    assert ask(GET, "3", accept=40, queries=("depth=4",)) == "4.00"


def test_discover_announces_versions_where_registration_does():
    assert targets(Street().request(GET, "3416", accept=40))["/3416"] == {"ver": "2.0"}


def test_bad_attributes_are_refused_and_change_nothing():
    street = Street()
    for queries in (("gt=1", "lt=2"), ("pmin=x",), ("foo=1",), ("st=0",), ("epmin=5", "epmax=4")):
        assert code_text(street.request(PUT, "3/0/13", queries=queries).code) == "4.00"
    assert ask(PUT, "3/0/0", queries=("gt=1",)) == "4.00"
    assert targets(street.request(GET, "3/0/13", accept=40)) == {"/3/0/13": {}}


def test_the_attributes_of_a_deleted_instance_go_with_it():
    street = Street()
    payload = bytes(lwm2m_content.encode(
        TLV, (3453, 0), [((3453, 0, 1), 0), ((3453, 0, 4), "* * *")], type_of))
    path = "/".join(street.request(POST, "3453", payload, content_format=TLV).location)
    street.request(PUT, path, queries=("pmin=5",))
    street.request(DELETE, path)
    assert "/".join(
        street.request(POST, "3453", payload, content_format=TLV).location) == path
    assert targets(street.request(GET, path, accept=40))["/" + path] == {}
