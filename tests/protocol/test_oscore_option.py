from protocol.errors import DecodeError
from protocol.oscore_option import OscoreOption, decode
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

# RFC 8613 6.3 and others: value, Partial IV, kid context, kid.
RFC8613_6_3_EXAMPLES = (
    ("090525", b"\x05", None, b"\x25"), ("0900", b"\x00", None, b""),
    ("19050544616c656b", b"\x05", b"Dalek", b""),
    ("", None, None, None), ("0107", b"\x07", None, None),
)  # fmt: skip
EXAMPLES = RFC8613_6_3_EXAMPLES + (
    ("08", None, None, b""), ("1000", None, b"", None), ("1800", None, b"", b""),
    ("0dffffffffff01020304", b"\xff" * 5, None, b"\x01\x02\x03\x04"),
    ("190508012345678901020325", b"\x05", b"\x01\x23\x45\x67\x89\x01\x02\x03", b"\x25"),
)


def fields(option):
    return option.piv, option.kid_context, option.kid


def test_RFC8613_6_3_examples_and_others_are_read_and_written():
    for digits, piv, kid_context, kid in EXAMPLES:
        value = bytes.fromhex(digits)
        assert fields(decode(value)) == (piv, kid_context, kid), digits
        assert OscoreOption(piv, kid_context, kid).encode() == value, digits


def test_malformed_values_are_refused():
    for digits in (
        "00", "0000",  # Flags of zero are an empty value.
        "20", "290525", "49", "8905",  # Reserved bits.
        "06010203040506", "0701020304050607", "0e010203040506", "0f",  # Reserved lengths.
        "01", "0201", "0504030201", "0d01020304",  # A Partial IV that is cut off.
        "020001", "0a000125", "050000000000",  # Leading zeros.
        "10", "1905", "1805", "19050844616c656b",  # A kid context likewise.
        "010525", "100000", "10016162",  # Bytes that are nothing.
    ):  # fmt: skip
        raises(DecodeError, decode, bytes.fromhex(digits))
    raises(DecodeError, decode, b"\x09\x05" + bytes(254))


def test_random_bytes_raise_only_protocol_errors():
    assert_only_protocol_errors(decode, [bytes.fromhex(example[0]) for example in EXAMPLES])


def test_whatever_is_read_is_written_alike():
    for first in range(256):
        for rest in (b"", b"\x01", b"\x01\x02", b"\x00\x01\x02", b"\x05\x01\x02\x03\x04\x05\x06"):
            value = bytes((first,)) + rest
            try:
                option = decode(value)
            except DecodeError:
                continue
            assert option.encode() == value
