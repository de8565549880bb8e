"""What is shown and what is hidden, who is believed and who is not (RFC 8613 4 and 8)."""

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from protocol.aes_ccm import encrypt
from protocol.coap_message import Message
from protocol.errors import DecodeError, EncodeError, SecurityError
from protocol.oscore import RequestId, SecurityContext
from protocol.oscore_option import OscoreOption
from tests.portable import raises
from tests.protocol.block_cipher import aes

SECRET = bytes(range(16))
SALT = bytes(range(8))
NODE_ID = b"\x00\x01\x02\x04"
GATEWAY_ID = b"\x00\x01\x02\x05"
NODE = SecurityContext(aes, SECRET, SALT, NODE_ID, GATEWAY_ID)
GATEWAY = SecurityContext(aes, SECRET, SALT, GATEWAY_ID, NODE_ID)
RENEWED_NODE = SecurityContext(aes, SECRET, SALT, NODE_ID, GATEWAY_ID, b"renewed!")
RENEWED_GATEWAY = SecurityContext(aes, SECRET, SALT, GATEWAY_ID, NODE_ID, b"renewed!")
# In neither direction anything but these is to be seen of a message.
SHOWN = (coap.OBSERVE, coap.OSCORE)
HIDDEN = [
    (coap.IF_MATCH, b"1"), (coap.ETAG, b"2"), (coap.URI_PATH, b"dp"), (coap.CONTENT_FORMAT, b"p"),
    (coap.MAX_AGE, b"3"), (coap.URI_QUERY, b"ep=x"), (coap.ACCEPT, b"p"), (coap.BLOCK2, b"\x06"),
    (coap.BLOCK1, b"\x0e"), (coap.SIZE1, b"\x40"), (coap.ECHO, b"echo"), (coap.NO_RESPONSE, b""),
    (coap.REQUEST_TAG, b"t"), (2048, b"unknown"), (2049, b"critical"),
]  # fmt: skip


def request(*options, code=coap.GET, payload=b""):
    return Message(coap.CON, code, 7, b"token", list(options), payload)


def response(*options, code=coap.CONTENT, payload=b""):
    return Message(coap.ACK, code, 7, b"token", list(options), payload)


def option_of(message):
    return oscore_option.decode(coap.option(message.options, coap.OSCORE))


def numbers(message):
    return [number for number, _ in message.options]


def received(message, context=GATEWAY):
    return oscore.unprotect_request(context, message, option_of(message))


def answered(outer, request_id, context=NODE):
    return oscore.unprotect_response(context, outer, option_of(outer), request_id)


def forged(code, rest=b""):
    """Return a request whose inside is authentic, whatever it may be."""
    outer, request_id = oscore.protect_request(NODE, request(), 1)
    nonce = oscore._nonce(NODE, NODE_ID, request_id.piv)
    aad = oscore._aad(request_id)
    outer.payload = encrypt(aes, NODE.sender_key, nonce, aad, bytes((code,)) + rest)
    return outer


def test_a_request_shows_no_option_but_the_one_of_oscore():
    sent = request(*HIDDEN, code=coap.FETCH, payload=b"payload")
    outer, _ = oscore.protect_request(NODE, sent, 0)
    assert (outer.type, outer.code, outer.mid, outer.token) == (coap.CON, coap.POST, 7, b"token")
    assert numbers(outer) == [coap.OSCORE]
    inner, _ = received(outer)
    assert (inner.code, inner.options, inner.payload) == (coap.FETCH, HIDDEN, b"payload")
    assert (inner.type, inner.mid, inner.token) == (coap.CON, 7, b"token")


def test_a_response_shows_no_option_but_the_one_of_oscore():
    sent = response(*HIDDEN, payload=b"x")
    outer = oscore.protect_response(GATEWAY, sent, RequestId(NODE_ID, b"\0"))
    assert (outer.type, outer.code, outer.options) == (coap.ACK, coap.CHANGED, [(9, b"")])
    inner, piv = answered(outer, RequestId(NODE_ID, b"\0"))
    assert (inner.code, inner.options, inner.payload) == (coap.CONTENT, HIDDEN, b"x")
    assert piv is None


