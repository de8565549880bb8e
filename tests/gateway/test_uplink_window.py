"""The core between the store and a back end: order, gaps, cursor."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.rows import Lane
from gateway.uplinks.lane_window import READ_AHEAD_MAX, STUCK_READINGS_MAX, LaneWindow
from gateway.uplinks.senml_pack import READINGS_MAX
from tests.gateway.uplink_rows import stored


def window(*nodes, cursor=0):
    """Return a window with one reading of each node in `nodes`, ids from cursor + 1."""
    core = LaneWindow(Lane.MEASUREMENT, cursor)
    core.load(stored(cursor + 1 + index, index, node) for index, node in enumerate(nodes))
    return core


def ids(pack):
    return [reading.id for reading in pack.readings]


def test_readings_of_a_node_travel_together():
    core = window("a", "b", "a", "a")
    assert ids(core.next_pack(0)) == [1, 3, 4]
    assert ids(core.next_pack(0)) == [2]
    assert core.next_pack(0) is None


def test_long_queue_is_cut_into_packs_one_at_a_time():
    core = window(*["a"] * (READINGS_MAX + 5))
    first = core.next_pack(0)
    assert len(first.readings) == READINGS_MAX
    assert core.next_pack(0) is None
    core.delivered(first)
    assert len(core.next_pack(0).readings) == 5


def test_cursor_stops_at_the_first_gap():
    core = window("a", "b", "a")
    first, second = core.next_pack(0), core.next_pack(0)
    core.delivered(first)
    assert core.cursor == 1
    core.delivered(second)
    assert core.cursor == 3


def test_refused_pack_is_not_overtaken_by_later_readings_of_its_node():
    core = window("a", "b")
    pack = core.next_pack(0)
    core.refused(pack, 1000)
    core.load([stored(3, 3, "a")])
    assert ids(core.next_pack(0)) == [2]
    assert core.next_pack(999) is None
    assert ids(core.next_pack(1000)) == [1, 3]


def test_refusals_are_counted_in_a_row():
    core = window("a")
    for count in range(3):
        assert core.refusals("a") == count
        core.refused(core.next_pack(count), count)
    core.delivered(core.next_pack(3))
    assert core.refusals("a") == 0


def test_lost_pack_goes_out_again_as_it_was():
    core = window("a", "a")
    pack = core.next_pack(0)
    core.lost(pack)
    assert core.next_pack(0) == pack


def test_read_ahead_is_bounded():
    core = window(*["a"] * READ_AHEAD_MAX)
    assert core.room() == 0


def fed(core, rounds, **refusal):
    """Return how many readings of "b" arrive while each of "a" is refused."""
    arrived = 0
    for number in range(rounds):
        if core.room() < 20:
            return arrived
        first = core.last_read + 1
        core.load(stored(first + index, index, "ab"[index % 2]) for index in range(20))
        while (pack := core.next_pack(number)) is not None:
            if pack.endpoint == "b":
                core.delivered(pack)
                arrived += len(pack.readings)
            else:
                core.refused(pack, number + 1, **refusal)
    return arrived


def test_node_that_is_refused_takes_no_room_from_the_others():
    core = LaneWindow(Lane.MEASUREMENT, 0)
    assert fed(core, 900) == 9000
    # Nothing of "a" is delivered, and the cursor waits for it.
    assert core.cursor == 0


def test_what_is_held_of_refused_nodes_is_bounded():
    core = LaneWindow(Lane.MEASUREMENT, 0)
    arrived = fed(core, 9999)
    assert STUCK_READINGS_MAX <= arrived <= STUCK_READINGS_MAX + READ_AHEAD_MAX


def test_where_nobody_is_delivered_to_no_more_is_read_ahead_than_ever():
    assert fed(LaneWindow(Lane.MEASUREMENT, 0), 9999, is_general=True) <= READ_AHEAD_MAX


def test_cursor_follows_once_a_refused_node_is_delivered():
    core = LaneWindow(Lane.MEASUREMENT, 0)
    fed(core, 50)
    while (pack := core.next_pack(99)) is not None:
        core.delivered(pack)
    assert core.cursor == core.last_read == 1000 and core.room() == READ_AHEAD_MAX


class Deliveries(RuleBasedStateMachine):
    """A back end that answers anyhow: each node's readings arrive in order, none is left out."""

    def __init__(self):
        super().__init__()
        self.core = LaneWindow(Lane.MEASUREMENT, 0)
        self.last_id = 0
        self.now_ms = 0
        self.under_way = []
        self.received = {}
        self.node_of = {}

    @rule(nodes=st.lists(st.sampled_from("abc"), min_size=1, max_size=8))
    def commit(self, nodes):
        first = self.last_id + 1
        self.core.load(stored(first + index, index, node) for index, node in enumerate(nodes))
        self.node_of.update({first + index: node for index, node in enumerate(nodes)})
        self.last_id += len(nodes)

    @rule()
    def send(self):
        pack = self.core.next_pack(self.now_ms)
        if pack is not None:
            assert all(pack.endpoint != other.endpoint for other in self.under_way)
            self.under_way.append(pack)

    @precondition(lambda self: self.under_way)
    @rule(outcome=st.sampled_from(["delivered", "delivered", "refused", "lost"]), data=st.data())
    def answer(self, outcome, data):
        pack = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        if outcome == "delivered":
            self.received.setdefault(pack.endpoint, []).extend(ids(pack))
            self.core.delivered(pack)
        elif outcome == "refused":
            self.core.refused(pack, self.now_ms + 10, data.draw(st.booleans()))
        else:
            self.core.lost(pack)

    @rule(step_ms=st.integers(1, 20))
    def wait(self, step_ms):
        self.now_ms += step_ms

    @invariant()
    def order_is_kept_and_nothing_comes_twice(self):
        for received in self.received.values():
            assert received == sorted(set(received))

    @invariant()
    def cursor_lies_behind_delivered_readings_only(self):
        delivered = {each for received in self.received.values() for each in received}
        assert all(each in delivered for each in range(1, self.core.cursor + 1))
        assert self.core.cursor == self.last_id or self.core.cursor + 1 not in delivered

    def teardown(self):
        for pack in self.under_way:
            self.core.lost(pack)
        while (pack := self.core.next_pack(self.now_ms + 100)) is not None:
            self.received.setdefault(pack.endpoint, []).extend(ids(pack))
            self.core.delivered(pack)
        assert self.core.cursor == self.last_id
        counts = Counter(each for received in self.received.values() for each in received)
        assert counts == Counter(self.node_of.keys())


Deliveries.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
test_any_course_of_answers_delivers_everything_in_order = Deliveries.TestCase
