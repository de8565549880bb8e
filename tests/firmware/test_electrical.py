"""The electrical monitor 3418, the counters, and the failures of 3416 that the meter tells."""

from firmware.furniture import counters
from firmware.lwm2m_object import Refused
from protocol import cbor
from protocol.coap_message import BAD_REQUEST
from protocol.number import Decimal
from tests.firmware.lamp_bench import Bench, utc
from tests.portable import raises

NOWHERE = {}
NOON = utc(2026, 6, 15, 11)
NIGHT = utc(2026, 6, 15, 23)


def test_meter_is_shown_in_the_units_of_the_object():
    bench = Bench(place=NOWHERE)
    bench.run(20)
    assert bench.read(3418, 1) == 230
    assert bench.read(3418, 2) == Decimal(260, -3)
    assert bench.read(3418, 3) == 50
    assert bench.read(3418, 4) == 60
    assert bench.read(3418, 5) == Decimal(950, -3)
    assert bench.read(3418, 35) == 100


def test_silent_meter_leaves_its_resources_out_and_keeps_the_energy():
    bench = Bench(place=NOWHERE)
    bench.run(3600)
    bench.luminaire.is_meter_silent = True
    bench.run(70)
    assert 4 not in bench.objects[3418].resource_ids(0)
    assert raises(Refused, bench.read, 3418, 4).code == 132
    assert bench.read(3418, 6) == 60


def test_lamp_without_a_meter_claims_nothing_about_power():
    bench = Bench(place=NOWHERE, has_meter=False)
    bench.run(60)
    assert 3418 not in bench.objects
    assert not {5, 6, 7, 8, 9, 10, 11} & set(bench.objects[3416].resource_ids(0))
    assert bench.level() == 100


def test_energy_is_counted_in_watt_hours():
    bench = Bench(place=NOWHERE)
    bench.run(3600)
    assert 59 <= bench.read(3418, 6).scaled(0) <= 60
    bench.write(3416, {1: 50})
    bench.run(3600)
    assert 89 <= bench.read(3418, 6).scaled(0) <= 91


def test_energy_never_runs_backwards_nor_counts_twice_over_resets_of_the_node():
    bench = Bench(place=NOWHERE)
    bench.run(4000)
    used_mws = bench.luminaire.energy_mws
    # The chip goes on counting through a watchdog reset.
    for _ in range(5):
        again = bench.reset(place=NOWHERE, energy_mws=used_mws)
        again.run(4000)
        used_mws = again.luminaire.energy_mws
        counted = again.lamp.counters.energy_mwh
        assert used_mws // 3600 - 200 <= counted <= used_mws // 3600
        bench = again


def test_power_cut_costs_at_most_one_save_interval_of_energy():
    bench = Bench(place=NOWHERE)
    bench.run(3500)
    counted = bench.lamp.counters.energy_mwh
    again = bench.reset("power", place=NOWHERE)
    lost = counted - again.lamp.counters.energy_mwh
    assert 0 <= lost <= 60 * bench.board.energy_save_interval_s * 1000 // 3600
    again.run(60)
    assert again.lamp.counters.energy_mwh >= counted - lost + 980


def counted(*readings):
    """Return the energy after readings of the chip in mWh, ten seconds apart."""
    counting = counters.Counters(Bench(place=NOWHERE).store)
    for number, chip_mwh in enumerate(readings):
        counting.add_energy(chip_mwh, number * 10000)
    return counting.energy_mwh


def test_meter_chip_that_restarts_is_noticed():
    assert counted(100, 250, 30, 80) == 330


def test_absurd_step_of_the_meter_is_not_counted():
    assert counted(100, 4000000000, 4000000100) == 200


def test_meter_that_shows_zero_for_once_does_not_count_its_total_twice():
    assert counted(0, 500000, 500100, 0, 500200, 500300) == 200


