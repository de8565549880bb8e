"""CoAP messages on the wire."""

from protocol import coap_message as coap
from protocol.coap_message import Message, decode, encode
from protocol.errors import DecodeError, EncodeError
from tests.portable import raises, seeded_bytes

TEMPERATURE = (coap.URI_PATH, b"temperature")


def wire(header, token="", rest=b""):
    return bytes.fromhex(header + token) + rest


def check(message, datagram):
    assert encode(message) == datagram
    decoded = decode(datagram)
    for field in Message._fields:
        assert getattr(decoded, field) == getattr(message, field), field


def check_flow(request, response):
    """Check a GET /temperature and its 2.05, given as (type, mid, token)."""
    type, mid, token = request
    datagram = bytes((0x40 | type << 4 | len(token), 1)) + mid.to_bytes(2, "big") + token
    check(Message(type, coap.GET, mid, token, [TEMPERATURE]), datagram + b"\xbbtemperature")
    type, mid, token = response
    datagram = bytes((0x40 | type << 4 | len(token), 69)) + mid.to_bytes(2, "big") + token
    check(Message(type, coap.CONTENT, mid, token, [], b"22.3 C"), datagram + b"\xff22.3 C")


def test_RFC7252_A_figure_16_request_with_an_empty_token():
    check(Message(coap.CON, coap.GET, 0x7D34, b"", [TEMPERATURE]),
          wire("40017d34", "", b"\xbbtemperature"))


def test_RFC7252_A_figure_16_piggybacked_response():
    check(Message(coap.ACK, coap.CONTENT, 0x7D34, b"", [], b"22.3 C"),
          wire("60457d34", "", b"\xff22.3 C"))


def test_RFC7252_A_figure_17_request_and_response_with_a_token():
    check_flow((coap.CON, 0x7D35, b"\x20"), (coap.ACK, 0x7D35, b"\x20"))


def test_RFC7252_A_figure_18_retransmitted_request():
    check_flow((coap.CON, 0x7D36, b"\x31"), (coap.ACK, 0x7D36, b"\x31"))


def test_RFC7252_A_figure_19_retransmitted_response():
    check_flow((coap.CON, 0x7D37, b"\x42"), (coap.ACK, 0x7D37, b"\x42"))


def test_RFC7252_A_figure_20_separate_response():
    check_flow((coap.CON, 0x7D38, b"\x53"), (coap.CON, 0xAD7B, b"\x53"))
    check(Message(coap.ACK, coap.EMPTY, 0x7D38, b"", []), wire("60007d38"))
    check(Message(coap.ACK, coap.EMPTY, 0xAD7B, b"", []), wire("6000ad7b"))


def test_RFC7252_A_figure_21_unexpected_response_and_its_reset():
    check_flow((coap.CON, 0x7D39, b"\x64"), (coap.CON, 0xAD7C, b"\x64"))
    check(Message(coap.RST, coap.EMPTY, 0xAD7C, b"", []), wire("7000ad7c"))


def test_RFC7252_A_figure_22_nonconfirmable_request_and_response():
    check_flow((coap.NON, 0x7D40, b"\x75"), (coap.NON, 0xAD7D, b"\x75"))


def test_RFC7252_A_figure_23_nonconfirmable_responses_of_several_servers():
    check_flow((coap.NON, 0x7D41, b"\x86"), (coap.NON, 0x60B1, b"\x86"))


def test_token_of_eight_bytes_is_the_longest():
    check(Message(coap.CON, coap.GET, 1, b"12345678", []), wire("48010001", "", b"12345678"))
    raises(EncodeError, encode, Message(coap.CON, coap.GET, 1, b"123456789", []))


def test_token_lengths_nine_to_fifteen_are_a_format_error():
    for length in range(9, 16):
        datagram = bytes((0x40 | length, 1, 0, 1)) + bytes(300)
        raises(DecodeError, decode, datagram)


def test_token_that_ends_outside_the_datagram_is_refused():
    raises(DecodeError, decode, wire("44010001", "010203"))


def test_other_versions_are_refused():
    for version in (0, 2, 3):
        raises(DecodeError, decode, bytes((version << 6, 1, 0, 1)))


def test_datagram_shorter_than_a_header_is_refused():
    for length in range(4):
        raises(DecodeError, decode, b"\x40\x01\x00\x01"[:length])


def test_option_delta_and_length_take_one_byte_from_13_on():
    check(Message(coap.CON, coap.GET, 0, b"", [(12, bytes(12))]),
          wire("40010000", "cc", bytes(12)))
    check(Message(coap.CON, coap.GET, 0, b"", [(13, bytes(13))]),
          wire("40010000", "dd0000", bytes(13)))
    check(Message(coap.CON, coap.GET, 0, b"", [(268, bytes(268))]),
          wire("40010000", "ddffff", bytes(268)))


def test_option_delta_and_length_take_two_bytes_from_269_on():
    check(Message(coap.CON, coap.GET, 0, b"", [(269, bytes(269))]),
          wire("40010000", "ee00000000", bytes(269)))
    check(Message(coap.CON, coap.GET, 0, b"", [(65535, b"x")]),
          wire("40010000", "e1fef2", b"x"))


def test_option_number_above_65535_is_refused():
    raises(DecodeError, decode, wire("40010000", "e0fef3"))
    raises(DecodeError, decode, wire("40010000", "e0fef210"))
    raises(EncodeError, encode, Message(coap.CON, coap.GET, 0, b"", [(65536, b"")]))


