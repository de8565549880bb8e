from protocol import utf8
from protocol.errors import DecodeError
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

# RFC 3629: lengths 1 to 4, and the last number before each gap.
RFC3629_VALID = ("", "a", "\u00e9", "\u20ac", "\ud7ff", "\ue000", "\U0001f600", "\U0010ffff")
RFC3629_INVALID = (
    "80", "c3", "c080", "c1bf", "e28200", "e282", "e08080", "e09fbf", "eda080", "edbfbf",
    "f0808080", "f08fbfbf", "f4908080", "f5808080", "ff", "fe", "61c3", "c328", "f09f98",
)  # fmt: skip


def test_every_length_of_sequence_is_read():
    for text in RFC3629_VALID:
        assert utf8.decode(text.encode()) == text


def test_what_rfc_3629_forbids_is_refused():
    for digits in RFC3629_INVALID:
        raises(DecodeError, utf8.decode, bytes.fromhex(digits))
        raises(DecodeError, utf8.decode, b"a" + bytes.fromhex(digits) + b"z")


def test_random_bytes_raise_only_protocol_errors():
    assert_only_protocol_errors(utf8.decode, ["a\u00e9\u20ac\U0001f600".encode()])
