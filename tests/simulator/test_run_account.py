"""The account of a run: what nodes hold is what they say, and what stands on their flash."""

from firmware.journal import ReadingsAcknowledged, ReadingTaken
from protocol.number import Decimal
from simulator.happenings import JournalSeen, NodeSaid
from simulator.run_account import RunAccount
from simulator.stream import Stream


def told(*happenings) -> RunAccount:
    stream = Stream()
    account = RunAccount(stream)
    for happening in happenings:
        stream.tell(happening)
    return account


def taken(endpoint: str, sequence: int) -> NodeSaid:
    return NodeSaid(0, endpoint, ReadingTaken(7, sequence, (3416, 0, 3), Decimal(5, 0), 0))


def test_a_reading_is_held_until_it_is_acknowledged():
    both = told(taken("a", 1), taken("b", 1))
    assert both.holds() == {"a", "b"}
    said = NodeSaid(0, "a", ReadingsAcknowledged(7, [1]))
    assert told(taken("a", 1), taken("b", 1), said).holds() == {"b"}


def test_what_a_stopped_node_has_no_more_on_its_flash_is_not_held():
    gone = told(taken("a", 1), taken("a", 2), taken("b", 1), JournalSeen(0, "a", ((7, 2, 2),)))
    assert gone.account.held == {("a", 7, 2), ("b", 7, 1)}
    assert told(taken("a", 1), JournalSeen(0, "a", ())).holds() == set()
