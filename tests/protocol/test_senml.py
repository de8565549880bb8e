from protocol import cbor, senml
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal
from protocol.senml import Record
from tests.portable import raises, seeded_bytes
from tests.protocol.wrong_input import assert_only_protocol_errors

# RFC 8428 section 6: the third example of section 5.1.2 in CBOR.
RFC8428_6 = (
    "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120"
    "050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3"
    "006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a30067"
    "63757272656e74062102f93e00a3006763757272656e74062002fb3ff999999999999aa3006763757272656e7406"
    "0002fb3ffb333333333333"
)
# OMA-ETS-LightweightM2M: the body of a Write-Composite.
OMA_ETS_WRITE_COMPOSITE = (
    "83a321612f0065312f302f32021865a20065312f302f3604f5a20066332f302f31330200"
)
T = 1765000000


def test_the_example_of_rfc_8428_is_resolved():
    base = "urn:dev:ow:10e2073a0108006:"
    records = senml.decode_cbor(bytes.fromhex(RFC8428_6))
    time = Decimal(1276020076001, -3)
    assert records[0] == Record(base + "voltage", Decimal(1201, -1), time, "V")
    for index, record in enumerate(records[1:]):
        time = Decimal(1276020071001 + 1000 * index, -3)
        assert record == Record(base + "current", Decimal(12 + index, -1), time, "A")


def test_the_write_composite_of_the_enabler_test_is_resolved():
    records = senml.decode_cbor(bytes.fromhex(OMA_ETS_WRITE_COMPOSITE))
    assert records == [Record("/1/0/2", 101), Record("/1/0/6", True), Record("/3/0/13", 0)]


def test_a_parking_report_takes_thirty_bytes():
    records = [Record("/3431/0/1", True, T), Record("/3431/0/2", 120, T)]
    assert len(senml.encode_cbor(records)) == 30
    assert senml.decode_cbor(senml.encode_cbor(records)) == records


def test_base_fields_hold_until_they_are_replaced():
    items = [{-2: "a", -4: "V", 0: "1", 2: 1}, {0: "2", 2: 2}, {-2: "b", 0: "3", 1: "A", 2: 3}]
    items.append({2: 4})
    assert senml.resolve(items) == [
        Record("a1", 1, None, "V"), Record("a2", 2, None, "V"), Record("b3", 3, None, "A"),
        Record("b", 4, None, "V"),
    ]  # fmt: skip


def test_base_value_and_base_sum_are_added():
    items = [{-5: 20, -6: 100, 0: "a", 2: Decimal(5, -1), 5: 1}, {0: "b", 3: "x"}, {0: "c"}]
    records = senml.resolve(items)
    assert (records[0].value, records[0].sum) == (Decimal(205, -1), 101)
    assert (records[1].value, records[1].sum) == ("x", 100)
    assert senml.resolve([{-5: 20, 0: "a"}])[0].value == 20
    assert senml.resolve([{0: "a", 5: 7}]) == [Record("a", None, None, None, 7)]


def test_times_are_summed_and_zero_means_none():
    items = [{-3: T, 0: "a", 2: 1, 6: -5}, {0: "b", 2: 1}, {-3: 0, 0: "c", 2: 1}, {0: "d", 6: -9}]
    assert [record.time for record in senml.resolve(items)] == [T - 5, T, None, -9]


def test_times_below_2_to_the_28_are_relative_to_now():
    assert senml.absolute_s(None, T) == T
    assert senml.absolute_s(-60, T) == T - 60
    assert senml.absolute_s(Decimal(-5, -1), T) == Decimal(10 * T - 5, -1)
    assert senml.absolute_s((1 << 28) - 1, T) == T + (1 << 28) - 1
    assert senml.absolute_s(1 << 28, T) == 1 << 28


def test_every_kind_of_value_survives():
    records = [
        Record("/5/0/1", "coap://x"), Record("/5/0/0", b"\x00\xff"), Record("/1/0/6", False),
        Record("/3/0/22/0", ObjectLink(3410, 0)), Record("/3/0/13", T), Record("/6/0/0"),
        Record("/6/0/1", Decimal(-554100, -6), None, "lon"), Record("/1/0/1", -(1 << 63)),
    ]  # fmt: skip
    assert senml.decode_cbor(senml.encode_cbor(records)) == records


def test_versions_with_features_unknown_are_refused():
    for version in (5, 10, 26):
        assert senml.resolve([{-1: version, 0: "a"}]) == [Record("a")]
    for version in (0, -1, 11, 27, 42, Decimal(105, -1), "10"):
        raises(DecodeError, senml.resolve, [{-1: version, 0: "a"}])


def test_a_version_that_changes_within_the_pack_is_refused():
    raises(DecodeError, senml.resolve, [{-1: 10, 0: "a"}, {-1: 26, 0: "b"}])
    raises(DecodeError, senml.resolve, [{-1: 10, 0: "a"}, {-1: 5, 0: "b"}])