def test_options_for_proxies_stay_outside():
    options = [(coap.URI_HOST, b"h"), (coap.URI_PORT, b"\x16\x33"), (coap.URI_PATH, b"3"),
               (coap.PROXY_SCHEME, b"coap")]
    outer, _ = oscore.protect_request(NODE, request(*options), 0)
    assert numbers(outer) == [coap.URI_HOST, coap.URI_PORT, coap.OSCORE, coap.PROXY_SCHEME]
    assert received(outer)[0].options == options


def test_what_cannot_be_hidden_is_not_sent():
    for number in (coap.PROXY_URI, coap.OSCORE):
        raises(EncodeError, oscore.protect_request, NODE, request((number, b"")), 0)


def test_options_added_on_the_way_are_left_out():
    outer, _ = oscore.protect_request(NODE, request((coap.URI_PATH, b"3")), 0)
    for number, value in HIDDEN + [(coap.OBSERVE, b"")]:
        coap.add_option(outer.options, number, value)
    outer.code = coap.DELETE
    inner, _ = received(outer)
    assert (inner.code, inner.options) == (coap.GET, [(coap.URI_PATH, b"3")])


def test_a_registration_is_a_fetch_outside_and_survives_a_proxy_without_observe():
    for value in (b"", b"\x01"):
        outer, _ = oscore.protect_request(NODE, request((coap.OBSERVE, value)), 0)
        assert outer.code == coap.FETCH
        assert numbers(outer) == list(SHOWN)
        outer.options = [option for option in outer.options if option[0] == coap.OSCORE]
        assert received(outer)[0].options == [(coap.OBSERVE, value)]


def test_a_notification_is_ordered_by_its_partial_iv():
    for sequence, observe in ((0, b""), (5, b"\x05"), (0x1020304, b"\x02\x03\x04")):
        notification = response((coap.ETAG, b"e"), (coap.OBSERVE, b"\x63"))
        request_id = RequestId(NODE_ID, b"\x09")
        outer = oscore.protect_response(GATEWAY, notification, request_id, sequence)
        assert outer.code == coap.CONTENT
        assert outer.options[0] == (coap.OBSERVE, b"\x63")
        inner, piv = answered(outer, request_id)
        assert piv == sequence
        assert inner.options == [(coap.ETAG, b"e"), (coap.OBSERVE, observe)]


def test_a_first_notification_may_use_the_nonce_of_its_request():
    notification = response((coap.OBSERVE, b"\x63"))
    outer = oscore.protect_response(GATEWAY, notification, RequestId(NODE_ID, b"\x09"))
    inner, piv = answered(outer, RequestId(NODE_ID, b"\x09"))
    assert (piv, inner.options) == (None, [(coap.OBSERVE, b"")])


def test_the_nonce_of_a_request_protects_one_response():
    _, request_id = received(oscore.protect_request(NODE, request(), 3)[0])
    first = oscore.protect_response(GATEWAY, response(), request_id)
    raises(EncodeError, oscore.protect_response, GATEWAY, response(), request_id)
    second = oscore.protect_response(GATEWAY, response(), request_id, 1)
    assert option_of(first).piv is None and option_of(second).piv == b"\x01"
    assert answered(second, request_id)[1] == 1


def test_a_response_to_another_request_is_refused():
    for sequence in (None, 4):
        outer = oscore.protect_response(GATEWAY, response(), RequestId(NODE_ID, b"\x01"), sequence)
        raises(SecurityError, answered, outer, RequestId(NODE_ID, b"\x02"))


def test_a_message_is_not_accepted_by_who_sent_it():
    outer, request_id = oscore.protect_request(NODE, request(), 3)
    raises(SecurityError, received, outer, NODE)
    outer = oscore.protect_response(GATEWAY, response(), request_id, 3)
    raises(SecurityError, answered, outer, request_id, GATEWAY)


