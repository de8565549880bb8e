"""Our CBOR against cbor2, in both directions."""

import decimal
import math
import struct

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor
from protocol.cbor import Tag
from protocol.errors import DecodeError
from protocol.number import Decimal

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), TEXTS, st.binary(max_size=40),
    st.floats(allow_nan=False),
)  # fmt: skip
KEYS = st.one_of(st.integers(-300, 300), TEXTS, st.binary(max_size=8))


def nested(children):
    maps = st.dictionaries(KEYS, children, max_size=4)
    return st.one_of(st.lists(children, max_size=4), maps)


ITEMS = st.recursive(SCALARS, nested, max_leaves=12).filter(lambda item: depth(item) <= 8)


def depth(item) -> int:
    if isinstance(item, dict):
        return 1 + max(map(depth, item.values()), default=0)
    return 1 + max(map(depth, item), default=0) if isinstance(item, list) else 0


def comparable(item):
    """Return `item` with numbers that are not int as the double they stand for."""
    if isinstance(item, Decimal):
        return float(item.to_text())
    if isinstance(item, decimal.Decimal):
        return float(item)
    if isinstance(item, (list, tuple)):
        return [comparable(each) for each in item]
    if isinstance(item, dict):
        return {key: comparable(value) for key, value in item.items()}
    return item


def singles(item):
    """Return `item` with floats rounded to single precision, where they are in its range."""
    if isinstance(item, float) and math.isfinite(item) and abs(item) < 3.4e38:
        return struct.unpack(">f", struct.pack(">f", item))[0]
    if isinstance(item, list):
        return [singles(each) for each in item]
    if isinstance(item, dict):
        return {key: singles(value) for key, value in item.items()}
    return item


def has_tag(item) -> bool:
    if isinstance(item, dict):
        return any(map(has_tag, item.values()))
    return isinstance(item, Tag) or isinstance(item, list) and any(map(has_tag, item))


@given(ITEMS)
def test_cbor2_reads_what_we_write(item):
    assert comparable(cbor2.loads(cbor.encode(item))) == comparable(item)


@given(ITEMS)
def test_we_read_what_cbor2_writes(item):
    assert comparable(cbor.decode(cbor2.dumps(item))) == comparable(item)


@given(ITEMS)
def test_we_read_what_cbor2_shortens(item):
    decoded = comparable(cbor.decode(cbor2.dumps(item, canonical=True)))
    # A single of more than 15 digits is read as the shorter decimal that rounds to it.
    assert singles(decoded) == singles(comparable(item))


@given(ITEMS)
def test_what_we_write_is_the_one_deterministic_encoding(item):
    encoded = cbor.encode(item)
    assert cbor.encode(cbor2.loads(encoded)) == encoded


@given(st.builds(Decimal, st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-300, 290)))
def test_decimals_of_fifteen_digits_survive_as_floats(value):
    assert cbor.decode(cbor.encode(value)) == value


@given(st.floats())
def test_floats_are_as_short_as_cbor2_makes_them(value):
    if not math.isnan(value):
        assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.integers(-(1 << 200), 1 << 200), st.integers(-400, 400))
def test_decimal_fractions_of_cbor2_are_read_exactly(mantissa, exponent):
    value = decimal.Decimal(mantissa).scaleb(exponent, decimal.Context(prec=200))
    assert cbor.decode(cbor2.dumps(value)) == Decimal(mantissa, exponent)


@given(ITEMS)
def test_indefinite_lengths_of_cbor2_are_read(item):
    data = cbor2.dumps(item, indefinite_containers=True)
    assert comparable(cbor.decode(data)) == comparable(item)


@given(st.binary(max_size=40))
def test_what_we_accept_cbor2_accepts_too(data):
    try:
        item = cbor.decode(data)
    except DecodeError:
        return
    # What a tag may hold is our callers' affair; cbor2 checks it.
    if not has_tag(item):
        cbor2.loads(data)