def test_all_that_a_chip_shows_after_a_power_cut_is_new():
    bench = Bench(place=NOWHERE)
    bench.run(10)
    bench.lamp.save()
    counted_before = bench.lamp.counters.energy_mwh
    again = bench.reset("power", place=NOWHERE, energy_mws=3600 * 400)
    assert again.lamp.counters.energy_mwh == counted_before + 400


def test_node_that_lost_its_supply_alone_does_not_count_the_chip_twice():
    # A dip that the meter, on the mains side, does not see looks like a power-up to the chip.
    bench = Bench(place=NOWHERE)
    bench.run(7200)
    used_mws = bench.luminaire.energy_mws
    for _ in range(5):
        bench = bench.reset("power", place=NOWHERE, energy_mws=used_mws)
        bench.run(1000)
        used_mws = bench.luminaire.energy_mws
        assert bench.lamp.counters.energy_mwh <= used_mws // 3600


def test_meter_that_is_silent_after_a_power_cut_loses_nothing_of_what_it_counted():
    bench = Bench(place=NOWHERE)
    bench.run(4000)
    saved = bench.lamp.counters.energy_mwh
    again = bench.reset("power", place=NOWHERE)
    again.luminaire.is_meter_silent = True
    again.run(3600)
    again.luminaire.is_meter_silent = False
    again.run(20)
    assert again.lamp.counters.energy_mwh >= saved + 60000 - 15000


def test_counter_of_the_chip_that_wraps_is_followed_also_over_a_reset():
    wrap_mwh = 3000000
    store = Bench(place=NOWHERE).store
    counting = counters.Counters(store, wrap_mwh)
    counting.add_energy(900000, 0)
    for number in range(1, 11):
        counting.add_energy(900000 + number * 200000, number * 3600000)
    counting.add_energy(100000, 11 * 3600000)
    counting.save()
    again = counters.Counters(store, wrap_mwh)
    again.add_energy(150000, 0)
    assert again.energy_mwh == 3150000
    counting = counters.Counters(store, wrap_mwh)
    counting.add_energy(50, 0)
    assert counting.energy_mwh == 3100000 + 50


def test_energy_reset_begins_at_zero_and_stays_so_over_a_reset():
    bench = Bench(place=NOWHERE)
    bench.run(3600)
    bench.objects[3418].execute(0, 7, "")
    assert bench.read(3418, 6) == 0
    again = bench.reset(place=NOWHERE, energy_mws=bench.luminaire.energy_mws)
    assert again.read(3418, 6) == 0


def test_counters_cost_a_write_in_each_save_interval():
    bench = Bench(place=NOWHERE, report_interval_s=86400)
    writes = bench.store.writes
    bench.run(86400)
    assert bench.store.writes - writes <= 86400 // bench.board.energy_save_interval_s + 2


class PowerCut(BaseException):
    """The store's power went: before a write, or just after it."""


def live_until_cut(bench, cuts):
    """Let a lamp work and be read until the store is cut; return the energies that were seen.

    `cuts` is a list whose one item is how many moments are left: two for each write.
    """
    write = bench.store.write

    def write_or_die(key, data):
        for is_after in (False, True):
            cuts[0] -= 1
            if cuts[0] < 0:
                raise PowerCut
            if not is_after:
                write(key, data)

    bench.store.write = write_or_die
    seen = []
    try:
        for minute in range(40):
            bench.run(55)
            seen.append(bench.read(3418, 6).scaled(-2))
            if minute % 10 == 9:
                bench.write(3416, {1: 0 if minute % 20 == 9 else 100})
    except PowerCut:
        pass
    del bench.store.write
    return seen + [value.scaled(-2) for value in bench.reported((3418, 0, 6))]


