"""Sensors: right on average, with the scatter, drift and faults that real ones have."""

import itertools
import random
import statistics

from firmware.furniture.battery import Battery as BatteryJudge
from simulator.fitting import Fitting
from simulator.sensors import (
    CELL_SCATTER_MV,
    LOOP_SCATTER_HZ,
    RANGE_SCATTER_MM,
    THERMOMETER_SCATTER_C100,
)
from simulator.virtual_board import VirtualBoard
from simulator.world.draws import Noise
from tests.simulator.small_world import DAY_S, SmallWorld

YEAR_S = 365 * DAY_S


def roles(street, site):
    return Fitting(street.world, site)._roles


def read_for(street, read, seconds, step_s=0.5):
    """Return what a sensor gives again and again from now on."""
    start_s, values = street.now_s, []
    for number in range(int(seconds / step_s)):
        street.now_s = start_s + number * step_s
        values.append(read())
    return values


def test_scatter_is_normal_and_each_sensor_and_moment_has_its_own():
    noise = Noise(1)
    rows = [[noise.at(salt, 0.5 * step) for step in range(2000)] for salt in range(4)]
    for row in rows:
        assert abs(statistics.mean(row)) < 0.1 and 0.9 < statistics.stdev(row) < 1.1
        assert abs(statistics.correlation(row[1:], row[:-1])) < 0.1
    for one, other in itertools.combinations(rows, 2):
        assert abs(statistics.correlation(one, other)) < 0.1
    again = Noise(1)
    assert rows[0] == [again.at(0, 0.5 * step) for step in reversed(range(2000))][::-1]


def test_board_that_starts_finds_its_lamp_at_full_light():
    street = SmallWorld(nodes=1, fleet={"lamps": 1, "bins": 0, "parking": 0})
    fitting = Fitting(street.world, street.sites[0])
    lamp = street.world.lamps[street.sites[0].endpoint]
    board = VirtualBoard("lamp", 0, random.Random(1), lambda: None)
    for begin in (lambda: fitting.fit(board), fitting.release):
        lamp.set_level(0)
        begin()
        assert lamp.permille == 1000
    assert board.dimmer is lamp and board.meter is lamp and board.motion is None


def test_loop_rises_with_a_car_scatters_by_some_hertz_and_drifts_with_the_weather():
    street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 0, "parking": 1})
    bay = street.world.bays[street.sites[0].endpoint][0]
    loop = roles(street, street.sites[0])["loops"][0]
    free, occupied = [], []
    while not (free and occupied) or street.now_s < 3 * DAY_S:
        street.now_s = bay.next_s
        street.world.look()
        street.now_s += 10
        if bay.next_s > street.now_s + 10:
            (occupied if bay.is_occupied else free).append(
                statistics.mean(read_for(street, loop.read_hz, 10)))
    assert min(occupied) > 1.006 * max(free)
    drift_ppm = (max(free) / min(free) - 1) * 1e6
    assert 30 < drift_ppm < 2000
    still = read_for(street, loop.read_hz, 20)
    assert 1 < statistics.stdev(still) < 3 * LOOP_SCATTER_HZ


def test_car_that_rolls_onto_the_loop_moves_it_step_by_step():
    street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 0, "parking": 1})
    bay = street.world.bays[street.sites[0].endpoint][0]
    while not bay.is_occupied or street.now_s == 0:
        street.now_s = bay.next_s
        street.world.look()
    shifts = [bay.shift_ppm(street.now_s + second) for second in range(6)]
    assert shifts[0] == 0 and shifts == sorted(shifts)
    assert shifts[1] < 0.5 * shifts[4] and shifts[4] == shifts[5] >= 9_000


def test_rangefinder_scatters_and_now_and_then_hears_something_else_or_nothing():
    street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 1, "parking": 0}, waste=0.0)
    container = street.world.bins[street.sites[0].endpoint]
    shots = read_for(street, roles(street, street.sites[0])["rangefinder"].measure_mm, 3000)
    true_mm = container.height_mm * (100 - container.fill.percent) / 100
    near = [shot for shot in shots if shot is not None and abs(shot - true_mm) < 30]
    assert abs(statistics.mean(near) - true_mm) < 1
    assert 0.5 * RANGE_SCATTER_MM < statistics.stdev(near) < 1.5 * RANGE_SCATTER_MM
    assert 0.001 < shots.count(None) / len(shots) < 0.02
    assert 0.003 < (len(shots) - len(near) - shots.count(None)) / len(shots) < 0.03