def test_a_response_under_a_renewed_context_tells_it_and_is_bound_to_the_request():
    _, request_id = oscore.protect_request(NODE, request(), 3)
    outer = oscore.protect_response(
        RENEWED_GATEWAY, response(code=coap.UNAUTHORIZED), request_id, 0, with_kid_context=True)
    option = option_of(outer)
    assert (option.piv, option.kid_context, option.kid) == (b"\0", b"renewed!", None)
    raises(SecurityError, answered, outer, request_id)
    assert answered(outer, request_id, RENEWED_NODE)[0].code == coap.UNAUTHORIZED
    raises(SecurityError, answered, outer, RequestId(NODE_ID, b"\x04"), RENEWED_NODE)


def test_requests_of_a_context_with_an_id_context_carry_it():
    outer, _ = oscore.protect_request(RENEWED_NODE, request(), 0)
    assert option_of(outer).kid_context == b"renewed!"
    assert received(outer, RENEWED_GATEWAY)[0].code == coap.GET
    raises(SecurityError, received, outer)
    # A peer that knows which context is meant may leave it out (RFC 8613 5.1).
    option = OscoreOption(b"\0", None, NODE_ID)
    assert oscore.unprotect_request(RENEWED_GATEWAY, outer, option)[0].code == coap.GET


def test_sequence_numbers_reach_their_limit_and_no_further():
    for sequence, piv in ((0, b"\0"), (255, b"\xff"), (256, b"\x01\0"), (2**40 - 1, b"\xff" * 5)):
        outer, request_id = oscore.protect_request(NODE, request(), sequence)
        assert request_id.piv == option_of(outer).piv == piv
        assert received(outer)[0].code == coap.GET
    for sequence in (2**40, -1):
        raises(EncodeError, oscore.protect_request, NODE, request(), sequence)
        raises(EncodeError, oscore.protect_response, GATEWAY, response(),
               RequestId(NODE_ID, b"\0"), sequence)


def test_a_request_must_name_its_key_and_its_number():
    outer, _ = oscore.protect_request(NODE, request(), 0)
    for option in (OscoreOption(b"\0", None, None), OscoreOption(None, None, NODE_ID)):
        raises(DecodeError, oscore.unprotect_request, GATEWAY, outer, option)
    option = OscoreOption(b"\0", None, b"\x00\x01\x02\x06")
    raises(SecurityError, oscore.unprotect_request, GATEWAY, outer, option)


def test_authentic_nonsense_is_a_decode_error():
    for code, rest in (
        (coap.EMPTY, b""), (coap.CONTENT, b""), (coap.GET, b"\xff"), (coap.GET, b"\xf0"),
        (coap.GET, b"\x91"), (coap.GET, b"\x90"), (coap.GET, b"\x10" * 49),
    ):  # fmt: skip
        raises(DecodeError, received, forged(code, rest))
    for code in (coap.EMPTY, coap.GET, 31, 32, 96, 192, 225):
        outer = forged(code)
        request_id = RequestId(NODE_ID, option_of(outer).piv)
        raises(DecodeError, answered, outer, request_id, GATEWAY)


def test_a_message_without_room_for_a_code_is_malformed():
    outer, _ = oscore.protect_request(NODE, request(), 0)
    for length in range(9):
        outer.payload = outer.payload[:length]
        raises(DecodeError, received, outer)


def test_ids_that_leave_no_room_or_are_the_same_make_no_context():
    for ids in ((bytes(8), b""), (b"", bytes(8)), (b"\x01", b"\x01")):
        raises(EncodeError, SecurityContext, aes, SECRET, SALT, *ids)


def test_contexts_of_other_secrets_salts_ids_and_id_contexts_share_no_key():
    contexts = (
        NODE, GATEWAY, RENEWED_NODE, SecurityContext(aes, SECRET, b"", NODE_ID, GATEWAY_ID),
        SecurityContext(aes, bytes(16), SALT, NODE_ID, GATEWAY_ID),
        SecurityContext(aes, SECRET, SALT, NODE_ID, b"\x00\x01\x02\x07", b"renewed?"),
        SecurityContext(aes, SECRET, SALT, NODE_ID, GATEWAY_ID, b""),
    )  # fmt: skip
    assert NODE.sender_key == GATEWAY.recipient_key
    assert len({context.sender_key for context in contexts}) == len(contexts)
