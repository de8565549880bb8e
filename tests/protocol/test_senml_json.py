from protocol import senml_json
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError
from protocol.number import Decimal
from protocol.senml import VERSION_SECONDARY_UNITS, Record
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

RFC8428_5_1_1 = b'[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]'
RFC8428_5_1_2 = (
    b'[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,'
    b'"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},'
    b'{"n":"current","t":-4,"v":1.3},{"n":"current","t":-3,"v":1.4},'
    b'{"n":"current","t":-2,"v":1.5},{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]'
)
RFC8428_5_1_3 = (
    b'[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},'
    b'{"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3},'
    b'{"u":"lon","t":60,"v":24.30622},{"u":"%EL","t":150,"v":98}]'
)
RFC8428_5_1_6 = (
    b'[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},'
    b'{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},'
    b'{"n":"nfc-reader","vd":"aGkgCg"}]'
)
DEVICE = "urn:dev:ow:10e2073a01080063"


def test_a_single_record_is_read():
    assert senml_json.decode(RFC8428_5_1_1) == [Record(DEVICE, Decimal(231, -1), None, "Cel")]


def test_times_with_milliseconds_keep_them():
    records = senml_json.decode(RFC8428_5_1_2)
    assert records[0].time == Decimal(1276020076001, -3)
    assert [record.time for record in records[1:3]] == [
        Decimal(1276020071001, -3), Decimal(1276020072001, -3),
    ]  # fmt: skip
    assert {record.unit for record in records[1:]} == {"A"}


def test_records_without_a_name_bear_the_base_name():
    records = senml_json.decode(RFC8428_5_1_3)
    assert {record.name for record in records} == {DEVICE}
    assert [record.unit for record in records] == ["%RH", "lon", "lat", "%RH", "lon", "%EL"]
    assert [record.time for record in records[2:5]] == [1320067464, 1320067524, 1320067524]
    assert records[5] == Record(DEVICE, 98, 1320067614, "%EL")


def test_every_kind_of_value_is_read():
    values = [record.value for record in senml_json.decode(RFC8428_5_1_6)]
    assert values == [Decimal(231, -1), "Machine Room", False, b"hi \n"]


def test_every_kind_of_value_survives():
    records = [
        Record("/3435/0/2", Decimal(425, -1), Decimal(1765000000123, -3), "/100"),
        Record("/3/0/0", 'a"\\\n\u00e9'), Record("/5/0/0", b"\xfb\xff"), Record("/1/0/6", True),
        Record("/3/0/22/0", ObjectLink(3410, 0)), Record("/3/0/13"), Record("/1/0/1", 1 << 62),
    ]  # fmt: skip
    assert senml_json.decode(senml_json.encode(records)) == records


def test_a_pack_is_written_with_the_labels_of_json():
    reading = Record("/3303/0/5700", Decimal(215, -1), 1765000000, "Cel")
    written = senml_json.encode([reading, Record("/3/0/0", b"\xff")], VERSION_SECONDARY_UNITS)
    assert written == (
        b'[{"bt":1765000000,"bver":26,"n":"/3303/0/5700","u":"Cel","v":21.5},'
        b'{"bt":0,"n":"/3/0/0","vd":"_w"}]'
    )


def test_what_is_no_pack_is_refused():
    wrong = (b"{}", b"5", b"[5]", b'[{"n":"a","vd":5}]', b'[{"n":"a","vd":"+/"}]', b'[{"n":5}]',
             b'[{"n":"a","v":"1"}]', b'[{"n":"a","must_":1}]', b'[{"n":"a","v":NaN}]')
    for data in wrong:
        raises(DecodeError, senml_json.decode, data)


def test_labels_of_cbor_are_nothing_in_json():
    assert senml_json.decode(b'[{"n":"a","2":5}]') == [Record("a")]


def test_json_of_lwm2m_1_0_is_read():
    data = (
        b'{"bn":"/3/0/","bt":1765000000,"e":[{"n":"0","sv":"ACME"},{"n":"9","v":50,"t":-5},'
        b'{"n":"15","bv":true},{"n":"22/0","ov":"3410:0"}]}'
    )
    assert senml_json.decode_lwm2m_json(data, "/") == [
        Record("/3/0/0", "ACME", 1765000000), Record("/3/0/9", 50, 1764999995),
        Record("/3/0/15", True, 1765000000), Record("/3/0/22/0", ObjectLink(3410, 0), 1765000000),
    ]  # fmt: skip
    assert senml_json.decode_lwm2m_json(b'{"e":[{"v":5}]}', "/3/0/9") == [Record("/3/0/9", 5)]
    assert senml_json.decode_lwm2m_json(b'{"e":[]}', "/3") == []


def test_what_is_no_json_of_lwm2m_1_0_is_refused():
    wrong = (b"[]", b"{}", b'{"e":5}', b'{"e":[5]}', b'{"bn":5,"e":[{}]}', b'{"e":[{"sv":1}]}')
    for data in wrong:
        raises(DecodeError, senml_json.decode_lwm2m_json, data, "/3/0/0")


def test_random_bytes_raise_only_protocol_errors():
    assert_only_protocol_errors(senml_json.decode, [RFC8428_5_1_2, RFC8428_5_1_6], 400)
