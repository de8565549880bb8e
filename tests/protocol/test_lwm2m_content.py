from protocol import cbor, lwm2m_content, object_table
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError, EncodeError
from protocol.lwm2m_content import (
    CBOR,
    JSON,
    OCTET_STREAM,
    OLD_JSON,
    OLD_TEXT,
    OLD_TLV,
    SENML_CBOR,
    SENML_JSON,
    TEXT,
    TLV,
    UnsupportedFormat,
)
from protocol.number import Decimal
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

TREE_FORMATS = (SENML_CBOR, SENML_JSON, TLV)
DEVICE = [
    ((3, 0, 0), "ACME"), ((3, 0, 6, 0), 1), ((3, 0, 6, 1), 5), ((3, 0, 13), 1765000000),
    ((3, 0, 22, 0), ObjectLink(3410, 0)),
]  # fmt: skip
LAMPS = [
    ((3416, 0, 3), 40), ((3416, 0, 5), False), ((3416, 1, 3), 0),
    ((3416, 1, 15), Decimal(125, -1)),
]  # fmt: skip


def encode(content_format, base, leaves):
    return lwm2m_content.encode(content_format, base, leaves, object_table.type_of)


def decode(content_format, base, payload, instance_id=0):
    return lwm2m_content.decode(content_format, base, payload, object_table.type_of, instance_id)


def test_trees_survive_in_every_format_at_every_level():
    cases = (
        ((3,), DEVICE), ((3, 0), DEVICE), ((3, 0, 6), DEVICE[1:3]), ((3, 0, 6, 1), DEVICE[2:3]),
        ((3, 0, 13), DEVICE[3:4]), ((3416,), LAMPS), ((3416, 1), LAMPS[2:]), ((3416, 0), []),
    )  # fmt: skip
    for content_format in TREE_FORMATS:
        for base, leaves in cases:
            assert decode(content_format, base, encode(content_format, base, leaves)) == leaves


def test_single_values_survive_in_every_format_that_can_carry_them():
    for leaf, formats in (
        (((3435, 0, 2), Decimal(425, -1)), (TEXT, CBOR)), (((3435, 0, 2), 50), (TEXT, CBOR)),
        (((3416, 0, 5), True), (TEXT, CBOR)), (((3, 0, 7, 1), -70000), (TEXT, CBOR)),
        (((5, 0, 0), b"\x00\xff"), (TEXT, CBOR, OCTET_STREAM)),
        (((3, 0, 14), "+02"), (TEXT, CBOR)),
        (((3, 0, 22, 0), ObjectLink(3410, 0)), (TEXT, CBOR)),
    ):  # fmt: skip
        for content_format in formats + TREE_FORMATS:
            payload = encode(content_format, leaf[0], [leaf])
            assert decode(content_format, leaf[0], payload) == [leaf], (content_format, leaf)


def test_a_tree_is_more_than_a_single_value_format_can_carry():
    for content_format in (TEXT, CBOR, OCTET_STREAM):
        raises(UnsupportedFormat, encode, content_format, (3, 0), DEVICE)
        raises(UnsupportedFormat, encode, content_format, (3, 0, 6), DEVICE[1:2])
        raises(UnsupportedFormat, decode, content_format, (3, 0), b"1")


def test_only_bytes_are_an_octet_stream():
    raises(UnsupportedFormat, encode, OCTET_STREAM, (3, 0, 0), DEVICE[:1])
    raises(UnsupportedFormat, decode, OCTET_STREAM, (3, 0, 0), b"ACME")


def test_unknown_formats_are_refused():
    for content_format in (None, 40, 50, 11543, 11544, 320):
        raises(UnsupportedFormat, encode, content_format, (3, 0, 0), DEVICE[:1])
    for content_format in (None, 40, 50, 11544, 320):
        raises(UnsupportedFormat, decode, content_format, (3, 0, 0), b"")
    raises(UnsupportedFormat, encode, TLV, (), DEVICE)


def test_numbers_from_before_iana_are_read():
    assert decode(OLD_TEXT, (3, 0, 0), b"ACME") == DEVICE[:1]
    assert decode(OLD_TLV, (3, 0), encode(TLV, (3, 0), DEVICE)) == DEVICE
    payload = b'{"bn":"/5/0/","e":[{"n":"0","sv":"AP8="},{"n":"3","v":0}]}'
    leaves = [((5, 0, 0), b"\x00\xff"), ((5, 0, 3), 0)]
    for content_format in (OLD_JSON, JSON):
        assert decode(content_format, (5, 0), payload) == leaves


def test_a_float_may_be_written_as_an_integer_and_an_integer_as_a_whole_float():
    record = [{0: "/3435/0/4", 2: 80}]
    assert decode(SENML_CBOR, (3435, 0, 4), cbor.encode(record)) == [((3435, 0, 4), 80)]
    record = [{0: "/3416/0/1", 2: Decimal(50, -1)}]
    assert decode(SENML_CBOR, (3416, 0), cbor.encode(record)) == [((3416, 0, 1), 5)]
    assert decode(CBOR, (3416, 0, 1), b"\xf9\x45\x00") == [((3416, 0, 1), 5)]


