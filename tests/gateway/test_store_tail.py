"""The tail: what was committed last is what the file holds, and never less."""

from gateway.rows import Lane, StoredReading
from gateway.store_tail import Tail
from tests.gateway.open_store import run
from tests.gateway.uplink_rows import alarm, row

MEASUREMENT = Lane.MEASUREMENT


def stored(*ids):
    """Readings of the measurement lane with these ids."""
    return [StoredReading(each, row(each)) for each in ids]


def ids(readings):
    return [each.id for each in readings]


def test_what_follows_an_id_is_given_in_order_up_to_the_limit():
    tail = Tail()
    tail.add(stored(4, 5))
    tail.add(stored(6, 7))
    assert ids(tail.after(MEASUREMENT, 4, 2)) == [5, 6]
    assert ids(tail.after(MEASUREMENT, 3, 9)) == [4, 5, 6, 7]


def test_nothing_is_said_of_what_was_before_the_first_reading():
    tail = Tail()
    tail.add(stored(4, 5))
    assert tail.after(MEASUREMENT, 2, 9) == []


def test_lanes_are_kept_apart():
    tail = Tail()
    tail.add([*stored(1), StoredReading(2, alarm(2)), *stored(3)])
    assert ids(tail.after(MEASUREMENT, 0, 9)) == [1, 3]
    assert ids(tail.after(Lane.URGENT, 0, 9)) == [2]


def test_readings_that_it_was_not_told_of_are_not_skipped():
    tail = Tail()
    tail.add(stored(1, 2))
    tail.add(stored(5, 6))
    assert tail.after(MEASUREMENT, 2, 9) == []
    assert ids(tail.after(MEASUREMENT, 4, 9)) == [5, 6]


def test_the_oldest_give_way_and_are_not_answered_for():
    tail = Tail(readings_max=2)
    for each in range(1, 6):
        tail.add(stored(each))
    assert tail.after(MEASUREMENT, 2, 9) == []
    assert ids(tail.after(MEASUREMENT, 3, 9)) == [4, 5]


def test_it_forgets_what_may_be_deleted():
    tail = Tail()
    tail.add(stored(1, 2))
    tail.forget()
    tail.add(stored(3))
    assert tail.after(MEASUREMENT, 1, 9) == []
    assert ids(tail.after(MEASUREMENT, 2, 9)) == [3]


def test_a_store_gives_out_what_another_one_finds_in_its_file(tmp_path):
    timed = [row(None, boot=None, path="/3303/0/5700", time_ms=at) for at in (1000, 2000)]
    packs = [[row(1), row(2)], [row(2), alarm(3)], timed, [timed[1], row(4)], [row(5)]]

    async def commit(store):
        for pack in packs:
            await store.commit_pack(pack, urgent=True)
        return await everything(store)

    async def everything(store):
        return [
            await store.readings_after(lane, after_id, 9) for lane in Lane for after_id in range(9)
        ]

    given = run(tmp_path / "store.db", commit)
    assert given == run(tmp_path / "store.db", everything)
