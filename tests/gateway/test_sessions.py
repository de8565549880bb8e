"""Registrations: what clients of every version say, and how long the gateway believes it."""

import pytest

from gateway import registration
from gateway.refusal import Refused
from gateway.sessions import AWAKE_WINDOW_MS, GRACE_MS, Ended, Registered, Sessions, Updated
from tests.portable import seeded_bytes

LINKS = b'</>;rt="oma.lwm2m";ct="110 112",</1/0>,</3/0>,</3416>;ver=2.0,</3416/0>,</5>'


def parsed(*queries, payload=LINKS, content_format=40):
    return registration.parse(queries, content_format, payload)


def named(endpoint, lifetime_s=60):
    return parsed(f"ep={endpoint}", f"lt={lifetime_s}", "lwm2m=1.1", "b=U")


def new_sessions(**limits):
    seeds = iter(range(10_000))
    return Sessions(lambda count: seeded_bytes(next(seeds), count), **limits)


def code_of(call, *arguments):
    with pytest.raises(Refused) as refused:
        call(*arguments)
    return refused.value.code


def events_of(sessions):
    return list(iter(sessions.next_event, None))


def test_register_is_understood_in_full():
    known = parsed("ep=urn:dev:mac:0011", "lt=300", "lwm2m=1.1", "b=U", "Q", "sms=+33", "x=y")
    assert (known.endpoint, known.version, known.lifetime_s) == ("urn:dev:mac:0011", "1.1", 300)
    assert (known.binding, known.is_queue_mode) == ("U", True)
    assert known.objects.formats == {110, 112}
    assert known.objects.instances == {(1, 0), (3, 0), (3416, 0), (5,)}
    assert known.objects.version_of(3416) == "2.0" and known.objects.version_of(3) == "1.0"


def test_client_of_version_1_0_states_queue_mode_within_its_binding():
    known = parsed("ep=a", "lt=60", "lwm2m=1.0", "b=UQ")
    assert (known.binding, known.is_queue_mode) == ("U", True)


def test_missing_parameters_take_the_defaults_of_the_standard():
    known = parsed("ep=a")
    assert (known.version, known.lifetime_s, known.binding) == ("1.0", 86_400, "U")


def test_alternate_root_is_taken_off_the_paths():
    known = parsed("ep=a", payload=b'</lwm2m>;rt="oma.lwm2m";ct=112,</lwm2m/3/0>,</4/0>')
    assert known.objects.root == ("lwm2m",)
    assert known.objects.instances == {(3, 0)} and known.objects.formats == {112}


def test_links_that_are_no_objects_are_ignored():
    known = parsed("ep=a", payload=b"</3/0>,</well/known>,</99999/0>,</3/0/1>,<coap://x/1>")
    assert known.objects.instances == {(3, 0)}


@pytest.mark.parametrize(
    ("queries", "code"),
    [
        (("lt=60",), "4.00"),
        (("ep=",), "4.00"),
        (("ep=" + "x" * 253,), "4.00"),
        (("ep=a", "ep=b"), "4.00"),
        (("ep=a", "lt=-1"), "4.00"),
        (("ep=a", "lt=1e3"), "4.00"),
        (("ep=a", "lt=4294967296"), "4.00"),
        (("ep=a", "lt=\u0663"), "4.00"),
        (("ep=a", "b=X"), "4.00"),
        (("ep=a", "lwm2m=2.0"), "4.12"),
    ],
)
def test_wrong_parameters_are_refused(queries, code):
    assert code_of(registration.parse, queries, 40, LINKS) == code


@pytest.mark.parametrize(
    ("content_format", "payload", "code"),
    [(40, b"", "4.00"), (40, b"</3/0", "4.00"), (40, b"\xff\xfe", "4.00"), (50, LINKS, "4.15")],
)
def test_wrong_object_lists_are_refused(content_format, payload, code):
    assert code_of(registration.parse, ("ep=a",), content_format, payload) == code


def test_random_bytes_are_refused_or_understood_and_nothing_else():
    for seed in range(300):
        noise = seeded_bytes(seed, 1 + seed % 60)
        try:
            registration.parse(("ep=a",), 40, b"</" + noise)
        except Refused:
            pass


@pytest.mark.parametrize("name", ["a/b+c#d.e f", "naïve ☃", "\x00\n", "a" * 252, "=&?"])
def test_odd_endpoint_names_are_carried(name):
    sessions = new_sessions()
    session = sessions.register(named(name), "peer", 0)
    assert sessions.get(name) is session and session.id.isalnum()


def test_second_register_drops_the_first_and_says_so():
    sessions = new_sessions()
    first = sessions.register(named("a"), "peer 1", 0)
    second = sessions.register(named("a"), "peer 2", 5)
    assert sessions.by_id(first.id) is None and sessions.at("peer 1") is None
    assert events_of(sessions) == [Registered(first, None), Registered(second, first)]


def test_update_changes_what_it_names_and_nothing_else():
    sessions = new_sessions()
    session = sessions.register(named("a"), "peer", 0)
    changed = sessions.update(session.id, ("lt=90",), None, b"", "peer", 10)
    assert changed.registration.lifetime_s == 90
    assert changed.registration.objects == session.registration.objects
    changed = sessions.update(session.id, (), 40, b"</3/0>", "peer", 20)
    assert changed.registration.objects.instances == {(3, 0)}
    assert changed.registration.lifetime_s == 90 and changed.updated_ms == 20


def test_update_from_a_new_address_moves_the_node_there():
    sessions = new_sessions()
    session = sessions.register(named("a"), "old", 0)
    sessions.update(session.id, (), None, b"", "new", 1)
    assert sessions.at("new").endpoint == "a" and sessions.at("old") is None
    assert isinstance(events_of(sessions)[-1], Updated)


