"""Device management, the cases that read and discover, against the node."""

import cbor2
import pytest
from aiocoap.numbers import codes
from aiocoap.util import linkformat

from tests.conformance import senml, tlv
from tests.conformance.street import LIFETIME_S, LINK_FORMAT, VALUE_CBOR

SERIAL = "020000000001"
# All that a lamp has in objects 1 and 3 and that can be read.
SERVER = {f"/1/0/{number}" for number in (0, 1, 2, 3, 5, 6, 7, 17, 18, 19, 23)}
DEVICE = {"/3/0/0", "/3/0/1", "/3/0/2", "/3/0/3", "/3/0/6/0", "/3/0/11/0", "/3/0/13", "/3/0/14",
          "/3/0/15", "/3/0/16", "/3/0/17", "/3/0/18", "/3/0/22/0"}


def discovered(street, path):
    response = street.ask(codes.GET, path, accept=LINK_FORMAT)
    assert response.code == codes.CONTENT
    assert response.opt.content_format == LINK_FORMAT
    links = linkformat.parse(response.payload.decode()).links
    return {link.href: dict(link.attr_pairs) for link in links}


def test_1_1_int_201_querying_basic_information_plain_text(street):
    assert street.text("3/0/0") == "Faubourg"
    assert street.text("3/0/1") == "UNIX"
    assert street.text("3/0/2") == SERIAL


def test_1_1_int_203_querying_basic_information_tlv(street):
    response = street.ask(codes.GET, "3/0", accept=11542)
    assert (response.code, response.opt.content_format) == (codes.CONTENT, 11542)
    resources = tlv.resources(response.payload)
    assert resources[0] == b"Faubourg" and resources[2] == SERIAL.encode()
    assert tlv.integer(resources[11][0]) == 0
    assert resources[16] == b"U"
    assert resources[22] == {0: (3410).to_bytes(2, "big") + bytes(2)}
    assert 4 not in resources
    single = street.ask(codes.GET, "3/0/0", accept=11542)
    assert single.payload == b"\xc8\x00\x08Faubourg"


def test_1_1_int_211_querying_basic_information_cbor(street):
    for path, value in (("1/0/0", 1), ("1/0/6", True), ("1/0/7", "U"), ("3/0/11/0", 0)):
        response = street.ask(codes.GET, path, accept=VALUE_CBOR)
        assert (response.code, response.opt.content_format) == (codes.CONTENT, VALUE_CBOR)
        read = cbor2.loads(response.payload)
        assert read == value and type(read) is type(value)


def test_1_1_int_222_read_on_object(street):
    server, device = street.values("1"), street.values("3")
    assert set(server) == SERVER and server["/1/0/1"] == LIFETIME_S
    assert set(device) == DEVICE and device["/3/0/0"] == "Faubourg"


def test_1_1_int_223_read_on_object_instance(street):
    assert set(street.values("1/0")) == SERVER
    assert set(street.values("3/0")) == DEVICE


def test_1_1_int_224_read_on_resource(street):
    assert street.values("1/0/0") == {"/1/0/0": 1}
    assert street.values("1/0/1") == {"/1/0/1": LIFETIME_S}
    assert street.values("1/0/6") == {"/1/0/6": True}
    assert street.values("1/0/7") == {"/1/0/7": "U"}
    assert street.ask(codes.GET, "3/0/4").code == codes.METHOD_NOT_ALLOWED
    assert street.ask(codes.GET, "3/0/999").code == codes.NOT_FOUND


def test_1_1_int_225_read_on_resource_instance(street):
    assert street.values("3/0/11/0") == {"/3/0/11/0": 0}
    assert street.text("3/0/11/0") == "0"
    assert street.ask(codes.GET, "3/0/11/7").code == codes.NOT_FOUND


@pytest.mark.parametrize("content_format", [senml.JSON, senml.CBOR])
def test_1_1_int_229_read_composite(street, content_format):
    values = street.read_composite(["/3", "/1/0"], content_format)
    assert set(values) == SERVER | DEVICE
    assert street.read_composite(["/1/0/1", "/3/0/11/0"], content_format) == {
        "/1/0/1": LIFETIME_S, "/3/0/11/0": 0}


def test_1_1_int_231_querying_basic_information_senml_json(street):
    basic_information_is_there(street, senml.JSON)