def test_a_time_may_carry_the_tag_of_epoch_time():
    path = (3, 0, 13)
    assert decode(CBOR, path, bytes.fromhex("c11a6933c340")) == [(path, 1765000000)]
    assert decode(CBOR, path, bytes.fromhex("c1fb41da4cf0d0000000")) == [(path, 1765000000)]
    raises(DecodeError, decode, CBOR, (3416, 0, 1), bytes.fromhex("c105"))


def test_values_of_a_wrong_type_are_refused():
    raises(DecodeError, decode, TEXT, (3416, 0, 1), b"bright")
    raises(DecodeError, decode, CBOR, (3416, 0, 1), b"\xf5")
    raises(DecodeError, decode, CBOR, (3416, 0, 1), b"\x81\x01")
    raises(DecodeError, decode, SENML_CBOR, (3416, 0), cbor.encode([{0: "/3416/0/1", 3: "5"}]))
    raises(DecodeError, decode, SENML_JSON, (3416, 0), b'[{"n":"/3416/0/30","v":1}]')
    raises(EncodeError, encode, SENML_CBOR, (3416, 0, 1), [((3416, 0, 1), "x")])


def test_paths_outside_what_is_addressed_are_refused():
    for name in ("/3416/1/1", "/3416/0", "/3416", "/", "/3416/0/1/0/0", "x", "/3416/0/2"):
        payload = cbor.encode([{0: name, 2: 1}])
        raises(DecodeError, decode, SENML_CBOR, (3416, 0, 1), payload)


def test_records_without_a_value_are_no_write():
    raises(DecodeError, decode, SENML_CBOR, (3416, 0), cbor.encode([{0: "/3416/0/1"}]))


def test_unknown_resources_come_as_the_format_tells_them():
    path = (9, 0, 1)
    assert decode(SENML_CBOR, path, cbor.encode([{0: "/9/0/1", 4: True}])) == [(path, True)]
    assert decode(TEXT, path, b"5") == [(path, "5")]
    assert decode(CBOR, path, b"\x05") == [(path, 5)]
    assert decode(TLV, path, b"\xc1\x01\x05") == [(path, b"\x05")]


def test_a_composite_has_leaves_of_many_objects():
    leaves = [((1, 0, 2), 101), ((1, 0, 6), True), ((3, 0, 13), 0)]
    for content_format in lwm2m_content.COMPOSITE_FORMATS:
        assert decode(content_format, (), encode(content_format, (), leaves)) == leaves


def test_the_paths_of_a_read_composite_are_read():
    payload = cbor.encode([{-2: "/3/0/", 0: "0"}, {0: "6/1"}, {-2: "/4"}, {-2: "/"}])
    paths = [(3, 0, 0), (3, 0, 6, 1), (4,), ()]
    assert lwm2m_content.decode_paths(SENML_CBOR, payload) == paths
    assert lwm2m_content.decode_paths(SENML_JSON, b'[{"n":"3/0/0"}]') == [(3, 0, 0)]
    raises(DecodeError, lwm2m_content.decode_paths, SENML_JSON, b'[{"n":"/3/x"}]')
    raises(UnsupportedFormat, lwm2m_content.decode_paths, TLV, b"")


def test_a_create_without_an_instance_gets_the_one_the_caller_names():
    assert decode(TLV, (3453,), b"\xc1\x01\x01", 7) == [((3453, 7, 1), 1)]


def test_floats_of_the_host_are_written_as_decimals():
    assert encode(TEXT, (3435, 0, 2), [((3435, 0, 2), 42.5)]) == b"42.5"
    assert encode(CBOR, (3435, 0, 2), [((3435, 0, 2), 42.5)]).hex() == "f95150"
    raises(EncodeError, encode, TEXT, (3435, 0, 2), [((3435, 0, 2), float("inf"))])


def test_random_bytes_raise_only_protocol_errors():
    for content_format in (TEXT, OCTET_STREAM, CBOR, SENML_JSON, SENML_CBOR, JSON, TLV):
        for base in ((), (3,), (3, 0), (3, 0, 6), (3, 0, 6, 1), (5, 0, 0)):
            valid = [encode(SENML_CBOR if content_format == SENML_CBOR else TLV, (3,), DEVICE)]

            def read(data, content_format=content_format, base=base):
                decode(content_format, base, data)

            assert_only_protocol_errors(read, valid, 30)


def test_values_that_are_made_to_their_type_leave_the_callers_list_as_it_was():
    leaves = [((3416, 0, 3), Decimal(40, 0)), ((3416, 0, 5), False)]
    before = list(leaves)
    payload = lwm2m_content.encode(SENML_CBOR, (3416, 0), leaves, object_table.type_of)
    assert leaves == before and leaves[0][1] is before[0][1]
    assert cbor.decode(payload)[0][2] == 40
