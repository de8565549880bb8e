"""Kills are drawn from the seed, shared out evenly, and within the run."""

from collections import Counter

from simulator import soak_kills


def test_same_seed_draws_the_same_kills():
    assert soak_kills.draw(7, 600, 100) == soak_kills.draw(7, 600, 100)
    assert soak_kills.draw(7, 600, 100) != soak_kills.draw(8, 600, 100)


def test_every_process_gets_its_share():
    shares = Counter(kill.victim for kill in soak_kills.draw(1, 600, 100))
    assert sorted(shares.values()) == [33, 33, 34]


def test_kills_come_in_order_and_within_the_run():
    times = [kill.at_s for kill in soak_kills.draw(1, 30, 9)]
    assert times == sorted(times)
    assert 0 < times[0] and times[-1] < 30
