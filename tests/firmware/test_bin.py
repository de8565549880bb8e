"""The bin as a furniture: what it measures, reports and lets servers write."""

from firmware.furniture.bin import Furniture
from firmware.lwm2m_object import Refused
from protocol import object_table
from protocol.number import Decimal
from tests.firmware.fake_board import NOON_S, Board, FakeStore, Street
from tests.portable import raises

HOUR_S = 3600


def street(board=None, **values):
    values = dict(values)
    values.setdefault("container_height_cm", 100)
    return Street(Furniture, board or Board(), **values)


def test_level_and_percentage_follow_the_distance():
    one = street()
    one.board.distance_mm = 380
    one.run(10)
    assert one.read(3435, 0, 2) == 62
    assert one.read(3435, 0, 3) == 62
    assert one.read(3435, 0, 6042) == 4


def test_first_measurement_is_reported_whole():
    one = street()
    one.run(10)
    paths = [path for path, _, _ in one.reports]
    for path in ((3435, 0, 2), (3435, 0, 3), (3435, 0, 5), (3435, 0, 7), (3435, 0, 6042),
                 (3303, 0, 5700), (3411, 0, 1)):
        assert path in paths


def test_report_goes_once_an_hour_although_it_measures_every_quarter():
    one = street()
    one.run(4 * HOUR_S + 60)
    assert len(one.reported((3435, 0, 2))) == 5


def test_every_reported_path_is_in_the_object_table():
    one = street()
    one.run(8 * HOUR_S)
    for path, _, time_ms in one.reports:
        assert object_table.resource(path[0], path[2]) is not None
        assert time_ms is not None


def test_full_is_reported_at_once_with_its_level():
    one = street()
    one.run(60)
    one.reports.clear()
    one.board.distance_mm = 100
    one.run(16 * 60)
    assert one.reported((3435, 0, 5)) == [True]
    assert one.reported((3435, 0, 2)) == [90]


def test_emptied_bin_is_counted_and_empty_again():
    one = street()
    one.board.distance_mm = 100
    one.run(60)
    one.board.distance_mm = 980
    one.run(HOUR_S)
    assert one.read(3435, 0, 19) == 1
    assert one.reported((3435, 0, 7)) == [False, True]


def test_emptyings_survive_a_reset():
    one = street()
    one.board.distance_mm = 100
    one.run(60)
    one.board.distance_mm = 980
    one.run(2 * HOUR_S)
    assert street(Board(one.board.store)).read(3435, 0, 19) == 1


def test_emptying_is_on_flash_before_it_is_told():
    one = street()
    one.board.distance_mm = 100
    one.run(60)
    one.board.distance_mm = 980
    while not one.reported((3435, 0, 19)):
        one.run(1)
    assert street(Board(one.board.store)).read(3435, 0, 19) == 1


def test_damaged_state_on_flash_is_no_reason_not_to_start():
    store = FakeStore()
    store.write("bin-state", b"\xa1\x67filling\x05")
    store.write("bin", b"\xff")
    one = street(Board(store))
    one.run(60)
    assert one.read(3435, 0, 2) == 0


def test_bin_emptied_during_a_reset_is_counted():
    one = street()
    one.board.distance_mm = 100
    one.run(HOUR_S)
    board = Board(one.board.store)
    board.distance_mm = 990
    two = street(board)
    two.run(HOUR_S)
    assert two.read(3435, 0, 19) == 1


def test_counter_of_emptyings_is_reset_by_execute():
    one = street()
    one.board.distance_mm = 100
    one.run(60)
    one.board.distance_mm = 980
    one.run(HOUR_S)
    one.object(3435).execute(0, 20, "")
    assert one.read(3435, 0, 19) == 0


def test_lid_that_moves_does_not_count_as_filling():
    one = street()
    one.board.distance_mm = 900
    one.run(60)
    one.board.distance_mm = 150
    one.run(900 - 60 + 10)
    one.board.distance_mm = 900
    one.run(60)
    assert one.reported((3435, 0, 5)) == [False]
    assert one.read(3435, 0, 2) == 10


def test_fire_is_reported_within_seconds_of_the_look_that_sees_it():
    one = street(measure_interval_s=10)
    one.run(60)
    one.board.centicelsius = 6500
    one.run(14)
    assert one.reported((3435, 0, 22)) == [True]
    assert one.reported((3303, 0, 5700))[-1] == 65
    assert one.read(3435, 0, 22) is True


