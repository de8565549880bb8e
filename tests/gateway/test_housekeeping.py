"""A bounded store: what goes first, what is said of it, and what is no longer acknowledged."""

import asyncio
import itertools
from pathlib import Path

import pytest

from gateway import settings, store_bounds
from gateway.housekeeping import Housekeeping
from gateway.rows import Lane
from gateway.store import InlineExecutor, StoreError
from protocol import object_table
from simulator.disk import Disk
from tests.gateway.open_store import run
from tests.gateway.service_street import client, running, until
from tests.gateway.uplink_rows import TIME_MS, alarm, row

MIB = 1 << 20
HOUR_MS = 3600 * 1000
LEAST = '[gateway]\nid = "g"\ndata = "."\nsecurity = "none"\n'
UPLINKS = '[uplink.city]\ntype = "file"\n[uplink.second]\ntype = "file"\n'
BOUND = f"[buffer]\nsize_max_bytes = {MIB}\n"


class Clock:
    """A clock that stands at `ms`."""

    def __init__(self):
        self.ms = TIME_MS
        self.is_right = True

    def monotonic_s(self):
        return self.ms / 1000

    def unix_ms(self):
        return self.ms

    def is_trusted(self):
        return self.is_right


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def disk():
    disk = Disk("bounded")
    yield disk
    disk.close()


class House:
    """Housekeeping over a store, with a clock and a disk that the test sets."""

    def __init__(self, store, text=BOUND + UPLINKS):
        self.clock = Clock()
        self.free_bytes = 1 << 40
        parsed = settings.parse(LEAST + text, Path("."))
        self.keeping = Housekeeping(parsed, store, self.clock, lambda: self.free_bytes)
        self.check, self.clean = self.keeping.check, self.keeping.clean


def kept(path, scenario, **options):
    return run(path, scenario, InlineExecutor, size_bytes_max=MIB, urgent_ms=0, measurement_ms=0,
               **options)


def event(sequence):
    return row(sequence, reading_class=object_table.EVENT, value="e" * 100)


async def fill(store, numbers, make=None, size=50):
    make = make or (lambda number: row(number, value="m" * 100))
    for first in range(numbers.start, numbers.stop, size):
        rows = [make(number) for number in range(first, min(first + size, numbers.stop))]
        await store.commit_pack(rows, urgent=True)


async def fill_up(store, make=None):
    """Add readings until housekeeping would shed; return the last number."""
    share = store_bounds.pages_bytes(MIB)
    for first in itertools.count(1, 50):
        await fill(store, range(first, first + 50), make)
        size = await store.size()
        if size.file - size.free > 0.95 * share:
            return first + 49


async def numbers_of(store):
    return {each.row.sequence for each in await store.readings("lamp", 1_000_000)}


async def shed_of(store, uplink="city"):
    return {number for each in await store.sheds("lamp") if each.uplink == uplink
            for number in range(each.first, each.last + 1)}


def file_bytes(path):
    return sum(Path(f"{path}{suffix}").stat().st_size for suffix in ("", "-wal"))


def test_store_never_grows_beyond_its_bound_and_says_what_it_sheds(path):
    async def scenario(store):
        house = House(store)
        await fill(store, range(1, 101), alarm)
        for first in range(101, 16_101, 200):
            await fill(store, range(first, first + 200))
            await house.check()
            assert file_bytes(path) <= MIB
        stored, shed = await numbers_of(store), await shed_of(store)
        assert set(range(1, 101)) <= stored, "an alarm went before a measurement"
        assert stored | shed == set(range(1, 16_101)) and not stored & shed
        assert shed == set(range(101, 101 + len(shed))), "not the oldest measurements"
        assert len(stored) > 3000, "more was shed than room was needed"
        assert await shed_of(store, "second") == shed
        return [each.kind for each in await store.incidents(100)]

    assert kept(path, scenario) == ["readings_shed"] * 2  # once for each uplink


def test_delivered_readings_go_first_and_nobody_lacks_them(path):
    async def scenario(store):
        await fill(store, range(1, 4001))
        for uplink in ("city", "second"):
            await store.advance(uplink, Lane.MEASUREMENT, 3000)
        house = House(store)
        for first in range(4001, 5501, 300):
            await fill(store, range(first, first + 300))
            await house.check()
        return await numbers_of(store), await shed_of(store), await store.incidents(9)

    stored, shed, incidents = kept(path, scenario)
    assert set(range(3001, 5501)) <= stored and len(stored) < 5500
    assert (shed, incidents) == (set(), [])


def test_reading_that_one_uplink_has_is_noted_for_the_other(path):
    async def scenario(store):
        last = await fill_up(store)
        await store.advance("city", Lane.MEASUREMENT, last)
        await House(store).check()
        return await shed_of(store), await shed_of(store, "second")

    city, second = kept(path, scenario)
    assert city == set() and second == set(range(1, len(second) + 1)) and second


def test_measurements_go_before_events_and_alarms_last(path):
    async def scenario(store):
        await fill(store, range(1, 1001), lambda n: alarm(n, value="a" * 100))
        await fill(store, range(1001, 2001), event)
        await fill(store, range(2001, 3001))
        house = House(store)
        seen = []
        for first in itertools.count(5001, 100):
            await fill(store, range(first, first + 100), lambda n: alarm(n, value="a" * 100))
            await house.check()
            stored = await numbers_of(store)
            seen.append(tuple(bool(stored & set(part)) for part in
                              (range(2001, 3001), range(1001, 2001), range(1, 1001))))
            if not stored & set(range(1, 1001)):
                return list(dict.fromkeys(seen))

    measurements_events_alarms = kept(path, scenario)
    assert measurements_events_alarms[-3:] == [
        (False, True, True), (False, False, True), (False, False, False)]


