"""What a journal loses, and how it tells: full, refused, damaged."""

from firmware import journal_record
from firmware.journal import ReadingDropped, ReadingsAcknowledged
from firmware.losses import RANGES_MAX
from tests.firmware.journal_bench import (
    FAILURE,
    OCCUPANCY,
    POWER,
    Bench,
)
from tests.portable import seeded_bytes


def test_a_full_journal_sheds_measurements_then_events_then_alarms():
    bench = Bench(segments=4)
    text = "x" * 900
    for path in (FAILURE, POWER, OCCUPANCY, POWER, POWER, OCCUPANCY, FAILURE, OCCUPANCY):
        bench.take(path, text, text)
    # One segment of two readings each.
    assert [event.sequence for event in bench.events if isinstance(event, ReadingDropped)] == [
        3, 4, 7, 8, 9, 10, 5, 6]
    for _ in range(3):
        bench.take(FAILURE, text, text)
    assert bench.dropped()[8:] == [11, 12, 15, 16, 1, 2]
    assert bench.journal.losses.of_boot(7)[0] == (7, 1, 2, "full")


def test_losses_survive_a_reset_until_they_are_told():
    bench = Bench(segments=4)
    for _ in range(6):
        bench.take(POWER, "x" * 900, "x" * 900)
    told = [(7, 1, 4, "full")]
    assert bench.journal.losses.of_boot(7) == told
    again = bench.reset()
    assert again.journal.losses.of_boot(7) == told
    assert again.journal.oldest_sequence(7) == 1
    again.journal.told(told)
    assert again.journal.oldest_sequence(7) == 5
    assert again.reset().journal.losses.ranges == []


def test_a_loss_that_grew_under_way_stays_to_be_told():
    bench = Bench(segments=4)
    for _ in range(5):
        bench.take(POWER, "x" * 900, "x" * 900)
    told = bench.journal.losses.of_boot(7)
    bench.take(POWER, "x" * 900, "x" * 900)
    bench.journal.told(told)
    assert bench.journal.losses.ranges == [[7, 3, 4, "full"]]


def test_losses_without_end_are_bounded():
    bench = Bench(segments=4)
    for _ in range(RANGES_MAX * 2):
        bench.take(POWER, "x" * 900)
        bench.take(FAILURE, True)
        bench.send(True, 1)
        bench.take(POWER, "x" * 900)
        assert len(bench.journal.losses.ranges) <= RANGES_MAX
    assert bench.journal.losses.ranges[0][1] == 1


def test_losses_of_boots_without_end_are_bounded():
    bench = Bench(segments=4)
    for _ in range(RANGES_MAX * 2):
        bench.take(POWER, "x" * 900, "x" * 900)
        bench = bench.reset()
        assert len(bench.journal.losses.ranges) <= RANGES_MAX


def test_an_acknowledgement_of_what_was_shed_meanwhile_forgets_nothing_else():
    bench = Bench(segments=4)
    for _ in range(4):
        bench.take(POWER, "x" * 900, "x" * 900)
    readings = bench.journal.oldest(False, 2, 10000)
    positions = bench.journal.positions(readings)
    bench.take(FAILURE, True)
    bench.journal.acknowledge(7, [1, 2], positions)
    assert bench.numbers(False)[0] == 3
    assert isinstance(bench.events[-1], ReadingsAcknowledged)


def test_a_refused_reading_is_dropped_and_the_next_one_is_first():
    bench = Bench()
    bench.take(POWER, 1, 2, 3)
    readings = bench.journal.oldest(False, 1, 10000)
    bench.journal.refuse(7, 1, bench.journal.positions(readings))
    assert bench.numbers(False) == [2, 3]
    assert bench.journal.losses.ranges == [[7, 1, 1, "refused"]]
    assert bench.dropped() == [1]


def test_a_record_cut_off_anywhere_is_never_read_and_nothing_follows_it():
    whole = Bench()
    whole.take(POWER, 1, 2)
    length = len(whole.store.entries["jm000000"])
    whole.take(POWER, 3)
    data = whole.store.entries["jm000000"]
    for cut in range(length, len(data)):
        bench = Bench()
        bench.store.entries["jm000000"] = data[:cut]
        again = bench.reset()
        assert again.held(False) == [(7, 1, 1), (7, 2, 2)]
        again.take(POWER, 4)
        assert len(again.files()) == (1 if cut == length else 2)
        again.send(False, 2)
        assert again.held(False) == [(again.journal.boot, 1, 4)]


def test_every_flipped_bit_costs_its_record_alone():
    whole = Bench()
    for value in (1, 2, 3):
        whole.take(POWER, value)
    data = whole.store.entries["jm000000"]
    third = len(data) // 3
    for bit in range(0, len(data) * 8, 3):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        bench = Bench()
        bench.store.entries["jm000000"] = bytes(broken)
        lost = bit // 8 // third + 1
        again = bench.reset()
        assert again.held(False) == [(7, value, value) for value in (1, 2, 3) if value != lost]
        assert again.counters["journal unreadable"] == 1
        ranges = [[7, 2, 2, "damaged"]] if lost == 2 else []
        assert again.journal.losses.ranges == ranges


def test_a_segment_that_rots_while_the_node_runs_is_noticed():
    bench = Bench()
    for value in (1, 2, 3):
        bench.take(POWER, value)
    data = bytearray(bench.store.entries["jm000000"])
    data[len(data) // 2] ^= 1
    bench.store.entries["jm000000"] = bytes(data)
    assert bench.numbers(False) == [1, 3]
    assert bench.journal.losses.ranges == [[7, 2, 2, "damaged"]]
    assert bench.dropped() == [2]


def test_a_segment_that_cannot_be_read_blocks_nothing_and_comes_back():
    bench = Bench()
    bench.take(POWER, 1)
    bench.store.read = lambda key: None
    assert bench.held(False) == []
    assert bench.journal.losses.ranges == [[7, 1, 1, "damaged"]]
    del bench.store.read
    bench.take(POWER, 2)
    assert bench.numbers(False) == [2]
    assert bench.reset().numbers(False) == [1, 2]


def test_a_record_of_another_kind_is_given_up():
    bench = Bench()
    bench.take(POWER, 1)
    bench.store.entries["jm000000"] = journal_record.encode(7, 1, 0, [b"\x01"])
    again = bench.reset()
    assert again.held(False) == []
    assert again.journal.losses.ranges == [[7, 1, 1, "damaged"]]


def test_random_files_are_no_readings():
    for seed in range(200):
        bench = Bench()
        for key in ("ja000000", "je000007", "jm000003", "jm000004", "lost", "dates", "boot"):
            bench.store.entries[key] = seeded_bytes(seed * 7 + len(key), seed)
        again = bench.reset()
        assert not again.journal.has(True) and not again.journal.has(False)
        again.take(POWER, 1)
        assert len(again.held(False)) == 1
