"""Decimals against CPython's own conversions, which are correctly rounded."""

import decimal
import struct

from hypothesis import given
from hypothesis import strategies as st

from protocol import number
from protocol.errors import EncodeError
from protocol.number import Decimal

FINITE = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.builds(Decimal, st.integers(-(10**20), 10**20), st.integers(-340, 280))


def exact(value: Decimal | int) -> decimal.Decimal:
    if isinstance(value, int):
        return decimal.Decimal(value)
    return decimal.Decimal(value.mantissa).scaleb(value.exponent, decimal.Context(prec=1000))


@given(FINITE)
def test_a_double_reads_as_its_repr(value):
    assert exact(number.from_ieee754(struct.pack(">d", value))) == decimal.Decimal(repr(value))


@given(st.floats(width=16, allow_nan=False, allow_infinity=False))
def test_a_half_reads_as_the_double_it_equals(value):
    assert number.from_ieee754(struct.pack(">e", value)) == number.from_number(value)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_reads_as_no_more_digits_than_tell_it_from_its_neighbours(value):
    data = struct.pack(">f", value)
    read = number.from_ieee754(data)
    assert read.to_ieee754(4) == data or value == 0
    digits = len(str(abs(read.mantissa)))
    shortest = next(n for n in range(1, 10) if as_single(f"{value:.{n - 1}e}") == data)
    assert digits <= shortest or exact(read) == decimal.Decimal(repr(value))


def as_single(text: str) -> bytes | None:
    try:
        return struct.pack(">f", float(text))
    except OverflowError:
        return None


@given(DECIMALS)
def test_the_nearest_double_is_that_of_cpython(value):
    assert value.to_ieee754(8) == struct.pack(">d", float(value.to_text())) or value == 0


@given(FINITE, st.sampled_from(["e", "f"]))
def test_the_nearest_half_and_single_are_those_of_cpython(value, code):
    try:
        expected = struct.pack(">" + code, value)
    except OverflowError:
        expected = None
    try:
        # Of a double's exact value, or CPython would have rounded twice.
        mantissa, exponent = exact_parts(value)
        found = Decimal(mantissa, exponent).to_ieee754(struct.calcsize(code))
    except EncodeError:
        found = None
    assert found == expected or value == 0 or not any(expected[1:]) and expected[0] == 0x80


def exact_parts(value: float) -> tuple[int, int]:
    sign, digits, exponent = decimal.Decimal(value).as_tuple()
    mantissa = int("".join(map(str, digits)))
    return (-mantissa if sign else mantissa), exponent


@given(FINITE)
def test_a_double_is_narrowed_exactly_where_nothing_is_lost(value):
    narrowed = number.narrowed(struct.pack(">d", value), (2, 4))
    code = {2: "e", 4: "f", 8: "d"}[len(narrowed)]
    assert struct.unpack(">" + code, narrowed)[0] == value
    for shorter in "efd"["efd".index(code) - 1 :: -1] if code != "e" else "":
        try:
            assert struct.unpack(">" + shorter, struct.pack(">" + shorter, value))[0] != value
        except OverflowError:
            pass


@given(DECIMALS)
def test_text_is_read_as_it_was_written(value):
    assert number.from_text(value.to_text()) == value
    assert decimal.Decimal(value.to_text()) == exact(value)


@given(DECIMALS, DECIMALS)
def test_comparing_and_adding_are_exact(first, second):
    context = decimal.Context(prec=1000)
    assert number.compare(first, second) == exact(first).compare(exact(second), context)
    total = context.add(exact(first), exact(second))
    assert exact(number.add(first, second)) == total
    assert number.subtract(number.add(first, second), second) == first
    assert (first == second) == (exact(first) == exact(second))
    if first == second:
        assert hash(first) == hash(second)


@given(st.builds(Decimal, st.integers(-(10**20), 10**20), st.integers(-30, 10)),
       st.integers(-30, 10))
def test_scaling_rounds_half_to_even(value, exponent):
    context = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN)
    scaled = exact(value).scaleb(-exponent, context)
    assert value.scaled(exponent) == int(scaled.to_integral_value(decimal.ROUND_HALF_EVEN))


@given(FINITE)
def test_a_host_s_float_is_its_repr(value):
    assert number.from_number(value) == number.from_text(repr(value))
    assert number.from_number(decimal.Decimal(repr(value))) == number.from_text(repr(value))
