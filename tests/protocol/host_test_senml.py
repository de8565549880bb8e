"""SenML through foreign decoders: cbor2's output resolved, our JSON read by the json module."""

import json

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from protocol import senml, senml_json
from protocol.data_types import ObjectLink
from protocol.number import Decimal
from protocol.senml import Record

PATHS = st.lists(st.integers(0, 65534), min_size=1, max_size=4).map(
    lambda path: "/" + "/".join(map(str, path)))
# As many digits as every double keeps.
DECIMALS = st.builds(Decimal, st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-9, 3))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), DECIMALS, TEXTS,
    st.binary(max_size=20), st.builds(ObjectLink, st.integers(0, 65535), st.integers(0, 65535)),
)  # fmt: skip
TIMES = st.one_of(st.none(), st.integers(-(1 << 27), 1 << 33).filter(bool),
                  st.builds(Decimal, st.integers(10**12, 2 * 10**12), st.just(-3)))
RECORDS = st.lists(st.builds(Record, PATHS, VALUES, TIMES), max_size=12)


@given(RECORDS)
def test_packs_survive_our_own_codec(records):
    assert senml.decode_cbor(senml.encode_cbor(records)) == records


@given(RECORDS)
def test_packs_survive_cbor2(records):
    assert senml.resolve(cbor2.loads(senml.encode_cbor(records))) == records
    assert senml.decode_cbor(cbor2.dumps(cbor2.loads(senml.encode_cbor(records)))) == records


@given(RECORDS)
def test_packs_survive_json(records):
    assert senml_json.decode(senml_json.encode(records)) == records


@given(RECORDS)
def test_our_json_is_read_by_the_json_module(records):
    items = json.loads(senml_json.encode(records))
    assert len(items) == len(records)
    assert senml_json.decode(json.dumps(items, ensure_ascii=True).encode()) == records


@given(st.lists(st.sampled_from(["/3435/0/2", "/3435/0/3", "/3435/0/5", "/3411/0/1"]), min_size=2),
       st.lists(st.sampled_from([1765000000, 1765000900, 1765001800]), min_size=1))
def test_base_fields_make_no_pack_of_readings_longer(names, times):
    records = [Record(name, 5, times[index % len(times)]) for index, name in enumerate(names)]
    plain = [{0: record.name, 2: 5, 6: record.time} for record in records]
    assert len(senml.encode_cbor(records)) <= len(cbor2.dumps(plain))
