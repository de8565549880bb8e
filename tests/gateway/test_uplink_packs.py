"""Topics, and readings as SenML JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import sequence_ranges
from gateway.rows import StoredReading
from gateway.uplinks import senml_pack, topics
from gateway.uplinks.senml_pack import Pack
from protocol import senml_json
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError
from protocol.number import Decimal
from tests.gateway.uplink_rows import EPOCH, TIME_MS, alarm, stored
from tests.portable import raises


def encoded(*readings):
    return json.loads(senml_pack.encode(Pack(readings)))


def value_of(value, path="/27999/0/1"):
    return encoded(stored(1, 1, value=value, path=path))[0]


def test_escaped_name_keeps_what_a_device_name_is_made_of():
    assert topics.escape("urn:dev:mac:0011223344fffe55") == "urn:dev:mac:0011223344fffe55"
    assert topics.escape("a.b/c d+#é") == "a%2Eb%2Fc%20d%2B%23%C3%A9"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_is_one_level_and_comes_back(name):
    level = topics.escape(name)
    assert not set(level) & set("/+#. *$")
    assert topics.unescape(level) == name
    assert topics.node_of(topics.of_node("g/w", name, topics.COMMANDS)) == name


@pytest.mark.parametrize("level", ["a.b", "a b", "%2e", "%41", "%FF", "%"])
def test_level_that_escape_never_makes_is_refused(level):
    raises(ValueError, topics.unescape, level)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b"])
def test_wildcards_cannot_be_published_to(topic):
    assert not topics.is_publishable(topic)


def test_pack_names_its_node_once_and_its_paths_each():
    pack = encoded(stored(1, 7), stored(2, 8, value=20, time_ms=TIME_MS + 250))
    assert pack == [
        {"bn": "lamp", "bver": 26, "n": "/3416/0/3", "u": "/100", "v": 50, "t": 1765000000},
        {"n": "/3416/0/3", "u": "/100", "v": 20, "t": 1765000000.25},
    ]


def test_version_is_stated_only_for_secondary_units():
    record = value_of(Decimal(2301, -1), "/3418/0/4")
    assert (record["u"], record["v"]) == ("W", 230.1)
    assert "bver" not in record


def test_sensor_s_own_resource_says_its_unit():
    units = {("lamp", "/3303/2/5701"): "Cel"}
    pack = Pack((stored(1, 1, value=Decimal(215, -1), path="/3303/2/5700"),))
    (record,) = json.loads(senml_pack.encode(pack, (), lambda *key: units.get(key)))
    assert (record["u"], record["v"]) == ("Cel", 21.5)
    assert "u" not in json.loads(senml_pack.encode(pack))[0]


def test_values_of_every_type():
    assert value_of(True)["vb"] is True
    assert value_of('a "b"')["vs"] == 'a "b"'
    assert value_of(b"\x00\xff")["vd"] == "AP8"
    assert value_of(ObjectLink(3416, 0))["vs"] == "3416:0"
    assert '"v":0.1,' in senml_pack.encode(Pack((stored(1, 1, value=Decimal(1, -1)),)))


def test_texts_and_unknown_units_have_no_unit():
    assert "u" not in value_of("x", "/3416/0/3")
    assert "u" not in value_of(5)


def test_pack_is_valid_senml():
    readings = tuple(stored(index, index, value=index) for index in range(5))
    records = senml_json.decode(senml_pack.encode(Pack(readings)).encode())
    assert [record.value for record in records] == [0, 1, 2, 3, 4]
    assert {record.name for record in records} == {"lamp/3416/0/3"}


def test_key_lists_the_sequence_numbers_in_the_order_of_the_records():
    readings = [stored(index, sequence) for index, sequence in enumerate((17, 18, 19, 30, 29))]
    assert Pack(tuple(readings)).key(EPOCH) == "1:17-19,30,29"


def test_unsequenced_readings_have_the_store_s_own_numbers_for_a_key():
    readings = [stored(index, None, boot=None) for index in (4, 5)]
    assert Pack(tuple(readings)).key(EPOCH) == "unsequenced:77:4-5"


def test_one_pack_holds_one_boot_and_one_topic():
    first = stored(1, 1)
    assert senml_pack.travels_with(first, stored(2, 9))
    assert not senml_pack.travels_with(first, stored(2, 1, boot=2))
    assert not senml_pack.travels_with(first, stored(2, None, boot=1))
    assert not senml_pack.travels_with(first, StoredReading(2, alarm(2)))


@given(st.lists(st.integers(0, 1 << 63 - 1), max_size=30))
def test_any_sequence_numbers_come_back_in_their_order(numbers):
    pairs = sequence_ranges.parse(sequence_ranges.render(numbers))
    if sum(last - first + 1 for first, last in pairs) <= sequence_ranges.COUNT_MAX:
        assert sequence_ranges.expand(pairs) == numbers


@given(st.text(max_size=20))
def test_any_text_gives_ranges_or_a_decode_error(text):
    try:
        sequence_ranges.expand(sequence_ranges.parse(text))
    except DecodeError:
        pass
