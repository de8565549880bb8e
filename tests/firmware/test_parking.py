"""Parking bays as a furniture: what they report, count, keep and let servers write."""

from firmware.furniture.parking import Furniture
from firmware.lwm2m_object import Refused
from protocol import object_table
from protocol.number import Decimal
from tests.firmware.fake_board import NOON_S, Board, Street
from tests.portable import raises

FREE_HZ = 60000
CAR_HZ = 60480
HOUR_S = 3600


def street(board=None, unix_s=NOON_S, **values):
    board = board or Board(bays=values.get("bays", 1))
    return Street(Furniture, board, unix_s, **values)


def calibrated(**values):
    """A street of free bays that know it."""
    one = street(**values)
    one.run(10)
    for bay in range(len(one.board.loops)):
        one.object(42801).execute(bay, 4, "")
    one.run(10)
    one.reports.clear()
    return one


def test_first_boot_reports_an_occupancy_that_is_not_to_be_trusted():
    one = street()
    one.run(20)
    assert one.reported((3431, 0, 6042)) == [2]
    assert one.reported((3431, 0, 6049)) == [0]


def test_arrival_is_reported_with_the_time_of_the_transition():
    one = calibrated()
    arrived_ms = one.clock.now_ms
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(10)
    ((value, time_ms),) = [
        (value, time_ms) for path, value, time_ms in one.reports if path == (3431, 0, 1)]
    assert value is True
    assert arrived_ms < time_ms <= arrived_ms + 1500
    assert one.read(3431, 0, 5518) == one.clock.to_unix_s(time_ms)


def readings(one, seconds):
    """Return how often the node looks at its loops in this time."""
    before_ms, count = one.clock.now_ms, 0
    while one.furniture.next_timeout_ms() <= before_ms + seconds * 1000:
        one.clock.now_ms = one.furniture.next_timeout_ms()
        one.furniture.handle_timeout(one.clock.now_ms)
        count += 1
    one.clock.now_ms = before_ms + seconds * 1000
    return count


def test_bays_are_read_once_in_a_dwell_time_while_calm_and_four_times_once_one_stirs():
    one = calibrated(bays=2)
    assert 29 <= readings(one, 60) <= 31
    one.board.frequencies_hz[1] = CAR_HZ
    # A reading that finds the car, two that agree with it, and a dwell time until it counts.
    assert 5 <= readings(one, 5) <= 8
    assert one.reported((3431, 1, 1)) == [True]
    assert 29 <= readings(one, 60) <= 31


def test_a_bay_that_is_unknown_or_has_no_loop_is_never_calm():
    one = street()
    assert 119 <= readings(one, 60) <= 121
    one = calibrated()
    one.board.frequencies_hz[0] = None
    assert readings(one, 60) >= 115


def test_departure_is_reported_with_the_length_of_the_stay():
    one = calibrated()
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(600)
    one.board.frequencies_hz[0] = FREE_HZ
    one.run(10)
    assert one.reported((3431, 0, 1)) == [True, False]
    assert one.reported((3431, 0, 2))[-1] == 600
    assert one.read(3431, 0, 2) == 600


def test_bays_are_independent():
    one = calibrated(bays=3)
    one.board.frequencies_hz[1] = CAR_HZ
    one.run(10)
    assert [one.read(3431, bay, 1) for bay in range(3)] == [False, True, False]
    assert one.object(3431).instance_ids() == (0, 1, 2)
    assert one.object(42801).instance_ids() == (0, 1, 2)


def test_heartbeat_goes_once_an_hour():
    one = calibrated()
    one.run(5 * HOUR_S)
    assert len(one.reported((3431, 0, 1))) == 5
    assert one.reported((3318, 0, 5700)) == [FREE_HZ] * 5


def test_daily_duration_adds_up_stays_and_starts_again_at_local_midnight():
    one = calibrated()
    for _ in range(3):
        one.board.frequencies_hz[0] = CAR_HZ
        one.run(HOUR_S)
        one.board.frequencies_hz[0] = FREE_HZ
        one.run(60)
    assert abs(one.read(3431, 0, 3) - 3 * HOUR_S) <= 3
    one.run(12 * HOUR_S)
    assert one.read(3431, 0, 3) == 0


def test_stay_over_midnight_counts_from_midnight():
    one = calibrated()
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(13 * HOUR_S)
    # 12:00:20 in Angers plus 13 hours.
    assert abs(one.read(3431, 0, 3) - HOUR_S - 20) <= 3
    assert abs(one.read(3431, 0, 2) - 13 * HOUR_S) <= 3


def test_daily_duration_survives_a_reset():
    one = calibrated()
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(HOUR_S)
    one.board.frequencies_hz[0] = FREE_HZ
    one.run(60)
    two = street(Board(one.board.store), NOON_S + 2 * HOUR_S)
    two.run(60)
    assert abs(two.read(3431, 0, 3) - HOUR_S) <= 3


