"""Information reporting, cases 301 to 311, against the node."""

from aiocoap.numbers import codes

from tests.conformance import senml
from tests.conformance.street import LIFETIME_S

# The default dimming level: a number that a server can write, and so change at will.
LEVEL = "3416/0/4"
OVERRIDE_ACTIVE = "/3416/0/54"
PMIN_S, PMAX_S = 2, 3
COMPOSITE = ["/1/0/1", "/3/0/11/0", "/3/0/16"]
FIRST, SECOND = "/3453/0", "/3453/1"


def test_1_1_int_301_observation_and_notification_of_parameter_values(street):
    """Deviation: on 3416/0/4, which the server changes, with pmin 2 s and pmax 3 s.

    That two changes within pmin give one notification is judged; pmin itself by no clock.
    """
    street.write(LEVEL, "100")
    street.write_attributes(LEVEL, f"pmin={PMIN_S}&pmax={PMAX_S}")
    observation = street.observe(LEVEL)
    began_s = street.now_s()
    assert observation.first == {"/" + LEVEL: 100}
    street.write(LEVEL, "40")
    street.write(LEVEL, "60")
    is_quick = street.now_s() - began_s < PMIN_S
    told = observation.next()
    assert told == {"/" + LEVEL: 60} or not is_quick
    while told != {"/" + LEVEL: 60}:
        told = observation.next()
    assert observation.next() == {"/" + LEVEL: 60}
    observation.cancel()
    street.write_attributes(LEVEL, "pmin&pmax")


def test_1_1_int_302_cancel_observations_using_reset(street):
    street.write(LEVEL, "100")
    observation, other = street.observe(LEVEL), street.observe("1/0/3")
    street.write(LEVEL, "40")
    assert observation.next() == {"/" + LEVEL: 40}
    observation.reject()
    street.write(LEVEL, "50")
    assert observation.next() == {"/" + LEVEL: 50}
    street.write(LEVEL, "60")
    street.write("1/0/3", "900")
    assert other.next() == {"/1/0/3": 900}
    assert len(observation.notifications()) == 2
    other.cancel()


def test_1_1_int_303_cancel_observations_using_observe_1(street):
    street.write(LEVEL, "100")
    observation, other = street.observe(LEVEL), street.observe("1/0/3")
    street.write(LEVEL, "40")
    assert observation.next() == {"/" + LEVEL: 40}
    answer = observation.cancel()
    assert answer.code == codes.CONTENT and answer.opt.observe is None
    street.write(LEVEL, "60")
    street.write("1/0/3", "900")
    assert other.next() == {"/1/0/3": 900}
    assert len(observation.notifications()) == 1
    other.cancel()


def test_1_1_int_304_observe_composite(street):
    """Deviation: pmin 1 s and pmax 2 s."""
    street.write_attributes("1/0/1", "pmin=1&pmax=2")
    observation = street.observe_composite(COMPOSITE)
    expected = {"/1/0/1": LIFETIME_S, "/3/0/11/0": 0, "/3/0/16": "U"}
    assert observation.first == expected
    assert observation.next() == expected
    observation.cancel()
    street.write_attributes("1/0/1", "pmin&pmax")


def test_1_1_int_305_cancel_observe_composite(street):
    observation = street.observe_composite(["/1/0/3", "/3/0/16"])
    street.write("1/0/3", "900")
    assert observation.next() == {"/1/0/3": 900, "/3/0/16": "U"}
    answer = observation.cancel()
    assert answer.code == codes.CONTENT and answer.opt.observe is None
    street.write("1/0/3", "800")
    assert street.text("1/0/3") == "800"
    assert len(observation.notifications()) == 1


def override(street, level):
    """Command a level, or end the override with None: an event, which the node sends at once."""
    entries = {"/3416/0/51": 0} if level is None else {"/3416/0/1": level}
    payload = senml.pack(senml.CBOR, entries)
    assert street.ask(codes.POST, "3416/0", payload, content_format=112).code == codes.CHANGED


def sent_until(street, value):
    """Return the paths and values of the Send that says so of the override."""
    while True:
        told = [(path, value) for path, value, _ in street.sent()]
        if (OVERRIDE_ACTIVE, value) in told:
            return dict(told)


def test_1_1_int_306_send(street):
    """Deviation: what is sent is an event of the lamp, with its journal: the node decides what."""
    override(street, 30)
    told = sent_until(street, True)
    override(street, None)
    told_next = sent_until(street, False)
    assert told["/42800/0/0"] == told_next["/42800/0/0"] > 0
    assert told["/42800/0/1"] != told_next["/42800/0/1"]
    assert all(len(path.split("/")) in (4, 5) for path in told)


def test_1_1_int_307_muting_send(street):
    street.write("1/0/23", "1")
    # What was under way when the node took the value is no Send of a muted node.
    assert street.text("1/0/23") == "1"
    sends = street.sends_on_the_wire()
    override(street, 30)
    override(street, None)
    assert street.text("3/0/0") == "Faubourg"
    assert street.sends_on_the_wire() == sends
    street.write("1/0/23", "0")
    sent_until(street, False)


def create(street, path, month):
    payload = senml.pack(senml.CBOR, {f"{path}/0": month, f"{path}/4": "* * *"})
    created = street.ask(codes.POST, "3453", payload, content_format=senml.CBOR)
    assert created.code == codes.CREATED
    assert street.heard().payload.find(f"<{path}>".encode()) > 0


def delete(street, path):
    assert street.ask(codes.DELETE, path[1:]).code == codes.DELETED
    assert f"<{path}>".encode() not in street.heard().payload


def names(values):
    return {path: value for path, value in values.items() if path.endswith("/0")}


def test_1_1_int_308_observe_composite_and_creating_an_instance(street):
    """Deviation: instances of 3453 Calendar Rule, which servers may create, without pmin."""
    create(street, FIRST, "May")
    observation = street.observe_composite([FIRST, SECOND])
    assert names(observation.first) == {FIRST + "/0": "May"}
    create(street, SECOND, "June")
    assert names(observation.next()) == {FIRST + "/0": "May", SECOND + "/0": "June"}
    observation.cancel()
    delete(street, SECOND)
    delete(street, FIRST)


def test_1_1_int_309_observe_composite_and_deleting_an_instance(street):
    """Deviation: instances of 3453 Calendar Rule, which servers may create, without pmin."""
    create(street, FIRST, "May")
    create(street, SECOND, "June")
    observation = street.observe_composite([FIRST, SECOND])
    assert names(observation.first) == {FIRST + "/0": "May", SECOND + "/0": "June"}
    delete(street, SECOND)
    assert names(observation.next()) == {FIRST + "/0": "May"}
    observation.cancel()
    delete(street, FIRST)


def test_1_1_int_310_observe_composite_and_attribute_change(street):
    """Deviation: pmax 1 s."""
    observation = street.observe_composite(["/1/0/1", "/3/0"])
    assert observation.first["/3/0/0"] == "Faubourg"
    street.write_attributes("3", "pmax=1")
    for _ in range(2):
        told = observation.next()
        assert (told["/1/0/1"], told["/3/0/0"]) == (LIFETIME_S, "Faubourg")
    observation.cancel()
    street.write_attributes("3", "pmax")


def test_1_1_int_311_send_command(street):
    """Deviation: no operator commands a Send here; an override does, and its end."""
    override(street, 30)
    told = sent_until(street, True)
    assert all(path.startswith("/42800/0/") or street.values(path[1:]) for path in told)
    override(street, None)
    sent_until(street, False)
