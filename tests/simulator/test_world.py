"""The world: equal for everybody who looks, whenever; told in order; with mains and its lamps."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fitting import Fitting
from simulator.happenings import LightSet, TruthChanged
from simulator.world.places import ANGERS, SYDNEY, TROMSO
from simulator.world.weather import Weather
from tests.firmware.lamp_bench import utc
from tests.simulator.small_world import DAY_S, SmallWorld

BUSY = {"fires_per_day": 0.5, "knocks_per_day": 3.0}
SWITCHED = {"supply": "switched"}


def truth(street):
    """Return what can be asked of a street now."""
    world = street.world
    now_s = world.look()
    return (
        [bay.is_occupied for bays in world.bays.values() for bay in bays],
        [round(bay.shift_ppm(now_s), 6) for bays in world.bays.values() for bay in bays],
        [(each.fill.percent, each.temperature_celsius(now_s)) for each in world.bins.values()],
        [who.is_present(now_s) for who in world.passers.values()],
        world.weather.daylight_lux(now_s), world.weather.air_celsius(now_s),
        world.weather.cloud_cover(now_s), [world.mains(site) for site in street.sites])


def readings(street):
    """Return what the street's sensors give now, scatter included."""
    found = []
    for site in street.sites:
        roles = Fitting(street.world, site)._roles
        for role, read in (("photocell", "read_lux"), ("rangefinder", "measure_mm"),
                           ("accelerometer", "read_mg"), ("thermometer", "read_centicelsius")):
            if role in roles:
                found.append(getattr(roles[role], read)())
        found += [loop.read_hz() for loop in roles.get("loops", ())]
    return found


def test_the_truth_does_not_depend_on_who_asks_and_when():
    fleet = {"motion_share": 1.0, "supply": "switched"}
    often, seldom = (SmallWorld(fleet=fleet, **BUSY) for _ in range(2))
    for step in range(1, 2 * 24 * 12):
        often.now_s = step * 301.5
        truth(often)
        readings(often)
    seldom.now_s = often.now_s
    assert truth(seldom) == truth(often) and readings(seldom) == readings(often)
    assert seldom.told == often.told


@given(st.lists(st.floats(0, DAY_S), max_size=12))
@settings(max_examples=20, deadline=None)
def test_the_truth_of_an_evening_is_the_same_whatever_moments_one_looked_at(moments):
    plain, looked = (SmallWorld(nodes=10, fleet=SWITCHED, **BUSY) for _ in range(2))
    for now_s in sorted(moments):
        looked.now_s = now_s
        readings(looked)
    plain.now_s = looked.now_s = DAY_S + 1
    assert truth(plain) == truth(looked) and readings(plain) == readings(looked)
    assert plain.told == looked.told


def test_changes_are_told_in_order_and_never_after_somebody_could_see_them():
    street = SmallWorld(**BUSY).run(3 * DAY_S)
    times = [each.time_us for each in street.told]
    assert times == sorted(times) and len(times) > 300
    looked = SmallWorld(**BUSY)
    looked.now_s = 3.0 * DAY_S
    looked.world.look()
    assert [each for each in looked.told if isinstance(each, TruthChanged)] \
        == [each for each in street.told if isinstance(each, TruthChanged)]


def test_what_one_place_does_is_no_matter_for_another():
    small, large = SmallWorld(nodes=10).run(2 * DAY_S), SmallWorld(nodes=60).run(2 * DAY_S)
    known = {site.endpoint for site in small.sites} | {"circuit 1", "Angers"}
    assert [each for each in large.told if getattr(each, "place", None) in known] \
        == [each for each in small.told if isinstance(each, TruthChanged)]


def test_another_seed_is_another_world():
    assert SmallWorld(seed=1).run(DAY_S).told != SmallWorld(seed=2).run(DAY_S).told


