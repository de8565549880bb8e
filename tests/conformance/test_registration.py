"""Registration, cases 101 to 109, against the node."""

from aiocoap.numbers import codes
from aiocoap.util import linkformat

from tests.conformance.street import LIFETIME_S, LINK_FORMAT, VALUE_CBOR

NAME = "urn:dev:mac:020000fffe000001"


def objects(payload):
    """Return {href: link} of a registration's payload, as aiocoap reads it."""
    return {link.href: dict(link.attr_pairs) for link in linkformat.parse(payload.decode()).links}


def test_1_1_int_101_initial_registration(street):
    request = street.registration
    assert (request.code, request.opt.uri_path) == (codes.POST, ("rd",))
    assert request.opt.content_format == LINK_FORMAT
    assert sorted(request.opt.uri_query) == [
        "b=U", f"ep={NAME}", f"lt={LIFETIME_S}", "lwm2m=1.1"]
    links = objects(request.payload)
    assert {"/1/0", "/3/0", "/4/0", "/3416/0"} <= set(links)
    assert links["/3416"]["ver"] == "2.0" and links["/"]["rt"] == "oma.lwm2m"
    assert not [href for href in links if href.split("/")[1] in ("0", "21")]


def test_1_1_int_102_registration_update(street):
    street.write("1/0/1", "1800")
    update = street.heard()
    assert (update.code, update.opt.uri_path) == (codes.POST, street.site.location)
    assert update.opt.uri_query == ("lt=1800",)
    assert update.payload == b""
    assert street.text("1/0/1") == "1800"


def test_1_1_int_103_deregistration(street):
    street.run(street.node.interrupt())
    farewell = street.heard()
    assert (farewell.code, farewell.opt.uri_path) == (codes.DELETE, street.site.location)
    assert farewell.payload == b""
    assert street.run(street.node.ended()) == 0


def test_1_1_int_104_registration_update_trigger(street):
    assert street.ask(codes.POST, "1/0/8").code == codes.CHANGED
    update = street.heard()
    assert (update.code, update.opt.uri_path) == (codes.POST, street.site.location)
    assert update.opt.uri_query == () and update.payload == b""


def test_1_1_int_105_discarded_register_update(street):
    street.site.update_codes.append(codes.NOT_FOUND)
    street.ask(codes.POST, "1/0/8")
    assert street.heard().opt.uri_path != ("rd",)
    again = street.heard()
    assert again.opt.uri_path == ("rd",)
    assert f"ep={NAME}" in again.opt.uri_query and "/3/0" in objects(again.payload)
    street.ask(codes.POST, "1/0/8")
    assert street.heard().opt.uri_path == street.site.location


def test_1_1_int_107_extending_the_lifetime_of_a_registration(street):
    """The second Update has nothing to say, and comes before the lifetime is over.

    Deviation: a lifetime of 4 s, so that the case takes seconds and not minutes.
    """
    street.write("1/0/1", "4")
    assert street.heard().opt.uri_query == ("lt=4",)
    began_s = street.now_s()
    update = street.heard()
    assert street.now_s() - began_s < 4
    assert update.opt.uri_path == street.site.location
    assert update.opt.uri_query == () and update.payload == b""


def test_1_1_int_108_turn_on_queue_mode(sleepy_street):
    queries = sleepy_street.registration.opt.uri_query
    assert "Q" in queries and "b=U" in queries
    answer = sleepy_street.ask(codes.GET, "1/0/7", accept=VALUE_CBOR)
    assert answer.payload == b"\x62UQ"


def test_1_1_int_109_behavior_in_queue_mode(sleepy_street):
    """While the window is closed the server holds its request back until an Update comes.

    Deviation: the window closes after 1 s; a notification is due after 3 s and wants the Update.
    The radio of this board does not go off: whether the node listens meanwhile is not judged.
    """
    street = sleepy_street
    street.write("1/0/23", "1")
    street.write_attributes("3/0/16", "pmax=3")
    observation = street.observe("3/0/16")
    said = len(street.wire.from_node)
    update = street.heard()
    assert (update.code, update.opt.uri_path) == (codes.POST, street.site.location)
    assert street.text("3/0/0") == "Faubourg"
    assert observation.next() == {"/3/0/16": "U"}
    first, second = street.spoken(said)[:2]
    assert first.opt.uri_path == update.opt.uri_path and second.token == observation.token
    observation.cancel()
    street.write_attributes("3/0/16", "pmax")
