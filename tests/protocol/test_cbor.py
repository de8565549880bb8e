from protocol import cbor
from protocol.cbor import UNDEFINED, Simple, Tag
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

# What an encoder with shortest forms writes exactly so.
RFC8949_A_BOTH_WAYS = (
    ("00", 0), ("01", 1), ("0a", 10), ("17", 23), ("1818", 24), ("1819", 25), ("1864", 100),
    ("1903e8", 1000), ("1a000f4240", 1000000), ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615), ("c249010000000000000000", 18446744073709551616),
    ("3bffffffffffffffff", -18446744073709551616),
    ("c349010000000000000000", -18446744073709551617), ("20", -1), ("29", -10), ("3863", -100),
    ("3903e7", -1000), ("f90000", Decimal(0, 0)), ("f93c00", Decimal(1, 0)),
    ("fb3ff199999999999a", Decimal(11, -1)), ("f93e00", Decimal(15, -1)),
    ("f97bff", Decimal(65504, 0)), ("fa47c35000", Decimal(100000, 0)),
    ("fb7e37e43c8800759c", Decimal(1, 300)), ("f9c400", Decimal(-4, 0)),
    ("fbc010666666666666", Decimal(-41, -1)), ("f4", False), ("f5", True), ("f6", None),
    ("f7", UNDEFINED), ("f0", Simple(16)), ("f8ff", Simple(255)),
    ("c074323031332d30332d32315432303a30343a30305a", Tag(0, "2013-03-21T20:04:00Z")),
    ("c11a514b67b0", Tag(1, 1363896240)),
    ("c1fb41d452d9ec200000", Tag(1, Decimal(13638962405, -1))),
    ("d74401020304", Tag(23, b"\x01\x02\x03\x04")), ("d818456449455446", Tag(24, b"dIETF")),
    ("d82076687474703a2f2f7777772e6578616d706c652e636f6d", Tag(32, "http://www.example.com")),
    ("40", b""), ("4401020304", b"\x01\x02\x03\x04"), ("60", ""), ("6161", "a"),
    ("6449455446", "IETF"), ("62225c", '"\\'), ("62c3bc", "\u00fc"), ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"), ("80", []), ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))),
    ("a0", {}), ("a201020304", {1: 2, 3: 4}), ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    ("a56161614161626142616361436164614461656145",
     {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}),
)  # fmt: skip
# What our encoder would write shorter, or in another form.
RFC8949_A_DECODED = (
    ("f98000", Decimal(0, 0)), ("fa7f7fffff", Decimal(34028235, 31)),
    ("f90001", Decimal(5960464477539063, -23)),
    ("f90400", Decimal(6103515625, -14)), ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
    ("7f657374726561646d696e67ff", "streaming"), ("9fff", []),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]), ("9f01820203820405ff", [1, [2, 3], [4, 5]]),
    ("83018202039f0405ff", [1, [2, 3], [4, 5]]), ("83019f0203ff820405", [1, [2, 3], [4, 5]]),
    ("9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", list(range(1, 26))),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}), ("826161bf61626163ff", ["a", {"b": "c"}]),
    ("bf6346756ef563416d7421ff", {"Fun": True, "Amt": -2}),
)  # fmt: skip
RFC8949_A_NOT_FINITE = (
    ("f97c00", "inf"), ("fa7f800000", "inf"), ("fb7ff0000000000000", "inf"),
    ("f9fc00", "-inf"), ("faff800000", "-inf"), ("fbfff0000000000000", "-inf"),
)  # fmt: skip
RFC8949_A_NAN = ("f97e00", "fa7fc00000", "fb7ff8000000000000")
# RFC 8949 appendix F.1: examples of what is not well-formed.
RFC8949_F1_MALFORMED = (
    "18", "19", "1a", "1b", "1901", "1a0102", "1b01020304050607", "38", "58", "78", "98",
    "9a01ff00", "b8", "d8", "f8", "f900", "fa0000", "fb000000", "41", "61", "5affffffff00",
    "5bffffffffffffffff010203", "7affffffff00", "7b7fffffffffffffff010203", "81", "818181818181",
    "8200", "a1", "a20102", "a100", "a2000000", "c0", "5f4100", "7f6100", "9f", "9f0102", "bf",
    "bf01020102", "819f", "9f8000", "9f9f9f9f9fffffffff", "9f819f819f9fffffff", "1c", "1d", "1e",
    "3c", "3d", "3e", "5c", "5d", "5e", "7c", "7d", "7e", "9c", "9d", "9e", "bc", "bd", "be", "dc",
    "dd", "de", "fc", "fd", "fe", "f800", "f801", "f818", "f81f", "5f00ff", "5f21ff", "5f6100ff",
    "5f80ff", "5fa0ff", "5fc000ff", "5fe0ff", "7f4100ff", "5f5f4100ffff", "7f7f6100ffff", "ff",
    "81ff", "8200ff", "a1ff", "a1ff00", "a100ff", "a20000ff", "9f81ff", "9f829f819f9fffffffff",
    "bf00ff", "bf000000ff", "1f", "3f", "df",
)  # fmt: skip


def test_appendix_a_is_read_and_written_exactly():
    for digits, item in RFC8949_A_BOTH_WAYS:
        assert cbor.decode(bytes.fromhex(digits)) == item, digits
        assert cbor.encode(item).hex() == digits, digits


