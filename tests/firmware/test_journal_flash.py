"""When a journal writes, and what it does where the flash takes nothing."""

from tests.firmware.board import MemoryStore
from tests.firmware.journal_bench import (
    EIO,
    ENOSPC,
    FAILURE,
    FIRST_BOOT,
    OCCUPANCY,
    POWER,
    Bench,
    fail_with,
)


def test_measurements_wait_for_the_budget_and_alarms_do_not():
    bench = Bench(writes_per_hour=60, burst=2)
    bench.take(POWER, 1)
    bench.take(POWER, 2)
    bench.take(POWER, 3)
    assert bench.numbers(False) == [1, 2]
    assert bench.journal.next_timeout_ms() == 60000
    bench.take(FAILURE, True)
    assert bench.numbers(True) == [3]
    assert bench.journal.next_timeout_ms() == 120000
    bench.journal.flush(119999)
    assert bench.numbers(False) == [1, 2]
    bench.journal.flush(120000)
    assert bench.numbers(False) == [1, 2, 4]


def test_the_budget_holds_in_the_long_run():
    bench = Bench(writes_per_hour=60, burst=10)
    before = len(bench.store.writes)
    for second in range(3600):
        bench.clock.now_ms = second * 1000
        if second % 10 == 0:
            bench.journal.take(POWER, second, bench.clock.now_ms)
        bench.journal.flush(bench.clock.now_ms)
    assert len(bench.store.writes) - before == 60 + 9


def test_a_full_batch_waits_for_nothing():
    bench = Bench(writes_per_hour=1, burst=1)
    bench.take(POWER, 0)
    bench.take(POWER, "x" * 500)
    assert len(bench.held(False)) == 1
    bench.take(POWER, "x" * 520)
    assert len(bench.held(False)) == 3


def test_a_storm_of_alarms_holds_measurements_up_for_an_hour_at_most():
    bench = Bench(writes_per_hour=60, burst=10)
    for _ in range(200):
        bench.take(FAILURE, True)
    bench.take(POWER, 1)
    assert bench.journal.next_timeout_ms() <= 3600000


def test_a_hurry_and_a_node_that_sleeps_write_at_once():
    bench = Bench(writes_per_hour=1, burst=1)
    bench.take(POWER, 1)
    bench.journal.take(POWER, 2, 0)
    bench.journal.hurry()
    bench.journal.flush(0)
    assert bench.numbers(False) == [1, 2]
    sleepy = Bench(writes_per_hour=1, burst=1, is_patient=False)
    sleepy.take(POWER, 1)
    sleepy.take(POWER, 2)
    assert sleepy.numbers(False) == [1, 2]


def test_flash_that_takes_nothing_keeps_readings_in_memory_with_their_numbers():
    bench = Bench()
    bench.take(POWER, 1)
    bench.store.append = fail_with(EIO)
    bench.take(POWER, 2)
    bench.take(FAILURE, True)
    assert bench.journal.has_failed and bench.counters["journal failed"] == 2
    assert bench.numbers(False) == [1, 2] and bench.numbers(True) == [3]
    del bench.store.append
    bench.take(POWER, 4)
    assert not bench.journal.has_failed
    assert bench.numbers(False) == [1, 2, 4]
    assert bench.reset().numbers(False) == [1, 2, 4]


def test_a_failed_write_that_left_a_part_is_not_appended_to():
    bench = Bench()
    bench.take(POWER, 1)

    def append_a_part(key, data):
        bench.store.entries[key] += data[:9]
        raise OSError(EIO)

    bench.store.append = append_a_part
    bench.take(POWER, 2)
    del bench.store.append
    bench.take(POWER, 3)
    assert bench.numbers(False) == [1, 2, 3]
    again = bench.reset()
    assert again.numbers(False) == [1, 2, 3]
    assert again.journal.losses.ranges == []


def test_memory_for_readings_that_no_flash_takes_is_bounded():
    bench = Bench(memory_max=20)
    bench.store.append = fail_with(EIO)
    bench.take(FAILURE, True)
    for _ in range(300):
        bench.take(POWER, "x" * 100)
    assert bench.numbers(True) == [1]
    held = bench.numbers(False)
    assert 0 < len(held) <= 20 and held[-1] == 301
    assert bench.journal.losses.of_boot(7) == [(7, 2, held[0] - 1, "full")]


