"""From a node's payload to rows: numbers, times, sequence numbers, and what is refused."""

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from gateway import readings
from gateway.readings import SENML_CBOR, SENML_JSON, Readings
from gateway.rows import TimeSource
from protocol import object_table
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError
from protocol.number import Decimal
from tests.portable import raises

NODE = "urn:dev:mac:0011223344fffe55"
NOW_MS = 1_765_000_000_000
JOURNAL = [{0: "/42800/0/0", 2: 3}]


def rows_of(items, **options):
    core = Readings()
    records = core.decode(SENML_CBOR, cbor2.dumps(items))
    return core.pack_to_rows(NODE, records, NOW_MS, **options)


def test_ranges_number_the_records_in_their_order():
    items = [*JOURNAL, {0: "/42800/0/1", 3: "17-18,30"}]
    items += [{0: "/3416/0/3", 2: level} for level in (10, 20, 30)]
    rows = rows_of(items).rows
    assert [(row.boot, row.sequence, row.value) for row in rows] == [
        (3, 17, 10),
        (3, 18, 20),
        (3, 30, 30),
    ]


def test_journal_statement_carries_what_the_node_holds_and_dropped():
    items = [*JOURNAL, {0: "/42800/0/1", 3: "20"}, {0: "/42800/0/2", 2: 17}]
    items += [{0: "/42800/0/3", 3: "12-16:full,9:worn"}, {0: "/3416/0/3", 2: 1}]
    items += [{0: "/42800/0/4", 2: 25}, {0: "/42800/0/5", 2: 2}]
    journal = rows_of(items).journal
    assert (journal.boot, journal.oldest, journal.last, journal.oldest_boot) == (3, 17, 25, 2)
    assert journal.dropped == ((12, 16, "full"), (9, 9, "worn"))


def test_ranges_that_do_not_fit_the_records_leave_them_unsequenced():
    for ranges in ("17-19", "17", "18-17", "1,1", "x", "1-", "", "1-99999999999"):
        core = Readings()
        items = [*JOURNAL, {0: "/42800/0/1", 3: ranges}]
        items += [{0: "/3416/0/3", 2: 1}, {0: "/3416/0/3", 2: 2}]
        pack = core.pack_to_rows(NODE, core.decode(SENML_CBOR, cbor2.dumps(items)), NOW_MS)
        assert [row.sequence for row in pack.rows] == [None, None]
        assert core.counters["journal malformed"] == 1


def test_journal_that_contradicts_itself_leaves_the_readings_unsequenced():
    statements = [
        [{0: "/42800/0/1", 3: "0"}],
        [{0: "/42800/0/1", 3: "281474976710656"}],
        [{0: "/42800/0/1", 3: "9"}, {0: "/42800/0/4", 2: 8}],
        [{0: "/42800/0/1", 3: "9"}, {0: "/42800/0/5", 2: 4}],
        [{0: "/42800/0/1", 3: "9"}, {0: "/42800/0/2", 2: -1}],
        [{0: "/42800/0/1", 3: "9"}, {0: "/42800/0/2", 3: "9"}],
        [{0: "/42800/0/1", 3: "9"}, {0: "/42800/0/3", 3: "9-4:full"}],
        [{0: "/42800/0/1", 3: "9"}, {0: "/42800/0/3", 3: "9"}],
    ]
    for statement in statements:
        core = Readings()
        items = [*JOURNAL, *statement, {0: "/3416/0/3", 2: 1}]
        pack = core.pack_to_rows(NODE, core.decode(SENML_CBOR, cbor2.dumps(items)), NOW_MS)
        assert pack.journal is None and [row.sequence for row in pack.rows] == [None], statement
        assert core.counters["journal malformed"] == 1


def test_pack_may_say_only_what_the_journal_holds():
    pack = rows_of([*JOURNAL, {0: "/42800/0/2", 2: 9}, {0: "/42800/0/3", 3: "4-8:full"}])
    assert pack.rows == () and pack.journal.dropped == ((4, 8, "full"),)


def test_refused_record_keeps_its_sequence_number_and_the_others_theirs():
    items = [*JOURNAL, {0: "/42800/0/1", 3: "7-9"}, {0: "/3416/0/3", 2: 1}]
    items += [{0: "/3416/0", 2: 2}, {0: "/3416/0/3", 2: 3}]
    pack = rows_of(items)
    assert [row.sequence for row in pack.rows] == [7, 9]
    assert [(each.sequence, each.path) for each in pack.refusals] == [(8, "/3416/0")]


def test_foreign_object_42800_is_a_reading_like_any_other():
    pack = rows_of([{0: "/42800/0/0", 2: 3}], has_journal=False)
    assert pack.journal is None
    assert [row.path for row in pack.rows] == ["/42800/0/0"]


def test_absolute_relative_and_absent_times():
    items = [{0: "/3416/0/3", 2: 1, 6: 1_764_999_000}, {0: "/3416/0/3", 2: 1, 6: -2.5}]
    rows = rows_of([*items, {0: "/3416/0/3", 2: 1}]).rows
    assert [(row.time_ms - NOW_MS, row.time_source) for row in rows] == [
        (-1_000_000, TimeSource.NODE),
        (-2_500, TimeSource.RELATIVE),
        (0, TimeSource.GATEWAY),
    ]


def test_absurd_time_gives_way_to_reception_and_is_kept_as_written():
    for stated in (4_000_000_000, 268_435_456, -400_000_000, 1_765_090_001):
        (row,) = rows_of([{0: "/3416/0/3", 2: 1, 6: stated}]).rows
        assert (row.time_ms, row.time_source) == (NOW_MS, TimeSource.REPLACED)
        assert row.stated_time == str(stated)