def test_1_1_int_232_querying_basic_information_senml_cbor(street):
    basic_information_is_there(street, senml.CBOR)


def basic_information_is_there(street, content_format):
    assert street.values("1", content_format)["/1/0/5"] == 86400
    device = street.values("3/0", content_format)
    assert (device["/3/0/1"], device["/3/0/22/0"]) == ("UNIX", "3410:0")
    assert street.values("3/0/16", content_format) == {"/3/0/16": "U"}
    assert street.values("3/0/11/0", content_format) == {"/3/0/11/0": 0}


def test_1_1_int_235_read_composite_on_root_path(street):
    values = street.read_composite(["/"])
    assert SERVER | DEVICE <= set(values)
    assert values["/4/0/0"] == 21 and "/3416/0/3" in values
    assert not [path for path in values if path.startswith(("/0/", "/21/"))]


def test_1_1_int_236_read_composite_partial_presence(street):
    values = street.read_composite(["/1/0", "/3/0/11/0", "/3339/0/5522", "/3353/0/6030"])
    assert set(values) == SERVER | {"/3/0/11/0"}


def test_1_1_int_237_read_on_object_without_accept(street):
    response = street.ask(codes.GET, "3")
    assert response.code == codes.CONTENT
    assert response.opt.content_format in (senml.CBOR, senml.JSON, 11542)
    assert set(senml.values(response.payload, response.opt.content_format)) == DEVICE


def test_1_1_int_260_discover(street):
    """Deviation: gt, lt and st on 3416/0/4: a mains node has no voltage in 3/0/7."""
    links = discovered(street, "3")
    assert {"/3", "/3/0", "/3/0/0", "/3/0/4", "/3/0/11", "/3/0/16"} <= set(links)
    street.write_attributes("3", "pmin=10&pmax=200")
    street.write_attributes("3416/0/4", "gt=60&lt=10&st=5")
    links = discovered(street, "3/0")
    assert (links["/3/0"]["pmin"], links["/3/0"]["pmax"]) == ("10", "200")
    assert (links["/3/0/6"]["dim"], links["/3/0/11"]["dim"]) == ("1", "1")
    assert "/3" not in links
    assert discovered(street, "3416/0")["/3416/0/4"] == {"gt": "60", "lt": "10", "st": "5"}
    assert set(discovered(street, "3/0/11")) == {"/3/0/11", "/3/0/11/0"}
    assert discovered(street, "3416")["/3416"]["ver"] == "2.0"
    street.write_attributes("3", "pmin&pmax")
    street.write_attributes("3416/0/4", "gt&lt&st")
    assert discovered(street, "3")["/3"] == {}


def test_1_1_int_261_write_attributes_on_a_multiple_resource(street):
    assert discovered(street, "3/0/11")["/3/0/11"] == {"dim": "1"}
    street.write_attributes("3", "pmin=10&pmax=200")
    street.write_attributes("3/0", "pmax=320")
    street.write_attributes("3/0/11/0", "pmax=100&epmin=1&epmax=20")
    links = discovered(street, "3/0/11")
    assert links["/3/0/11"] == {"dim": "1", "pmin": "10", "pmax": "320"}
    assert links["/3/0/11/0"] == {"pmax": "100", "epmin": "1", "epmax": "20"}
    street.write_attributes("3", "pmin&pmax")
    street.write_attributes("3/0", "pmax")
    street.write_attributes("3/0/11/0", "pmax&epmin&epmax")
    assert discovered(street, "3/0/11") == {"/3/0/11": {"dim": "1"}, "/3/0/11/0": {}}


def test_1_1_int_280_successful_read_composite(street):
    values = street.read_composite(["/3/0/16", "/3/0/11/0", "/1/0"])
    assert set(values) == SERVER | {"/3/0/16", "/3/0/11/0"}
    assert values["/3/0/16"] == "U" and values["/3/0/11/0"] == 0
    assert (values["/1/0/0"], values["/1/0/1"], values["/1/0/7"]) == (1, LIFETIME_S, "U")


def test_1_1_int_281_partially_successful_read_composite(street):
    values = street.read_composite(["/1/0/1", "/1/0/7", "/1/0/8"])
    assert values == {"/1/0/1": LIFETIME_S, "/1/0/7": "U"}
