from firmware.clock import SERVER, Clock
from firmware.journal import (
    Journal,
    ReadingsAcknowledged,
    ReadingTaken,
)
from firmware.losses import render, render_sequences
from firmware.reporting import CLOCK_WAIT_MS, PACK_LENGTH_MAX, Reporting
from protocol import coap_message as coap
from protocol import object_table, senml
from protocol.number import Decimal
from tests.firmware.board import Board
from tests.portable import seeded_bytes

LEVEL = (3416, 0, 3)
POWER = (3418, 0, 4)
FAILURE = (3416, 0, 5)
OCCUPANCY = (3431, 0, 1)
NOW_S = 1795000000


class Bench:
    """A journal in its seventh boot and its reporting, with a clock that a test moves."""

    def __init__(self, is_clock_set=True, store=None):
        self.events = []
        self.board = Board(store=store)
        self.board.journal_writes_burst = 1000
        self.board.store.entries.setdefault("boot", b"\x00\x00\x00\x06")
        self.clock = Clock("UTC0")
        self.journal = Journal(self.board, self.clock, self.events, {}, 100)
        self.reporting = Reporting(
            self.journal, self.clock, lambda count: seeded_bytes(5, count), 1000, 0)
        self.reporting.resume(0)
        if is_clock_set:
            self.clock.set_unix_s(NOW_S, SERVER)

    def report(self, path, value, uptime_ms=None):
        """Take a reading and journal it."""
        self.reporting.report(path, value, uptime_ms)
        self.reporting.flush(self.clock.now_ms)

    def send(self, now_ms):
        """Return the records of the pack that is due, or None."""
        self.clock.now_ms = now_ms
        self.reporting.flush(now_ms)
        request = self.reporting.next_request(now_ms)
        if request is None:
            return None
        self.reporting.note_sent(1)
        assert len(request.payload) <= PACK_LENGTH_MAX
        return senml.decode_cbor(request.payload)

    def sent(self, now_ms):
        """Return {name: value} of the pack that is due."""
        return {record.name: record.value for record in self.send(now_ms)}


def test_the_classes_that_these_tests_need():
    assert object_table.reading_class(FAILURE) == object_table.ALARM
    assert object_table.reading_class(OCCUPANCY) == object_table.EVENT
    assert object_table.reading_class(LEVEL) != object_table.ALARM
    assert object_table.reading_class(POWER) == object_table.MEASUREMENT


def test_a_pack_names_boot_sequences_oldest_and_its_records_in_order():
    bench = Bench()
    bench.report(POWER, Decimal(605, -1))
    bench.report(POWER, Decimal(61, 0), 500)
    records = bench.send(1000)
    assert [(record.name, record.value) for record in records] == [
        ("/42800/0/0", 7), ("/42800/0/1", "1-2"), ("/42800/0/2", 1), ("/42800/0/4", 2),
        ("/42800/0/5", 7),
        ("/3418/0/4", Decimal(605, -1)), ("/3418/0/4", 61)]
    assert [record.time for record in records[5:]] == [NOW_S, NOW_S]


def test_measurements_wait_for_company_and_alarms_do_not():
    bench = Bench()
    bench.report(POWER, 60)
    assert bench.send(999) is None
    bench.report(FAILURE, True)
    assert bench.sent(999)["/3416/0/5"] is True
    assert bench.reporting.pack.is_urgent


def test_an_alarm_takes_the_place_of_measurements_under_way():
    bench = Bench()
    bench.report(POWER, 60)
    bench.send(1000)
    assert bench.reporting.due_ms() is None
    bench.report(FAILURE, True)
    assert bench.reporting.due_ms() == 3000
    assert bench.reporting.cancel() == 1
    assert bench.sent(1000)["/42800/0/1"] == "2"


def test_measurements_get_their_answer_though_events_come_all_the_time():
    bench = Bench()
    bench.report(POWER, 60)
    bench.send(1000)
    for now_ms in (1500, 2000, 2500):
        bench.report(FAILURE, True)
        assert bench.send(now_ms) is None
    bench.reporting.receive_response(coap.CHANGED, 2600)
    assert not bench.journal.has(False)
    assert bench.reporting.due_ms() <= 2600


def test_readings_are_forgotten_on_changed_alone():
    bench = Bench()
    bench.report(POWER, 60)
    bench.send(1000)
    bench.reporting.receive_failure(2000)
    assert bench.journal.has(False)
    bench.send(30000)
    bench.reporting.receive_response(coap.INTERNAL_SERVER_ERROR, 30000)
    assert bench.journal.has(False)
    bench.send(60000)
    bench.reporting.receive_response(coap.CHANGED, 60000)
    assert bench.journal.is_empty()
    assert bench.reporting.due_ms() is None


def test_a_failed_pack_goes_again_later_with_the_same_numbers():
    bench = Bench()
    bench.report(POWER, 60)
    assert bench.sent(1000)["/42800/0/1"] == "1"
    bench.reporting.receive_failure(1000)
    assert bench.reporting.due_ms() > 1000
    bench.report(POWER, 61)
    assert bench.sent(600000)["/42800/0/1"] == "1-2"


def test_retries_are_ever_rarer_up_to_ten_minutes():
    bench = Bench()
    bench.report(POWER, 60)
    now_ms = 1000
    waits = []
    for _ in range(15):
        bench.send(now_ms)
        bench.reporting.receive_failure(now_ms)
        waits.append(bench.reporting.due_ms() - now_ms)
        now_ms = bench.reporting.due_ms()
    assert 2500 <= waits[0] <= 5000
    assert 300000 <= waits[-1] <= 600000


