from protocol import data_types, object_table, tlv
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

# OMA LwM2M 1.1 Core 7.4.3.2.1: a read of the single instance of Device.
OMA_CORE_DEVICE = (
    "c800144f70656e204d6f62696c6520416c6c69616e6365c801164c69676874776569676874204d324d20436c6965"
    "6e74c80209333435303030313233c303312e30860641000141010588070842000ed842011388870841007d420103"
    "84c10964c10a0f830b410000c40d5182428fc60e2b30323a3030c11055"
)
# The same in 7.4.3.2.2: a read of the object, with its instance's entry.
OMA_CORE_DEVICE_OBJECT = "080079" + OMA_CORE_DEVICE
DEVICE_LEAVES = [
    ((3, 0, 0), "Open Mobile Alliance"), ((3, 0, 1), "Lightweight M2M Client"),
    ((3, 0, 2), "345000123"), ((3, 0, 3), "1.0"), ((3, 0, 6, 0), 1), ((3, 0, 6, 1), 5),
    ((3, 0, 7, 0), 3800), ((3, 0, 7, 1), 5000), ((3, 0, 8, 0), 125), ((3, 0, 8, 1), 900),
    ((3, 0, 9), 100), ((3, 0, 10), 15), ((3, 0, 11, 0), 0), ((3, 0, 13), 1367491215),
    ((3, 0, 14), "+02:00"), ((3, 0, 16), "U"),
]  # fmt: skip


def decoded(base, data, instance_id=0):
    leaves = tlv.decode(base, data, instance_id)
    return [(path, tlv.decode_value(value, object_table.type_of(path))) for path, value in leaves]


def test_the_device_of_the_standard_is_read_and_written():
    data = bytes.fromhex(OMA_CORE_DEVICE)
    assert decoded((3, 0), data) == DEVICE_LEAVES
    assert tlv.encode((3, 0), DEVICE_LEAVES, object_table.type_of) == data


def test_the_device_object_of_the_standard_is_read_and_written():
    data = bytes.fromhex(OMA_CORE_DEVICE_OBJECT)
    assert decoded((3,), data) == DEVICE_LEAVES
    assert tlv.encode((3,), DEVICE_LEAVES, object_table.type_of) == data


def test_entries_may_begin_at_any_level_below_the_path():
    value = [((3, 0, 7, 1), 5000)]
    for base, digits in (
        ((3, 0, 7, 1), "42011388"), ((3, 0, 7), "42011388"), ((3, 0, 7), "840742011388"),
        ((3, 0), "840742011388"), ((3, 0), "0600840742011388"), ((3,), "840742011388"),
        ((3, 0, 7, 1), "840742011388"),
    ):  # fmt: skip
        assert decoded(base, bytes.fromhex(digits)) == value, digits


def test_resources_without_an_instance_get_the_one_the_caller_names():
    assert decoded((3,), bytes.fromhex("c10964"), 5) == [((3, 5, 9), 100)]
    assert decoded((3,), bytes.fromhex("0302c10964"), 5) == [((3, 2, 9), 100)]


def test_entries_outside_the_path_are_refused():
    for base, digits in (
        ((3, 0, 9), "c10a0f"), ((3, 0), "0301c10964"), ((3, 0, 7, 1), "410005"),
        ((3, 0, 7), "8309410001"), ((3, 0), "410001"), ((3,), "410001"), ((), "c10964"),
        ((3, 0), "05000302c10964"), ((3, 0), "8506830641000183"), ((3, 0), "85060300c10964"),
    ):  # fmt: skip
        raises(DecodeError, tlv.decode, base, bytes.fromhex(digits))


def test_truncated_entries_and_reserved_ids_are_refused():
    data = bytes.fromhex("e803e80102") + bytes(0x102)
    for length in range(1, 5):
        raises(DecodeError, tlv.decode, (3, 0), data[:length])
    raises(DecodeError, tlv.decode, (3, 0), bytes.fromhex("e1ffff05"))
    raises(DecodeError, tlv.decode, (3, 0), bytes.fromhex("d800ffff00"))