def test_a_full_disk_costs_the_oldest_measurements_and_not_the_alarm():
    bench = Bench()
    for value in range(200):
        bench.take(POWER, value)
    entries = bench.store.entries
    limit = sum([len(data) for data in entries.values()])
    append, write = bench.store.append, bench.store.write

    def append_if_room(key, data):
        if sum([len(each) for each in entries.values()]) + len(data) > limit:
            raise OSError(ENOSPC)
        append(key, data)

    bench.store.append = append_if_room
    bench.take(FAILURE, True)
    assert not bench.journal.has_failed
    assert bench.numbers(True) == [201]
    assert bench.dropped()[0] == 1 and bench.numbers(False)[-1] == 200
    assert write and bench.reset().numbers(True) == [201]


def test_a_full_disk_costs_no_alarm_for_a_measurement():
    bench = Bench()
    bench.take(FAILURE, True)
    bench.store.append = bench.store.write = fail_with(ENOSPC)
    bench.take(POWER, 1)
    assert bench.dropped() == []
    assert bench.numbers(True) == [1] and bench.numbers(False) == [2]


def test_a_full_disk_costs_no_alarm_for_another_while_a_measurement_is_held():
    bench = Bench()
    bench.take(FAILURE, True)
    bench.store.append = bench.store.write = fail_with(ENOSPC)
    bench.take(POWER, 1)
    bench.take(FAILURE, False)
    assert bench.dropped() == []
    assert bench.numbers(True) == [1, 3] and bench.numbers(False) == [2]


def test_bounded_memory_costs_no_alarm_while_a_measurement_is_held():
    bench = Bench(memory_max=4)
    bench.take(POWER, 1)
    bench.store.append = bench.store.write = fail_with(EIO)
    bench.take(FAILURE, True, False, True)
    bench.take(POWER, 2, 3)
    assert bench.numbers(True) == [2, 3, 4]
    assert bench.dropped() == [1, 5, 6]


def test_without_a_durable_boot_number_readings_go_without_numbers():
    store = MemoryStore()
    store.write = store.append = fail_with(EIO)
    bench = Bench(store)
    bench.take(POWER, 1)
    bench.take(FAILURE, True)
    assert bench.journal.boot is None
    assert bench.held(False) == [(None, None, 1)] and bench.held(True) == [(None, None, True)]
    assert bench.events == [] and bench.counters["unnumbered"] == 2
    bench.send(True, 1)
    assert not bench.journal.has(True)


def test_a_boot_number_that_becomes_durable_is_used_from_then_on():
    store = MemoryStore()
    store.entries["boot"] = b"\x00\x00\x00\x06"
    store.write = store.append = fail_with(EIO)
    bench = Bench(store)
    bench.take(POWER, 1)
    del store.write, store.append
    bench.take(POWER, 2)
    assert bench.held(False) == [(None, None, 1)]
    bench.send(False, 10)
    assert bench.held(False) == [(7, 1, 2)]
    assert bench.reset().held(False) == [(7, 1, 2)]


def test_readings_held_from_before_are_sent_though_the_flash_fails_now():
    bench = Bench()
    bench.take(POWER, 1)
    bench.store.write = bench.store.append = fail_with(EIO)
    again = bench.reset()
    again.take(POWER, 2)
    assert again.held(False) == [(7, 1, 1)]
    again.send(False, 1)
    assert again.held(False) == [(None, None, 2)]


def test_the_boot_number_is_never_behind_that_of_a_reading_on_flash():
    bench = Bench()
    bench.take(POWER, 1)
    for entry in (b"\x00\x00\x00\x03", b"\x00\x00\x00\x06"):
        bench.store.entries["boot"] = entry
        assert bench.reset().journal.boot == 8


def test_a_rotten_boot_number_is_replaced_by_a_random_one():
    bench = Bench()
    data = bench.store.entries["boot"]
    for bit in range(len(data) * 8):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        bench.store.entries["boot"] = bytes(broken)
        assert abs(bench.reset().journal.boot - FIRST_BOOT) > 4096


def test_boot_numbers_wrap_and_order_is_kept():
    bench = Bench()
    bench.store.entries["boot"] = b"\xff\xff\xff\xfe"
    bench = bench.reset()
    bench.take(POWER, 1)
    bench.take(OCCUPANCY, True)
    bench = bench.reset()
    bench.take(FAILURE, True)
    assert bench.journal.boot == 0
    assert bench.journal.oldest_boot() == 0xFFFFFFFF
    assert bench.held(True) == [(0xFFFFFFFF, 2, True)]


def test_a_reading_that_finds_no_memory_leaves_no_gap():
    bench = Bench()
    bench.take(POWER, 1)

    def no_memory(*arguments):
        raise MemoryError

    bench.store.append = no_memory
    bench.take(POWER, 2)
    del bench.store.append
    bench.take(POWER, 3)
    assert bench.numbers(False) == [1, 2, 3]
