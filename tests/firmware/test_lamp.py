"""What a lamp does by itself: promise 3, its sensors, its dimmer and its reports."""

from firmware.furniture import light_level
from firmware.lwm2m_object import Refused
from protocol.coap_message import BAD_REQUEST
from protocol.number import Decimal
from tests.firmware.lamp_bench import DEAD, Bench, utc
from tests.portable import raises

NOWHERE = {}
NOON = utc(2026, 6, 15, 11)
NIGHT = utc(2026, 6, 15, 23)


def test_every_combination_of_inputs_is_arbitrated_in_the_promised_order():
    for held in (None, 0, 70):
        for override in (None, 0, 60):
            for schedule in (None, 0, 50):
                for dark in (None, True, False):
                    level = light_level.decide(held, override, schedule, dark, None, 40)
                    expected = [held, override, schedule,
                                {None: 100, True: 40, False: 0}[dark]]
                    assert level == [value for value in expected if value is not None][0]


def test_darkness_is_told_by_the_supply_then_the_photocell_then_the_sun():
    for photocell in (None, True, False):
        for sun_up in (None, True, False):
            assert light_level.is_dark(True, photocell, sun_up) is True
            by_sun = None if sun_up is None else not sun_up
            expected = by_sun if photocell is None else photocell
            assert light_level.is_dark(False, photocell, sun_up) is expected


def test_motion_raises_the_light_in_the_dark_alone_and_never_an_override():
    assert light_level.decide(None, None, 20, True, 80, 100) == 80
    assert light_level.decide(None, None, 0, True, 80, 100) == 80
    assert light_level.decide(None, None, 90, True, 80, 100) == 90
    assert light_level.decide(None, None, None, False, 80, 100) == 0
    assert light_level.decide(None, 10, 20, True, 80, 100) == 10
    assert light_level.decide(30, None, 20, True, 80, 100) == 30


def test_lamp_that_knows_nothing_burns_at_full():
    bench = Bench(place=NOWHERE)
    bench.run(3600)
    assert bench.level() == 100
    bench.set_clock(NOON)
    assert bench.level() == 100


def test_lamp_with_a_clock_and_a_position_follows_the_sun():
    bench = Bench()
    assert bench.level() == 100
    bench.set_clock(NOON)
    assert bench.level() == 0
    # Sunset at Angers on 15 June 2026 is at 20:01 UTC.
    bench.run_until(utc(2026, 6, 15, 20, 0))
    assert bench.level() == 0
    bench.run_until(utc(2026, 6, 15, 20, 5))
    assert bench.level() == 100


def test_photocell_needs_no_clock():
    bench = Bench(lux=3000, place=NOWHERE)
    bench.run(60)
    assert bench.level() == 0
    bench.board.photocell.lux = 5
    bench.run(120)
    assert bench.level() == 100


def test_photocell_decides_against_the_sun():
    bench = Bench(lux=5)
    bench.set_clock(NOON)
    bench.run(60)
    assert bench.level() == 100


def test_headlights_do_not_switch_a_lamp_off():
    bench = Bench(lux=5, place=NOWHERE)
    bench.board.photocell.lux = 400
    bench.run(20)
    bench.board.photocell.lux = 5
    bench.run(20)
    bench.board.photocell.lux = 400
    bench.run(25)
    assert bench.level() == 100
    bench.run(20)
    assert bench.level() == 0


def test_photocell_keeps_its_state_between_the_thresholds():
    bench = Bench(lux=100, place=NOWHERE)
    bench.board.photocell.lux = 25
    bench.run(300)
    assert bench.read(3419, 3) is False
    bench.board.photocell.lux = 19
    bench.run(60)
    assert bench.read(3419, 3) is True


def test_failed_photocell_gives_way_to_the_astronomical_clock():
    bench = Bench(lux=5)
    bench.set_clock(NOON)
    bench.board.photocell.lux = None
    bench.run(30)
    assert bench.level() == 100
    bench.run(60)
    assert bench.level() == 0
    assert 3 not in bench.objects[3419].resource_ids(0)


def test_lamp_on_a_switched_circuit_lights_at_once_without_a_clock():
    bench = Bench(supply="switched", lux=3000, default_level=80)
    bench.run(5)
    assert bench.level() == 80


