from firmware.lwm2m_client import Registered, RegistrationLost, RegistrationRefused, Stopped
from protocol import coap_message as coap
from protocol import link_format
from protocol.coap_values import Request
from tests.firmware.board import NODE, Board, Street

LT = 3600


def kinds(street):
    """Return the classes of the node's registration events so far."""
    wanted = (Registered, RegistrationLost, RegistrationRefused, Stopped)
    return [type(event) for event in street.events if isinstance(event, wanted)]


def talk(street):
    """Return the kinds of the node's requests of the registration interface."""
    return [name for name in street.names() if name != "send"]


def links(request):
    return {link.target: link.attributes for link in link_format.decode(request.payload)}


def test_int_101_register_says_name_lifetime_version_and_binding():
    street = Street(is_registered=False)
    street.node.start(0)
    street.settle()
    request = street.requests[0]
    assert (request.code, request.path, request.content_format) == (coap.POST, ("rd",), 40)
    assert request.queries == ("ep=urn:dev:mac:246f28fffe010203", "lt=3600", "lwm2m=1.1", "b=U")
    assert kinds(street) == [Registered]


def test_int_101_register_lists_what_is_there_with_versions_and_hides_security():
    street = Street(is_registered=False)
    street.node.start(0)
    street.settle()
    listed = links(street.requests[0])
    assert listed["/"] == (("rt", "oma.lwm2m"), ("ct", "112"))
    assert listed["/3416"] == (("ver", "2.0"),)
    assert listed["/3410"] == (("ver", "2.0"),)
    for target in ("/1/0", "/3/0", "/4/0", "/3410/0", "/3415/0", "/3416/0", "/42800/0"):
        assert target in listed
    for target in listed:
        assert target.split("/")[1] not in ("0", "5", "21")


def test_a_sleepy_node_says_queue_mode_apart_from_its_binding():
    street = Street(Board("bin"), is_registered=False)
    street.node.start(0)
    street.settle()
    assert street.requests[0].queries[-2:] == ("b=U", "Q")


def test_lamps_that_get_power_together_register_apart():
    delays = []
    for seed in range(1, 9):
        street = Street(Board(seed=seed * 100), is_registered=False, registration_spread_s=60)
        street.node.start(0)
        while not street.requests:
            street.advance(1000)
        delays.append(street.now_ms)
    assert max(delays) <= 61000
    assert len(set(delays)) >= 5


def test_int_102_an_update_goes_out_in_good_time_and_says_nothing_new():
    street = Street()
    street.advance(LT * 1000 - 100000)
    assert "update" in talk(street)
    update = street.requests[street.names().index("update")]
    assert update.code == coap.POST
    assert update.path == ("rd", "1")
    assert update.queries == ()
    assert update.payload == b""


def test_int_102_updates_keep_a_short_lifetime_alive():
    street = Street(lifetime_s=30)
    street.advance(300000)
    assert talk(street).count("update") >= 15
    assert talk(street).count("register") == 0


def test_int_103_shutdown_deregisters_and_stops():
    street = Street()
    street.node.shutdown(street.now_ms)
    street.settle()
    assert talk(street) == ["deregister"]
    assert street.requests[-1].path == ("rd", "1")
    assert kinds(street)[-2:] == [RegistrationLost, Stopped]
    street.advance(10 * LT * 1000)
    assert talk(street) == ["deregister"]


def test_shutdown_sends_what_is_held_before_it_deregisters():
    street = Street()
    for value in range(100):
        street.node.reporting.report((3418, 0, 4), value)
    del street.requests[:]
    street.node.shutdown(street.now_ms)
    street.settle()
    assert street.names()[-1] == "deregister"
    assert street.names().count("send") >= 2
    assert street.node.journal.is_empty()


def test_a_stopped_node_takes_no_readings_and_wants_no_calls():
    street = Street()
    street.node.shutdown(street.now_ms)
    street.advance(60000)
    del street.events[:]
    street.node.handle_timeout(street.now_ms + 3600000)
    assert street.node.next_timeout_ms() is None
    street.settle()
    assert street.events == []


def test_shutdown_does_not_wait_for_a_server_that_is_gone():
    street = Street()
    street.is_down = True
    street.node.shutdown(street.now_ms)
    street.advance(10000)
    assert kinds(street)[-1] is Stopped


def test_int_104_the_update_trigger_brings_an_update():
    street = Street()
    assert street.request(coap.POST, "1/0/8").code == coap.CHANGED
    street.settle()
    assert talk(street) == ["update"]


def test_int_105_a_discarded_update_brings_a_new_registration():
    street = Street()
    street.answers["update"] = coap.NOT_FOUND
    street.request(coap.POST, "1/0/8")
    street.advance(1000)
    assert talk(street) == ["update", "register"]
    assert kinds(street) == [Registered, RegistrationLost, Registered]


def test_int_107_a_new_lifetime_is_told_at_once_and_kept():
    street = Street()
    assert street.write("1/0/1", "1800") == "2.04"
    street.settle()
    assert street.requests[0].queries == ("lt=1800",)
    street.advance(1800 * 1000 - 100000)
    assert talk(street) == ["update", "update"]
    again = Street(Board(store=street.board.store), is_registered=False)
    again.node.start(0)
    again.settle()
    assert "lt=1800" in again.requests[0].queries


def test_int_108_queue_mode_is_announced_when_the_binding_is_written():
    street = Street()
    assert street.write("1/0/7", "UQ") == "2.04"
    street.settle()
    assert street.requests[0].queries == ("b=U", "Q")
    assert street.write("1/0/7", "T") == "4.00"