def test_overstay_is_told_once_and_ends_with_the_departure():
    one = calibrated(overstay_s=1800)
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(HOUR_S)
    assert one.reported((3431, 0, 4)) == [True]
    one.board.frequencies_hz[0] = FREE_HZ
    one.run(10)
    assert one.reported((3431, 0, 4)) == [True, False]


def test_without_an_overstay_setting_nothing_is_forbidden():
    one = calibrated()
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(24 * HOUR_S)
    assert one.reported((3431, 0, 4)) == []


def test_broken_loop_is_an_alarm_with_a_rejected_quality():
    one = calibrated()
    one.board.frequencies_hz[0] = 0
    one.run(10)
    assert one.reported((42801, 0, 7)) == [2]
    assert one.reported((3431, 0, 6042)) == [1]
    one.board.frequencies_hz[0] = 190000
    one.run(10)
    assert one.reported((42801, 0, 7)) == [2, 3]


def test_mended_loop_is_told():
    one = calibrated()
    one.board.frequencies_hz[0] = 0
    one.run(10)
    one.board.frequencies_hz[0] = FREE_HZ
    one.run(10)
    assert one.reported((42801, 0, 7)) == [2, 0]
    assert one.reported((3431, 0, 6042)) == [1, 4]


def test_baseline_survives_a_reset_so_that_a_parked_car_is_seen():
    one = calibrated()
    board = Board(one.board.store)
    board.frequencies_hz[0] = CAR_HZ
    two = street(board)
    two.run(20)
    assert two.read(3431, 0, 1) is True
    assert two.read(3431, 0, 6042) == 3


def test_baseline_that_weather_moved_is_saved_at_most_once_an_hour():
    one = calibrated()
    writes = one.board.store.writes
    for minute in range(6 * 60):
        one.board.frequencies_hz[0] = FREE_HZ + minute
        one.run(60)
    assert 4 <= one.board.store.writes - writes <= 7


def test_calibration_object_shows_baseline_shift_and_quality():
    one = calibrated()
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(10)
    assert one.read(42801, 0, 0) == FREE_HZ
    assert one.read(42801, 0, 6) == 8000
    assert one.read(42801, 0, 7) == 0
    assert abs(one.read(42801, 0, 8) - NOON_S - 10) <= 1


def test_baseline_is_not_shown_before_it_is_learned():
    one = street()
    one.run(60)
    assert 0 not in one.object(42801).resource_ids(0)
    assert one.read(42801, 0, 7) == 1


def test_recalibration_of_a_broken_loop_is_refused():
    one = street()
    one.board.frequencies_hz[0] = None
    one.run(20)
    assert raises(Refused, one.object(42801).execute, 0, 4, "").code == 0x80


def test_recalibration_below_a_car_is_corrected_when_it_leaves():
    one = street()
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(10)
    one.object(42801).execute(0, 4, "")
    one.board.frequencies_hz[0] = FREE_HZ
    one.run(120)
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(10)
    assert one.read(3431, 0, 1) is True


def test_written_threshold_counts_at_once_and_survives_a_reset():
    one = calibrated()
    one.write(42801, 0, 1, 9000)
    one.board.frequencies_hz[0] = CAR_HZ
    one.run(10)
    assert one.read(3431, 0, 1) is False
    assert street(Board(one.board.store)).read(42801, 0, 1) == 9000


def test_impossible_values_are_refused():
    one = street()
    for resource_id, value in ((1, 99), (1, 100001), (2, -1), (3, 600001)):
        assert raises(Refused, one.object(42801).check, 0, resource_id, value).code == 0x80
    assert raises(Refused, one.object(3431).check, 0, 5, "x" * 65).code == 0x80


def test_settings_decide_how_many_of_the_loops_are_bays():
    one = Street(Furniture, Board(bays=4), bays=2)
    assert one.object(3431).instance_ids() == (0, 1)


def test_every_listed_resource_can_be_read_or_executed_and_is_in_the_table():
    one = calibrated()
    for each in one.furniture.objects:
        for resource_id in each.resource_ids(0):
            resource = object_table.resource(each.object_id, resource_id)
            if "R" in resource.operations:
                assert each.read(0, resource_id) is not None
            else:
                assert resource.operations == "E"


def test_units_of_the_frequency_are_hertz():
    one = calibrated()
    assert one.read(3318, 0, 5701) == "Hz"
    assert one.read(42801, 0, 0) == Decimal(FREE_HZ * 1000, -3)


def test_configuration_reset_brings_the_settings_back_and_keeps_the_baseline():
    one = calibrated()
    one.write(42801, 0, 1, 9000)
    one.furniture.reset_configuration()
    assert one.read(42801, 0, 1) == 4000
    assert one.read(42801, 0, 0) == FREE_HZ
