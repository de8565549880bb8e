"""The codecs on MicroPython against the same code on CPython, on inputs both good and bad."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import cbor, senml, senml_json
from tests.micropython.process import outcome_here
from tests.protocol.host_test_cbor import ITEMS
from tests.protocol.host_test_number import DECIMALS
from tests.protocol.host_test_senml import RECORDS
from tests.protocol.wrong_input import damaged

PER_INTERPRETER = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)


def assert_same(worker, *call):
    assert worker.outcome(*call) == outcome_here(*call)


@PER_INTERPRETER
@given(data=st.binary(max_size=32))
def test_any_bytes_are_the_same_cbor(micropython_worker, data):
    assert_same(micropython_worker, "protocol.cbor", "decode", data)


@PER_INTERPRETER
@given(item=ITEMS, seed=SEEDS)
def test_damaged_cbor_is_the_same(micropython_worker, item, seed):
    assert_same(micropython_worker, "protocol.cbor", "decode", cbor.encode(item))
    assert_same(micropython_worker, "protocol.cbor", "decode", damaged(cbor.encode(item), seed))


@PER_INTERPRETER
@given(item=ITEMS)
def test_items_are_written_the_same(micropython_worker, item):
    assert_same(micropython_worker, "protocol.cbor", "encode", cbor.decode(cbor.encode(item)))


@PER_INTERPRETER
@given(records=RECORDS, seed=SEEDS)
def test_senml_is_the_same(micropython_worker, records, seed):
    data = senml.encode_cbor(records)
    assert_same(micropython_worker, "protocol.senml", "encode_cbor", records)
    assert_same(micropython_worker, "protocol.senml", "decode_cbor", data)
    assert_same(micropython_worker, "protocol.senml", "decode_cbor", damaged(data, seed))


@PER_INTERPRETER
@given(records=RECORDS, seed=SEEDS)
def test_senml_json_is_the_same(micropython_worker, records, seed):
    data = senml_json.encode(records)
    assert_same(micropython_worker, "protocol.senml_json", "encode", records)
    assert_same(micropython_worker, "protocol.senml_json", "decode", data)
    assert_same(micropython_worker, "protocol.senml_json", "decode", damaged(data, seed))


@PER_INTERPRETER
@given(value=DECIMALS, size=st.sampled_from([2, 4, 8]))
def test_numbers_are_the_same(micropython_worker, value, size):
    assert_same(micropython_worker, "protocol.number", "compare", value, 1)
    assert_same(micropython_worker, "protocol.number", "from_text", value.to_text())
    data = value.to_ieee754(8)
    assert_same(micropython_worker, "protocol.number", "from_ieee754", data)
    assert_same(micropython_worker, "protocol.number", "from_ieee754", data[:size])


@PER_INTERPRETER
@given(data=st.binary(max_size=12))
def test_text_is_the_same(micropython_worker, data):
    assert_same(micropython_worker, "protocol.utf8", "decode", data)
    for data_type in range(10):
        assert_same(micropython_worker, "protocol.text", "decode", data, data_type)
        assert_same(micropython_worker, "protocol.tlv", "decode_value", data, data_type)