def test_energy_register_neither_falls_nor_counts_twice_whenever_the_power_is_cut():
    # Two samples: the one after the save, and the one at which the next save was due.
    interval_mws = 60000 * (Bench(place=NOWHERE).board.energy_save_interval_s + 20)
    moment = 0
    is_cut = True
    while is_cut:
        bench = Bench(place=NOWHERE, report_interval_s=300)
        cuts = [moment]
        seen = live_until_cut(bench, cuts)
        is_cut = cuts[0] < 0
        used_mws = bench.luminaire.energy_mws
        # Mains are back: node and meter chip start together.
        again = bench.reset("power", place=NOWHERE)
        again.run(0)
        counted = again.read(3418, 6).scaled(-2)
        assert counted >= max(seen or [0]), moment
        assert used_mws - interval_mws <= counted * 36000 <= used_mws, moment
        again.run(3600)
        assert again.read(3418, 6).scaled(-2) * 36000 <= used_mws + again.luminaire.energy_mws
        moment += 1
    assert moment > 60


def test_damaged_counters_begin_anew():
    for data in (b"\xff", b"", cbor.encode([1]), cbor.encode("x")):
        bench = Bench(place=NOWHERE)
        bench.store.write("meter", data)
        assert counters.Counters(bench.store).energy_mwh == 0


def test_operating_hours_count_burning_alone_and_survive_a_reset():
    bench = Bench(place=NOWHERE)
    bench.run(7200)
    bench.write(3416, {1: 0})
    bench.run(3600)
    assert 200 <= bench.read(3416, 15).scaled(-2) <= 201
    again = bench.reset(place=NOWHERE, default_level=0)
    assert 200 <= again.read(3416, 15).scaled(-2) <= 201
    again.objects[3416].execute(0, 16, "")
    assert again.read(3416, 15) == 0


def test_switchings_off_are_counted_power_cuts_included():
    bench = Bench(place=NOWHERE)
    for level in (0, 50, 100, 0, 30):
        bench.write(3416, {1: level})
        bench.run(10)
    assert bench.read(3416, 18) == 2
    again = bench.reset("power", place=NOWHERE)
    assert again.read(3416, 18) == 3
    again.objects[3416].execute(0, 19, "")
    assert again.read(3416, 18) == 0


def test_time_of_lighting_is_told_once_the_clock_is_known():
    bench = Bench(place=NOWHERE)
    bench.run(100)
    assert 17 not in bench.objects[3416].resource_ids(0)
    bench.set_clock(NIGHT)
    assert bench.read(3416, 17) == NIGHT - 100


def test_dead_lamp_is_an_alarm_after_three_samples_and_is_measured_dark():
    bench = Bench(place=NOWHERE)
    bench.run(60)
    bench.luminaire.power_permille = 5
    bench.run(15)
    assert bench.read(3416, 5) is False
    bench.run(20)
    assert (bench.read(3416, 5), bench.read(3416, 6), bench.read(3416, 3)) == (True, 1, 0)
    assert bench.reported((3416, 0, 5)) == [True]
    bench.luminaire.power_permille = 1000
    bench.run(40)
    assert (bench.read(3416, 5), bench.read(3416, 6), bench.read(3416, 3)) == (False, 0, 100)
    assert bench.reported((3416, 0, 5)) == [True, False]
    assert bench.reported((3416, 0, 3)) == [100, 0, 100]


def test_lamp_that_lost_half_of_its_light_has_low_power():
    bench = Bench(place=NOWHERE)
    bench.luminaire.power_permille = 400
    bench.run(60)
    assert (bench.read(3416, 5), bench.read(3416, 6)) == (True, 2)


def test_lamp_between_half_and_six_tenths_keeps_its_flag():
    bench = Bench(place=NOWHERE)
    bench.luminaire.power_permille = 550
    bench.run(120)
    assert bench.read(3416, 5) is False
    bench.luminaire.power_permille = 400
    bench.run(60)
    bench.luminaire.power_permille = 550
    bench.run(120)
    assert bench.read(3416, 5) is True


