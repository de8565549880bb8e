"""A world from a CSV file: what it says holds, the rest is modelled, and bad lines are named."""

import random

import pytest

from simulator.fitting import Fitting
from simulator.virtual_board import VirtualBoard
from simulator.world.replay import ReplayError, load
from tests.simulator.small_world import DAY_S, NOON_S, SmallWorld

HEAD = "time,node,quantity,value\n"


def replay_of(tmp_path, *lines):
    path = tmp_path / "world.csv"
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return load(path, NOON_S)


def board_of(street, site):
    board = VirtualBoard(site.furniture, site.number, random.Random(1), lambda: None)
    Fitting(street.world, site).fit(board)
    return board


def test_cars_come_and_go_as_the_file_says(tmp_path):
    replay = replay_of(tmp_path, "0,parking 3,occupied,1", "600,parking 3,occupied,0",
                       "700.5,parking 3,occupied.0,1", "900,parking 3,occupied,1")
    street = SmallWorld(replay=replay).run(DAY_S)
    told = [(at_s, value) for at_s, place, value in street.changes("occupied.0")
            if place == street.sites[2].endpoint]
    assert street.sites[2].name == "parking 3"
    assert told == [(0, 1), (600, 0), (700.5, 1)]


def test_what_the_file_does_not_name_is_as_without_it(tmp_path):
    replay = replay_of(tmp_path, "0,parking 3,occupied,1", "0,bin 1,fill,50")
    plain, replayed = SmallWorld().run(DAY_S), SmallWorld(replay=replay).run(DAY_S)
    named = (plain.sites[0].endpoint, plain.sites[2].endpoint)

    def others(street):
        return [each for each in street.told if getattr(each, "place", None) not in named]
    assert others(plain) == others(replayed) and plain.told != replayed.told


def test_bin_fills_and_is_emptied_as_the_file_says(tmp_path):
    replay = replay_of(tmp_path, "0,bin 1,fill,30", "100,bin 1,fill,45", "200,bin 1,fill,3")
    street = SmallWorld(replay=replay).run(150)
    endpoint = street.sites[0].endpoint
    assert street.world.bins[endpoint].fill.percent == 45
    street.run(DAY_S)
    assert [change for change in street.changes("emptied") if change[1] == endpoint] \
        == [(200, endpoint, 3)]


def test_sensors_read_the_light_motion_temperature_and_fire_of_the_file(tmp_path):
    replay = replay_of(
        tmp_path, "0,lamp 5,motion,0", "50,lamp 5,motion,1", "0,all,lux,7000", "0,lamp 6,lux,0",
        "0,bin 1,temperature,18", "50,bin 1,fire,1", "40,all,temperature,-5")
    street = SmallWorld(replay=replay)
    lamp, other, container = (board_of(street, street.sites[number]) for number in (4, 5, 0))
    assert not lamp.motion.is_present() and 4000 < lamp.photocell.read_lux() < 9000
    assert other.photocell.read_lux() == 0
    assert abs(container.thermometer.read_centicelsius() - 1800) < 50
    street.run(200)
    assert lamp.motion.is_present() and container.thermometer.read_centicelsius() > 4000
    assert street.world.weather.air_celsius(200) == -5


def test_mains_of_the_file_switch_the_circuit(tmp_path):
    replay = replay_of(tmp_path, "0,circuit 1,mains,1", "100,circuit 1,mains,0",
                       "160,circuit 1,mains,1")
    street = SmallWorld(replay=replay).run(130)
    assert not street.world.mains(street.site("lamp")) and street.world.mains(street.site("bin"))
    street.run(200)
    assert street.world.mains(street.site("lamp"))


def test_times_with_an_offset_are_moments_of_the_run(tmp_path):
    # The run starts at 12:00 in Angers, an hour ahead of UTC.
    replay = replay_of(tmp_path, "2026-11-12T12:30:00+01:00,bin 1,fill,1",
                       "2026-11-12T12:00:00Z,bin 1,fill,2", "7200,bin 1,fill,3")
    assert replay.tracks["bin 1", "fill"].times == [1800, 3600, 7200]


def test_first_value_holds_before_its_time_and_the_last_for_good(tmp_path):
    track = replay_of(tmp_path, "100,all,lux,5", "200,all,lux,9").track(("all",), "lux")
    assert [track.at(now_s) for now_s in (0, 99, 100, 199, 200, 1e9)] == [5, 5, 5, 5, 9, 9]


def test_nodes_that_are_not_there_are_named(tmp_path):
    replay = replay_of(tmp_path, "0,bin 1,fill,1", "0,bin 77,fill,1", "0,all,lux,1")
    assert replay.strangers(["bin 1", "lamp 2"]) == ["bin 77"]


@pytest.mark.parametrize("line, complaint", [
    ("0,bin 1,fill", "line 3: 3 columns instead of 4"),
    ("0,bin 1,height,3", "line 3: 'height' is none of occupied, fill"),
    ("0,bin 1,fill.2,3", "line 3: 'fill.2' is none of"),
    ("0,bin 1,fill,much", "line 3: 'much' is no number"),
    ("0,bin 1,fill,101", "line 3: fill must be from 0 to 100, not 101"),
    ("0,bin 1,fill,nan", "line 3: fill must be from 0 to 100, not nan"),
    ("noon,bin 1,fill,1", "line 3: 'noon' is neither a number of seconds nor a time like"),
    ("nan,bin 1,fill,1", "line 3: 'nan' is neither"),
    ("2026-11-12T12:30:00,bin 1,fill,1", "says no offset from UTC"),
    ("0,,fill,1", "line 3: no node"),
    ("4,parking 3,occupied,1", "line 3: 4 is before the line above of parking 3, occupied"),
])
def test_bad_line_is_named_with_what_is_wrong(tmp_path, line, complaint):
    with pytest.raises(ReplayError) as error:
        replay_of(tmp_path, "5,parking 3,occupied,0", line)
    assert complaint in str(error.value)


def test_file_of_other_bytes_is_refused(tmp_path):
    path = tmp_path / "world.csv"
    for data in (b"\xff\xfe", HEAD.encode() + b"0,bin 1,fill,\x00", b""):
        path.write_bytes(data)
        with pytest.raises(ReplayError, match="world.csv"):
            load(path, NOON_S)


def test_file_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "world.csv"
    path.write_text("when,who,what\n", encoding="utf-8")
    with pytest.raises(ReplayError, match="line 1: the columns must be time,node"):
        load(path, NOON_S)
