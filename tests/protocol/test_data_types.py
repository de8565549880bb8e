from protocol import data_types
from protocol.data_types import ObjectLink, coerce, object_link
from protocol.errors import DecodeError
from protocol.number import Decimal
from tests.portable import raises


def test_whole_numbers_are_integers_whatever_they_were_written_as():
    assert coerce(Decimal(500, -2), data_types.INTEGER) == 5
    assert coerce(Decimal(1765, 6), data_types.TIME) == 1765000000
    assert coerce(5, data_types.FLOAT) == 5


def test_integers_keep_to_64_bits():
    for value in (-(1 << 63), (1 << 63) - 1):
        assert coerce(value, data_types.INTEGER) == value
    assert coerce((1 << 64) - 1, data_types.UNSIGNED_INTEGER) == (1 << 64) - 1
    raises(DecodeError, coerce, 1 << 63, data_types.INTEGER)
    raises(DecodeError, coerce, 1 << 64, data_types.UNSIGNED_INTEGER)
    raises(DecodeError, coerce, -1, data_types.UNSIGNED_INTEGER)


def test_values_of_another_type_are_refused():
    values = (
        ("x", data_types.STRING), (5, data_types.INTEGER), (True, data_types.BOOLEAN),
        (b"x", data_types.OPAQUE), (ObjectLink(3, 0), data_types.OBJLNK),
    )  # fmt: skip
    for value, data_type in values:
        for _, other in values:
            if other == data_type:
                assert coerce(value, other) == value
            else:
                raises(DecodeError, coerce, value, other)
        raises(DecodeError, coerce, value, data_types.NONE)


def test_fractions_and_what_is_not_finite_are_no_integers():
    raises(DecodeError, coerce, Decimal(25, -1), data_types.INTEGER)
    raises(DecodeError, coerce, float("nan"), data_types.FLOAT)
    raises(DecodeError, coerce, True, data_types.FLOAT)


def test_an_unknown_resource_takes_any_value_but_no_structure():
    for value in ("x", 5, Decimal(25, -1), True, b"x", ObjectLink(3, 0)):
        assert coerce(value, None) == value
    for value in ([1], {}, None):
        raises(DecodeError, coerce, value, None)


def test_object_links_are_read_from_text():
    assert object_link("65535:65535") == ObjectLink(65535, 65535)
    assert coerce("3416:0", data_types.OBJLNK) == ObjectLink(3416, 0)
    assert ObjectLink(3416, 0).to_text() == "3416:0"
    for text in ("", "3", "3:", ":3", "3:0:1", "3:65536", "3:-1", "3: 0", "3.0:0", "3:1e1"):
        raises(DecodeError, object_link, text)