def test_wrong_clock_does_not_darken_a_switched_circuit():
    bench = Bench(supply="switched")
    bench.program("S;R", "100;0")
    bench.set_clock(NOON)
    bench.run(60)
    assert bench.level() == 100


def test_switched_lamp_follows_its_schedule_once_the_clock_is_known():
    bench = Bench(supply="switched")
    bench.program("S;23:00;R", "100;40;0")
    bench.run(5)
    assert bench.level() == 100
    bench.set_clock(NIGHT)
    assert bench.level() == 40


def test_part_night_switching_holds_on_a_switched_circuit_at_night():
    bench = Bench(supply="switched")
    bench.program("S;23:00;R", "100;0;0")
    bench.set_clock(NIGHT)
    assert bench.level() == 0


def test_motion_boosts_a_dimmed_lamp_for_its_time():
    bench = Bench(has_motion=True, default_level=30, motion_boost_level=90, motion_boost_s=60)
    bench.set_clock(NIGHT)
    assert bench.level() == 30
    bench.board.motion.is_here = True
    bench.run(5)
    assert bench.level() == 90
    bench.board.motion.is_here = False
    bench.run(55)
    assert bench.level() == 90
    bench.run(10)
    assert bench.level() == 30
    assert bench.read(3302, 5501) == 1


def test_level_below_the_minimum_is_the_minimum_and_zero_is_off():
    bench = Bench(place=NOWHERE, minimum_level=15)
    bench.write(3416, {1: 3})
    bench.run(10)
    assert bench.level() == 15
    assert bench.read(3416, 2) == 15
    bench.write(3416, {1: 0})
    bench.run(10)
    assert bench.level() == 0


def test_fade_moves_linearly_in_small_steps():
    bench = Bench(place=NOWHERE, fade_ms=10000)
    del bench.luminaire.calls[:]
    bench.write(3416, {1: 50})
    bench.run(5)
    assert 740 <= bench.luminaire.permille <= 760
    bench.run(6)
    assert bench.luminaire.permille == 500
    calls = bench.luminaire.calls
    assert calls == sorted(calls, reverse=True)
    assert max([before - after for before, after in zip(calls, calls[1:])]) <= 10


def test_interrupted_fade_goes_on_from_where_it_is():
    bench = Bench(place=NOWHERE, fade_ms=10000)
    bench.write(3416, {1: 0})
    bench.run(5)
    del bench.luminaire.calls[:]
    bench.write(3416, {1: 100})
    bench.run(1)
    assert 480 <= bench.luminaire.calls[0] <= 520
    assert min(bench.luminaire.calls) >= 480


def test_fade_to_off_jumps_from_the_minimum():
    bench = Bench(place=NOWHERE, minimum_level=20)
    bench.write(3416, {1: 0})
    bench.run(10)
    assert bench.luminaire.calls[-1] == 0
    assert min(bench.luminaire.calls[:-1]) == 200


def test_virtual_power_output_scales_full_light():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {41: 80})
    bench.run(10)
    assert bench.luminaire.permille == 800
    assert bench.read(3416, 3) == 100
    bench.write(3416, {1: 50})
    bench.run(10)
    assert bench.luminaire.permille == 400


def test_constant_light_output_grows_with_operating_hours():
    bench = Bench(place=NOWHERE, constant_light_output=True)
    bench.run(10)
    assert bench.luminaire.permille == 900
    bench.lamp.counters.lamp_on_ms = 50000 * 3600 * 1000
    bench.run(60)
    assert bench.luminaire.permille == 950
    bench.lamp.counters.lamp_on_ms = 200000 * 3600 * 1000
    bench.run(60)
    assert bench.luminaire.permille == 1000


def test_maintenance_lock_holds_the_light_and_refuses_commands():
    bench = Bench(default_level=70)
    bench.set_clock(NIGHT)
    bench.lamp.is_locked = True
    bench.run(8 * 3600)
    assert bench.level() == 70
    lamp = bench.objects[3416]
    assert raises(Refused, lamp.check, 0, 1, 0).code == 0x85
    bench.lamp.is_locked = False
    bench.run(20)
    assert bench.level() == 0


def test_forgotten_lock_does_not_keep_a_street_dark():
    bench = Bench()
    bench.set_clock(NOON)
    bench.lamp.is_locked = True
    bench.run(11 * 3600)
    assert bench.level() == 0
    bench.run(2 * 3600)
    assert bench.level() == 100


