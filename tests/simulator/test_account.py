"""Readings are counted by identity, never by subtraction."""

from simulator.account import Account

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