def test_repeated_option_has_delta_zero():
    check(Message(coap.CON, coap.GET, 0, b"", [(11, b"rd"), (11, b"5"), (15, b"b=U")]),
          wire("40010000", "", b"\xb2rd\x015\x43b=U"))


def test_options_out_of_order_are_refused():
    raises(EncodeError, encode, Message(coap.CON, coap.GET, 0, b"", [(12, b""), (11, b"")]))


def test_nibble_15_outside_the_payload_marker_is_refused():
    raises(DecodeError, decode, wire("40010000", "f0"))
    raises(DecodeError, decode, wire("40010000", "0f"))


def test_option_that_ends_outside_the_datagram_is_refused():
    for rest in ("b1", "d0", "e000", "0d", "0e00", "b5616263", "0dff"):
        raises(DecodeError, decode, wire("40010000", rest))


def test_more_options_than_48_are_refused():
    options = [(2048, b"")] * coap.OPTIONS_MAX
    assert len(decode(encode(Message(coap.CON, coap.GET, 0, b"", options))).options) == 48
    options.append((2048, b""))
    raises(DecodeError, decode, encode(Message(coap.CON, coap.GET, 0, b"", options)))


def test_payload_marker_without_payload_is_refused():
    raises(DecodeError, decode, wire("40010000", "ff"))
    raises(DecodeError, decode, wire("41010000", "aab161ff"))


def test_empty_message_with_anything_in_it_is_refused():
    raises(DecodeError, decode, wire("41000000", "aa"))
    raises(DecodeError, decode, wire("40000000", "b161"))
    raises(DecodeError, decode, wire("40000000", "ff61"))
    raises(EncodeError, encode, Message(coap.CON, coap.EMPTY, 0, b"t", []))


def test_reset_with_a_code_and_acknowledgement_of_a_request_are_refused():
    raises(DecodeError, decode, wire("70450000"))
    raises(DecodeError, decode, wire("60010000"))


def test_code_classes_1_6_and_7_are_refused():
    for code_class in (1, 6, 7):
        raises(DecodeError, decode, bytes((0x40, code_class << 5 | 1, 0, 0)))


def test_unknown_codes_of_assigned_classes_are_kept():
    for code in (31, 0x5F, 0x61, 0x9F, 0xBF):
        assert decode(bytes((0x40, code, 0, 0))).code == code


def test_uint_option_is_as_short_as_can_be():
    assert coap.encode_uint(0) == b""
    assert coap.encode_uint(255) == b"\xff"
    assert coap.encode_uint(256) == b"\x01\x00"
    assert coap.encode_uint(0xFFFFFFFF) == b"\xff\xff\xff\xff"


def test_uint_option_is_read_with_leading_zeros():
    assert coap.uint_option([(12, b"\x00\x70")], 12) == 112
    assert coap.uint_option([(12, b"")], 12) == 0
    assert coap.uint_option([(12, b"")], 17) is None


def test_text_options_are_read_in_order():
    options = [(11, b"rd"), (12, b"("), (11, "\u00e9".encode())]
    assert coap.text_options(options, coap.URI_PATH) == ("rd", "\u00e9")
    raises(DecodeError, coap.text_options, [(11, b"\xff")], coap.URI_PATH)


def test_added_option_stands_behind_its_equals():
    options = []
    for number, value in ((11, b"a"), (6, b""), (60, b""), (11, b"b"), (11, b"c")):
        coap.add_option(options, number, value)
    assert options == [(6, b""), (11, b"a"), (11, b"b"), (11, b"c"), (60, b"")]


def test_critical_and_cache_key_are_read_from_the_number():
    assert coap.is_critical(coap.URI_PATH) and coap.is_critical(coap.OSCORE)
    assert not coap.is_critical(coap.ECHO) and not coap.is_critical(coap.NO_RESPONSE)
    assert coap.is_no_cache_key(coap.SIZE1) and coap.is_no_cache_key(coap.SIZE2)
    assert not coap.is_no_cache_key(coap.URI_PATH)


def test_random_messages_survive_the_wire():
    for seed in range(100):
        data = seeded_bytes(seed, 64)
        options = []
        for index in range(data[0] & 7):
            number = data[index + 1] << (data[index + 9] & 7)
            coap.add_option(options, number, data[index : index + data[index + 17] % 40])
        code = (1, 2, 69, 132)[data[30] & 3]
        type = data[31] & 1
        message = Message(type, code, data[32] << 8 | data[33], data[40 : 40 + data[34] % 9],
                          options, data[50 : 50 + data[35] % 14])
        check(message, encode(message))


def test_random_bytes_raise_nothing_but_decode_errors():
    for seed in range(300):
        data = bytearray(seeded_bytes(seed, 4 + seed % 60))
        data[0] = 0x40 | data[0] & 0x38
        try:
            decode(bytes(data))
        except DecodeError:
            pass


def test_mutated_messages_raise_nothing_but_decode_errors():
    options = [(6, b""), (11, b"3416"), (11, b"0"), (12, b"\x70"), (15, b"pmin=1"), (27, b"\x0e")]
    datagram = encode(Message(coap.CON, coap.PUT, 7, b"1234", options, bytes(20)))
    for position in range(len(datagram)):
        for value in (0, 1, 0x7F, 0xD0, 0xE0, 0xFF):
            data = bytearray(datagram)
            data[position] = value
            try:
                decode(bytes(data))
            except DecodeError:
                pass
