from firmware.observation import OBSERVATIONS_MAX
from protocol import coap_message as coap
from protocol import lwm2m_content, senml
from protocol.coap_values import Request
from protocol.lwm2m_content import SENML_CBOR, TEXT
from protocol.object_table import type_of
from protocol.senml import Record
from tests.firmware.board import NODE, Board, Street

GET, PUT, POST, FETCH = coap.GET, coap.PUT, coap.POST, coap.FETCH


def observed(path="3416/0/4", attributes=(), **settings):
    """A street whose server observes `path`, with `attributes` written there."""
    street = Street(**settings)
    if attributes:
        assert street.request(PUT, path, queries=attributes).code == coap.CHANGED
    street.handle, response = street.observe(GET, path, observe=0, accept=TEXT)
    assert response.code == coap.CONTENT
    assert response.observe is not None
    return street


def texts(street):
    return [event.response.payload.decode() for event in street.notifications]


def dim(street, *levels):
    """Write the default level, which is what the tests observe."""
    for level in levels:
        assert street.write("3416/0/4", str(level)) == "2.04"
        street.settle()


def test_int_301_a_change_is_notified():
    street = observed()
    dim(street, 40, 60)
    assert texts(street) == ["40", "60"]


def test_int_301_nothing_is_said_while_nothing_changes():
    street = observed()
    street.advance(3600000)
    dim(street, 100)
    assert texts(street) == []


def test_int_301_pmax_brings_a_notification_without_a_change():
    street = observed(attributes=("pmin=10", "pmax=60"))
    street.advance(181000)
    assert texts(street) == ["100", "100", "100"]


def test_changes_within_pmin_are_told_when_it_is_over():
    street = observed(attributes=("pmin=10",))
    dim(street, 40, 60)
    assert texts(street) == []
    street.advance(9900)
    assert texts(street) == []
    street.advance(200)
    assert texts(street) == ["60"]


def test_a_change_that_is_undone_within_pmin_is_not_told():
    street = observed(attributes=("pmin=10",))
    dim(street, 40, 100)
    street.advance(60000)
    assert texts(street) == []


def test_pmax_below_pmin_is_ignored():
    street = observed(attributes=("pmin=30", "pmax=10"))
    street.advance(120000)
    assert texts(street) == []


def test_the_server_objects_periods_hold_where_none_is_written():
    street = Street()
    street.write("1/0/2", "20")
    street.write("1/0/3", "50")
    street.observe(GET, "3416/0/4", observe=0, accept=TEXT)
    dim(street, 40)
    street.advance(19000)
    assert texts(street) == []
    street.advance(2000)
    assert texts(street) == ["40"]
    street.advance(50000)
    assert texts(street) == ["40", "40"]


def test_the_attributes_of_a_deeper_level_win():
    street = Street()
    street.request(PUT, "3416", queries=("pmax=10",))
    street.request(PUT, "3416/0/4", queries=("pmax=100",))
    street.observe(GET, "3416/0/4", observe=0, accept=TEXT)
    street.advance(99000)
    assert texts(street) == []


def test_the_attributes_of_an_upper_level_are_inherited():
    street = Street()
    street.request(PUT, "3416", queries=("pmax=10",))
    street.observe(GET, "3416/0/4", observe=0, accept=TEXT)
    street.advance(21000)
    assert len(texts(street)) == 2


def test_greater_than_tells_of_crossings_in_both_directions():
    street = observed(attributes=("gt=50",))
    dim(street, 80, 60, 40, 30, 70)
    assert texts(street) == ["40", "70"]


def test_less_than_tells_of_crossings_in_both_directions():
    street = observed(attributes=("lt=50",))
    dim(street, 60, 40, 20, 50, 80)
    assert texts(street) == ["40", "50"]


def test_step_counts_from_what_was_told_last():
    street = observed(attributes=("st=10",))
    dim(street, 95, 91, 90, 85, 100)
    assert texts(street) == ["90", "100"]


def test_a_step_or_a_crossing_is_enough():
    street = observed(attributes=("st=30", "gt=95"))
    dim(street, 94, 80, 64)
    assert texts(street) == ["94", "64"]


def test_a_boolean_is_told_of_at_every_change():
    street = observed("3416/0/30", ("pmax=86400",))
    for text in ("1", "0"):
        assert street.write("3416/0/30", text) == "2.04"
        street.settle()
    assert texts(street) == ["1", "0"]


def test_an_observed_instance_tells_all_of_it():
    street = Street()
    _, response = street.observe(GET, "1/0", observe=0, accept=SENML_CBOR)
    street.write("1/0/3", "77")
    street.settle()
    payload = street.notifications[0].response.payload
    leaves = dict(lwm2m_content.decode(SENML_CBOR, (1, 0), payload, type_of))
    assert leaves[(1, 0, 3)] == 77
    assert leaves[(1, 0, 1)] == 3600


def test_int_302_a_reset_ends_the_observation():
    street = observed()
    street.server.cancel(street.handle)
    dim(street, 40)
    assert len(street.node.observations) == 0


def test_int_303_observe_1_ends_the_observation():
    street = observed()
    street.server.cancel_observation(street.handle, street.now_ms)
    street.settle()
    assert len(street.node.observations) == 0
    dim(street, 40)
    assert texts(street) == []


def composite(street, *paths):
    payload = senml.encode_cbor([Record(path) for path in paths])
    return street.observe(
        FETCH, "", payload, observe=0, content_format=SENML_CBOR, accept=SENML_CBOR)