def test_int_109_a_sleepy_node_sleeps_after_its_awake_window():
    street = Street(Board("bin"), awake_window_s=10)
    now_ms = street.now_ms
    assert not street.node.is_asleep_allowed(now_ms + 9000)
    while not street.node.is_asleep_allowed(street.now_ms):
        street.advance(1000)
        assert street.now_ms < 60000


def test_int_109_a_request_keeps_a_sleepy_node_awake():
    street = Street(Board("bin"), awake_window_s=10)
    while not street.node.is_asleep_allowed(street.now_ms):
        street.advance(1000)
    street.read("3/0/0")
    assert not street.node.is_asleep_allowed(street.now_ms + 9999)


def test_int_109_an_update_goes_before_a_send_of_a_node_that_slept():
    street = Street(Board("bin"))
    street.advance(60000)
    del street.requests[:]
    street.node.reporting.report((3435, 0, 5), True)
    street.node.handle_timeout(street.now_ms)
    street.settle()
    assert street.names() == ["update", "send"]


def test_disable_deregisters_stays_silent_and_comes_back():
    street = Street()
    assert street.write("1/0/5", "600") == "2.04"
    street.request(coap.POST, "1/0/4")
    street.settle()
    assert talk(street) == ["deregister"]
    street.server.send_request(Request(coap.GET, ("3", "0", "0")), NODE, street.now_ms)
    street.advance(590000)
    assert talk(street) == ["deregister"]
    street.advance(11000)
    assert talk(street) == ["deregister", "register"]


def test_a_refused_registration_is_tried_again_and_again():
    for refusal in (coap.BAD_REQUEST, coap.FORBIDDEN, coap.CONFLICT, coap.PRECONDITION_FAILED,
                    coap.SERVICE_UNAVAILABLE):
        street = Street(is_registered=False)
        street.answers["register"] = refusal
        street.node.start(0)
        street.advance(3600000)
        assert talk(street).count("register") >= 12
        assert kinds(street)[0] is RegistrationRefused
        del street.answers["register"]
        street.advance(300001)
        assert kinds(street)[-1] is Registered


def test_a_registration_without_location_is_none():
    street = Street(is_registered=False)
    street.answers["register"] = coap.CHANGED
    street.node.start(0)
    street.settle()
    assert kinds(street) == [RegistrationRefused]


def test_a_server_that_comes_back_after_a_day_is_found_within_minutes():
    street = Street(is_registered=False)
    street.is_down = True
    street.node.start(0)
    street.advance(86400 * 1000)
    street.is_down = False
    street.advance(400000)
    assert kinds(street)[-1] is Registered


def test_a_lost_update_ends_in_a_new_registration():
    street = Street(lifetime_s=300)
    street.is_down = True
    street.advance(300000)
    street.is_down = False
    street.advance(400000)
    assert talk(street).count("register") == 1
    assert RegistrationLost in kinds(street)


def test_a_server_error_at_an_update_keeps_the_registration():
    street = Street()
    street.answers["update"] = coap.SERVICE_UNAVAILABLE
    street.request(coap.POST, "1/0/8")
    street.advance(1000)
    del street.answers["update"]
    street.advance(20000)
    assert talk(street) == ["update", "update"]
    assert kinds(street) == [Registered]


def test_a_server_that_is_busy_is_not_besieged_with_a_change():
    street = Street()
    street.answers["update"] = coap.SERVICE_UNAVAILABLE
    assert street.write("1/0/1", "600") == "2.04"
    street.advance(100000)
    assert 5 <= talk(street).count("update") == len(talk(street)) <= 10
    street.answers.clear()
    street.advance(20000)
    assert "lt=600" in street.requests[-1].queries


def test_retry_values_of_zero_do_not_besiege_a_server_that_refuses():
    street = Street()
    for path, text in (("1/0/17", "1"), ("1/0/18", "1"), ("1/0/19", "0")):
        assert street.write(path, text) == "2.04"
    street.answers.update({"update": coap.NOT_FOUND, "register": coap.FORBIDDEN})
    street.request(coap.POST, "1/0/8")
    street.advance(60000)
    assert 10 < len(street.names()) <= 62


def test_a_register_and_an_update_without_memory_are_tried_again():
    street = Street(is_registered=False, lifetime_s=300)
    endpoint = street.node.endpoint
    send = endpoint.send_request
    endpoint.send_request = no_memory
    street.node.start(0)
    street.advance(5000)
    endpoint.send_request = send
    street.advance(60000)
    assert talk(street) == ["register"]
    endpoint.send_request = no_memory
    street.advance(200000)
    endpoint.send_request = send
    street.advance(25000)
    assert talk(street) == ["register", "update"]


def no_memory(*arguments):
    raise MemoryError


def test_a_new_address_brings_a_new_registration():
    street = Street()
    street.board.radio.addresses = ("192.0.2.8",)
    street.advance(30000)
    assert talk(street)[0] == "register"


def test_an_address_that_is_gone_for_a_while_changes_nothing():
    street = Street()
    street.board.radio.addresses = ()
    street.advance(30000)
    street.board.radio.addresses = ("192.0.2.7",)
    street.advance(30000)
    assert "register" not in talk(street)


def test_the_answer_to_an_older_request_does_not_count():
    street = Street()
    street.answers["update"] = None
    street.request(coap.POST, "1/0/8")
    street.settle()
    street.board.radio.addresses = ("192.0.2.8",)
    street.advance(30000)
    assert talk(street)[:2] == ["update", "register"]
    assert kinds(street) == [Registered, RegistrationLost, Registered]


def test_a_stranger_is_not_heard():
    street = Street()
    datagram = b"\x40\x01\x12\x34\xb1\x33\x01\x30\x01\x30"
    street.node.receive_datagram(datagram, ("10.0.0.1", 5683), 0)
    assert street.node.datagrams_to_send() == []
    assert street.node.counters["stranger"] == 1
