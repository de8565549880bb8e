from firmware.lwm2m_client import RegistrationLost
from protocol import coap_message as coap
from protocol.coap_message import Message
from tests.firmware.board import NODE, SERVER
from tests.firmware.secure_street import SecureStreet


def test_forged_answers_end_no_request_and_the_true_one_is_heard():
    street = SecureStreet()
    street.is_down = True
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    datagram = street.node.datagrams_to_send()[0][0]
    update = coap.decode(datagram)
    garbage = [(coap.OSCORE, b"")]
    for forged in (Message(coap.RST, coap.EMPTY, update.mid),
                   Message(coap.ACK, coap.EMPTY, update.mid),
                   Message(coap.ACK, coap.CHANGED, update.mid, update.token, garbage, bytes(20))):
        assert street.replay(coap.encode(forged)) == []
    assert street.count("security: unprotected reset") == 1
    street.is_down = False
    street.server.receive_datagram(datagram, NODE, street.now_ms)
    street.settle()
    street.settle()
    assert street.names() == ["update"] and street.node.client.handle is None
    assert street.node.client.is_registered()
    assert not [event for event in street.events if isinstance(event, RegistrationLost)]


def test_acknowledgement_that_is_none_forgets_no_request_of_the_server():
    street = SecureStreet()
    asked = Message(coap.CON, coap.GET, 0x4711, b"asked")
    layer = street.node.endpoint._layer._layer
    layer._remember(asked, SERVER, street.now_ms)
    forged = Message(coap.ACK, coap.CHANGED, asked.mid, b"none", [(coap.OSCORE, b"")], bytes(20))
    street.replay(coap.encode(forged))
    assert len([each for each in layer._receptions if each.mid == asked.mid]) == 1
