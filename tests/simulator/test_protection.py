"""What a run says of its security is what passed on the wire, and stands on every screen."""

import io

import pytest
from rich.console import Console

from protocol import coap_message as coap
from simulator import demo_screen, soak_screen
from simulator.real_time import NodeSocket
from simulator.result import protection_check

STREET = demo_screen.StreetPicture(0, -3.0, 10, 6, 6, 360, 2, 40, 0, 0, 2, 1, 3)
WARNING = "NONE, all in clear"


class Wire:
    """Takes what a socket sends."""

    def sendto(self, datagram):
        pass


def message(code, options=(), type=coap.CON):
    return coap.encode(coap.Message(type, code, 7, b"", list(options)))


@pytest.mark.parametrize(("code", "options", "sent", "received"), [
    (coap.POST, [(coap.OSCORE, b"\x09\x00kid.")], 0, 0),
    (coap.EMPTY, [], 0, 0),
    (coap.POST, [(coap.URI_PATH, b"dp")], 1, 1),
    (coap.CONTENT, [], 1, 0),
])
def test_socket_counts_what_a_node_says_and_is_told_in_clear(code, options, sent, received):
    socket = NodeSocket(("127.0.0.1", 9), lambda datagram, peer: None)
    socket.connection_made(Wire())
    socket.send(message(code, options), None)
    assert socket.in_clear == sent
    socket.datagram_received(message(code, options), None)
    assert socket.in_clear == sent + received


def test_one_message_in_clear_fails_a_run_that_is_said_to_be_protected():
    assert [check.ok for check in protection_check("oscore", 0)] == [True]
    assert [check.ok for check in protection_check("oscore", 1)] == [False]
    assert protection_check("none", 9) == ()


def shown(picture):
    console = Console(width=100, file=io.StringIO())
    console.print(picture)
    return console.file.getvalue()


@pytest.mark.parametrize("security", ["oscore", "none"])
def test_demos_screen_warns_exactly_when_nothing_is_protected(security):
    chain = demo_screen.ChainPicture(10, 10, 5, 5, 5, 20, security)
    for width in (demo_screen.WIDTH, demo_screen.NARROW_WIDTH):
        text = shown(demo_screen.draw("", 0.5, STREET, chain, [], width))
        assert (WARNING in text) == (security == "none")
        assert ("OSCORE" in text) == (security == "oscore")


@pytest.mark.parametrize("security", ["oscore", "none"])
def test_soaks_screen_warns_exactly_when_nothing_is_protected(security):
    states = {"gateway": "runs", "broker": "runs", "city": "down"}
    picture = soak_screen.SoakPicture(1, 60, states, {}, 10, 0, security, 5, 0, 5)
    text = shown(soak_screen.draw("", picture))
    assert (WARNING in text) == (security == "none")
