"""The consumer's acknowledgements, and the packs that wait for them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rows import Lane
from gateway.uplinks import mqtt_acks
from gateway.uplinks.lane_window import LaneWindow
from gateway.uplinks.mqtt_acks import Acknowledgement
from gateway.uplinks.senml_pack import Pack
from gateway.uplinks.under_way import UnderWay
from tests.gateway.uplink_rows import EPOCH, stored

WINDOW = LaneWindow(Lane.MEASUREMENT, 0)


def pack(*sequences, endpoint="lamp", boot=1):
    return Pack(tuple(stored(each, each, endpoint, boot=boot) for each in sequences))


def named(text, endpoint="lamp", boot="1"):
    """Return an acknowledgement of the ranges in `text`."""
    entry = {"node": endpoint, "id": f"{boot}:{text}"}
    ((acknowledged,), malformed) = mqtt_acks.parse(json.dumps({"acks": [entry]}).encode())
    assert malformed == 0
    return acknowledged


def whole(core, acknowledged):
    """Return the sequence numbers of the packs that an acknowledgement completes."""
    sent, _ = core.acknowledge(acknowledged)
    return [each.pack.numbers for each in sent]


def test_what_a_consumer_renders_a_gateway_reads():
    payload = mqtt_acks.render([("lamp", "7:1-20,25"), ("bin", "unsequenced:77:3")])
    expected = [
        Acknowledgement("lamp", "7", ((1, 20), (25, 25))),
        Acknowledgement("bin", "unsequenced:77", ((3, 3),)),
    ]
    assert mqtt_acks.parse(payload) == (expected, 0)


def test_malformed_entries_are_counted_and_the_others_hold():
    entries = [{"node": "lamp", "id": "7:1", "new": 1}, {"node": "lamp"}, {"id": "7:1"}, 3, None]
    entries += [{"node": "lamp", "id": text} for text in ("7", "7:", "7:2-1", "7:x", 7, "")]
    good, malformed = mqtt_acks.parse(json.dumps({"acks": entries}).encode())
    assert good == [Acknowledgement("lamp", "7", ((1, 1),))]
    assert malformed == len(entries) - 1


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"3", b'{"acks":{}}', b"\xff", b"[" * 9999])
def test_message_that_is_no_acknowledgement_is_an_error(payload):
    with pytest.raises(ValueError):
        mqtt_acks.parse(payload)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_give_acknowledgements_or_a_value_error(payload):
    try:
        mqtt_acks.parse(payload)
    except ValueError:
        return


def test_pack_is_whole_when_its_last_reading_is_acknowledged():
    core = UnderWay()
    core.add(WINDOW, pack(1, 2, 3), EPOCH)
    assert whole(core, named("3")) == []
    assert whole(core, named("1")) == []
    assert len(core) == 1
    assert whole(core, named("2")) == [(1, 2, 3)]
    assert len(core) == 0


def test_one_range_may_cover_several_packs_and_more():
    core = UnderWay()
    core.add(WINDOW, pack(1, 2), EPOCH)
    core.add(WINDOW, pack(5, 6), EPOCH)
    assert whole(core, named("1-9223372036854775807")) == [(1, 2), (5, 6)]


def test_acknowledgement_of_another_node_boot_or_reading_is_not_known():
    core = UnderWay()
    core.add(WINDOW, pack(1, 2), EPOCH)
    for other in (named("1-2", endpoint="bin"), named("1-2", boot="2"), named("3-9")):
        assert core.acknowledge(other) == ([], False)
    assert whole(core, named("1-2")) == [(1, 2)]
    assert core.acknowledge(named("1-2")) == ([], False)


def test_overdue_packs_come_in_the_order_of_their_times():
    core = UnderWay()
    first, second = core.add(WINDOW, pack(1), EPOCH), core.add(WINDOW, pack(2), EPOCH)
    core.expect(second, 110)
    core.expect(first, 100)
    assert core.take_overdue(99) is None
    assert core.take_overdue(110) is first and core.take_overdue(110) is second
    assert core.take_overdue(999) is None and len(core) == 2
    assert (first.repeats, second.repeats) == (1, 1)


def test_only_the_last_time_of_a_pack_counts():
    core = UnderWay()
    sent = core.add(WINDOW, pack(1), EPOCH)
    for due_ms in range(100, 5100):
        core.expect(sent, due_ms)
    assert core.take_overdue(5098) is None
    assert core.take_overdue(5099) is sent and len(core._due) == 0


def test_what_a_lost_connection_left_open_goes_again_in_its_order_and_may_be_acknowledged():
    core = UnderWay()
    first, second = core.add(WINDOW, pack(1), EPOCH), core.add(WINDOW, pack(2), EPOCH)
    core.expect(first, 900)
    first.repeats = 5
    core.resume(100)
    assert core.take_overdue(100) is first and first.repeats == 1
    assert whole(core, named("2")) == [(2,)]
    assert core.take_overdue(999) is None and second.due_ms is None


def test_pack_that_is_not_under_way_any_more_is_never_overdue():
    core = UnderWay()
    sent = core.add(WINDOW, pack(1), EPOCH)
    core.expect(sent, 100)
    assert whole(core, named("1")) == [(1,)]
    core.expect(sent, 100)
    assert core.take_overdue(999) is None and not core.remove(sent)


@given(st.lists(st.sets(st.integers(1, 12), min_size=1), max_size=12))
def test_packs_are_whole_exactly_when_all_their_readings_were_named(named_sets):
    core = UnderWay()
    packs = [(1, 2, 3), (4,), (5, 6, 7, 8), (9, 12)]
    for numbers in packs:
        core.add(WINDOW, pack(*numbers), EPOCH)
    done, seen = [], set()
    for numbers in named_sets:
        done += whole(core, named(",".join(str(each) for each in sorted(numbers))))
        seen |= numbers
        assert sorted(done) == [each for each in packs if seen.issuperset(each)]
    assert len(core) == len(packs) - len(done)
