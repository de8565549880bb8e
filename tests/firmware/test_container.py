"""From a distance to a level and a share of the volume."""

from firmware.furniture.container import Container

# A 3 m3 igloo for glass: wide below, narrow above.
IGLOO = [[60, 480], [120, 850], [150, 1000]]


def test_prism_fills_in_proportion():
    container = Container(120, 0, "prism")
    level_mm = container.level_mm(300)
    assert level_mm == 900
    assert container.fill_permille(level_mm) == 750


def test_sensor_above_the_rim_is_taken_into_account():
    assert Container(120, 15, "prism").level_mm(1350) == 0
    assert Container(120, 15, "prism").level_mm(150) == 1200


def test_sensor_below_the_rim_is_taken_into_account():
    assert Container(120, -10, "prism").level_mm(1100) == 0


def test_tapered_container_follows_its_curve():
    container = Container(150, 0, IGLOO)
    assert container.fill_permille(600) == 480
    assert container.fill_permille(900) == 665
    assert container.fill_permille(1500) == 1000


def test_equal_levels_of_a_tapered_and_a_straight_container_hold_different_shares():
    prism = Container(150, 0, "prism")
    assert (Container(150, 0, IGLOO).fill_permille(600), prism.fill_permille(600)) == (480, 400)


def test_curve_that_ends_below_the_rim_is_completed():
    assert Container(150, 0, [[60, 480]]).fill_permille(1500) == 1000
    assert Container(150, 0, [[0, 0], [60, 480]]).fill_permille(300) == 240


def test_contents_above_the_rim_are_a_full_container():
    container = Container(120, 10, "prism")
    assert container.fill_permille(container.level_mm(20)) == 1000


def test_surface_a_little_below_the_floor_is_an_empty_container():
    assert Container(120, 0, "prism").level_mm(1260) == 0


def test_surface_far_below_the_floor_is_no_level():
    assert Container(120, 0, "prism").level_mm(1301) is None


def test_level_and_distance_are_inverse_over_the_whole_height():
    container = Container(250, 12, [[100, 300], [250, 1000]])
    for level_mm in range(0, 2501, 10):
        assert container.level_mm(2620 - level_mm) == level_mm


def test_fill_never_falls_while_the_level_rises():
    container = Container(150, 0, IGLOO)
    fills = [container.fill_permille(level_mm) for level_mm in range(1501)]
    assert fills == sorted(fills)
    assert (fills[0], fills[-1]) == (0, 1000)


def test_curve_that_goes_beyond_the_rim_is_cut_there():
    container = Container(120, 0, IGLOO)
    assert container.fill_permille(600) == 480
    assert container.fill_permille(1200) == 1000


def test_curve_that_is_full_below_the_rim_stays_full():
    container = Container(150, 0, [[60, 480], [100, 1000]])
    assert [container.fill_permille(level_mm) for level_mm in (1000, 1200, 1500)] == [1000] * 3