def test_labels_that_must_be_understood_are_refused_and_others_ignored():
    assert senml.resolve([{0: "a", "x": 1, 99: 2}]) == [Record("a")]
    raises(DecodeError, senml.resolve, [{0: "a", "x_": 1}])


def test_a_record_with_two_values_is_refused():
    raises(DecodeError, senml.resolve, [{0: "a", 2: 1, 3: "x"}])
    raises(DecodeError, senml.resolve, [{0: "a", 4: True, "vlo": "3:0"}])


def test_names_missing_or_with_characters_not_allowed_are_refused():
    for name in ("", "a b", "-a", ":a", "_a", ".a", "a\u00e9", "a#", "a" * 257):
        raises(DecodeError, senml.resolve, [{0: name, 2: 1}])
    raises(DecodeError, senml.resolve, [{2: 1}])
    assert senml.resolve([{0: "a-B9:./_"}]) == [Record("a-B9:./_")]


def test_values_of_another_type_than_their_label_says_are_refused():
    wrong = ((2, "1"), (2, True), (2, float("nan")), (3, 1), (3, None), (4, 1), (8, "x"), (6, "1"),
             (6, float("inf")), (0, 1), (1, 2), (-2, 3), (-3, "x"), (-5, None), (7, "x"),
             ("vlo", 3), ("vlo", "3"))
    for label, value in wrong:
        item = {0: "a"}
        item[label] = value
        raises(DecodeError, senml.resolve, [item])


def test_what_is_no_pack_is_refused():
    for items in ({}, 5, None, [5], [[]], ["a"]):
        raises(DecodeError, senml.resolve, items)
    raises(DecodeError, senml.resolve, [{0: "a"}] * (senml.RECORDS_MAX + 1))


def test_a_base_name_is_chosen_where_it_saves_bytes():
    names = ("/3435/0/2", "/3435/0/3", "/3303/0/5700", "/3411/0/1")
    items = list(senml.build([Record(name, 1) for name in names]))
    assert [(item.get(-2), item[0]) for item in items] == [
        ("/3435/0/", "2"), (None, "3"), ("/", "3303/0/5700"), (None, "3411/0/1"),
    ]  # fmt: skip


def test_a_single_record_has_no_base_fields():
    assert list(senml.build([Record("/3435/0/2", 1, T)])) == [{0: "/3435/0/2", 2: 1, 6: T}]


def test_a_base_time_follows_the_records():
    times = (None, T, T, T + 900, T + 900, T + 1800, None)
    items = list(senml.build([Record("a", 1, time) for time in times]))
    assert [item.get(-3) for item in items] == [None, T, None, T + 900, None, None, 0]
    assert [item.get(6) for item in items] == [None, None, None, None, None, 900, None]
    assert [record.time for record in senml.resolve(items)] == list(times)


def test_the_version_stands_in_the_first_record():
    items = list(senml.build([Record("a", 1), Record("b", 2)], senml.VERSION_SECONDARY_UNITS))
    assert [item.get(-1) for item in items] == [26, None]


def test_what_senml_cannot_say_is_refused():
    raises(EncodeError, senml.encode_cbor, [Record("a", [1])])
    raises(EncodeError, senml.encode_cbor, [Record("a", float("nan"))])


def test_packs_of_any_order_survive():
    names = ("/3435/0/2", "/3435/0/3", "/3435/1/2", "/3411/0/1", "/3/0/6/0", "/3/0/6/1", "/3")
    times = (None, T, T + 1, T + 70000, -5, Decimal(10 * T + 5, -1))
    for seed in range(150):
        noise = seeded_bytes(seed * 69069, 24)
        records = [
            Record(names[noise[index] % 7], noise[index + 1], times[noise[index + 1] % 6])
            for index in range(noise[0] % 23)
        ]
        assert senml.decode_cbor(senml.encode_cbor(records)) == records, records


def test_random_bytes_raise_only_protocol_errors():
    own = senml.encode_cbor([Record("/3/0/22/0", ObjectLink(3, 0), T), Record("/5/0/0", b"x")])
    valid = [bytes.fromhex(RFC8428_6), bytes.fromhex(OMA_ETS_WRITE_COMPOSITE), own]
    assert_only_protocol_errors(senml.decode_cbor, valid)


def test_random_items_raise_only_protocol_errors():
    values = (0, -1, "a", "/3/0/1", "", True, None, b"x", Decimal(5, -1), 26, [1], {}, "3:0")
    labels = (-1, -2, -3, -4, -5, -6, 0, 1, 2, 3, 4, 5, 6, 7, 8, "vlo", "x")

    def decode(noise):
        item = {0: "a"}
        for index in range(0, len(noise) - 1, 2):
            item[labels[noise[index] % 17]] = values[noise[index + 1] % 13]
        senml.resolve([{0: "b", 2: 1}, item, {}])

    assert_only_protocol_errors(decode, [], 1500)


def test_a_pack_from_another_decoder_is_resolved():
    item = cbor.decode(bytes.fromhex("81a2006161 02fb3fb999999999999a".replace(" ", "")))[0]
    item[2] = 0.1
    assert senml.resolve((item,)) == [Record("a", Decimal(1, -1))]
