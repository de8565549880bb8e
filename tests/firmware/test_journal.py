"""The journal over a store in memory: numbers, order, acknowledgement, times."""

from firmware.clock import SERVER
from firmware.journal import ReadingTaken
from firmware.journal_lane import SEGMENT_LENGTH_MAX
from protocol import cbor, object_table
from protocol.data_types import ObjectLink
from protocol.number import Decimal
from tests.firmware.journal_bench import (
    FAILURE,
    NOW_S,
    OCCUPANCY,
    POWER,
    Bench,
)


def test_the_classes_that_these_tests_need():
    assert object_table.reading_class(FAILURE) == object_table.ALARM
    assert object_table.reading_class(OCCUPANCY) == object_table.EVENT
    assert object_table.reading_class(POWER) == object_table.MEASUREMENT


def test_a_reading_has_its_number_when_it_is_on_flash_and_not_before():
    bench = Bench()
    bench.journal.take(POWER, 60, 0)
    assert not bench.events and not bench.files()
    bench.journal.flush(0)
    assert [(event.boot, event.sequence, event.value) for event in bench.events] == [(7, 1, 60)]
    assert isinstance(bench.events[0], ReadingTaken)
    assert bench.files() == ["jm000000"]


def test_what_was_not_written_before_a_reset_never_had_a_number():
    bench = Bench()
    bench.take(POWER, 1)
    bench.journal.take(POWER, 2, 0)
    again = bench.reset()
    assert again.held(False) == [(7, 1, 1)]
    again.take(POWER, 3)
    assert again.held(False) == [(7, 1, 1)]
    again.send(False, 1)
    assert again.held(False) == [(8, 1, 3)]


def test_a_batch_is_one_write():
    bench = Bench()
    before = len(bench.store.writes)
    bench.take(POWER, *range(20))
    assert len(bench.store.writes) == before + 1
    assert bench.numbers(False) == list(range(1, 21))


def test_every_kind_of_value_survives_the_journal_and_a_reset():
    bench = Bench()
    values = [5, -7, Decimal(2137, -2), True, "text", b"\x00\xff", ObjectLink(3416, 0), 2**40]
    bench.clock.now_ms = 2**41
    bench.take(POWER, *values)
    readings = bench.reset().journal.oldest(False, 100, 10000)
    assert [reading.value for reading in readings] == values
    assert [(reading.path, reading.uptime_ms) for reading in readings] == [(POWER, 2**41)] * 8


def test_alarms_and_events_go_in_the_order_of_their_numbers():
    bench = Bench()
    for path in (OCCUPANCY, FAILURE, OCCUPANCY, OCCUPANCY, FAILURE, FAILURE):
        bench.take(path, True)
    assert bench.numbers(True) == [1, 2, 3, 4, 5, 6]
    bench.send(True, 4)
    assert bench.numbers(True) == [5, 6]
    assert bench.reset().numbers(True) == [2, 5, 6]


def test_everything_acknowledged_leaves_no_file():
    bench = Bench()
    bench.take(FAILURE, True)
    bench.take(POWER, *range(300))
    bench.send(True, 1)
    while bench.journal.has(False):
        bench.send(False, 64)
    assert bench.files() == []
    assert bench.journal.is_empty()
    again = bench.reset()
    assert not again.journal.has(True) and not again.journal.has(False)
    assert again.journal.oldest_boot() == 8


def test_after_a_reset_readings_of_before_go_first_and_no_pack_mixes_boots():
    bench = Bench()
    bench.take(POWER, 1, 2)
    again = bench.reset()
    again.take(POWER, 3)
    assert again.held(False) == [(7, 1, 1), (7, 2, 2)]
    assert again.journal.oldest_boot() == 7
    again.send(False, 64)
    assert again.held(False) == [(8, 1, 3)]
    assert again.journal.oldest_boot() == 8


def test_urgent_readings_of_an_earlier_boot_go_before_those_of_this_one():
    bench = Bench()
    bench.take(OCCUPANCY, 1, 2)
    again = bench.reset()
    again.take(FAILURE, True)
    assert again.held(True) == [(7, 1, 1), (7, 2, 2)]
    again.send(True, 2)
    assert again.held(True) == [(8, 1, True)]


