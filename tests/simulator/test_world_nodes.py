"""Real nodes, a day long in a world of their own, without a gateway: what they say is the truth.

A clock they are given once; then each goes by its own sensors. Scores are those of this world
model, and the bounds here are wide: they find a detector that is broken, not one that is worse.
"""

import heapq
from functools import cache

from firmware.clock import SERVER
from firmware.journal import ReadingTaken
from protocol.coap_parameters import TransmissionParameters
from protocol.settings import Settings
from simulator.account import content_of
from simulator.fleet import build
from simulator.happenings import NodeBooted, NodeSaid
from simulator.scores import Scores
from tests.simulator.small_world import NOON_S, SmallWorld

KINDS = {"lamp": "lamps", "bin": "bins", "parking": "parking"}
NODES = {"lamp": 2, "bin": 5, "parking": 2}


def settings_of(site):
    return Settings(server_uri="coap://10.255.0.1", security="none", supply="permanent",
                    latitude_e6=site.latitude_e6, longitude_e6=site.longitude_e6)


class Day:
    """Nodes of one kind in a SmallWorld; `said` are their readings."""

    def __init__(self, furniture, hours, **settings):
        fleet = dict.fromkeys(KINDS.values(), 0) | {KINDS[furniture]: 1}
        self.street = SmallWorld(nodes=NODES[furniture], fleet=fleet, **settings)
        self.scores = Scores(self.street.sites)
        self.said = []
        self._end_ms = hours * 3_600_000
        self._places = build(self.street.world, settings_of, TransmissionParameters())
        self._nodes = []

    def live(self):
        for place in self._places:
            self.street.told.append(NodeBooted(0, place.endpoint, "power"))
            node = place.make_node(lambda: None)
            node.start(0)
            node.clock.set_unix_s(NOON_S, SERVER)
            self._nodes.append(node)
        due = [(0, number) for number in range(len(self._nodes))]
        while due[0][0] < self._end_ms:
            now_ms, number = due[0]
            self.street.now_s = now_ms / 1000
            self.street.world.look()
            self._run(number, now_ms)
            next_ms = max(self._nodes[number].next_timeout_ms(), now_ms + 1)
            heapq.heapreplace(due, (next_ms, number))
            self._score()
        return {score.name: score for score in self.scores.end(self._end_ms * 1000)}

    def _run(self, number, now_ms):
        node = self._nodes[number]
        node.handle_timeout(now_ms)
        node.datagrams_to_send()
        while (event := node.next_event()) is not None:
            self.street.told.append(
                NodeSaid(now_ms * 1000, self._places[number].endpoint, event))

    def _score(self):
        for each in self.street.told:
            self.scores.take(each)
            if isinstance(each, NodeSaid) and isinstance(each.event, ReadingTaken):
                self.said.append(each)
        self.street.told.clear()

    def values(self, path):
        return [each.event.value for each in self.said if each.event.path == path]


@cache
def day_of(furniture, hours=24, **settings):
    day = Day(furniture, hours, **settings)
    return day, day.live()


def test_bins_say_how_full_they_are():
    _, scores = day_of("bin", fires_per_day=0.5, knocks_per_day=5.0)
    # A truck that came since the last measurement makes the worst of them; most are within 1.
    assert scores["error of the filling level, mean"].value < 2.0
    assert int(scores["error of the filling level, mean"].detail.split()[0]) > 120


def test_bins_find_fires_within_minutes_and_invent_none():
    _, scores = day_of("bin", fires_per_day=0.5, knocks_per_day=5.0)
    assert scores["false fire alarms"].value == 0 and scores["fires missed"].value == 0
    assert scores["a fire is known at the node, median"].value < 300


def test_bins_that_were_knocked_over_say_so_and_when_they_stand_again():
    day, _ = day_of("bin", fires_per_day=0.5, knocks_per_day=5.0)
    told = day.values((3435, 0, 13))
    assert told and told[0] is True and set(told) == {True, False}


def test_bays_are_told_right_but_for_seconds():
    _, scores = day_of("parking", hours=6)
    assert scores["occupancy of bays, share of the time told right"].value > 99.5
    assert scores["changes of bays told"].value > 95
    # A car rolls, and the detector waits until it stays.
    assert 1 < scores["a bay's change is known at the node, median"].value < 15


def test_lamps_burn_through_the_night_and_count_what_they_use():
    day, scores = day_of("lamp")
    assert scores["dark at night"].value == 0 and scores["light too late"].value == 0
    # A lamp that gets its power at noon burns until its photocell has looked for a while.
    assert scores["light too early"].value < 3
    assert abs(scores["energy registers against the energy used"].value) < 1.0
    assert min(day.values((3416, 0, 3))) == 0 and max(day.values((3416, 0, 3))) == 100


def test_lamps_under_a_grey_sky_burn_a_little_into_the_day_and_never_too_short():
    _, scores = day_of("lamp", hours=21, weather="overcast")
    assert scores["dark at night"].value == 0 and scores["light too late"].value < 3


def test_same_seed_lets_nodes_say_the_same():
    texts = []
    for _ in range(2):
        day = Day("bin", 3, fires_per_day=1.0)
        day.live()
        texts.append([(each.time_us, each.endpoint, content_of(each.event.path, each.event.value))
                      for each in day.said])
    assert texts[0] == texts[1] and len(texts[0]) > 100
