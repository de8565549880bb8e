"""The lamp's objects as device management sees them: types, all or nothing, creation, deletion."""

from firmware.data_model import DataModel
from firmware.lwm2m_object import Refused
from protocol import lwm2m_content, object_table
from protocol.coap_message import BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND
from tests.firmware.lamp_bench import Bench, utc
from tests.portable import raises

SENML_CBOR = 112
NIGHT = utc(2026, 6, 15, 23)


def lamp_model():
    bench = Bench(lux=5, has_motion=True)
    bench.set_clock(NIGHT)
    return bench, DataModel(bench.lamp.objects)


def function(key, times, levels):
    return [((3454, key, 4, 0), times), ((3454, key, 5, 0), levels)]


def test_every_value_is_of_the_type_that_the_registry_gives_it():
    bench, model = lamp_model()
    bench.program("S;23:00;R", "100;50;0", {1: 1, 2: {0: "--05-01"}, 3: {0: "--09-30"}})
    leaves = model.leaves(())
    payload = lwm2m_content.encode(SENML_CBOR, (), leaves, object_table.type_of)
    again = lwm2m_content.decode(SENML_CBOR, (), payload, object_table.type_of)
    assert sorted([path for path, _ in again]) == sorted([path for path, _ in leaves])
    assert len(leaves) > 60


def test_mandatory_resources_are_there():
    _, model = lamp_model()
    for path in ((3416, 0, 1), (3416, 0, 3), (3301, 0, 5700), (3302, 0, 5500)):
        assert len(model.leaves(path)) == 1


def test_refused_value_leaves_the_whole_operation_undone():
    bench, model = lamp_model()
    leaves = [((3416, 0, 4), 50), ((3416, 0, 51), NIGHT + 600), ((3416, 0, 1), 101)]
    assert raises(Refused, model.write, leaves, False, False).code == BAD_REQUEST
    bench.run(10)
    assert (bench.read(3416, 4), bench.read(3416, 54), bench.read(3416, 51)) == (100, False, 0)


def test_override_is_one_operation_whatever_the_order_of_its_resources():
    bench, model = lamp_model()
    model.write([((3416, 0, 1), 30), ((3416, 0, 52), 0), ((3416, 0, 51), NIGHT + 600)],
                False, False)
    bench.run(1)
    assert (bench.level(), bench.read(3416, 51)) == (30, NIGHT + 600)


def test_programs_are_created_written_and_deleted():
    bench, model = lamp_model()
    model.create(3454, 0, function(0, "00:00", "60"))
    model.create(3452, 0, [((3452, 0, 1), True), ((3452, 0, 2), 1), ((3452, 0, 4), 0),
                           ((3452, 0, 6, 0), "/3416/0"), ((3452, 0, 7, 0), "1")])
    bench.run(5)
    assert bench.level() == 60
    model.write([((3454, 0, 1, 0), "08:00~10:00")], True, False)
    model.write([((3452, 0, 9), True)], True, False)
    bench.run(5)
    assert bench.level() == 0
    model.delete((3452, 0))
    bench.run(5)
    assert bench.level() == 100


def test_calendar_activity_can_be_read_and_not_written():
    bench, model = lamp_model()
    model.create(3453, 4, [((3453, 4, 4), "* * 1")])
    # It is Tuesday already, by local time.
    assert model.leaves((3453, 4, 5)) == [((3453, 4, 5), False)]
    error = raises(Refused, model.write, [((3453, 4, 5), True)], True, False)
    assert error.code == METHOD_NOT_ALLOWED


def test_what_is_not_offered_is_not_there():
    _, model = lamp_model()
    for path in ((3416, 0, 39), (3418, 0, 11), (3416, 1), (3452, 0)):
        assert raises(Refused, model.leaves, path).code == NOT_FOUND
    assert raises(Refused, model.delete, (3416, 0)).code == METHOD_NOT_ALLOWED
    assert raises(Refused, model.create, 3416, 1, []).code == METHOD_NOT_ALLOWED


def test_more_programs_than_there_is_room_for_are_refused():
    _, model = lamp_model()
    for key in range(8):
        model.create(3454, key, function(key, "00:00", "60"))
    error = raises(Refused, model.create, 3454, 8, function(8, "00:00", "60"))
    assert error.code == BAD_REQUEST
