"""Scores of detectors, by streams of happenings whose right answer is known."""

import pytest

from firmware.journal import ReadingTaken
from protocol.number import Decimal
from simulator.happenings import LightSet, NodeBooted, NodeSaid, ReadingDelivered, TruthChanged
from simulator.scores import Scores
from simulator.scoring.figures import quantile
from simulator.world.layout import LayoutSettings, layout

SITES = layout(10, 1, LayoutSettings())
BIN, BAY, LAMP = (next(site for site in SITES if site.furniture == furniture)
                  for furniture in ("bin", "parking", "lamp"))
OCCUPANCY, QUALITY = (3431, 0, 1), (3431, 0, 6042)
FILL, FIRE, ENERGY = (3435, 0, 2), (3435, 0, 22), (3418, 0, 6)
SECOND = 1_000_000


class Stream:
    """Tells a Scores what happens, in seconds of the run."""

    def __init__(self, sites=SITES):
        self.scores = Scores(sites)
        self.sequence = 0

    def truth(self, at_s, place, quantity, value):
        self.scores.take(TruthChanged(round(at_s * SECOND), place, quantity, float(value)))

    def light(self, at_s, permille, site=LAMP):
        self.scores.take(LightSet(round(at_s * SECOND), site.endpoint, permille))

    def said(self, at_s, site, path, value, taken_s=None):
        self.sequence += 1
        taken_s = at_s if taken_s is None else taken_s
        event = ReadingTaken(1, self.sequence, path, value, round(taken_s * 1000))
        self.scores.take(NodeSaid(round(at_s * SECOND), site.endpoint, event))

    def delivered(self, at_s, site):
        """The last reading has come to the city."""
        self.scores.take(ReadingDelivered(
            round(at_s * SECOND), "gateway-1", site.endpoint, 1, self.sequence, "alarms", "", "",
            0))

    def end(self, at_s):
        return {score.name: score for score in self.scores.end(round(at_s * SECOND))}


def bay_stream():
    stream = Stream()
    stream.truth(0, BAY.endpoint, "occupied.0", 0)
    stream.said(0, BAY, OCCUPANCY, False)
    stream.said(0, BAY, QUALITY, 4)
    return stream


def test_bay_that_is_told_right_after_ten_seconds_is_wrong_for_ten_seconds():
    stream = bay_stream()
    stream.truth(100, BAY.endpoint, "occupied.0", 1)
    stream.said(110, BAY, OCCUPANCY, True)
    stream.delivered(125, BAY)
    scores = stream.end(1000)
    assert scores["occupancy of bays, share of the time told right"].value == pytest.approx(99.0)
    assert scores["changes of bays told"].value == 100
    assert scores["a bay's change is known at the node, median"].value == 10
    assert scores["a bay's change is known at the city, median"].value == 25


def test_stay_that_nobody_told_is_two_changes_missed():
    stream = bay_stream()
    stream.truth(100, BAY.endpoint, "occupied.0", 1)
    stream.truth(105, BAY.endpoint, "occupied.0", 0)
    scores = stream.end(1000)
    assert scores["changes of bays told"].value == 0
    assert "2 changes, 2 not told, 0 told wrongly" in scores["changes of bays told"].detail
    assert "a bay's change is known at the node, median" not in scores


def test_car_that_never_came_is_a_change_told_wrongly():
    stream = bay_stream()
    stream.truth(100, BAY.endpoint, "occupied.0", 1)
    stream.said(101, BAY, OCCUPANCY, True)
    stream.said(500, BAY, OCCUPANCY, False)
    scores = stream.end(1000)
    assert "1 changes, 0 not told, 1 told wrongly" in scores["changes of bays told"].detail
    assert scores["occupancy of bays, share of the time told right"].value == pytest.approx(49.9)


def test_stay_that_was_told_when_it_was_over_is_told_wrongly():
    stream = bay_stream()
    stream.truth(100, BAY.endpoint, "occupied.0", 1)
    stream.truth(105, BAY.endpoint, "occupied.0", 0)
    stream.said(106, BAY, OCCUPANCY, True)
    stream.said(120, BAY, OCCUPANCY, False)
    scores = stream.end(1000)
    assert "2 changes, 2 not told, 1 told wrongly" in scores["changes of bays told"].detail


def test_bay_of_which_nothing_is_known_is_neither_right_nor_wrong():
    stream = bay_stream()
    stream.said(500, BAY, QUALITY, 2)
    stream.truth(600, BAY.endpoint, "occupied.0", 1)
    score = stream.end(1000)["occupancy of bays, share of the time told right"]
    assert score.value == 100 and "unknown for another 50.00 %" in score.detail


def test_change_that_is_under_way_at_the_end_is_not_missed():
    stream = bay_stream()
    stream.truth(995, BAY.endpoint, "occupied.0", 1)
    assert "changes of bays told" not in stream.end(1000)


def test_repeated_occupancy_is_no_change():
    stream = bay_stream()
    for hour in range(1, 5):
        stream.said(hour * 3600, BAY, OCCUPANCY, False)
    assert "changes of bays told" not in stream.end(5 * 3600)


