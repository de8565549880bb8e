from firmware import keys
from firmware.lwm2m_client import Registered
from protocol import coap_message as coap
from protocol import credentials, oscore_option
from tests.firmware.board import NODE
from tests.firmware.secure_street import FIRST, SECOND, SecureStreet, outer, write_keys


def test_a_new_context_is_durable_on_trial_and_current_when_it_is_confirmed():
    street = SecureStreet(server_credentials=(FIRST, SECOND))
    assert write_keys(street, SECOND) == "2.04"
    street.advance(1000)
    assert street.names() == ["register"]
    node_keys = street.node.keys
    assert node_keys.trial is None
    assert node_keys.current.credentials == credentials.encode(SECOND)
    street.server_keys.forget(0)
    assert street.read("3/0/0") == [((3, 0, 0), "Faubourg")]
    street.reboot()
    assert street.read("3/0/0") == [((3, 0, 0), "Faubourg")]


def test_credentials_of_another_node_or_broken_ones_are_refused():
    street = SecureStreet()
    other = credentials.Credentials(b"x" * 16, b"saltsalt", b"\0\0\0\x08", b"\0\0\0\x09")
    assert write_keys(street, other) == "4.00"
    refused = street.request(coap.PUT, "42802/0/0", b"nonsense", content_format=42)
    assert refused.code == coap.BAD_REQUEST
    assert street.node.keys.trial is None


def test_a_trial_that_nobody_confirms_is_dropped_and_the_old_context_holds():
    street = SecureStreet()
    assert write_keys(street, SECOND) == "2.04"
    assert street.node.keys.trial is not None
    street.advance(keys.TRIAL_MS_MAX + 320000)
    assert street.node.keys.trial is None
    assert street.names()[-1] in ("register", "send", "update") and "register" in street.names()
    assert street.read("3/0/0") == [((3, 0, 0), "Faubourg")]


def test_a_trial_survives_a_reset_and_is_tried_again():
    street = SecureStreet()
    write_keys(street, SECOND)
    street.reboot()
    assert street.node.keys.trial is not None
    street.server_keys.add(SECOND)
    street.advance(400000)
    assert street.node.keys.trial is None
    assert street.node.keys.current.credentials == credentials.encode(SECOND)


def test_a_restored_server_is_answered_under_fresh_keys():
    street = SecureStreet()
    street.server_keys.restored = street.server_keys.held()[0]
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    street.advance(2000)
    held = street.node.keys.current
    assert held.context.id_context is not None and street.node.keys.trial is None
    assert len([event for event in street.events if isinstance(event, Registered)]) == 2
    street.server_keys.forget(0)
    assert street.read("3/0/0") == [((3, 0, 0), "Faubourg")]
    # And the kid context stands in what the node asks from now on.
    street.report(True)
    assert street.names()[-1] == "send"
    requests = [m for m in outer(street, True) if coap.is_request(m.code)]
    option = oscore_option.decode(coap.option(requests[-1].options, coap.OSCORE))
    assert option.kid_context == held.context.id_context


def test_a_restored_server_is_answered_after_a_reset_too():
    street = SecureStreet(is_registered=False)
    street.server_keys.restored = street.server_keys.held()[0]
    street.node.start(0)
    street.advance(2000)
    assert street.node.client.is_registered()
    street.reboot()
    assert street.read("3/0/0") == [((3, 0, 0), "Faubourg")]


def test_a_renewal_that_is_not_authentic_changes_nothing():
    street = SecureStreet()
    street.is_down = True
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    update = coap.decode(street.node.datagrams_to_send()[0][0])
    option = oscore_option.OscoreOption(b"\0", b"another!", None).encode()
    forged = coap.Message(coap.ACK, coap.CHANGED, update.mid, update.token,
                          [(coap.OSCORE, option)], bytes(20))
    assert street.replay(coap.encode(forged)) == []
    assert street.node.keys.trial is None and street.count("security: not authentic") == 1


def test_a_renewal_of_keys_that_were_replaced_meanwhile_is_refused():
    street = SecureStreet()
    late = late_renewal(street)
    node_keys = street.node.keys
    # What came together with the answer, and before the node has given its requests up.
    assert node_keys.install(credentials.encode(SECOND))
    node_keys.confirm(node_keys.trial)
    street.replay(late)
    assert node_keys.trial is None and street.count("security: renewals") == 0
    assert node_keys.current.credentials == credentials.encode(SECOND)


def late_renewal(street):
    """Return the answer under fresh keys to an Update of the node, which it has yet to hear."""
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    [(update, _)] = street.node.datagrams_to_send()
    server_keys = street.server_keys
    server_keys.restored = server_keys.held()[0]
    street.server.receive_datagram(update, NODE, street.now_ms)
    [(answer, _)] = street.server.datagrams_to_send()
    server_keys.restored = None
    server_keys.forget(-1)
    return answer