def test_change_of_level_is_reported_when_the_fade_is_done():
    bench = Bench(place=NOWHERE, fade_ms=4000)
    assert bench.reported((3416, 0, 3)) == [100]
    bench.write(3416, {1: 30})
    bench.run(3)
    assert bench.reported((3416, 0, 3)) == [100]
    bench.run(2)
    assert bench.reported((3416, 0, 3)) == [100, 30]
    assert bench.reported((3416, 0, 54)) == [True]


def test_flag_is_reported_while_a_long_fade_is_under_way():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {52: 600, 1: 0})
    bench.run(20)
    assert bench.reported((3416, 0, 54)) == [True]
    assert bench.reported((3416, 0, 3)) == [100]


def test_photocell_that_never_spoke_reports_nothing():
    bench = Bench(lux=DEAD, report_interval_s=60)
    bench.run(120)
    assert bench.reported((3301, 0, 5700)) == []
    assert bench.objects[3301].instance_ids() == ()
    assert bench.level() == 100


def test_periodic_reports_come_once_per_interval_at_the_nodes_own_second():
    bench = Bench(lux=5, report_interval_s=600)
    del bench.reports[:]
    bench.run(3600)
    assert len(bench.reported((3418, 0, 6))) == 6
    assert len(bench.reported((3418, 0, 4))) == 6
    assert len(bench.reported((3301, 0, 5700))) == 6
    assert len(bench.reported((3416, 0, 15))) == 6


def test_neighbours_report_in_different_seconds():
    seconds = []
    for number in range(50):
        bench = Bench(place=NOWHERE, mac=b"\x24\x6f\x28\x00\x00" + bytes([number]))
        bench.run(899)
        seconds += [now_ms // 1000 for path, _, now_ms in bench.reports if path == (3418, 0, 6)]
    assert len(set(seconds)) == len(seconds) == 50


def test_idle_lamp_sleeps_ten_seconds_at_a_time():
    bench = Bench(place=NOWHERE)
    bench.wakes = 0
    bench.run(3600)
    assert bench.wakes <= 366


def test_silent_control_gear_is_reported_and_tried_again():
    bench = Bench(place=NOWHERE)
    bench.luminaire.is_silent = True
    bench.write(3416, {1: 50})
    bench.run(15)
    assert bench.read(3416, 12) is True
    assert bench.reported((3416, 0, 12)) == [True]
    bench.luminaire.is_silent = False
    bench.run(15)
    assert bench.level() == 50
    assert bench.reported((3416, 0, 12)) == [True, False]


def test_written_configuration_wins_over_the_settings_and_survives_a_reset():
    bench = Bench(place=NOWHERE, default_level=60)
    bench.write(3416, {4: 55, 37: 12, 49: Decimal(15, -1)})
    again = bench.reset(place=NOWHERE, default_level=60)
    assert again.read(3416, 4) == 55
    assert again.read(3416, 37) == 12
    assert again.read(3416, 49) == Decimal(15, -1)
    again.lamp.reset_configuration()
    assert again.read(3416, 4) == 60


def test_unchanged_configuration_costs_no_flash():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {4: 55})
    writes = bench.store.writes
    bench.write(3416, {4: 55})
    assert bench.store.writes == writes


def test_values_out_of_range_are_refused():
    lamp = Bench().objects[3416]
    for resource_id, value in ((1, 101), (1, -1), (4, 200), (36, 0), (41, 0), (53, 0), (51, -5),
                               (49, Decimal(-1, 0)), (13, {0: -1}), (35, {0: 14}),
                               (52, 1000000)):
        assert raises(Refused, lamp.check, 0, resource_id, value).code == BAD_REQUEST


def test_every_listed_resource_can_be_read():
    bench = Bench(lux=5, has_motion=True)
    bench.set_clock(NIGHT)
    for lwm2m_object in bench.lamp.objects:
        for instance_id in lwm2m_object.instance_ids():
            for resource_id in lwm2m_object.resource_ids(instance_id):
                if resource_id not in getattr(lwm2m_object, "executable", (5505,)):
                    assert lwm2m_object.read(instance_id, resource_id) is not None
