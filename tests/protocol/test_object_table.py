from protocol import data_types, object_table
from protocol.object_table import ALARM, EVENT, MEASUREMENT


def test_definitions_are_those_of_the_registry():
    command = object_table.resource(3416, 1)
    assert (command.type, command.operations) == (data_types.INTEGER, "RW")
    assert command.is_mandatory and not command.is_multiple
    error_code = object_table.resource(3, 11)
    assert error_code.is_mandatory and error_code.is_multiple
    assert object_table.resource(3, 4).operations == "E"
    assert object_table.resource(0, 5).operations == ""
    assert object_table.resource(5, 0).operations == "W"


def test_ids_far_apart_are_found():
    assert object_table.resource(3416, 63).type == data_types.INTEGER
    assert object_table.resource(3416, 5518).type == data_types.TIME
    assert object_table.resource(3416, 6050).type == data_types.FLOAT
    assert object_table.resource(3303, 5601).type == data_types.FLOAT


def test_what_is_not_in_the_table_is_none():
    for object_id, resource_id in ((3416, 64), (3416, 65534), (3416, 0), (9, 0), (65534, 0)):
        assert object_table.resource(object_id, resource_id) is None
    assert object_table.version(9) is None
    assert object_table.is_multiple(9)


def test_types_are_found_by_path():
    assert object_table.type_of((3435, 0, 2)) == data_types.FLOAT
    assert object_table.type_of((3, 0, 7, 1)) == data_types.INTEGER
    assert object_table.type_of((3, 0)) is None
    assert object_table.type_of((3435, 0, 99)) is None


def test_reading_classes_tell_alarms_and_events_from_measurements():
    assert object_table.reading_class((3416, 0, 5)) == ALARM
    assert object_table.reading_class((3431, 2, 1)) == EVENT
    assert object_table.reading_class((3435, 0, 2)) == MEASUREMENT
    assert object_table.reading_class((9, 0, 0)) == MEASUREMENT


def test_a_link_tells_the_version_of_objects_above_1_0_that_the_enabler_does_not_imply():
    assert object_table.link_version(3416) == "2.0"
    assert object_table.link_version(3417) is None
    assert object_table.version(3) == "1.2"
    assert object_table.link_version(3) is None
    assert object_table.link_version(65534) is None


def test_instances_and_presence_are_those_of_the_registry():
    assert not object_table.is_multiple(3) and object_table.is_mandatory(3)
    assert object_table.is_multiple(3416) and not object_table.is_mandatory(3416)
    assert not object_table.is_mandatory(9)


def test_errata_of_the_registry_are_corrected():
    # The registry makes the time of the last synchronisation an Integer of hours.
    assert object_table.type_of((3415, 0, 4)) == data_types.TIME
    assert not object_table.is_mandatory(3452)