def test_level_that_never_settles_costs_no_battery_and_no_reports():
    one = street()
    one.run(60)
    one.reports.clear()
    restless = [100, 300, 500, 700, 200]
    shots = []

    def measure_mm():
        shots.append(None)
        return restless[(len(shots) - 1) // 8 % 5]

    one.board.measure_mm = measure_mm
    one.run(4 * HOUR_S)
    assert len(shots) <= 4 * 4 * 4 * 8
    assert one.reported((3435, 0, 6042))[:3] == [3, 3, 3]


def test_bin_that_falls_while_a_jump_waits_goes_on_reporting():
    one = street()
    one.run(60)
    one.board.distance_mm = 300
    while not one.furniture.filling.is_unconfirmed:
        one.run(1)
    one.board.vector_mg = (1000, 0, 0)
    one.run(60)
    one.reports.clear()
    one.run(3 * HOUR_S)
    assert len(one.reported((3435, 0, 2))) == 3


def test_accelerometer_that_fails_in_a_fall_is_not_asked_for_ever():
    one = street()
    one.run(60)
    vectors = [(1000, 0, 0)]
    reads = []

    def read_mg():
        reads.append(None)
        return vectors.pop() if vectors else None

    one.board.read_mg = read_mg
    one.run(HOUR_S)
    assert 60 <= len(reads) <= 70


def test_fallen_bin_is_out_of_position():
    one = street()
    one.run(60)
    one.board.vector_mg = (1000, 0, 50)
    one.board.distance_mm = 500
    one.run(16 * 60)
    assert one.reported((3435, 0, 13)) == [True]
    assert one.read(3429, 0, 6) is True
    assert abs(one.read(3429, 0, 1).scaled(-3) - 1521) <= 2


def test_level_of_a_fallen_bin_is_not_believed():
    one = street()
    one.run(60)
    one.board.vector_mg = (1000, 0, 50)
    one.board.distance_mm = 500
    one.run(16 * 60)
    assert one.read(3435, 0, 2) == 0
    assert one.read(3435, 0, 6042) == 2


def test_open_lid_is_a_cover_open_and_not_a_fallen_bin():
    one = street()
    one.run(60)
    one.board.vector_mg = (0, 900, 300)
    one.board.distance_mm = None
    one.run(16 * 60)
    assert one.reported((3435, 0, 21)) == [True]
    assert one.reported((3435, 0, 13)) == []


def test_missing_sensors_leave_their_objects_out():
    board = Board()
    board.thermometer = board.accelerometer = board.battery = None
    one = Street(Furniture, board)
    one.run(HOUR_S)
    assert [each.object_id for each in one.furniture.objects] == [3435, 3330]
    assert not one.furniture.is_sleepy


def test_rangefinder_without_an_echo_is_a_rejected_quality_and_no_level():
    one = street()
    one.board.distance_mm = None
    one.run(60)
    assert one.read(3435, 0, 6042) == 1
    assert 3 not in one.object(3435).resource_ids(0)


def test_low_battery_is_reported_at_once():
    one = street()
    one.run(60)
    one.board.battery_mv = 3300
    one.run(900)
    assert one.reported((3411, 0, 6)) == [True]
    assert one.read(3411, 0, 1) == 12
    assert one.read(3411, 0, 3) == Decimal(33, -1)


def test_written_threshold_counts_at_once_and_survives_a_reset():
    one = street()
    one.board.distance_mm = 400
    one.run(60)
    one.write(3435, 0, 4, Decimal(555, -1))
    assert one.read(3435, 0, 5) is True
    assert street(Board(one.board.store)).read(3435, 0, 4) == Decimal(555, -1)


def test_written_height_changes_the_geometry():
    one = street()
    one.write(3435, 0, 1, 200)
    one.board.distance_mm = 1000
    one.run(60)
    assert one.read(3435, 0, 2) == 50


def test_impossible_values_are_refused():
    one = street(shape=[[50, 400], [100, 1000]])
    object_3435 = one.object(3435)
    text = "x" * 65
    for resource_id, value in (
            (1, 5), (1, 1001), (4, 101), (6, -1), (14, 0), (16, 0), (18, text)):
        assert raises(Refused, object_3435.check, 0, resource_id, value).code == 0x80
    assert raises(Refused, one.object(3429).check, 0, 5, 4).code == 0x80


def test_forecast_is_an_absolute_time_at_the_average_speed():
    one = street()
    for hour in range(24):
        one.board.distance_mm = 1000 - 10 * hour
        one.run(HOUR_S)
    assert abs(one.read(3435, 0, 8).scaled(-1) - 240) <= 10
    due_s = one.read(3435, 0, 10) - NOON_S
    assert 75 * HOUR_S < due_s < 90 * HOUR_S


def test_there_is_no_forecast_while_the_clock_is_unknown():
    one = Street(Furniture, Board(), unix_s=None)
    one.run(12 * HOUR_S)
    assert 10 not in one.object(3435).resource_ids(0)


def test_extreme_temperatures_are_kept_and_reset():
    one = street()
    for celsius in (20, 31, 25):
        one.board.centicelsius = celsius * 100
        one.run(900)
    assert (one.read(3303, 0, 5601), one.read(3303, 0, 5602)) == (20, 31)
    one.object(3303).execute(0, 5605, "")
    assert (one.read(3303, 0, 5601), one.read(3303, 0, 5602)) == (25, 25)


def test_every_listed_resource_can_be_read_or_executed():
    one = street()
    one.run(12 * HOUR_S)
    for each in one.furniture.objects:
        for resource_id in each.resource_ids(0):
            resource = object_table.resource(each.object_id, resource_id)
            if "R" in resource.operations:
                assert each.read(0, resource_id) is not None
            else:
                assert resource.operations == "E"


def test_mandatory_resources_are_there_after_the_first_measurement():
    one = street()
    one.run(10)
    for object_id, resource_ids in ((3435, (2, 5, 7)), (3303, (5700,)), (3330, (5700,)),
                                    (3411, (1,)), (3429, (1,))):
        there = one.object(object_id).resource_ids(0)
        for resource_id in resource_ids:
            assert resource_id in there


def test_configuration_reset_brings_the_settings_back_and_keeps_the_counter():
    one = street()
    one.board.distance_mm = 100
    one.run(60)
    one.board.distance_mm = 980
    one.run(HOUR_S)
    one.write(3435, 0, 4, 50)
    one.write(3411, 0, 5, 30)
    one.furniture.reset_configuration()
    assert (one.read(3435, 0, 4), one.read(3411, 0, 5), one.read(3435, 0, 19)) == (80, 20, 1)


def test_a_day_costs_at_most_thirty_flash_writes():
    one = street()
    for hour in range(24):
        one.board.distance_mm = 900 - 20 * hour
        one.run(HOUR_S)
    assert one.board.store.writes <= 30