def test_a_segment_goes_on_after_a_reset_and_its_boots_stay_apart():
    bench = Bench()
    for _ in range(4):
        bench.take(POWER, 1)
        bench = bench.reset()
    assert len(bench.files()) == 1
    for boot in range(7, 11):
        assert [found[0] for found in bench.held(False)] == [boot]
        assert bench.journal.oldest_boot() == boot
        bench.send(False, 10)


def test_an_acknowledged_reading_that_comes_back_has_its_old_number():
    bench = Bench()
    bench.take(POWER, *range(10))
    assert bench.send(False, 4) == [1, 2, 3, 4]
    assert bench.numbers(False) == [5, 6, 7, 8, 9, 10]
    assert bench.reset().held(False) == [(7, number, number - 1) for number in range(1, 11)]


def test_oldest_and_last_count_all_lanes_of_their_boot():
    bench = Bench()
    bench.take(POWER, 1, 2)
    bench.take(FAILURE, True)
    bench.take(POWER, 3)
    journal = bench.journal
    assert (journal.oldest_sequence(7), journal.last_sequence(7)) == (1, 4)
    bench.send(False, 2)
    assert journal.oldest_sequence(7) == 3
    bench.send(True, 1)
    assert journal.oldest_sequence(7) == 4
    bench.send(False, 1)
    assert (journal.oldest_sequence(7), journal.last_sequence(7)) == (5, 4)


def test_oldest_and_last_of_earlier_boots_are_known_in_later_segments_too():
    bench = Bench()
    bench.take(POWER, *range(300))
    bench = bench.reset()
    bench.take(POWER, *range(300))
    bench.take(FAILURE, True)
    bench.send(False, 5)
    journal = bench.journal
    assert (journal.oldest_sequence(7), journal.last_sequence(7)) == (6, 300)
    assert (journal.oldest_sequence(8), journal.last_sequence(8)) == (1, 301)
    while bench.held(False)[0][0] == 7:
        bench.send(False, 50)
    assert journal.oldest_sequence(8) == 1
    bench.send(False, 3)
    assert journal.oldest_sequence(8) == 4


def test_long_backlogs_go_through_many_segments_in_order():
    bench = Bench()
    for value in range(400):
        bench.take(POWER, value)
    assert len(bench.files()) > 5
    assert max([len(bench.store.entries[key]) for key in bench.files()]) <= SEGMENT_LENGTH_MAX
    numbers = []
    while bench.journal.has(False):
        numbers += bench.send(False, 64, 900)
    assert numbers == list(range(1, 401))


def test_a_pack_takes_what_fits_and_one_reading_at_least():
    bench = Bench()
    bench.take(POWER, "x" * 700, "y" * 700, "z" * 700)
    assert len(bench.journal.oldest(False, 64, 900)) == 1
    assert len(bench.journal.oldest(False, 64, 10)) == 1
    assert len(bench.journal.oldest(False, 64, 10000)) == 3


def test_readings_of_before_the_clock_are_dated_by_it_even_after_a_reset():
    bench = Bench()
    bench.clock.now_ms = 5000
    bench.take(POWER, 1)
    bench.clock.now_ms = 15000
    assert bench.clock.set_unix_s(NOW_S, SERVER)
    bench.take(POWER, 2)
    again = bench.reset()
    times = [again.journal.unix_ms(reading) for reading in again.journal.oldest(False, 9, 999)]
    assert times == [(NOW_S - 10) * 1000, NOW_S * 1000]


def test_readings_of_an_earlier_boot_without_a_clock_have_no_time():
    bench = Bench()
    bench.take(POWER, 1)
    again = bench.reset()
    again.clock.set_unix_s(NOW_S, SERVER)
    again.take(POWER, 2)
    assert again.journal.unix_ms(again.journal.oldest(False, 1, 999)[0]) is None


def test_the_date_of_a_boot_is_forgotten_with_its_readings():
    bench = Bench()
    bench.take(POWER, 1)
    bench.clock.set_unix_s(NOW_S, SERVER)
    bench.take(POWER, 2)
    bench.send(False, 2)
    again = bench.reset()
    again.take(POWER, 1)
    again.clock.set_unix_s(NOW_S, SERVER)
    again.take(POWER, 2)
    last = again.reset()
    last.take(POWER, 3)
    last.clock.set_unix_s(NOW_S, SERVER)
    last.take(POWER, 4)
    assert list(cbor.decode(last.store.entries["dates"])) == [8, 9]