def test_update_of_an_unknown_location_is_not_found():
    sessions = new_sessions()
    assert code_of(sessions.update, "beef", (), None, b"", "peer", 0) == "4.04"


def test_wrong_update_changes_nothing():
    sessions = new_sessions()
    session = sessions.register(named("a"), "peer", 0)
    assert code_of(sessions.update, session.id, ("lt=x",), None, b"", "other", 1) == "4.00"
    assert code_of(sessions.update, session.id, ("ep=b",), None, b"", "other", 1) == "4.00"
    assert sessions.get("a") is session


def test_deregistered_node_is_gone():
    sessions = new_sessions()
    session = sessions.register(named("a"), "peer", 0)
    sessions.deregister(session.id)
    assert sessions.state("a", 0) == "gone" and len(sessions) == 0
    assert events_of(sessions)[-1] == Ended(session, "deregistered")


def test_registration_is_late_after_its_lifetime_and_gone_after_the_grace():
    sessions = new_sessions()
    session = sessions.register(named("a", 60), "peer", 1000)
    assert sessions.next_timeout_ms() == 61_000 + GRACE_MS
    assert sessions.state("a", 60_999) == "registered" and sessions.state("a", 61_000) == "late"
    sessions.handle_timeout(61_000 + GRACE_MS - 1)
    assert len(sessions) == 1
    sessions.handle_timeout(61_000 + GRACE_MS)
    assert events_of(sessions)[-1] == Ended(session, "expired")


def test_update_extends_the_lifetime():
    sessions = new_sessions()
    session = sessions.register(named("a", 60), "peer", 0)
    sessions.update(session.id, (), None, b"", "peer", 50_000)
    sessions.handle_timeout(60_000 + GRACE_MS)
    assert len(sessions) == 1 and sessions.next_timeout_ms() == 110_000 + GRACE_MS


def test_shorter_lifetime_takes_effect_at_once():
    sessions = new_sessions()
    session = sessions.register(named("a", 6000), "peer", 0)
    sessions.update(session.id, ("lt=10",), None, b"", "peer", 0)
    sessions.handle_timeout(10_000 + GRACE_MS)
    assert len(sessions) == 0


def test_lifetime_zero_never_ends():
    sessions = new_sessions()
    sessions.register(named("a", 0), "peer", 0)
    assert sessions.next_timeout_ms() is None and sessions.state("a", 10**12) == "registered"


def test_message_does_not_extend_the_lifetime():
    sessions = new_sessions()
    session = sessions.register(named("a", 60), "peer", 0)
    sessions.heard(session, 59_000)
    sessions.handle_timeout(60_000 + GRACE_MS)
    assert len(sessions) == 0


def test_node_in_queue_mode_listens_for_a_while_after_each_message():
    sessions = new_sessions()
    session = sessions.register(parsed("ep=a", "lwm2m=1.1", "b=U", "Q"), "peer", 0)
    assert sessions.is_awake("a", AWAKE_WINDOW_MS - 1)
    assert sessions.state("a", AWAKE_WINDOW_MS) == "sleeping"
    sessions.heard(session, 200_000)
    assert sessions.is_awake("a", 200_001)


def test_node_in_queue_mode_that_does_not_answer_sleeps_until_it_speaks():
    sessions = new_sessions()
    session = sessions.register(parsed("ep=a", "b=UQ"), "peer", 0)
    sessions.did_not_answer("a")
    assert not sessions.is_awake("a", 1)
    sessions.heard(session, 2)
    assert sessions.is_awake("a", 3)


def test_node_without_queue_mode_is_always_awake():
    sessions = new_sessions()
    sessions.register(named("a", 3600), "peer", 0)
    sessions.did_not_answer("a")
    assert sessions.is_awake("a", 3_000_000)


def test_full_gateway_refuses_new_nodes_and_keeps_the_known_ones():
    sessions = new_sessions(nodes_max=2)
    sessions.register(named("a"), 1, 0)
    sessions.register(named("b"), 2, 0)
    assert code_of(sessions.register, named("c"), 3, 0) == "5.03"
    sessions.register(named("a"), 4, 0)
    assert len(sessions) == 2


def test_restored_registration_keeps_its_location_and_gets_a_whole_lifetime():
    sessions = new_sessions()
    sessions.restore("cafe", named("a", 60), "peer", 5000)
    sessions.handle_timeout(60_000 + GRACE_MS)
    assert sessions.by_id("cafe").endpoint == "a" and sessions.next_event() is None


def test_endless_registering_leaves_nothing_behind():
    sessions = new_sessions()
    for number in range(2000):
        session = sessions.register(named(f"n{number % 7}", 10**6), number, number)
        if number % 3:
            sessions.deregister(session.id)
    assert len(sessions) <= 7 and len(sessions._deadlines) < 200
    assert len(sessions._seen_ms) <= 7 and len(sessions._watched_ms) <= 7


def test_node_whose_address_another_one_took_is_not_asked_there():
    sessions = new_sessions()
    sessions.register(named("a"), "peer", 0)
    sessions.register(named("b"), "peer", 1)
    assert not sessions.is_awake("a", 2) and sessions.is_awake("b", 2)
    assert sessions.state("a", 2) == "sleeping"


def test_node_that_updates_from_elsewhere_can_be_asked_again():
    sessions = new_sessions()
    first = sessions.register(named("a"), "peer", 0)
    sessions.register(named("b"), "peer", 1)
    sessions.update(first.id, (), None, b"", "other", 2)
    assert sessions.is_awake("a", 3) and sessions.get("a").peer == "other"