def test_appendix_a_in_other_forms_is_read():
    for digits, item in RFC8949_A_DECODED:
        assert cbor.decode(bytes.fromhex(digits)) == item, digits


def test_infinities_and_nan_become_floats_and_are_written_as_halves():
    for digits, name in RFC8949_A_NOT_FINITE:
        assert cbor.decode(bytes.fromhex(digits)) == float(name), digits
    for digits in RFC8949_A_NAN:
        item = cbor.decode(bytes.fromhex(digits))
        assert item != item
        assert cbor.encode(item).hex() == "f97e00"
    assert cbor.encode(float("inf")).hex() == "f97c00"
    assert cbor.encode(-float("inf")).hex() == "f9fc00"


def test_an_array_as_map_key_is_refused():
    raises(DecodeError, cbor.decode, bytes.fromhex("a1810101"))
    raises(DecodeError, cbor.decode, bytes.fromhex("a1c10101"))
    raises(DecodeError, cbor.decode, bytes.fromhex("a1a001"))


def test_appendix_f_is_refused():
    for digits in RFC8949_F1_MALFORMED:
        raises(DecodeError, cbor.decode, bytes.fromhex(digits))


def test_integers_longer_than_needed_are_read():
    for digits in ("1817", "190017", "1a00000017", "1b0000000000000017"):
        assert cbor.decode(bytes.fromhex(digits)) == 23


def test_decimal_fractions_become_decimals():
    assert cbor.decode(bytes.fromhex("c48221196ab3")) == Decimal(27315, -2)
    assert cbor.decode(bytes.fromhex("c48220c249010000000000000000")) == Decimal(1 << 64, -1)
    assert cbor.decode(bytes.fromhex("c4820139270f")) == Decimal(-10000, 1)


def test_broken_decimal_fractions_and_bignums_are_refused():
    for digits in ("c400", "c48101", "c482f401", "c4820101f9", "c482193e8001", "c2 01", "c36161"):
        raises(DecodeError, cbor.decode, bytes.fromhex(digits.replace(" ", "")))
    raises(DecodeError, cbor.decode, b"\xc2\x58\x21" + b"\xff" * 33)


def test_bytes_after_the_item_are_refused():
    raises(DecodeError, cbor.decode, b"\x01\x01")
    raises(DecodeError, cbor.decode, b"")


def test_a_key_twice_is_refused():
    raises(DecodeError, cbor.decode, bytes.fromhex("a201000100"))
    raises(DecodeError, cbor.decode, bytes.fromhex("a2616100616100"))
    raises(DecodeError, cbor.decode, bytes.fromhex("bf0100180100ff"))


def test_text_that_is_not_utf_8_is_refused():
    for digits in ("61ff", "62c080", "63eda080", "7f61c361a9ff"):
        raises(DecodeError, cbor.decode, bytes.fromhex(digits))


def test_eight_levels_are_read_and_nine_refused():
    assert cbor.decode(b"\x81" * 8 + b"\x01") == [[[[[[[[1]]]]]]]]
    raises(DecodeError, cbor.decode, b"\x81" * 9 + b"\x01")
    raises(DecodeError, cbor.decode, b"\xc1" * 9 + b"\x01")
    raises(DecodeError, cbor.decode, b"\x9f" * 2000)
    raises(EncodeError, cbor.encode, [[[[[[[[[]]]]]]]]])


def test_more_items_than_the_limit_are_refused():
    raises(DecodeError, cbor.decode, b"\x9f" + b"\x00" * cbor.ITEMS_MAX + b"\xff")
    full = cbor.decode(b"\x9f" + b"\x00" * (cbor.ITEMS_MAX - 1) + b"\xff")
    assert len(full) == cbor.ITEMS_MAX - 1


def test_chunks_of_a_string_count_as_items():
    raises(DecodeError, cbor.decode, b"\x5f" + b"\x40" * cbor.ITEMS_MAX + b"\xff")


def test_map_keys_are_sorted_by_their_encoded_bytes():
    # RFC 8949 4.2.1 gives this order.
    keys = [False, -1, "aa", "z", 100, 10]
    encoded = cbor.encode({key: 0 for key in keys}).hex()
    assert encoded == "a60a001864002000617a0062616100f400"


def test_floats_are_written_in_the_shortest_form_that_keeps_their_value():
    assert cbor.encode(0.5).hex() == "f93800"
    assert cbor.encode(Decimal(100001, 0)).hex() == "fa47c35080"
    assert cbor.encode(Decimal(2150, -2)).hex() == "f94d60"
    assert cbor.encode(Decimal(1, -1)).hex() == "fb3fb999999999999a"


def test_what_cbor_cannot_say_is_refused():
    raises(EncodeError, cbor.encode, object())
    raises(EncodeError, cbor.encode, Simple(24))
    raises(EncodeError, cbor.encode, Tag(1 << 64, 0))
    raises(EncodeError, cbor.encode, Decimal(1, 400))


def test_tuples_are_written_as_arrays():
    assert cbor.encode((1, (2,))) == cbor.encode([1, [2]])


def test_random_bytes_raise_only_protocol_errors():
    valid = [bytes.fromhex(digits) for digits, _ in RFC8949_A_DECODED]
    assert_only_protocol_errors(cbor.decode, valid, 150)