def test_lamp_that_burns_unbidden_by_day_is_a_day_burner():
    bench = Bench()
    bench.set_clock(NOON)
    bench.run(60)
    bench.luminaire.is_stuck_at_full = True
    bench.run(60)
    assert (bench.read(3416, 10), bench.read(3416, 9)) == (True, True)
    assert bench.read(3416, 3) == 100
    assert bench.reported((3416, 0, 10)) == [True]
    bench.luminaire.is_meter_silent = True
    bench.run(60)
    assert bench.read(3416, 3) == 100


def test_lamp_that_burns_unbidden_at_night_is_a_relay_failure_alone():
    bench = Bench()
    bench.set_clock(NIGHT)
    bench.write(3416, {1: 0})
    bench.luminaire.is_stuck_at_full = True
    bench.run(60)
    assert (bench.read(3416, 10), bench.read(3416, 9)) == (False, True)


def test_control_gear_that_does_not_dim_is_told():
    bench = Bench(place=NOWHERE)
    bench.luminaire.is_stuck_at_full = True
    bench.write(3416, {1: 40})
    bench.run(60)
    assert (bench.read(3416, 7), bench.read(3416, 8)) == (True, 1)
    # At full light nobody can tell, so the flag stays.
    bench.write(3416, {1: 100})
    bench.run(60)
    assert bench.read(3416, 7) is True
    bench.luminaire.is_stuck_at_full = False
    bench.write(3416, {1: 40})
    bench.run(60)
    assert (bench.read(3416, 7), bench.read(3416, 8)) == (False, 0)


def test_control_gear_that_draws_too_much_is_told():
    bench = Bench(place=NOWHERE)
    bench.luminaire.power_permille = 1400
    bench.run(60)
    assert (bench.read(3416, 7), bench.read(3416, 8)) == (True, 2)


def test_lamp_that_goes_out_again_and_again_is_cycling():
    bench = Bench(place=NOWHERE)
    for _ in range(3):
        bench.luminaire.power_permille = 1000
        bench.run(600)
        bench.luminaire.power_permille = 0
        bench.run(60)
    assert bench.reported((3416, 0, 11)) == [True]
    bench.luminaire.power_permille = 1000
    bench.run(3700)
    assert bench.reported((3416, 0, 11)) == [True, False]


def test_lamp_that_is_switched_by_command_is_not_cycling():
    bench = Bench(place=NOWHERE)
    for _ in range(5):
        bench.write(3416, {1: 0})
        bench.run(120)
        bench.write(3416, {1: 100})
        bench.run(120)
    assert bench.reported((3416, 0, 11)) == []
    assert bench.reported((3416, 0, 5)) == []


def test_voltage_flags_rise_and_fall_with_hysteresis():
    bench = Bench(place=NOWHERE)
    bench.luminaire.voltage_mv = 206000
    bench.run(40)
    assert bench.reported((3418, 0, 21)) == [True]
    bench.luminaire.voltage_mv = 208000
    bench.run(60)
    assert bench.read(3418, 21) is True
    bench.luminaire.voltage_mv = 254000
    bench.run(60)
    assert (bench.read(3418, 21), bench.read(3418, 23)) == (False, True)


def test_power_flags_follow_written_thresholds():
    bench = Bench(place=NOWHERE)
    bench.write(3418, {10: Decimal(705, -1), 13: 100})
    assert bench.read(3418, 10) == Decimal(70500, -3)
    bench.run(60)
    assert (bench.read(3418, 12), bench.read(3418, 15)) == (True, False)
    bench.write(3418, {10: 10, 13: 50})
    bench.run(60)
    assert (bench.read(3418, 12), bench.read(3418, 15)) == (False, True)


def test_low_power_is_not_judged_while_the_lamp_is_dimmed():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {1: 20})
    bench.run(120)
    assert bench.read(3418, 12) is False


def test_absurd_thresholds_are_refused():
    monitor = Bench(place=NOWHERE).objects[3418]
    for value in (-1, 10**9, Decimal(1, 300), float("inf"), float("nan")):
        assert raises(Refused, monitor.check, 0, 20, value).code == BAD_REQUEST
