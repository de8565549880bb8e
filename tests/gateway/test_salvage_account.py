"""What a salvage says of readings that nobody can name, or that only some uplinks had."""

import pytest

from gateway import ledger
from gateway.ledger import Statement
from gateway.rows import Lane, PackResult
from gateway.store_pages import Pages
from simulator.disk import PAGE_BYTES, overwrite
from tests.gateway.open_store import run
from tests.gateway.test_salvage import fill, look, lose_a_leaf, page_of, zero
from tests.gateway.uplink_rows import TIME_MS, row


@pytest.fixture
def path(tmp_path):
    """A store with the readings 1 to 400."""
    run(tmp_path / "store.db", fill)
    return tmp_path / "store.db"


def lose_the_oldest(path):
    """Lose the page of the oldest readings, and the index that could name them."""
    root = page_of(path, "readings") // PAGE_BYTES + 1
    leaf = next(Pages(path.read_bytes(), {}).children(root))
    overwrite(path, (leaf - 1) * PAGE_BYTES, bytes(PAGE_BYTES))
    zero(path, "sqlite_autoindex_readings_1")


async def deliver_and_delete(store, up_to_id):
    for lane in Lane:
        await store.advance("city", lane, up_to_id)
    assert await store.delete_delivered(["city"], 1 << 60, 1000) == up_to_id


@pytest.mark.parametrize("oldest", [1, None], ids=["journal", "no journal"])
def test_oldest_readings_are_welcome_again_though_nobody_can_name_them(tmp_path, oldest):
    """Those with the lowest numbers came late, after some that are delivered and deleted."""
    path = tmp_path / "store.db"
    statement = oldest and Statement("lamp", 1, TIME_MS, oldest=oldest)

    async def scenario(store):
        for numbers in (range(21, 41), range(1, 21), range(41, 401)):
            await store.commit_pack([row(number) for number in numbers], True, statement)
        await deliver_and_delete(store, 20)

    async def again(store):
        here = set((await look(store))[0])
        lost = sorted(set(range(1, 401)) - set(range(21, 41)) - here)
        return lost, await store.commit_pack([row(number) for number in lost], urgent=True)

    run(path, scenario)
    lose_the_oldest(path)
    lost, result = run(path, again)
    assert len(lost) > 40 and lost[:20] == list(range(1, 21))
    assert result == PackResult(len(lost), 0)


@pytest.mark.parametrize("are_cursors_lost", [False, True])
def test_what_a_node_holds_no_more_is_noted_as_far_as_it_is_lost(path, are_cursors_lost):
    """Without cursors nobody knows what was delivered: nothing that was counts as damaged."""
    async def scenario(store):
        await deliver_and_delete(store, 40)
        await store.commit_pack([], True, Statement("lamp", 1, TIME_MS, oldest=401))

    async def damaged(store):
        first_here = (await look(store))[0][0]
        [boot] = await store.boots("lamp")
        return first_here, [(gap.first, gap.last) for gap, _ in boot.gaps
                            if gap.reason == ledger.DAMAGED]

    run(path, scenario)
    lose_the_oldest(path)
    if are_cursors_lost:
        zero(path, "cursors")
    first_here, gaps = run(path, damaged)
    assert first_here > 60 and gaps == ([] if are_cursors_lost else [(41, first_here - 1)])


def test_reading_is_no_delivered_one_where_one_of_several_cursors_is_lost(path):
    async def deliver(store):
        await store.advance("city", Lane.MEASUREMENT, 400)
        await store.advance("city", Lane.URGENT, 400)
        await store.advance("file", Lane.MEASUREMENT, 10)
        await store.advance("file", Lane.URGENT, 400)

    run(path, deliver)
    lose_a_leaf(path)
    page = page_of(path, "cursors")
    overwrite(path, page, bytes(8))
    # A lane that is 1 takes no byte of its own.
    overwrite(path, path.read_bytes().index(b"file\x0a", page, page + PAGE_BYTES), b"fool")

    async def scenario(store):
        here = len((await look(store))[0])
        [boot] = await store.boots("lamp")
        return here, sum(gap.last - gap.first + 1 for gap, _ in boot.gaps)

    here, noted = run(path, scenario)
    assert here < 400 and noted == 400 - here