def test_a_pack_fits_one_datagram_and_the_rest_follows_at_once():
    bench = Bench()
    for index in range(200):
        bench.report(POWER, Decimal(100000 + index, -3))
    now_ms = 1000
    numbers = []
    while bench.reporting.due_ms() is not None:
        records = bench.send(now_ms)
        assert len(records) > 20
        numbers.extend(bench.reporting.pack.sequences)
        bench.reporting.receive_response(coap.CHANGED, now_ms)
    assert numbers == list(range(1, 201))


def test_a_reading_longer_than_a_datagram_goes_alone():
    bench = Bench()
    bench.report((3435, 0, 18), "x" * 1500)
    bench.report(POWER, 60)
    bench.clock.now_ms = 1000
    request = bench.reporting.next_request(1000)
    assert len(request.payload) > 1500
    assert bench.reporting.pack.sequences == [1]


def test_readings_from_before_the_clock_wait_and_are_dated_by_it():
    bench = Bench(is_clock_set=False)
    bench.clock.now_ms = 2000
    bench.report(POWER, 60)
    assert bench.send(CLOCK_WAIT_MS - 1) is None
    bench.clock.now_ms = 12000
    bench.clock.set_unix_s(NOW_S, SERVER)
    assert bench.send(12000)[5].time == NOW_S - 10


def test_without_a_clock_readings_go_with_relative_times():
    bench = Bench(is_clock_set=False)
    bench.report(POWER, 60, 0)
    records = bench.send(CLOCK_WAIT_MS)
    assert records[5].time == -(CLOCK_WAIT_MS // 1000)


def test_an_alarm_does_not_wait_for_the_clock():
    bench = Bench(is_clock_set=False)
    bench.report(FAILURE, True, 0)
    assert bench.send(2000)[5].time == -2


def test_a_reading_that_the_gateway_refuses_is_found_and_dropped():
    bench = Bench()
    for value in (1, 2, 3):
        bench.report(POWER, value)
    bench.send(1000)
    bench.reporting.receive_response(coap.BAD_REQUEST, 1000)
    assert bench.sent(60000)["/42800/0/1"] == "1"
    bench.reporting.receive_response(coap.BAD_REQUEST, 60000)
    assert bench.journal.losses.ranges == [[7, 1, 1, "refused"]]
    assert bench.sent(60000)["/42800/0/1"] == "2"
    bench.reporting.receive_response(coap.CHANGED, 60000)
    assert bench.sent(60000)["/42800/0/1"] == "3"


def test_every_number_is_told_as_taken_and_as_acknowledged():
    bench = Bench()
    bench.report(POWER, 1)
    bench.report(POWER, 2)
    bench.send(1000)
    bench.reporting.receive_response(coap.CHANGED, 1000)
    taken = [event for event in bench.events if isinstance(event, ReadingTaken)]
    assert [(event.boot, event.sequence) for event in taken] == [(7, 1), (7, 2)]
    known = [event for event in bench.events if isinstance(event, ReadingsAcknowledged)]
    assert [(event.boot, event.sequences) for event in known] == [(7, [1, 2])]


def test_ranges_are_written_in_the_order_of_the_records():
    assert render_sequences([17, 18, 19, 24, 30, 29]) == "17-19,24,30,29"
    assert render_sequences([5]) == "5"
    assert render_sequences([]) == ""
    assert render([(7, 12, 16, "full"), (7, 20, 20, "refused")]) == "12-16:full,20:refused"


def fill(bench):
    """Take more measurements than the journal holds: its four segments of two each."""
    bench.board.journal_segments = 4
    for _ in range(10):
        bench.report(POWER, "x" * 900)


def test_losses_are_told_until_the_gateway_knows():
    bench = Bench()
    fill(bench)
    assert bench.sent(1000)["/42800/0/3"] == "1-2:full"
    bench.reporting.receive_failure(1000)
    assert bench.sent(20000)["/42800/0/3"] == "1-2:full"
    bench.reporting.receive_response(coap.CHANGED, 20000)
    assert "/42800/0/3" not in bench.sent(30000)


def test_where_nothing_waits_a_pack_without_readings_tells_the_losses():
    bench = Bench()
    bench.journal.losses.add(6, 3, 4, "full")
    bench.report(POWER, 60)
    bench.send(1000)
    bench.reporting.receive_response(coap.CHANGED, 1000)
    assert bench.sent(1000) == {
        "/42800/0/0": 6, "/42800/0/1": "", "/42800/0/2": 3, "/42800/0/3": "3-4:full",
        "/42800/0/4": 4, "/42800/0/5": 6}
    bench.reporting.receive_response(coap.CHANGED, 1000)
    assert bench.reporting.due_ms() is None
    assert bench.journal.is_empty()


def test_at_most_four_losses_go_with_a_pack_and_the_rest_with_the_next():
    bench = Bench()
    for number in range(6):
        bench.journal.losses.add(7, 10 + number * 2, 10 + number * 2, "full")
    assert bench.sent(1000)["/42800/0/3"] == "10:full,12:full,14:full,16:full"
    bench.reporting.receive_response(coap.CHANGED, 1000)
    assert bench.sent(1000)["/42800/0/3"] == "18:full,20:full"


def test_readings_without_numbers_go_without_the_journals_records():
    bench = Bench()
    bench.journal.boot = None
    bench.board.store.write = fail_to_write
    bench.report(POWER, 60)
    assert list(bench.sent(1000)) == ["/3418/0/4"]
    bench.reporting.receive_response(coap.CHANGED, 1000)
    assert bench.journal.is_empty()


def test_readings_of_an_earlier_boot_whose_clock_was_never_known_have_no_time():
    bench = Bench(is_clock_set=False)
    bench.report(POWER, 60)
    again = Bench(store=bench.board.store)
    assert again.send(1000)[5].time is None


def fail_to_write(key, data):
    raise OSError(5)