def told(street):
    """The values of the notifications, a dict by path each."""
    return [dict(lwm2m_content.decode(SENML_CBOR, (), event.response.payload, type_of))
            for event in street.notifications]


def test_int_304_a_composite_observation_tells_all_its_paths():
    street = Street()
    _, response = composite(street, "/3416/0/4", "/1/0/3")
    assert response.observe is not None
    dim(street, 40)
    assert told(street) == [{(3416, 0, 4): 40, (1, 0, 3): 0}]


def test_int_305_a_composite_observation_is_cancelled():
    street = Street()
    handle, _ = composite(street, "/3416/0/4")
    street.server.cancel_observation(handle, street.now_ms)
    street.settle()
    assert len(street.node.observations) == 0


def rule(text):
    leaves = [((3453, 0, 1), 0), ((3453, 0, 4), text)]
    return bytes(lwm2m_content.encode(lwm2m_content.TLV, (3453, 0), leaves, type_of))


def test_int_308_and_309_instances_that_come_and_go_are_told():
    street = Street()
    composite(street, "/3453", "/1/0/3")
    created = street.request(
        POST, "3453", rule("* * *"), content_format=lwm2m_content.TLV)
    street.settle()
    assert (3453, int(created.location[1]), 4) in told(street)[0]
    street.request(coap.DELETE, "/".join(created.location))
    street.settle()
    assert told(street)[1] == {(1, 0, 3): 0}


def test_int_310_attributes_written_later_hold_for_a_composite_observation():
    street = Street()
    composite(street, "/3416/0/4", "/1/0/3")
    assert street.request(PUT, "3416/0/4", queries=("pmax=30",)).code == coap.CHANGED
    street.advance(61000)
    assert len(told(street)) == 2


def test_an_error_is_not_observed():
    street = Street()
    for path in ("3416/0/99", "3/0/4", "0/0"):
        _, response = street.observe(GET, path, observe=0)
        assert response.observe is None
    assert len(street.node.observations) == 0


def test_what_is_deleted_ends_its_observation_with_an_error():
    street = Street()
    path = "/".join(street.request(
        POST, "3453", rule("* * *"), content_format=lwm2m_content.TLV).location)
    street.observe(GET, path, observe=0)
    street.request(coap.DELETE, path)
    street.settle()
    assert street.notifications[0].response.code == coap.NOT_FOUND
    assert len(street.node.observations) == 0


def test_more_observations_than_there_is_room_for_are_answered_but_not_kept():
    street = Street()
    answers = [street.observe(GET, "1/0/3", observe=0)[1] for _ in range(OBSERVATIONS_MAX + 1)]
    assert [response.code for response in answers] == [coap.CONTENT] * (OBSERVATIONS_MAX + 1)
    assert answers[-2].observe is not None
    assert answers[-1].observe is None


def test_the_same_observation_asked_again_is_one():
    street = observed()
    street.observe(GET, "3416/0/4", observe=0, accept=TEXT)
    assert len(street.node.observations) == 2
    street.server.cancel(street.handle)
    dim(street, 40)
    assert len(street.node.observations) == 1


def test_observations_outlive_an_update_and_end_with_a_new_registration():
    street = observed()
    street.request(POST, "1/0/8")
    street.settle()
    assert len(street.node.observations) == 1
    street.answers["update"] = coap.NOT_FOUND
    street.request(POST, "1/0/8")
    street.advance(1000)
    assert "register" in street.names()
    assert len(street.node.observations) == 0


def test_a_notification_that_nobody_hears_brings_a_new_registration():
    street = observed(attributes=("pmax=60",))
    street.is_down = True
    street.advance(61000)
    assert len(street.node.observations) == 1
    street.advance(120000)
    street.is_down = False
    street.advance(400000)
    assert "register" in street.names()
    assert len(street.node.observations) == 0


def test_a_sleepy_node_wakes_with_an_update_before_it_notifies():
    street = Street(Board("bin"))
    street.observe(GET, "3435/0/2", observe=0)
    street.request(PUT, "3435/0/2", queries=("pmin=0", "pmax=300"))
    street.advance(290000)
    del street.requests[:]
    del street.notifications[:]
    street.advance(20000)
    assert street.names()[:1] == ["update"]
    assert len(street.notifications) == 1


def test_without_storing_a_notification_that_cannot_be_told_is_dropped():
    street = Street(Board("bin"))
    street.write("1/0/6", "0")
    street.observe(GET, "3435/0/2", observe=0)
    street.request(PUT, "3435/0/2", queries=("pmax=300",))
    street.advance(290000)
    del street.notifications[:]
    street.advance(20000)
    assert street.notifications == []


def test_notifications_are_confirmable():
    street = observed()
    street.server.send_request(
        Request(PUT, ("3416", "0", "4"), (), b"40", TEXT), NODE, street.now_ms)
    for datagram, _ in street.server.datagrams_to_send():
        street.node.receive_datagram(datagram, ("gateway.example", 5683), street.now_ms)
    types = [datagram[0] >> 4 & 3 for datagram, _ in street.node.datagrams_to_send()]
    assert types == [coap.ACK, coap.CON]


def test_of_twenty_changes_in_a_second_a_few_are_told_and_the_last_one():
    street = observed()
    for level in range(40, 60):
        street.advance(50)
        dim(street, level)
    street.advance(300)
    assert 4 <= len(texts(street)) <= 10
    assert texts(street)[-1] == "59"
