"""Mutated protected messages to a whole node: nothing raises, nothing is obeyed, nothing grows."""

from protocol import coap_message as coap
from tests import full_size
from tests.firmware.board import SERVER
from tests.firmware.secure_street import SecureStreet
from tests.protocol.wrong_input import damaged

COUNT = 200_000 if full_size.is_full_size() else 4_000
EXCHANGES_MAX = 80


def recorded(street):
    """Return what the server said: answers, reads, an observation, commands."""
    street.observe(coap.GET, "3416/0/1", observe=0)
    for level in ("0", "20", "90"):
        street.write("3416/0/1", level)
        street.advance(1000)
    street.request(coap.GET, "3")
    return [datagram for is_from_node, datagram in street.wire if not is_from_node]


def held(street):
    """Return how much the node keeps about messages."""
    layer = street.node.endpoint._layer
    lower = layer._layer
    return sum(len(each) for each in (layer._asked, layer._received, layer._observed,
                                      lower._receptions, lower._transmissions, lower._nons))


def test_no_mutated_message_is_obeyed_or_trips_the_node():
    street = SecureStreet()
    messages = recorded(street)
    assert len(messages) > 8
    for seed in range(COUNT):
        street.node.receive_datagram(
            damaged(messages[seed % len(messages)], seed), SERVER, street.now_ms)
        street.node.datagrams_to_send()
        assert held(street) <= EXCHANGES_MAX, seed
    assert street.node.client.is_registered() and street.node.keys.trial is None
    assert street.count("security: not authentic") > COUNT // 100
    assert street.count("security: replay") > 0
    street.advance(300000)
    assert street.read("3416/0/1") == [((3416, 0, 1), 90)]


def test_no_mutated_message_is_obeyed_by_a_node_that_has_just_begun():
    street = SecureStreet()
    messages = [each for each in recorded(street) if coap.is_request(each[1])]
    street.reboot()
    for seed in range(COUNT // 4):
        street.node.receive_datagram(
            damaged(messages[seed % len(messages)], seed), SERVER, street.now_ms)
        street.node.datagrams_to_send()
    # Time stands still: a challenge for each command at most, however often it comes.
    assert 0 < street.count("security: challenges") <= len(messages)
    street.advance(300000)
    assert street.read("3416/0/1") == [((3416, 0, 1), 90)]