def test_fires_are_told_missed_or_false():
    stream = Stream()
    stream.said(50, BIN, FIRE, True)
    stream.said(60, BIN, FIRE, False)
    stream.truth(1000, BIN.endpoint, "fire", 1)
    stream.said(1090, BIN, FIRE, True)
    stream.said(1800, BIN, FIRE, False)
    # The same fire told again is neither another one nor a late one.
    stream.said(2000, BIN, FIRE, True)
    stream.truth(3000, BIN.endpoint, "fire", 0)
    stream.said(4000, BIN, FIRE, False)
    stream.truth(50_000, BIN.endpoint, "fire", 1)
    stream.truth(51_000, BIN.endpoint, "fire", 0)
    stream.said(80_000, BIN, FIRE, True)
    scores = stream.end(90_000)
    assert scores["false fire alarms"].value == 2
    assert scores["fires missed"].value == 1 and scores["fires missed"].detail == "of 2"
    assert scores["a fire is known at the node, median"].value == 90
    assert scores["a fire is known at the node, median"].detail == "the latest after 90 s"


def test_filling_is_compared_with_the_level_of_when_it_was_measured():
    stream = Stream()
    stream.truth(0, BIN.endpoint, "fill", 40)
    stream.scores.take(NodeBooted(10 * SECOND, BIN.endpoint, "power"))
    stream.truth(500, BIN.endpoint, "fill", 60)
    # Measured 480 s after the boot, at 490 s; told when the bag had fallen.
    stream.said(505, BIN, FILL, Decimal(425, -1), taken_s=480)
    stream.truth(900, BIN.endpoint, "emptied", 2)
    stream.said(1000, BIN, FILL, Decimal(25, -1), taken_s=985)
    score = stream.end(2000)["error of the filling level, mean"]
    assert score.value == pytest.approx(1.5) and "worst off by 2.5" in score.detail


def sun_stream(sites=SITES):
    stream = Stream(sites)
    stream.truth(0, "Angers", "sun", 1)
    stream.truth(0, "Angers", "night", 0)
    stream.truth(0, LAMP.circuit, "mains", 1)
    return stream


def lamp_minutes(scores, name):
    """Return the minutes in a day of the six lamps."""
    return scores[name].value * sum(site.furniture == "lamp" for site in SITES)


def test_light_before_sunset_is_early_after_sunrise_late_and_none_in_the_night_dark():
    stream = sun_stream()
    hour = 3600
    stream.light(4.5 * hour, 1000)
    stream.truth(5 * hour, "Angers", "sun", 0)
    stream.truth(6 * hour, "Angers", "night", 1)
    stream.light(9 * hour, 0)
    stream.light(9.25 * hour, 500)
    stream.truth(18 * hour, "Angers", "night", 0)
    stream.truth(19 * hour, "Angers", "sun", 1)
    stream.light(19.1 * hour, 0)
    # Out since the morning, and lit again long before the evening.
    stream.light(22 * hour, 1000)
    stream.light(22.5 * hour, 0)
    scores = stream.end(24 * hour)
    assert lamp_minutes(scores, "light too early") == pytest.approx(60)
    assert lamp_minutes(scores, "light too late") == pytest.approx(6)
    # The other five lamps were dark all night.
    assert lamp_minutes(scores, "dark at night") == pytest.approx(15 + 5 * 720)
    assert f"most at {LAMP.name}: 60.0 min" in scores["light too early"].detail


def test_lamp_without_mains_is_not_dark_by_its_own_fault():
    stream = sun_stream()
    stream.truth(0, "Angers", "night", 1)
    stream.truth(3600, LAMP.circuit, "mains", 0)
    stream.truth(7200, LAMP.circuit, "mains", 1)
    assert lamp_minutes(stream.end(86400), "dark at night") == pytest.approx(6 * 23 * 60)


def test_twilight_leaves_lamps_free():
    stream = sun_stream()
    stream.truth(0, "Angers", "sun", 0)
    stream.light(100, 1000)
    scores = stream.end(86400)
    assert all(scores[name].value == 0 for name in
               ("light too early", "light too late", "dark at night"))


def test_register_is_compared_with_the_energy_up_to_its_reading():
    stream = sun_stream()
    stream.light(0, 1000)
    stream.light(7200, 500)
    # 60 W: 120 Wh in two hours, and 30 Wh in the third.
    stream.said(10_800, LAMP, ENERGY, Decimal(14850, -2))
    score = stream.end(90_000)["energy registers against the energy used"]
    assert score.value == pytest.approx(-1.0)
    assert f"most off {LAMP.name}: -1.5 of 150.0 Wh" in score.detail


def test_register_that_was_reset_counts_from_there():
    stream = sun_stream()
    stream.light(0, 1000)
    stream.said(3600, LAMP, ENERGY, 60)
    stream.said(7200, LAMP, ENERGY, 30)
    stream.said(10_800, LAMP, ENERGY, 90)
    assert stream.end(20_000)["energy registers against the energy used"].value \
        == pytest.approx(0.0)


def test_run_without_furniture_has_no_scores():
    assert Stream(()).end(1000) == {}


def test_quantiles_are_values_that_were_there():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [quantile(values, share) for share in (0.0, 0.2, 0.5, 0.95, 1.0)] == [1, 1, 3, 5, 5]
