"""Floats become the same decimals as by our own integer arithmetic."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import decimals
from protocol import number
from protocol.errors import DecodeError

FINITE = {"allow_nan": False, "allow_infinity": False}


@given(st.floats(**FINITE))
def test_any_double_is_the_shortest_decimal(value):
    try:
        expected = number.from_ieee754(struct.pack(">f", value))
        if struct.unpack(">f", struct.pack(">f", value))[0] != value:
            expected = number.from_ieee754(struct.pack(">d", value))
    except OverflowError:
        expected = number.from_ieee754(struct.pack(">d", value))
    assert decimals.from_float(value) == expected


@given(st.floats(width=32, **FINITE))
def test_any_single_is_the_shortest_decimal_of_singles(value):
    assert decimals.from_float(value) == number.from_ieee754(struct.pack(">f", value))


@pytest.mark.parametrize(("value", "text"), [
    (20.0, "20"), (-0.5, "-0.5"), (21.299999237060547, "21.3"), (1e-7, "0.0000001"),
    (1e22, "10000000000000000000000"), (0.1 + 0.2, "0.30000000000000004"), (-0.0, "0"),
])  # fmt: skip
def test_decimals_are_what_people_would_write(value, text):
    assert decimals.from_float(value).to_text() == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(DecodeError):
        decimals.from_float(value)
