"""Replays: what an uplink has had goes again, behind everything new, under the same keys."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import apsw

from gateway import store_checksums
from gateway.rows import Lane
from gateway.settings import FileUplink as FileSettings
from gateway.store import Store, one_thread
from gateway.store_selection import Selection
from gateway.uplinks.file import FileUplink
from gateway.uplinks.pump import Pump
from tests.gateway.city_process import CityProcess
from tests.gateway.mosquitto import Broker, City
from tests.gateway.mqtt_uplink import LIMIT_S, met, uplinked
from tests.gateway.open_store import run
from tests.gateway.uplink_rows import EPOCH, TIME_MS, alarm, row


def rows(count, node="lamp", first=1):
    """Return `count` readings of a node, every third an alarm, a second apart."""
    numbers = range(first, first + count)
    return [
        (alarm if number % 3 == 0 else row)(number, node, time_ms=TIME_MS + 1000 * number)
        for number in numbers
    ]


async def deliver(store, uplink="city"):
    """Say that `uplink` has everything that is stored."""
    newest = (await store.newest(Selection(), 1))[0].id
    for lane in Lane:
        await store.advance(uplink, lane, newest)


def test_replay_is_of_what_the_uplink_has_had(tmp_path):
    async def scenario(store):
        await store.commit_pack(rows(4), urgent=True)
        await store.advance("city", Lane.URGENT, 3)
        await store.advance("city", Lane.MEASUREMENT, 2)
        job = await store.add_replay("city", Selection(), TIME_MS)
        found = await store.select(job.selection, 0, 9)
        return [reading.id for reading in found if job.holds(reading)]

    assert run(tmp_path / "store.db", scenario) == [1, 2, 3]


def test_replay_survives_a_restart_and_never_goes_back(tmp_path):
    async def add(store):
        await store.commit_pack(rows(9), urgent=True)
        await deliver(store)
        job = await store.add_replay("city", Selection(endpoint="lamp", first_id=3), TIME_MS)
        assert job.position == 2
        await store.proceed_replay(job.id, 6, 4)
        await store.proceed_replay(job.id, 5, 3)

    async def look(store):
        job = await store.next_replay("city")
        assert (job.position, job.resent, job.endpoint) == (6, 4, "lamp")
        assert await store.next_replay("file") is None
        ended = await store.finish_replay(job.id, TIME_MS + 1)
        again = await store.finish_replay(job.id, TIME_MS + 2, is_cancelled=True)
        assert ended == again and ended.finished_ms == TIME_MS + 1 and not ended.is_cancelled
        assert await store.next_replay("city") is None
        return await store.replays(9) == [ended] and await store.finish_replay(77, TIME_MS) is None

    run(tmp_path / "store.db", add)
    assert run(tmp_path / "store.db", look)


def test_replayed_readings_reach_the_consumer_again_under_their_own_keys(tmp_path):
    async def main():
        async with uplinked(tmp_path, broker, ack="application") as system:
            await system.store.commit_pack([*rows(40), *rows(5, "bin")], urgent=True)
            await system.until(system.drained)
            wanted = Selection(endpoint="lamp", from_ms=TIME_MS + 11_000, to_ms=TIME_MS + 30_000)
            await system.store.add_replay("city", wanted, TIME_MS)
            await system.until(lambda: is_ended(system.store))
            (job,) = await system.store.replays(9)
            assert job.resent == system.pump.counters["readings replayed"] == 20
            assert system.pump.counters["readings delivered"] == 45

    with Broker(tmp_path / "broker") as broker, CityProcess(tmp_path, broker.url) as consumer:
        asyncio.run(main())
        copied = """SELECT endpoint, sequence, copies FROM deliveries
            JOIN readings USING (arrival) ORDER BY sequence"""
        assert consumer.rows(copied) == [("lamp", number, 2) for number in range(11, 31)]
        assert len(consumer.rows()) == 45


async def is_ended(store):
    return all(job.finished_ms is not None for job in await store.replays(9))


def test_replay_goes_on_after_a_restart_where_it_stood(tmp_path):
    async def replay(count):
        async with uplinked(tmp_path, broker, ack="application", window=1) as system:
            seen = []
            for _ in range(count):
                node = json.loads(await next_payload(city))[0]["bn"]
                seen.append(node)
                acks = json.dumps({"acks": [{"node": node, "id": "1:1"}]})
                await asyncio.to_thread(city.publish, "faubourg/v1/gw%2F1/ack", acks)
                await system.until(lambda: system.pump.counters["readings replayed"] == len(seen))
            return seen

    with Broker(tmp_path / "broker") as broker, City(broker) as city:
        store = Store(str(tmp_path / "store.db"), urgent_ms=1, measurement_ms=1)
        asyncio.run(filled(store))
        assert asyncio.run(replay(2)) == ["lamp1", "lamp2"]
        city.messages.queue.clear()
        assert asyncio.run(replay(4)) == ["lamp3", "lamp4", "lamp5", "lamp6"]


async def filled(store):
    await store.open(EPOCH)
    for number in range(1, 7):
        await store.commit_pack([row(1, f"lamp{number}")], urgent=True)
    await deliver(store)
    await store.add_replay("city", Selection(), TIME_MS)
    await store.close()


async def next_payload(city):
    return (await asyncio.to_thread(city.next, "/readings")).payload


def test_new_readings_go_before_a_replay(tmp_path):
    async def scenario(store):
        await store.commit_pack([row(1, f"old{number}") for number in range(3)], urgent=True)
        await deliver(store)
        await store.add_replay("city", Selection(), TIME_MS)
        await store.commit_pack([row(1, "new"), alarm(1, "newest")], urgent=True)
        pump = Pump("city", store, lambda: TIME_MS)
        await pump.open()
        await pump.refill()
        endpoints = [pump.next_pack(0)[1].endpoint for _ in range(3)]
        assert endpoints == ["newest", "new", "old0"]
        # An uplink whose window is half full asks for no more of it.
        assert pump.next_pack(0, False) is None
        assert [pump.next_pack(0)[1].endpoint for _ in range(2)] == ["old1", "old2"]

    run(tmp_path / "store.db", scenario)


def test_cancelled_replay_ends_and_the_next_begins(tmp_path):
    async def scenario(store):
        await store.commit_pack([row(1, "a"), row(1, "b")], urgent=True)
        await deliver(store)
        first = await store.add_replay("city", Selection(endpoint="a"), TIME_MS)
        await store.add_replay("city", Selection(endpoint="b"), TIME_MS)
        pump = Pump("city", store, lambda: TIME_MS)
        await pump.open()
        await pump.refill()
        window, pack = pump.next_pack(0)
        assert pack.endpoint == "a"
        await store.finish_replay(first.id, TIME_MS, is_cancelled=True)
        await pump.refill()
        pump.delivered(window, pack)
        assert pump.next_pack(0)[1].endpoint == "b"
        assert not pump.counters["readings replayed"]

    run(tmp_path / "store.db", scenario)


def test_replay_of_nothing_ends_at_once(tmp_path):
    async def scenario(store):
        await store.commit_pack(rows(3), urgent=True)
        await deliver(store)
        await store.add_replay("city", Selection(endpoint="nobody"), TIME_MS)
        pump = Pump("city", store, lambda: TIME_MS)
        await pump.open()
        await pump.refill()
        await pump.refill()
        (job,) = await store.replays(9)
        return job.finished_ms, job.resent

    assert run(tmp_path / "store.db", scenario) == (TIME_MS, 0)


# The file uplink


@asynccontextmanager
async def written(folder, **options):
    """Give a store with its running file uplink `city`, and a function that waits."""
    store = Store(str(folder / "store.db"), urgent_ms=1, measurement_ms=1)
    await store.open(EPOCH)
    pump = Pump("city", store, lambda: TIME_MS)
    settings = FileSettings(path=str(folder / "out.jsonl"), **options)
    task = asyncio.ensure_future(FileUplink(settings, pump, one_thread(), lambda: 0.0).run())

    async def until(condition):
        async with asyncio.timeout(LIMIT_S):
            while not await met(condition):
                await asyncio.sleep(0.01)

    try:
        yield store, pump, until
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await store.close()


def lines(folder):
    """Return (rows, id) of each line."""
    found = [json.loads(line)[0] for line in (folder / "out.jsonl").read_text().splitlines()]
    return [(first["rows"], first["id"]) for first in found]


def test_file_holds_a_replay_s_readings_again(tmp_path):
    async def main():
        async with written(tmp_path) as (store, pump, until):
            await store.commit_pack([row(1), row(2)], urgent=True)
            await until(lambda: pump.counters["readings delivered"] == 2)
            await store.add_replay("city", Selection(), TIME_MS)
            await until(lambda: is_ended(store))

    asyncio.run(main())
    assert lines(tmp_path) == [("77:1-2", "1:1-2"), ("77:replay-1:1-2", "1:1-2")]


def forget_the_delivery(path):
    """Leave the store as a crash does that comes after the file's fsync: both lines are there."""
    connection = apsw.Connection(str(path))
    store_checksums.install(connection)
    replay = "position = 0, resent = 0, finished_ms = NULL"
    for table, change in (("cursors", "reading_id = 0"), ("replays", replay)):
        connection.execute(f"UPDATE {table} SET {change}")
        columns = ", ".join(store_checksums.columns_of(connection, table))
        connection.execute(f"UPDATE {table} SET checksum = row_checksum({columns})")
    connection.close()


def test_file_that_was_ahead_of_its_cursors_gets_neither_reading_nor_replay_twice(tmp_path):
    async def main(is_first):
        async with written(tmp_path) as (store, pump, until):
            if is_first:
                await store.commit_pack([row(1), row(2)], urgent=True)
            await until(lambda: pump.counters["readings delivered"] == 2)
            if is_first:
                await store.add_replay("city", Selection(), TIME_MS)
            await until(lambda: is_ended(store))
            assert pump.counters["readings replayed"] == 2
            if not is_first:
                # Another replay is another matter.
                await store.add_replay("city", Selection(), TIME_MS)
                await until(lambda: is_ended(store))

    asyncio.run(main(True))
    forget_the_delivery(tmp_path / "store.db")
    asyncio.run(main(False))
    assert [each for each, _ in lines(tmp_path)] == [
        "77:1-2", "77:replay-1:1-2", "77:replay-2:1-2"]  # fmt: skip
