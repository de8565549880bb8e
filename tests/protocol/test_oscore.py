from protocol import cbor, oscore, oscore_option
from protocol import coap_message as coap
from protocol.oscore import RequestId, SecurityContext
from tests.protocol.block_cipher import aes

SECRET = bytes.fromhex("0102030405060708090a0b0c0d0e0f10")
SALT = bytes.fromhex("9e7ca92223786340")
ID_CONTEXT = bytes.fromhex("37cbf3210017a2d3")
CLIENT_1 = SecurityContext(aes, SECRET, SALT, b"", b"\x01")
SERVER_1 = SecurityContext(aes, SECRET, SALT, b"\x01", b"")
CLIENT_2 = SecurityContext(aes, SECRET, b"", b"\x00", b"\x01")
SERVER_2 = SecurityContext(aes, SECRET, b"", b"\x01", b"\x00")
CLIENT_3 = SecurityContext(aes, SECRET, SALT, b"", b"\x01", ID_CONTEXT)
SERVER_3 = SecurityContext(aes, SECRET, SALT, b"\x01", b"", ID_CONTEXT)


def keys(context):
    return context.sender_key.hex(), context.recipient_key.hex(), context.common_iv.hex()


def option_of(message):
    return oscore_option.decode(coap.option(message.options, coap.OSCORE))


def assert_request_vector(client, server, plain, protected):
    request = coap.decode(bytes.fromhex(plain))
    outer, sent = oscore.protect_request(client, request, 20)
    assert coap.encode(outer).hex() == protected
    inner, received = oscore.unprotect_request(server, outer, option_of(outer))
    assert coap.encode(inner).hex() == plain
    assert (received.kid, received.piv) == (sent.kid, sent.piv) == (client.sender_id, b"\x14")


def assert_response_vector(sequence, piv, protected):
    plain = "64455d1f00003974ff48656c6c6f20576f726c6421"
    request_id = RequestId(b"", b"\x14")
    response = coap.decode(bytes.fromhex(plain))
    outer = oscore.protect_response(SERVER_1, response, request_id, sequence)
    assert coap.encode(outer).hex() == protected
    inner, number = oscore.unprotect_response(CLIENT_1, outer, option_of(outer), request_id)
    assert coap.encode(inner).hex() == plain
    assert number == piv


def test_RFC8613_C_1_keys_with_master_salt():
    client = ("f0910ed7295e6ad4b54fc793154302ff", "ffb14e093c94c9cac9471648b4f98710",
              "4622d4dd6d944168eefb54987c")
    assert keys(CLIENT_1) == client
    assert keys(SERVER_1) == (client[1], client[0], client[2])


def test_RFC8613_C_2_keys_without_master_salt():
    client = ("321b26943253c7ffb6003b0b64d74041", "e57b5635815177cd679ab4bcec9d7dda",
              "be35ae297d2dace910c52e99f9")
    assert keys(CLIENT_2) == client
    assert keys(SERVER_2) == (client[1], client[0], client[2])


def test_RFC8613_C_3_keys_with_id_context():
    client = ("af2a1300a5e95788b356336eeecd2b92", "e39a0c7c77b43f03b4b39ab9a268699f",
              "2ca58fb85ff1b81c0b7181b85e")
    assert keys(CLIENT_3) == client
    assert keys(SERVER_3) == (client[1], client[0], client[2])


def test_RFC8613_C_4_request():
    assert_request_vector(
        CLIENT_1, SERVER_1, "44015d1f00003974396c6f63616c686f737483747631",
        "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e")


def test_RFC8613_C_5_request():
    assert_request_vector(
        CLIENT_2, SERVER_2, "440171c30000b932396c6f63616c686f737483747631",
        "440271c30000b932396c6f63616c686f737463091400ff4ed339a5a379b0b8bc731fffb0")


def test_RFC8613_C_6_request_with_id_context():
    assert_request_vector(
        CLIENT_3, SERVER_3, "44012f8eef9bbf7a396c6f63616c686f737483747631",
        "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3"
        "ff72cd7273fd331ac45cffbe55c3")


def test_RFC8613_C_7_response():
    assert_response_vector(
        None, None, "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106")


def test_RFC8613_C_8_response_with_partial_iv():
    assert_response_vector(
        0, 0, "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e")


def test_RFC8613_C_4_associated_data_is_the_cose_structure():
    external_aad = cbor.encode([1, [10], b"", b"\x14", b""])
    expected = cbor.encode(["Encrypt0", b"", external_aad])
    assert oscore._aad(RequestId(b"", b"\x14")) == expected
    assert expected.hex() == "8368456e63727970743040488501810a40411440"
