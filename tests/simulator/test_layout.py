"""Where nodes stand: the mix, the circuits, the distances, and what a smaller district keeps."""

import math
from collections import Counter

from simulator.world.layout import EARTH_M_PER_DEGREE, LayoutSettings, furniture_at, layout
from simulator.world.places import SYDNEY


def metres(one, other):
    north = (one.latitude_e6 - other.latitude_e6) / 1e6 * EARTH_M_PER_DEGREE
    east = ((one.longitude_e6 - other.longitude_e6) / 1e6 * EARTH_M_PER_DEGREE
            * math.cos(math.radians(one.latitude_e6 / 1e6)))
    return math.hypot(north, east)


def test_the_mix_is_the_one_that_was_asked_for_in_any_stretch_of_street():
    settings = LayoutSettings(lamps=6, bins=2, parking=2)
    for first in (0, 370):
        sites = layout(470, 1, settings)[first:first + 100]
        assert Counter(site.furniture for site in sites) == {"lamp": 60, "bin": 20, "parking": 20}


def test_names_count_from_one_and_say_what_stands_there():
    for site in layout(50, 1, LayoutSettings()):
        assert site.name == f"{furniture_at(site.number, 6, 2, 2)} {site.number + 1}"
    assert len({site.endpoint for site in layout(500, 1, LayoutSettings())}) == 500


def test_thirty_lamps_hang_on_a_circuit_and_bays_on_one_of_a_lamp_nearby():
    sites = layout(1000, 1, LayoutSettings())
    lamps = Counter(site.circuit for site in sites if site.furniture == "lamp")
    assert set(lamps.values()) == {30} and len(lamps) == 20
    assert {site.circuit for site in sites if site.furniture == "parking"} == set(lamps)
    assert {site.circuit for site in sites if site.furniture == "bin"} == {""}


def test_lamps_stand_some_25_metres_apart_along_their_street():
    lamps = [site for site in layout(300, 1, LayoutSettings()) if site.furniture == "lamp"]
    pairs = [(one, other) for one, other in zip(lamps, lamps[1:]) if one.street == other.street]
    distances = [metres(one, other) for one, other in pairs]
    assert 24 < sum(distances) / len(distances) < 30
    # Where bins and bays stand between two lamps it is further.
    assert max(distances) < 90


def test_no_two_streets_run_over_each_other():
    sites = layout(2000, 1, LayoutSettings(), SYDNEY)
    for one in sites[::97]:
        for other in sites:
            if one.street != other.street:
                assert metres(one, other) > 12, (one, other)


def test_a_smaller_district_is_the_beginning_of_a_larger_one():
    assert layout(500, 3, LayoutSettings())[:60] == layout(60, 3, LayoutSettings())


def test_only_lamps_hang_on_what_the_cabinet_switches():
    sites = layout(100, 1, LayoutSettings(supply="switched"))
    assert all(site.is_switched == (site.furniture == "lamp") for site in sites)


def test_a_district_may_have_one_kind_of_furniture_alone():
    for parts in ({"lamps": 1}, {"bins": 1}, {"parking": 1}):
        settings = LayoutSettings(**{"lamps": 0, "bins": 0, "parking": 0, **parts})
        assert len({site.furniture for site in layout(200, 1, settings)}) == 1
