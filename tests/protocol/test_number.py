from protocol import number
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal
from tests.portable import raises, seeded_bytes

IEEE754_HALVES = (
    ("0000", 0, 0), ("3c00", 1, 0), ("c000", -2, 0), ("7bff", 65504, 0),
    ("0400", 6103515625, -14), ("0001", 5960464477539063, -23), ("3555", 333251953125, -12),
    ("4d54", 213125, -4),
)  # fmt: skip
IEEE754_SINGLES = (
    ("3f800000", 1, 0), ("41ac0000", 215, -1), ("3dcccccd", 1, -1), ("7f7fffff", 34028235, 31),
    ("00800000", 11754944, -45), ("00000001", 1, -45), ("4b800000", 16777216, 0),
    ("4996b439", 1234567125, -3),
)  # fmt: skip
IEEE754_DOUBLES = (
    ("3fb999999999999a", 1, -1), ("3ff0000000000001", 10000000000000002, -16),
    ("7fefffffffffffff", 17976931348623157, 292), ("0000000000000001", 5, -324),
    ("0010000000000000", 22250738585072014, -324), ("4340000000000000", 9007199254740992, 0),
    ("3d10000000000000", 14210854715202004, -30), ("c2edc89e8de9ee6c", -26197992612235538, -2),
)  # fmt: skip


def test_decimals_of_one_value_are_equal_and_hash_alike():
    assert Decimal(215, -1) == Decimal(2150, -2)
    assert not Decimal(215, -1) != Decimal(2150, -2)
    assert hash(Decimal(215, -1)) == hash(Decimal(2150, -2))
    assert Decimal(215, -1) != Decimal(215, -2)


def test_a_whole_decimal_equals_the_integer_but_never_a_boolean():
    assert Decimal(20, -1) == 2
    assert hash(Decimal(20, -1)) == hash(2)
    assert Decimal(1, 0) != True  # noqa: E712 - the comparison itself is tried


def test_scaled_rounds_half_to_even_on_both_sides_of_zero():
    halves = [Decimal(mantissa, -1).scaled(0) for mantissa in (5, 15, 25, -5, -15, -25)]
    assert halves == [0, 2, 2, 0, -2, -2]
    assert Decimal(2150, -2).scaled(-3) == 21500
    assert Decimal(12, 2).scaled(1) == 120


def test_text_is_the_shortest_plain_decimal():
    texts = [Decimal(2150, -2), Decimal(-5, -1), Decimal(0, -3), Decimal(12, 3), Decimal(7, -3)]
    assert [each.to_text() for each in texts] == ["21.5", "-0.5", "0", "12000", "0.007"]
    assert Decimal(5, -324).to_text() == "5e-324"


def test_text_is_read_with_sign_point_and_exponent():
    for text in ("21.50", "+21.5", "2150e-2", "0.02150E+3", "21.5e0"):
        assert number.from_text(text) == Decimal(215, -1)
    assert number.from_text("-.5") == Decimal(-5, -1)
    assert number.from_text("5.") == 5


def test_what_is_no_number_is_refused():
    wrong = ("", "-", ".", "1 ", " 1", "1_0", "0x1", "nan", "inf", "1e", "1e1.5", "--1", "1.2.3")
    for text in wrong:
        raises(DecodeError, number.from_text, text)


def test_numbers_out_of_all_proportion_are_refused():
    raises(DecodeError, number.from_text, "1e401")
    raises(DecodeError, number.from_text, "9" * 101)
    raises(DecodeError, number.from_text, "1" + "0" * 90)
    raises(DecodeError, number.checked, 1, -401)


def test_floats_become_the_shortest_decimal_that_stands_for_them():
    for vectors in (IEEE754_HALVES, IEEE754_SINGLES, IEEE754_DOUBLES):
        for digits, mantissa, exponent in vectors:
            data = bytes.fromhex(digits)
            assert number.from_ieee754(data) == Decimal(mantissa, exponent), digits
            assert Decimal(mantissa, exponent).to_ieee754(len(data)) == data, digits


def test_a_negative_zero_loses_its_sign():
    assert number.from_ieee754(bytes.fromhex("8000")) == 0


def test_random_floats_survive_the_way_to_decimal_and_back():
    for seed in range(300):
        for size in (2, 4, 8):
            data = seeded_bytes(seed * 7919 + size, size)
            try:
                decimal = number.from_ieee754(data)
            except DecodeError:
                continue
            if decimal != 0:
                assert decimal.to_ieee754(size) == data


def test_halfway_between_two_floats_the_even_one_is_nearest():
    assert Decimal(2049, 0).to_ieee754(2) == Decimal(2048, 0).to_ieee754(2)
    assert Decimal(2051, 0).to_ieee754(2) == Decimal(2052, 0).to_ieee754(2)
    assert Decimal(16777217, 0).to_ieee754(4) == Decimal(16777216, 0).to_ieee754(4)


def test_rounding_up_may_carry_into_the_exponent():
    assert Decimal(40959, -1).to_ieee754(2) == Decimal(4096, 0).to_ieee754(2)
    assert Decimal(65519, 0).to_ieee754(2).hex() == "7bff"
    raises(EncodeError, Decimal(65520, 0).to_ieee754, 2)
    raises(EncodeError, Decimal(1, 309).to_ieee754, 8)


def test_too_small_for_a_float_is_zero():
    assert Decimal(1, -400).to_ieee754(8) == bytes(8)
    assert Decimal(3, -8).to_ieee754(2).hex() == "0001"


def test_nan_and_infinities_are_no_numbers():
    for digits in ("7e00", "7c00", "fc00", "7fc00000", "7ff0000000000000", "fff8000000000000"):
        raises(DecodeError, number.from_ieee754, bytes.fromhex(digits))


def test_a_float_is_narrowed_only_where_that_is_exact():
    def narrowed(text):
        return len(number.narrowed(number.from_text(text).to_ieee754(8), (2, 4)))

    assert [narrowed(text) for text in ("0", "21.5", "65504", "65536", "0.1")] == [2, 2, 2, 4, 8]
    assert narrowed("16777217") == 8
    assert narrowed("5.9604644775390625e-8") == 2


def test_integers_and_decimals_compare_and_add_exactly():
    assert number.compare(Decimal(1, -1), 0) == 1
    assert number.compare(-1, Decimal(-5, -1)) == -1
    assert number.compare(Decimal(10, -1), 1) == 0
    assert number.add(1765000000, Decimal(1, -3)) == Decimal(1765000000001, -3)
    assert number.subtract(Decimal(3, -1), Decimal(1, -1)) == Decimal(2, -1)
    assert number.subtract(5, 7) == -2


def test_only_whole_numbers_become_integers():
    assert number.to_integer(Decimal(500, -2)) == 5
    assert number.to_integer(Decimal(5, 2)) == 500
    assert number.to_integer(Decimal(55, -1)) is None


def test_a_float_of_the_host_becomes_what_its_text_says():
    assert number.from_number(0.5) == Decimal(5, -1)
    raises(DecodeError, number.from_number, float("nan"))
    for other in (True, "1", b"1", None, [1]):
        raises(DecodeError, number.from_number, other)