def test_the_start_is_told_at_the_start():
    street = SmallWorld(nodes=10)
    street.world.advance()
    assert all(each.time_us == 0 for each in street.told)
    quantities = {each.quantity for each in street.told if isinstance(each, TruthChanged)}
    assert quantities == {"sun", "night", "mains", "fill", "occupied.0"}
    # It is noon.
    assert street.changes("sun") == [(0.0, "Angers", 1.0)]
    assert street.changes("night") == [(0.0, "Angers", 0.0)]
    assert [each.permille for each in street.told if isinstance(each, LightSet)] == [1000] * 6


def test_bays_are_fuller_by_day_than_in_the_small_hours_and_emptier_on_sundays():
    street = SmallWorld(nodes=150, fleet={"lamps": 0, "bins": 0, "parking": 1}).run(8 * DAY_S)
    arrivals = [at_s for at_s, _, value in street.changes("occupied.0") if value and at_s]

    def count(day, first_hour, last_hour):
        start_s = (day * 24 + first_hour - 12) * 3600
        return sum(start_s <= at_s < start_s + (last_hour - first_hour) * 3600
                   for at_s in arrivals)

    # Day 0 is a Thursday, day 3 a Sunday.
    assert count(1, 9, 18) > 20 * count(1, 1, 4)
    assert count(3, 9, 18) < 0.9 * count(4, 9, 18)


