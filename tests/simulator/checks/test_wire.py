"""The checks of datagrams: nonces, freshness, protection; told without keys."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import coap_message as coap
from protocol.coap_message import Message
from protocol.errors import DecodeError
from protocol.oscore import encode_sequence
from protocol.oscore_option import OscoreOption
from simulator.checks import outer_message
from simulator.checks.nonces import GAPS_MAX
from simulator.happenings import DatagramSent, GatewayEnded, GatewayStarted, KeysChanged
from tests.simulator.checks.stage import ADDRESSES, GATEWAY, GATEWAY_ADDRESS, LAMP, Stage

NONCES, FRESH = "no nonce is used twice", "after a boot nothing is answered unchallenged"
PROTECTED = "every message is protected"
KID, GATEWAY_KID = b"\0\0\0\x06", b"\0\0\0\x07"
NODE_ADDRESS = ADDRESSES[LAMP]
TOKEN = b"tokn"


class WireStage(Stage):
    """Says what goes over the wire between the first lamp and the gateway."""

    def say(self, is_from_node, code, option, ciphertext, token=TOKEN):
        options = [] if option is None else [(coap.OSCORE, option.encode())]
        type = coap.ACK if code >= coap.CREATED else coap.CON
        data = coap.encode(Message(type, code, 1, token, options, ciphertext))
        ends = NODE_ADDRESS, GATEWAY_ADDRESS
        return self.tell(DatagramSent, *(ends if is_from_node else ends[::-1]), data)

    def request(self, number, ciphertext, context=None, token=TOKEN):
        option = OscoreOption(encode_sequence(number), context, KID)
        return self.say(True, coap.POST, option, ciphertext, token)

    def response(self, ciphertext, number=None, token=TOKEN, context=None):
        piv = None if number is None else encode_sequence(number)
        return self.say(False, coap.CHANGED, OscoreOption(piv, context), ciphertext, token)

    def ask(self, number, ciphertext, context=None, token=b"gate"):
        option = OscoreOption(encode_sequence(number), context, GATEWAY_KID)
        return self.say(False, coap.POST, option, ciphertext, token)

    def reply(self, ciphertext, number=None, token=b"gate"):
        piv = None if number is None else encode_sequence(number)
        return self.say(True, coap.CHANGED, OscoreOption(piv), ciphertext, token)

    def challenge(self):
        """Both have shown each other that their requests are fresh."""
        self.request(0, b"register").response(b"echo?", 0).request(1, b"register echo")
        self.response(b"registered")
        self.ask(1, b"time").reply(b"echo?", 2).ask(2, b"time echo")
        return self.reply(b"time taken")


@pytest.fixture
def stage():
    return WireStage().begin()


def test_talk_in_which_each_number_is_used_once_breaks_nothing(stage):
    stage.challenge()
    for number in range(3, 50):
        stage.request(number, b"pack %d" % number).wait(5).request(number, b"pack %d" % number)
        stage.response(b"thanks %d" % number).response(b"thanks %d" % number)
    stage.assert_holds()
    assert stage.roster.checks[-2].unjudged == 0


def test_request_under_a_number_of_another_is_found(stage):
    stage.challenge().request(3, b"first").wait(60).request(3, b"second")
    stage.assert_fails(NONCES, "lamp 1", "node number 3 has protected something else")


def test_number_that_comes_again_after_hours_is_found(stage):
    stage.challenge()
    for number in range(3, 400):
        stage.request(number, b"pack %d" % number).wait(60)
    stage.request(17, b"pack 17")
    stage.assert_fails(NONCES, "node number 17")


def test_notification_under_a_number_of_a_request_is_found(stage):
    stage.challenge().request(3, b"pack").ask(3, b"observe").reply(b"value").reply(b"again", 3)
    stage.assert_fails(NONCES, "node number 3")


def test_second_answer_under_the_request_s_nonce_is_found(stage):
    stage.challenge().request(3, b"pack").response(b"thanks").wait(10).response(b"no thanks")
    stage.assert_fails(NONCES, "gateway-1", "gateway's answer number 3")


def test_second_answer_of_a_node_under_the_request_s_nonce_is_found(stage):
    stage.challenge().ask(3, b"read").reply(b"4").reply(b"5")
    stage.assert_fails(NONCES, "lamp 1", "node's answer number 3")


def test_gateway_that_begins_its_numbers_anew_is_found(stage):
    stage.challenge()
    for number in range(3, 9):
        stage.ask(number, b"read %d" % number)
    stage.ask(5, b"another")
    stage.assert_fails(NONCES, "gateway-1", "gateway number 5")


def test_gateway_s_answer_with_a_number_shares_the_numbers_of_its_requests(stage):
    stage.challenge().ask(3, b"read").request(3, b"pack").response(b"echo?", 3)
    stage.assert_fails(NONCES, "gateway number 3")


def test_new_secret_lets_a_gateway_begin_anew_once(stage):
    stage.challenge().ask(3, b"new keys").tell(KeysChanged, GATEWAY, LAMP)
    stage.ask(3, b"read").ask(4, b"read more")
    assert stage.broken() == {}
    stage.ask(3, b"once more")
    stage.assert_fails(NONCES, "gateway number 3")


def test_new_secret_lets_no_node_begin_anew(stage):
    stage.challenge().tell(KeysChanged, GATEWAY, LAMP).request(1, b"register anew")
    stage.assert_fails(NONCES, "node number 1")


def test_renewed_context_has_numbers_of_its_own(stage):
    stage.challenge().request(3, b"pack").response(b"renew", 0, context=b"renewed!")
    stage.request(4, b"register", b"renewed!").response(b"registered")
    stage.ask(1, b"read", b"renewed!").assert_holds()


def test_numbers_with_many_gaps_take_bounded_memory(stage):
    stage.challenge()
    for number in range(10, 10 + 3 * GAPS_MAX * 2, 3):
        stage.request(number, b"pack %d" % number)
    nonces = stage.roster.checks[-2]
    assert max(used[0].gaps for used in nonces._used.values()) <= GAPS_MAX
    stage.request(10 + 3 * GAPS_MAX, b"again")
    stage.assert_fails(NONCES, "node number")


def test_node_that_answers_unchallenged_after_a_boot_is_found(stage):
    stage.challenge().stop(LAMP).boot(LAMP).register(LAMP).ask(3, b"read").reply(b"value")
    stage.assert_fails(FRESH, "lamp 1", "under that request's nonce")


def test_gateway_that_answers_unchallenged_after_a_crash_is_found(stage):
    stage.challenge().crash().request(3, b"pack").response(b"thanks")
    stage.assert_fails(FRESH, "gateway-1")


def test_gateway_that_challenges_after_a_crash_breaks_nothing(stage):
    stage.challenge().crash().request(3, b"pack").response(b"echo?", 200).request(4, b"pack echo")
    stage.response(b"thanks").request(5, b"pack").response(b"thanks").assert_holds()


def test_numbered_answer_to_a_gateway_s_own_request_tells_it_what_is_new(stage):
    stage.challenge().crash().ask(200, b"read").reply(b"echo?", 50).ask(201, b"read echo")
    stage.reply(b"value").request(51, b"pack").response(b"thanks").assert_holds()


def test_gateway_that_was_stopped_in_order_knows_its_windows(stage):
    stage.challenge().tell(GatewayEnded, GATEWAY, "stop").tell(GatewayStarted, GATEWAY)
    stage.request(3, b"pack").response(b"thanks").assert_holds()


def test_nothing_is_a_replay_under_a_new_secret(stage):
    stage.challenge().crash().tell(KeysChanged, GATEWAY, LAMP)
    stage.request(3, b"register").response(b"registered").assert_holds()


def test_request_in_clear_is_found(stage):
    stage.say(True, coap.POST, None, b"register me")
    stage.assert_fails(PROTECTED, "lamp 1", "in clear")


def test_answer_in_clear_is_found_unless_it_refuses(stage):
    stage.say(False, coap.UNAUTHORIZED, None, b"").say(False, coap.EMPTY, None, b"", b"")
    assert stage.broken() == {}
    stage.say(False, coap.CONTENT, None, b"secret")
    stage.assert_fails(PROTECTED, "gateway-1")


def test_what_is_no_message_is_found(stage):
    stage.tell(DatagramSent, NODE_ADDRESS, GATEWAY_ADDRESS, b"\xff")
    stage.assert_fails(PROTECTED, "no CoAP message")


def test_nobody_promises_protection_without_security():
    stage = WireStage(security="none").begin()
    stage.say(True, coap.POST, None, b"register me").assert_holds()


MESSAGES = st.builds(
    Message, st.just(coap.CON), st.sampled_from((coap.POST, coap.CHANGED)), st.integers(0, 65535),
    st.binary(max_size=8),
    st.lists(st.tuples(st.integers(1, 2000), st.binary(max_size=300)), max_size=5).map(
        lambda options: sorted(options, key=lambda option: option[0])),
    st.binary(max_size=100))


@given(MESSAGES)
def test_outside_of_a_message_reads_as_the_full_decoder_does(message):
    data = coap.encode(message)
    code, token, value, start = outer_message.read(data)
    assert (code, token, data[start:]) == (message.code, message.token, message.payload)
    protections = [value for number, value in message.options if number == coap.OSCORE]
    assert value == (protections[-1] if protections else None)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        coap.decode(data)
    except DecodeError:
        # What it does not look at may be wrong.
        with contextlib.suppress(DecodeError):
            outer_message.read(data)
    else:
        outer_message.read(data)