def test_thermometer_scatters_around_the_truth():
    street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 1, "parking": 0})
    container = street.world.bins[street.sites[0].endpoint]
    thermometer = roles(street, street.sites[0])["thermometer"]
    errors = []
    for minute in range(600):
        street.now_s = minute * 60.0
        truth = 100 * container.temperature_celsius(street.now_s)
        errors.append(thermometer.read_centicelsius() - truth)
    assert abs(statistics.mean(errors)) < 2
    assert 0.5 < statistics.stdev(errors) / THERMOMETER_SCATTER_C100 < 1.5


def test_photocells_differ_and_darken_with_the_years():
    street = SmallWorld(nodes=40, fleet={"lamps": 1, "bins": 0, "parking": 0}, weather="clear")
    cells = [roles(street, site)["photocell"] for site in street.sites]
    shares = [cell.read_lux() / street.world.daylight_lux() for cell in cells]
    assert 0.6 < min(shares) < 0.85 and 1.0 < max(shares) < 1.26
    street.now_s = 1.0 * YEAR_S
    later = [cell.read_lux() / street.world.daylight_lux() for cell in cells]
    assert all(0.94 < after / before < 0.96 for before, after in zip(shares, later, strict=True))


def test_accelerometer_stands_upright_shakes_after_a_knock_and_lies_after_a_fall():
    street = SmallWorld(nodes=20, fleet={"lamps": 0, "bins": 1, "parking": 0},
                        knocks_per_day=5.0).run(2 * DAY_S)
    knock, fall = street.changes("knock")[0], street.changes("fallen")[0]
    endpoints = [site.endpoint for site in street.sites]
    seen = {}
    for name, (at_s, place, _) in (("knock", knock), ("fall", fall)):
        again = SmallWorld(nodes=20, fleet={"lamps": 0, "bins": 1, "parking": 0},
                           knocks_per_day=5.0).run(at_s - 1)
        sensor = roles(again, again.sites[endpoints.index(place)])["accelerometer"]
        seen[name, "before"] = sensor.read_mg()
        again.run(at_s + 0.5)
        seen[name, "then"] = sensor.read_mg()
        again.run(at_s + 60)
        seen[name, "later"] = sensor.read_mg()
    assert all(abs(seen[name, "before"][2] - 1000) < 40 for name in ("knock", "fall"))
    assert max(abs(a - b) for a, b in zip(seen["knock", "then"], (0, 0, 1000))) > 100
    assert abs(seen["knock", "later"][2] - 1000) < 40
    assert seen["fall", "later"][1] > 900 and abs(seen["fall", "later"][2]) < 200


def test_battery_empties_with_time_and_datagrams_until_the_node_calls_it_low():
    street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 1, "parking": 0},
                        battery_percent=(100, 100))
    battery = roles(street, street.sites[0])["battery"]
    judge, low_after_days = BatteryJudge(20), None
    for day in range(20 * 365):
        street.now_s = day * 86400.0
        for _ in range(96):
            battery.note_datagram()
        judge.update(battery.read_mv())
        if judge.is_low and low_after_days is None:
            low_after_days = day
            assert 15 < battery.percent() < 25
    # Some ten datagrams an hour: a few years.
    assert 2 * 365 < low_after_days < 12 * 365 and battery.percent() == 0


def test_batteries_begin_with_what_the_settings_say():
    street = SmallWorld(nodes=30, fleet={"lamps": 0, "bins": 1, "parking": 0},
                        battery_percent=(12, 18))
    batteries = [roles(street, site)["battery"] for site in street.sites]
    assert all(12 <= battery.percent() <= 18 for battery in batteries)
    assert all(3200 - 5 * CELL_SCATTER_MV < battery.read_mv() < 3400 for battery in batteries)


def test_calibrated_bay_knows_its_empty_frequency():
    street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 0, "parking": 1})
    bay = street.world.bays[street.sites[0].endpoint][0]
    loop = roles(street, street.sites[0])["loops"][0]
    while bay.is_occupied or street.now_s == 0:
        street.now_s = bay.next_s
        street.world.look()
    street.now_s += 20
    assert abs(statistics.mean(read_for(street, loop.read_hz, 20)) - loop.empty_hz()) < 3