def test_readings_without_number_are_noted_by_their_ids(path):
    async def scenario(store):
        last = await fill_up(store, lambda n: row(None, boot=None, value="x" * 100,
                                                  time_ms=TIME_MS + n))
        await House(store).check()
        return last - await store.readings_count(), await store.sheds("lamp")

    count, sheds = kept(path, scenario)
    assert [(each.boot, each.first, each.last) for each in sheds] == [(None, 1, count)] * 2


def test_age_is_bounded_by_class(path):
    text = UPLINKS + "[buffer.age_max_h]\nmeasurement = 10\nevent = 20\n"

    async def scenario(store):
        await store.commit_pack([row(1), event(2), alarm(3)], urgent=True)
        house = House(store, text)
        seen = []
        for hours in (9, 11, 21, 1000):
            house.clock.ms = TIME_MS + hours * HOUR_MS
            await house.clean()
            seen.append(await numbers_of(store))
        return seen, await shed_of(store)

    assert kept(path, scenario) == ([{1, 2, 3}, {2, 3}, {3}, {3}], {1, 2})


def test_clock_that_nobody_trusts_makes_nothing_old(path):
    async def scenario(store):
        await store.commit_pack([row(1)], urgent=True)
        house = House(store, UPLINKS + "[buffer.age_max_h]\nmeasurement = 10\n")
        house.clock.ms, house.clock.is_right = TIME_MS + 5000 * HOUR_MS, False
        await house.clean()
        return await numbers_of(store)

    assert kept(path, scenario) == {1}


def test_below_the_disk_s_reserve_only_urgent_readings_are_taken(path):
    text = UPLINKS + f"[buffer]\ndisk_reserve_bytes = {100 * MIB}\n"

    async def scenario(store):
        house = House(store, text)
        house.free_bytes = 99 * MIB
        await house.check()
        with pytest.raises(StoreError) as caught:
            await store.commit_pack([row(1)], urgent=True)
        await store.commit_pack([alarm(2), row(3)], urgent=True)
        house.free_bytes = 105 * MIB
        await house.check()
        assert store.is_short, "one byte more is no room"
        house.free_bytes = 111 * MIB
        await house.check()
        await store.commit_pack([row(1)], urgent=True)
        kinds = [each.kind for each in await store.incidents(9)]
        return caught.value.reason, await numbers_of(store), kinds, store.health.failure

    assert kept(path, scenario) == ("reserve", {1, 2, 3}, ["disk_short"], None)


def test_room_that_is_freed_within_the_file_is_used_below_the_reserve(path):
    text = UPLINKS + f"[buffer]\ndisk_reserve_bytes = {100 * MIB}\nsize_max_bytes = {8 * MIB}\n"

    async def scenario(store):
        await fill(store, range(1, 12_001), size=500)
        for uplink in ("city", "second"):
            await store.advance(uplink, Lane.MEASUREMENT, 12_000)
        house = House(store, text)
        house.free_bytes = 0
        for _ in range(30):
            await house.check()
        return store.is_short

    assert run(path, scenario, InlineExecutor, size_bytes_max=8 * MIB, urgent_ms=0) is False


def test_sqlite_itself_refuses_what_is_beyond_the_bound(path):
    async def scenario(store):
        with pytest.raises(StoreError) as caught:
            await fill(store, range(1, 100_000))
        largest = file_bytes(path)
        before = await numbers_of(store)
        house = House(store)
        await house.check()
        await store.commit_pack([row(100_001)], urgent=True)
        return caught.value.reason, largest <= MIB, before, await numbers_of(store), (
            await shed_of(store))

    reason, is_bounded, before, after, shed = kept(path, scenario)
    assert (reason, is_bounded) == ("full", True)
    assert after | shed == before | {100_001}


def test_full_disk_costs_nothing_acknowledged_and_passes(path, disk):
    async def scenario(store):
        await fill(store, range(1, 1001))
        disk.room_bytes = file_bytes(path)
        acknowledged = set(range(1, 1001))
        with pytest.raises(StoreError) as caught:
            for number in itertools.count(1001):
                await store.commit_pack([row(number)], urgent=True)
                acknowledged.add(number)
        assert store.health.failure is caught.value
        await House(store).clean()
        disk.heal()
        await store.commit_pack([alarm(10_000)], urgent=True)
        return caught.value.reason, acknowledged | {10_000} <= await numbers_of(store)

    assert kept(path, scenario, vfs=disk.name) == ("full", True)


def test_gateway_takes_alarms_only_when_the_disk_is_short(tmp_path):
    async def scenario():
        text = f"[buffer]\ndisk_reserve_bytes = {1 << 40}"
        async with running(tmp_path, text=text) as (gateway, port), client(port) as node:
            await node.register(links=b"</1/0>,</3/0>,</3303/0>,</3416/0>")
            await asyncio.wait_for(until(lambda: gateway.store.is_short), 30)
            measurement = await node.send([{0: "/3303/0/5700", 2: 21}])
            urgent = await node.send([{0: "/3416/0/5", 4: True}])
            status = await gateway.status()
        return str(measurement.code), measurement.opt.max_age, str(urgent.code), [
            each.kind for each in status.incidents]

    refused, max_age, taken, kinds = asyncio.run(scenario())
    assert refused.startswith("5.03") and max_age
    assert taken.startswith("2.04")
    assert kinds == ["disk_short"]
