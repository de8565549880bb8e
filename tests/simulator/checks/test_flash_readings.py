"""What a node's flash holds, and what a request made it do, read from outside."""

from firmware.clock import Clock
from firmware.journal import Journal, ReadingTaken
from protocol import coap_message as coap
from protocol.coap_values import Request, Response
from protocol.lwm2m_content import SENML_CBOR, TEXT, encode
from simulator.checks.flash_readings import ranges_of, readings_on
from simulator.checks.obedience import deeds_of
from tests.firmware.board import Board

LEVEL, FAILURE = (3416, 0, 3), (3416, 0, 5)


def test_flash_gives_the_readings_that_the_journal_has_told():
    board, events = Board("lamp"), []
    clock = Clock("UTC0")
    clock.now_ms = 0
    journal = Journal(board, clock, events, {}, 100, is_patient=False)
    for number in range(5):
        journal.take(LEVEL, number, 1000 + number)
        journal.take(FAILURE, True, 1000 + number)
        journal.flush(2000)
    taken = [event for event in events if isinstance(event, ReadingTaken)]
    found = readings_on(board.store)

    def shown(readings):
        return {(each.boot, each.sequence, each.path, each.value, each.uptime_ms)
                for each in readings}
    assert len(found) == 10
    assert shown(found) == shown(taken)


def test_torn_record_at_the_end_of_a_flash_holds_nothing():
    board, clock = Board("lamp"), Clock("UTC0")
    clock.now_ms = 0
    journal = Journal(board, clock, [], {}, 100, is_patient=False)
    journal.take(LEVEL, 50, 1000)
    journal.flush(2000)
    key = board.store.keys("jm")[0]
    board.store.append(key, board.store.read(key)[:-1])
    assert len(readings_on(board.store)) == 1


def test_ids_become_ranges_by_all_that_stands_before_the_number():
    ids = {("a", 1, 3), ("a", 1, 1), ("a", 1, 2), ("a", 2, 3), ("b", 1, 4)}
    assert ranges_of(ids) == (("a", 1, 1, 3), ("a", 2, 3, 3), ("b", 1, 4, 4))
    assert ranges_of([]) == ()


def test_write_that_was_answered_with_success_is_a_deed_for_each_resource():
    leaves = [((3416, 0, 51), 1_800_000_000), ((3416, 0, 1), 30)]
    request = Request(coap.POST, ("3416", "0"), payload=encode(SENML_CBOR, (3416, 0), leaves),
                      content_format=SENML_CBOR)
    assert deeds_of(request, Response(coap.CHANGED)) == [
        ("write", "/3416/0/51", 1_800_000_000), ("write", "/3416/0/1", 30)]
    assert deeds_of(request, Response(coap.METHOD_NOT_ALLOWED)) == []


def test_execute_is_a_deed_and_a_read_is_none():
    execute = Request(coap.POST, ("3", "0", "4"), payload=b"0='a'", content_format=TEXT)
    assert deeds_of(execute, Response(coap.CHANGED)) == [("execute", "/3/0/4", "0='a'")]
    assert deeds_of(Request(coap.GET, ("3", "0", "0")), Response(coap.CONTENT)) == []