def test_gateway_without_trusted_clock_believes_any_time_of_this_century():
    items = [{0: "/3416/0/3", 2: 1, 6: 1_900_000_000}]
    (row,) = rows_of(items, is_clock_trusted=False).rows
    assert (row.time_ms, row.time_source) == (1_900_000_000_000, TimeSource.NODE)


def test_floats_become_the_decimals_that_were_meant():
    single = bytes.fromhex("a2") + cbor2.dumps(0) + cbor2.dumps("/3303/0/5700")
    single += cbor2.dumps(2) + bytes.fromhex("fa41aa6666")
    core = Readings()
    records = core.decode(SENML_CBOR, b"\x81" + single)
    (row,) = core.pack_to_rows(NODE, records, NOW_MS).rows
    assert row.value == Decimal(213, -1)


def test_classes_come_from_the_object_table_and_unknown_objects_are_measurements():
    paths = ("/3416/0/5", "/3416/0/3", "/27999/0/1")
    values = [{0: paths[0], 4: True}, {0: paths[1], 2: 1}, {0: paths[2], 2: 1}]
    pack = rows_of(values)
    found = object_table.resource(3416, 5).reading_class
    assert found == object_table.ALARM
    assert pack.rows[0].reading_class == found
    assert pack.rows[2].reading_class == object_table.MEASUREMENT
    assert pack.is_urgent
    assert not rows_of([values[2]]).is_urgent


def test_wrong_types_and_impossible_numbers_are_refused_alone():
    good = {0: "/3416/0/3", 2: 50}
    for bad in ({0: "/3416/0/3", 3: "x"}, {0: "/3416/0/3", 2: 1 << 70}, {0: "/3416/0/3", 2: 0.5}):
        pack = rows_of([good, bad])
        assert (len(pack.rows), len(pack.refusals)) == (1, 1)


def test_pack_without_any_reading_is_an_error():
    core = Readings()
    for items in ([], [{0: "/3416/0", 2: 1}], [{0: "/3416/0/3"}], [{0: "urn:x", 2: 1}]):
        records = core.decode(SENML_CBOR, cbor2.dumps(items))
        raises(DecodeError, core.pack_to_rows, NODE, records, NOW_MS)


def test_journal_alone_is_a_pack():
    pack = rows_of([*JOURNAL, {0: "/42800/0/2", 2: 5}])
    assert pack.rows == ()
    assert pack.journal.oldest == 5


def test_json_gives_the_same_rows_as_cbor():
    text = b'[{"bn":"/3416/0/","n":"3","v":50,"t":-1},{"n":"13/0","v":2}]'
    core = Readings()
    from_json = core.pack_to_rows(NODE, core.decode(SENML_JSON, text), NOW_MS)
    items = [{-2: "/3416/0/", 0: "3", 2: 50, 6: -1}, {0: "13/0", 2: 2}]
    assert from_json.rows == rows_of(items).rows


def test_object_link_and_opaque_values_pass():
    pack = rows_of([{0: "/27999/0/2", "vlo": "3416:0"}, {0: "/27999/0/1", 8: b"\x00\xff"}])
    assert [row.value for row in pack.rows] == [ObjectLink(3416, 0), b"\x00\xff"]


def test_lone_surrogate_in_json_text_is_refused():
    core = Readings()
    text = b'[{"n":"/27999/0/1","vs":"\\ud800"},{"n":"/27999/0/2","v":1}]'
    try:
        records = core.decode(SENML_JSON, text)
    except DecodeError:
        return
    assert len(core.pack_to_rows(NODE, records, NOW_MS).rows) == 1


def test_malformed_cbor_and_meaningless_tags_are_decode_errors():
    core = Readings()
    for text in ("", "81", "8101ff", "a0", "80f6", "81c101", "d81c81d81d00", "c4821a3b9aca0001"):
        raises(DecodeError, core.decode, SENML_CBOR, bytes.fromhex(text))
    assert core.counters["packs malformed"] == 8


def test_repeated_label_is_a_decode_error():
    data = bytes.fromhex("81a300") + cbor2.dumps("/3416/0/3") + bytes.fromhex("02010202")
    raises(DecodeError, Readings().decode, SENML_CBOR, data)


@given(st.binary(max_size=200), st.sampled_from(readings.CONTENT_FORMATS))
def test_random_bytes_raise_only_decode_errors(data, content_format):
    core = Readings()
    try:
        core.pack_to_rows(NODE, core.decode(content_format, data), NOW_MS)
    except DecodeError:
        pass


scalars = st.one_of(
    *(st.integers(), st.floats(), st.booleans(), st.none()),
    *(st.text(max_size=8), st.binary(max_size=8)),
)
labels = st.one_of(st.integers(-7, 9), st.sampled_from(["vlo", "x", "y_"]))
names = st.sampled_from(["/3416/0/3", "/42800/0/0", "/42800/0/1", "/3416/0/13/1", "/9/9"])
maps = st.dictionaries(labels, st.one_of(scalars, names), max_size=5)


@given(st.lists(maps, max_size=5), st.booleans())
def test_any_cbor_pack_raises_only_decode_errors(items, has_journal):
    core = Readings()
    try:
        records = core.decode(SENML_CBOR, cbor2.dumps(items))
        core.pack_to_rows(NODE, records, NOW_MS, has_journal=has_journal)
    except DecodeError:
        pass
