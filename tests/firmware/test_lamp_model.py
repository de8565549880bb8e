"""The lamp's objects as device management sees them: types, all or nothing, creation, deletion."""

from firmware.data_model import DataModel
from firmware.lwm2m_object import Refused
from protocol import data_types, lwm2m_content, object_table
from protocol.coap_message import BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND
from protocol.number import Decimal
from tests.firmware.lamp_bench import Bench, utc
from tests.portable import raises, seeded_bytes

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


TEXTS = ("", "S;R", "100;0", "18:00", "50", "S~R", "~12:00", "2026-06-15", "--06-15", "* * *",
         "1-7 * 1", "/3416/0", "1", "x" * 200, "\u00e9")
NUMBERS = (0, 1, -1, 7, 50, 100, 101, 65534, 1781564400, -(2**63), 2**63 - 1)


def arbitrary(kind, first, second):
    """Return a value of a resource's type, chosen by two bytes."""
    if kind == "s":
        return TEXTS[first % len(TEXTS)]
    if kind == "b":
        return first % 2 == 0
    number = NUMBERS[first % len(NUMBERS)]
    return Decimal(number, second % 7 - 3) if kind == "f" else number


def test_arbitrary_writes_and_creations_are_taken_or_refused_and_the_lamp_goes_on():
    kinds = {data_types.STRING: "s", data_types.BOOLEAN: "b", data_types.FLOAT: "f"}
    bench, model = lamp_model()
    bench.program("S;23:00;R", "100;50;0", {1: 1, 2: {0: "--06-01"}}, key=0, condition="S~R")
    bench.program("00:00;12:00", "70;30", {4: "* * 1-5"}, key=1, priority=7)
    refused = 0
    for seed in range(600):
        a, b, c, d = seeded_bytes(seed, 4)
        object_id = (3416, 3418, 3419, 3452, 3453, 3454)[a % 6]
        leaves = []
        for resource_id in range(b % 8, 60 if object_id == 3416 else 24, 1 + c % 4):
            resource = object_table.resource(object_id, resource_id)
            if resource and "W" in resource.operations:
                path = (object_id, d % 3 if object_id > 3450 else 0, resource_id)
                path += (c % 2,) if resource.is_multiple else ()
                leaves.append((path, arbitrary(kinds.get(resource.type), c + resource_id, d)))
        try:
            if object_id > 3450 and d % 2:
                model.create(object_id, d % 3, leaves)
            else:
                model.write(leaves, False, d % 4 == 0)
        except Refused:
            refused += 1
        bench.run(7)
        bench.reports = []
    assert 0 < refused < 600
    assert 0 <= bench.level() <= 100