def test_ids_and_lengths_of_every_size_survive():
    for resource_id in (0, 255, 256, 65534):
        for length in (0, 7, 8, 255, 256, 65535, 65536):
            leaves = [((9, 0, resource_id), bytes(length))]
            data = tlv.encode((9, 0), leaves, object_table.type_of)
            assert tlv.decode((9, 0), data) == leaves
    assert data[:6].hex() == "f8fffe010000"


def test_integers_take_one_two_four_or_eight_bytes():
    values = (0, 127, -128, 128, 32767, -32768, 32768, -(1 << 31), 1 << 31, -(1 << 63))
    sizes = [len(tlv.encode_value(value, data_types.INTEGER)) for value in values]
    assert sizes == [1, 1, 1, 2, 2, 2, 4, 4, 8, 8]
    for value in values:
        data = tlv.encode_value(value, data_types.INTEGER)
        assert tlv.decode_value(data, data_types.INTEGER) == value
    raises(EncodeError, tlv.encode_value, 1 << 63, data_types.INTEGER)


def test_unsigned_integers_have_no_sign_bit():
    for value, size in ((255, 1), (65535, 2), ((1 << 64) - 1, 8)):
        data = tlv.encode_value(value, data_types.UNSIGNED_INTEGER)
        assert len(data) == size
        assert tlv.decode_value(data, data_types.UNSIGNED_INTEGER) == value
    raises(EncodeError, tlv.encode_value, -1, data_types.UNSIGNED_INTEGER)


def test_integers_of_unusual_lengths_are_read():
    assert tlv.decode_value(b"\xff\xff\x38", data_types.INTEGER) == -200
    assert tlv.decode_value(b"\x00\x00\x00\x00\x05", data_types.TIME) == 5
    for wrong in (b"", bytes(9)):
        raises(DecodeError, tlv.decode_value, wrong, data_types.INTEGER)


def test_floats_are_singles_where_that_is_exact_and_doubles_elsewhere():
    assert tlv.encode_value(Decimal(425, -1), data_types.FLOAT).hex() == "422a0000"
    assert tlv.encode_value(5, data_types.FLOAT).hex() == "40a00000"
    assert tlv.encode_value(Decimal(1, -1), data_types.FLOAT).hex() == "3fb999999999999a"
    assert tlv.decode_value(bytes.fromhex("3dcccccd"), data_types.FLOAT) == Decimal(1, -1)
    raises(DecodeError, tlv.decode_value, b"\x3c\x00", data_types.FLOAT)
    raises(DecodeError, tlv.decode_value, bytes.fromhex("7fc00000"), data_types.FLOAT)


def test_values_of_the_other_types_survive():
    for value, data_type in (
        (True, data_types.BOOLEAN), (False, data_types.BOOLEAN), ("\u00e9", data_types.STRING),
        (b"\xff", data_types.OPAQUE), (ObjectLink(3416, 65535), data_types.OBJLNK), (b"x", None),
        ("</3/0>", data_types.CORELNK),
    ):  # fmt: skip
        assert tlv.decode_value(tlv.encode_value(value, data_type), data_type) == value


def test_values_of_a_wrong_length_are_refused():
    for data, data_type in (
        (b"", data_types.BOOLEAN), (b"\x02", data_types.BOOLEAN),
        (b"\x00\x01", data_types.BOOLEAN), (b"\x00\x03\x00", data_types.OBJLNK),
        (b"\xff", data_types.STRING), (b"x", data_types.NONE),
    ):  # fmt: skip
        raises(DecodeError, tlv.decode_value, data, data_type)


def test_random_bytes_raise_only_protocol_errors():
    valid = [bytes.fromhex(OMA_CORE_DEVICE), bytes.fromhex(OMA_CORE_DEVICE_OBJECT)]
    for base in ((3,), (3, 0), (3, 0, 7), (3, 0, 7, 1)):
        assert_only_protocol_errors(lambda data, base=base: decoded(base, data), valid, 200)