def test_stays_last_from_minutes_to_a_night():
    street = SmallWorld(nodes=200, fleet={"lamps": 0, "bins": 0, "parking": 1}).run(2 * DAY_S)
    since, stays_s = {}, []
    for at_s, place, value in street.changes("occupied.0"):
        if value and at_s:
            since[place] = at_s
        elif place in since:
            stays_s.append(at_s - since[place])
    stays_s.sort()
    assert 10 * 60 < stays_s[len(stays_s) // 2] < 60 * 60
    assert stays_s[0] >= 40 and stays_s[-1] > 9 * 3600


def test_bins_fill_up_and_a_truck_empties_them():
    street = SmallWorld(nodes=30, fleet={"lamps": 0, "bins": 1, "parking": 0}).run(5 * DAY_S)
    levels = {}
    for each in street.told:
        if each.time_us and each.quantity in ("fill", "emptied"):
            before = levels.get(each.place, each.value)
            assert each.value >= before if each.quantity == "fill" else before >= 85
            levels[each.place] = each.value
    assert len(levels) == 30 and len(street.changes("emptied")) > 20


def test_a_fire_heats_fast_and_leaves_warmth_behind():
    street = SmallWorld(nodes=10, fires_per_day=2.0).run(DAY_S)
    at_s, place, _ = street.changes("fire")[0]
    street = SmallWorld(nodes=10, fires_per_day=2.0)
    container = street.world.bins[place]
    celsius = []
    for minute in (-1, 0, 2, 10):
        street.run(at_s + minute * 60)
        celsius.append(container.temperature_celsius(street.now_s))
    assert celsius[2] - celsius[1] > 30 and celsius[3] > 180 and abs(celsius[1] - celsius[0]) < 1


def test_a_switched_circuit_burns_from_dusk_to_dawn_and_its_lamps_start_together():
    street = SmallWorld(nodes=100, fleet=SWITCHED)
    calls = []
    for site in street.sites:
        street.world.on_mains(site, lambda is_live, site=site: calls.append(
            (street.now_s, site.furniture, is_live)))
    street.run(DAY_S)
    assert {furniture for _, furniture, _ in calls} == {"lamp"}
    sun = {value: at_s for at_s, _, value in street.changes("sun") if at_s}
    assert len({at_s for at_s, _, is_live in calls if is_live}) == 2
    for at_s, circuit, value in street.changes("mains"):
        if at_s:
            # Some ten to twenty-five minutes after sunset, and as long before sunrise.
            from_sun_s = at_s - sun[0.0] if value else sun[1.0] - at_s
            assert 5 * 60 < from_sun_s < 30 * 60, circuit


def test_a_blackout_takes_the_bays_too_and_leaves_bins_alone():
    street = SmallWorld(nodes=20, fleet=SWITCHED)
    street.run(60)
    street.world.set_mains("circuit 1", False)
    assert {site.furniture for site in street.sites if not street.world.mains(site)} \
        == {"lamp", "parking"}
    street.world.set_mains("circuit 1", True)
    # By day the cabinet gives the lamps nothing anyway.
    assert {site.furniture for site in street.sites if not street.world.mains(site)} == {"lamp"}


def test_mains_that_are_held_stay_whatever_sun_and_grid_do():
    street = SmallWorld(nodes=20, fleet=SWITCHED).run(60)
    street.world.set_mains("circuit 1", False)
    street.world.hold_mains()
    assert all(street.world.mains(site) for site in street.sites)
    street.run(2 * DAY_S)
    assert all(street.world.mains(site) for site in street.sites)


def test_circuits_are_found_by_street_and_by_node():
    world = SmallWorld(nodes=300).world
    assert world.circuits_of("circuit 3") == ("circuit 3",)
    assert world.circuits_of("street 2") == ("circuit 3", "circuit 4")
    assert world.circuits_of("lamp 5") == ("circuit 1",)
    assert world.circuits_of("all") == tuple(f"circuit {number}" for number in range(1, 7))
    assert world.circuits_of("bin 1") == ()


def test_a_lamp_gives_what_it_is_driven_at_while_it_has_mains_and_full_light_afterwards():
    street = SmallWorld(nodes=10)
    site = street.site("lamp")
    lamp = street.world.lamps[site.endpoint]
    street.run(10)
    lamp.set_level(300)
    street.run(20)
    street.world.set_mains(site.circuit, False)
    street.run(30)
    street.world.set_mains(site.circuit, True)
    light = [(each.time_us, each.permille) for each in street.told
             if isinstance(each, LightSet) and each.endpoint == site.endpoint]
    assert light == [(0, 1000), (10_000_000, 300), (20_000_000, 0), (30_000_000, 1000)]


def test_a_meter_chip_starts_at_zero_with_the_mains_and_the_truth_goes_on():
    street = SmallWorld(nodes=10)
    site = street.site("lamp")
    lamp = street.world.lamps[site.endpoint]
    street.run(3600)
    assert math.isclose(lamp.energy_mwh(), 60_000)
    assert abs(lamp.read().energy_mwh - 60_000) < 1_200
    street.world.set_mains(site.circuit, False)
    assert lamp.read() is None
    street.run(7200)
    street.world.set_mains(site.circuit, True)
    assert lamp.read().energy_mwh == 0 and math.isclose(lamp.energy_mwh(), 60_000)


def test_the_polar_night_keeps_cabinets_on_and_tells_no_sun():
    street = SmallWorld(place=TROMSO, start_s=utc(2026, 12, 10), fleet=SWITCHED).run(10 * DAY_S)
    assert street.changes("sun") == [(0.0, "Tromso", 0.0)]
    # At noon there is twilight: too bright for the night, too dark for the cabinet.
    assert len(street.changes("night")) > 15
    assert all(street.world.mains(site) for site in street.sites)


def test_summer_is_warm_in_december_in_sydney_and_clouds_take_light():
    def mean(weather, of):
        return sum(of(weather, hour * 3600.0) for hour in range(24 * 60)) / (24 * 60)

    december = utc(2026, 12, 1)
    sydney = Weather(1, december, SYDNEY)
    assert mean(sydney, Weather.air_celsius) > 18 > mean(Weather(1, december, ANGERS),
                                                         Weather.air_celsius) + 9
    light = [mean(Weather(1, december, ANGERS, sky), Weather.daylight_lux)
             for sky in ("clear", "mixed", "overcast")]
    assert light[0] > 1.1 * light[1] > 2 * light[2]


def test_passers_come_by_day_and_go():
    street = SmallWorld(nodes=10, fleet={"lamps": 1, "bins": 0, "parking": 0,
                                         "motion_share": 1.0})
    passers = street.world.passers[street.sites[0].endpoint]
    # From 17 to 18 and from 2 to 3 in the morning, every second.
    busy, quiet = ([passers.is_present(hour * 3600.0 + second) for second in range(3600)]
                   for hour in (5, 14))
    assert sum(busy) > 10 * sum(quiet) and 0 < sum(busy) < 3600
