from protocol import data_types, text
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError
from protocol.number import Decimal
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

VALUES = (
    (b"1", True, data_types.BOOLEAN), (b"0", False, data_types.BOOLEAN),
    (b"-12", -12, data_types.INTEGER), (b"21.5", Decimal(2150, -2), data_types.FLOAT),
    (b"1765000000", 1765000000, data_types.TIME),
    (b"3416:0", ObjectLink(3416, 0), data_types.OBJLNK),
    (b"AP8=", b"\x00\xff", data_types.OPAQUE), (b"\xc3\xa9", "\u00e9", data_types.STRING),
    (b"", "", data_types.STRING), (b"</3/0>", "</3/0>", data_types.CORELNK), (b"5", "5", None),
)  # fmt: skip


def test_every_type_is_read_and_written():
    for data, value, data_type in VALUES:
        assert text.decode(data, data_type) == value
        assert text.encode(value) == data


def test_numbers_are_read_in_any_notation():
    assert text.decode(b"2.5e1", data_types.FLOAT) == 25
    assert text.decode(b"+5", data_types.INTEGER) == 5
    assert text.decode(b"5.0", data_types.INTEGER) == 5


def test_values_of_another_type_are_refused():
    for data, data_type in (
        (b"true", data_types.BOOLEAN), (b"2", data_types.BOOLEAN), (b"", data_types.BOOLEAN),
        (b"5.5", data_types.INTEGER), (b"x", data_types.FLOAT), (b"", data_types.INTEGER),
        (b"-1", data_types.UNSIGNED_INTEGER), (b"9223372036854775808", data_types.TIME),
        (b"3", data_types.OBJLNK), (b"A", data_types.OPAQUE), (b"\xff", data_types.STRING),
        (b"x", data_types.NONE),
    ):  # fmt: skip
        raises(DecodeError, text.decode, data, data_type)


def test_random_bytes_raise_only_protocol_errors():
    for data_type in range(10):
        valid = [data for data, _, _ in VALUES]
        assert_only_protocol_errors(
            lambda data, data_type=data_type: text.decode(data, data_type), valid, 20)
