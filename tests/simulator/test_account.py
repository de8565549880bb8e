"""Readings are counted by identity, never by subtraction."""

from protocol.number import Decimal
from simulator.account import Account, content_of

FIRST, SECOND, THIRD = (("lamp", 1, sequence) for sequence in (1, 2, 3))


def account_of(*readings):
    account = Account()
    for reading in readings:
        account.take(reading)
    return account


def test_reading_that_nobody_holds_is_missing():
    account = account_of(FIRST, SECOND)
    account.acknowledge(FIRST)
    account.delivered[SECOND] += 1
    assert account.tally().missing == 1


def test_reading_held_by_its_node_is_in_flight():
    assert account_of(FIRST).tally().in_flight == 1


def test_reading_stored_at_the_gateway_is_in_flight():
    account = account_of(FIRST)
    account.acknowledge(FIRST)
    account.stored.add(FIRST)
    assert account.tally().in_flight == 1
    assert account.tally().missing == 0


def test_dropped_reading_is_explained():
    account = account_of(FIRST)
    account.drop(FIRST)
    assert account.tally().explained == 1


def test_reading_delivered_three_times_is_two_duplicates():
    account = account_of(FIRST)
    account.delivered[FIRST] += 3
    assert account.tally().duplicated == 2
    assert account.tally().delivered == 1


def test_reading_that_no_node_took_is_a_stranger():
    account = account_of(FIRST)
    account.delivered[THIRD] += 1
    assert account.strangers() == {THIRD}


def test_reading_that_arrives_with_another_value_is_altered():
    account = Account()
    account.take(FIRST, content_of((3418, 0, 4), Decimal(2150, -2)))
    account.take(SECOND, content_of((3416, 0, 3), 80))
    arrived = {FIRST: "/3418/0/4=21.5", SECOND: "/3416/0/3=81"}
    assert account.altered(arrived) == {SECOND}


def test_number_that_is_given_twice_counts_as_altered():
    account = Account()
    account.take(FIRST, "/3416/0/3=80")
    account.take(FIRST, "/3416/0/3=30")
    assert account.altered({FIRST: "/3416/0/3=80"}) == {FIRST}
    assert account.altered({FIRST: "/3416/0/3=30"}) == {FIRST}
