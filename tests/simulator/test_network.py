"""The network: it loses what its links say, keeps the order, tells of everything, and repeats."""

import asyncio
import itertools
import math
from dataclasses import replace

import pytest

from simulator import virtual_time
from simulator.happenings import DatagramArrived, DatagramDropped, DatagramSent
from simulator.link_profiles import PERFECT
from simulator.network import Network

LAMP, BIN, GATEWAY = ("10.0.0.7", 5683), ("10.0.0.8", 5683), ("10.255.0.1", 5683)
MANY = 8_000
END_S = 365 * 86400
LOSSY = replace(PERFECT, delay_ms=20, jitter_ms=10, loss=0.02, burst_loss=0.6, burst_s=2,
                clear_s=60, doubled=0.03, held_back=0.05, held_back_ms=200)


class Street:
    """A network and all that is told and heard in it."""

    def __init__(self, seed=1):
        self.loop = asyncio.get_running_loop()
        self.told = []
        self.heard = []
        self.network = Network(self.loop, self.told.append, seed)
        for address in (LAMP, BIN, GATEWAY):
            self.listen(address)

    def listen(self, address):
        self.network.attach(address, lambda data, sender: self.heard.append(
            (self.loop.now_us(), address, sender, data)))

    def at(self, time_s, call, *arguments):
        self.loop.call_at(time_s, call, *arguments)

    def send_many(self, count=MANY, every_s=1.0, sender=LAMP, receiver=GATEWAY):
        for number in range(count):
            self.at(number * every_s, self.network.send, sender, receiver, b"%d" % number)

    def dropped(self, reason=None):
        return [told for told in self.told
                if isinstance(told, DatagramDropped) and reason in (None, told.reason)]


def run(act, seed=1):
    """Run `act(street)` and a year; return the street."""
    async def main():
        street = Street(seed)
        act(street)
        await asyncio.sleep(END_S)
        assert not street.network.under_way
        return street

    return virtual_time.run(main)


def assert_likely(count, among, share):
    """Allow five standard deviations of the binomial distribution."""
    deviation = 5 * math.sqrt(among * share * (1 - share))
    assert abs(count - among * share) <= deviation, (count, among * share, deviation)


def numbers(heard):
    return [int(data) for _, _, _, data in heard]


def test_perfect_link_hands_out_all_in_order_in_the_moment_of_sending():
    street = run(lambda street: street.send_many(100))
    assert street.heard == [(number * 1_000_000, GATEWAY, LAMP, b"%d" % number)
                            for number in range(100)]


def test_datagram_never_arrives_before_send_has_returned():
    def act(street):
        street.network.send(LAMP, GATEWAY, b"1")
        assert not street.heard

    assert len(run(act).heard) == 1


def test_answer_has_its_turn_after_all_else_that_arrives_in_this_moment():
    def act(street):
        street.network.detach(GATEWAY)
        street.network.attach(GATEWAY, lambda data, sender: street.network.send(
            GATEWAY, sender, data))
        for data in (b"1", b"2"):
            street.network.send(LAMP, GATEWAY, data)
            street.network.send(LAMP, BIN, data)

    assert [data for _, address, _, data in run(act).heard if address in (LAMP, BIN)] == [
        b"1", b"2", b"1", b"2"]


def test_what_an_arrival_gives_the_loop_is_done_before_the_answer_arrives():
    seen = []

    def answer(street, data, sender):
        seen.append(data)
        street.loop.call_soon(seen.append, b"done")
        if len(data) < 5:
            street.network.send(GATEWAY, GATEWAY, data + b"1")

    def act(street):
        street.network.detach(GATEWAY)
        street.network.attach(GATEWAY, lambda data, sender: answer(street, data, sender))
        street.network.send(LAMP, GATEWAY, b"1")

    run(act)
    assert seen == [each for length in range(1, 6) for each in (b"1" * length, b"done")]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sender, receiver", [(LAMP, GATEWAY), (GATEWAY, LAMP)])
def test_independent_losses_are_as_many_as_the_profile_says(seed, sender, receiver):
    def act(street):
        street.network.set_link(LAMP, replace(PERFECT, loss=0.07))
        street.send_many(sender=sender, receiver=receiver)

    street = run(act, seed)
    assert_likely(len(street.dropped("loss")), MANY, 0.07)
    assert len(street.heard) + len(street.dropped("loss")) == MANY


def test_both_ends_links_lose_their_share():
    def act(street):
        street.network.set_link(LAMP, replace(PERFECT, loss=0.1))
        street.network.set_link(GATEWAY, replace(PERFECT, loss=0.2, delay_ms=1))
        street.send_many()

    assert_likely(len(run(act).heard), MANY, 0.9 * 0.8)


def test_bursts_lose_the_share_of_the_profile_and_follow_each_other_closely():
    profile = replace(PERFECT, burst_loss=1.0, burst_s=5, clear_s=95)

    def act(street):
        street.network.set_link(LAMP, profile)
        street.send_many()

    lost = {int(told.data) for told in run(act).dropped("loss")}
    assert profile.mean_loss() == 0.05
    # Correlated: as many independent looks as there are bursts and gaps, about one in 10 s.
    assert abs(len(lost) / MANY - 0.05) < 5 * math.sqrt(0.05 * 0.95 / (MANY / 10))
    # P(burst after 1 s | burst) = share + (1 - share) exp(-1 s (1/burst + 1/clear)).
    expected = 0.05 + 0.95 * math.exp(-(1 / 5 + 1 / 95))
    assert_likely(sum(number + 1 in lost for number in lost), len(lost), expected)


def test_link_has_forgotten_its_burst_when_the_next_datagram_comes_much_later():
    def act(street):
        street.network.set_link(LAMP, replace(PERFECT, burst_loss=1.0, burst_s=5, clear_s=95))
        street.send_many(every_s=900)

    lost = {int(told.data) for told in run(act).dropped("loss")}
    assert_likely(len(lost), MANY, 0.05)
    assert_likely(sum(number + 1 in lost for number in lost), len(lost), 0.05)


def test_doubled_ones_arrive_twice_and_all_are_accounted_for():
    def act(street):
        street.network.set_link(LAMP, LOSSY)
        street.send_many(every_s=0.01)

    street = run(act)
    network = street.network
    assert network.sent + network.doubled == network.arrived + network.dropped
    assert network.sent == MANY and network.arrived == len(street.heard)
    kinds = [sum(isinstance(told, kind) for told in street.told)
             for kind in (DatagramSent, DatagramArrived, DatagramDropped)]
    assert kinds == [network.sent, network.arrived, network.dropped]
    assert_likely(network.doubled, network.sent - network.dropped, 0.03)


def test_jitter_delays_as_the_profile_says_and_lets_none_overtake():
    def act(street):
        street.network.set_link(LAMP, replace(PERFECT, delay_ms=20, jitter_ms=10))
        street.send_many(every_s=1)

    heard = run(act).heard
    delays_ms = [time_us / 1000 - number * 1000
                 for (time_us, *_), number in zip(heard, numbers(heard), strict=True)]
    assert min(delays_ms) >= 20
    # An exponential distribution's deviation is its mean.
    assert abs(sum(delays_ms) / MANY - 30) < 5 * 10 / math.sqrt(MANY)


def test_order_is_kept_however_close_they_are_unless_one_is_held_back():
    def act(street, held_back=0.0):
        street.network.set_link(LAMP, replace(
            PERFECT, delay_ms=20, jitter_ms=10, held_back=held_back, held_back_ms=500))
        street.send_many(every_s=0.001)

    assert numbers(run(act).heard) == list(range(MANY))
    seen = numbers(run(lambda street: act(street, 0.05)).heard)
    assert sorted(seen) == list(range(MANY))
    overtaken = sum(number < highest for number, highest in
                    zip(seen, itertools.accumulate(seen, max), strict=True))
    assert_likely(overtaken, MANY, 0.05)


def test_what_comes_to_a_node_waits_until_its_radio_listens_and_what_it_sends_does_not():
    def act(street):
        for address in (LAMP, BIN):
            street.network.set_link(address, replace(PERFECT, delay_ms=2, listen_ms=300))
            street.send_many(1000, 0.0123, sender=GATEWAY, receiver=address)
            street.send_many(1000, 0.0123, sender=address)

    heard = run(act).heard
    moments = [{time_us % 300_000 for time_us, address, *_ in heard if address == node}
               for node in (LAMP, BIN)]
    assert [len(each) for each in moments] == [1, 1] and moments[0] != moments[1]
    for node in (LAMP, BIN):
        waits = [time_us - 12_300 * int(data) for time_us, address, _, data in heard
                 if address == node]
        assert len(waits) == 1000 and min(waits) >= 2000 and max(waits) < 302_000
    assert all(time_us - 12_300 * int(data) == 2000 for time_us, address, _, data in heard
               if address == GATEWAY)


def test_slow_link_lets_one_after_the_other_through_and_drops_what_finds_no_room():
    def act(street):
        # 100 bytes with headers take 100 ms; the queue holds ten of them.
        street.network.set_link(LAMP, replace(PERFECT, bit_per_s=8000, queue_bytes=1000))
        for _ in range(20):
            street.network.send(LAMP, GATEWAY, bytes(72))
            street.network.send(GATEWAY, LAMP, bytes(72))

    street = run(act)
    up = [time_us for time_us, address, *_ in street.heard if address == GATEWAY]
    assert up == [100_000 * number for number in range(1, 12)]
    # The two directions do not wait for each other.
    assert [time_us for time_us, address, *_ in street.heard if address == LAMP] == up
    assert len(street.dropped("queue")) == 2 * (20 - 11)


def test_datagram_that_is_longer_than_the_link_carries_is_dropped():
    def act(street):
        street.network.set_link(LAMP, replace(PERFECT, mtu_bytes=1280))
        for length in (1252, 1253):
            street.network.send(LAMP, GATEWAY, bytes(length))
            street.network.send(GATEWAY, LAMP, bytes(length))

    street = run(act)
    assert [len(data) for *_, data in street.heard] == [1252, 1252]
    assert [len(told.data) for told in street.dropped("mtu")] == [1253, 1253]


def test_partition_cuts_both_directions_and_what_is_under_way_until_it_ends():
    def act(street):
        street.network.set_link(LAMP, replace(PERFECT, delay_ms=100))
        street.send_many(10, receiver=GATEWAY)
        street.send_many(10, sender=GATEWAY, receiver=LAMP)
        street.send_many(10, sender=BIN, receiver=GATEWAY)
        street.at(2.05, street.network.partition, [LAMP], True)
        street.at(5.05, street.network.partition, [LAMP], False)

    street = run(act)
    assert [int(told.data) for told in street.dropped("partition")
            if told.sender == LAMP] == [3, 4, 5]
    # The one of second 2 was under way to the lamp.
    assert [int(told.data) for told in street.dropped("partition")
            if told.receiver == LAMP] == [2, 3, 4, 5]
    assert not any(told.sender == BIN for told in street.dropped())


def test_who_is_cut_off_twice_is_back_when_both_are_over():
    def act(street):
        network = street.network
        for cut_s, end_s in ((1.5, 5.5), (3.5, 7.5)):
            street.at(cut_s, network.partition, [LAMP], True)
            street.at(end_s, network.partition, [LAMP], False)
        street.send_many(10)

    assert numbers(run(act).heard) == [0, 1, 8, 9]


def test_added_loss_leaves_what_the_link_itself_loses_as_it_was():
    def lost(share):
        def act(street):
            street.network.set_link(LAMP, LOSSY)
            street.at(1_999.5, street.network.loss, [LAMP], share)
            street.at(5_999.5, street.network.loss, [LAMP], 0.0)
            street.send_many()
        return [int(told.data) for told in run(act).dropped("loss")]

    def among(numbers, is_fault):
        return [number for number in numbers if (2_000 <= number < 6_000) == is_fault]

    without, with_loss = lost(0.0), lost(0.5)
    assert among(without, False) == among(with_loss, False)
    assert set(without) < set(with_loss)
    assert_likely(len(among(with_loss, True)), 4_000, 0.5 + 0.5 * LOSSY.mean_loss())


def test_address_change_shows_the_gateway_another_sender_and_strands_what_goes_to_the_old():
    seen = []

    def change(street):
        seen.append(street.network.rebind(LAMP))
        street.network.send(LAMP, GATEWAY, b"from the new one")
        street.network.send(GATEWAY, LAMP, b"to the old one")
        street.network.send(GATEWAY, seen[-1], b"to the new one")

    def act(street):
        street.at(1, change, street)
        street.at(2, change, street)
        street.at(3, lambda: street.network.send(GATEWAY, seen[0], b"to the second"))

    street = run(act)
    assert len({LAMP, *seen}) == 3
    assert [(address, sender, data) for _, address, sender, data in street.heard] == [
        heard for new in seen for heard in (
            (GATEWAY, new, b"from the new one"), (LAMP, GATEWAY, b"to the new one"))]
    # In what is told, the lamp is the lamp.
    assert [(told.receiver, told.data, told.reason) for told in street.dropped()] == [
        (LAMP, b"to the old one", "nobody")] * 2 + [(LAMP, b"to the second", "nobody")]


def test_links_draw_from_generators_of_their_own():
    def act(street, is_bin_there=True):
        for address in (LAMP, BIN):
            street.network.set_link(address, LOSSY)
        street.send_many(500)
        if is_bin_there:
            street.send_many(500, every_s=0.7, sender=BIN)

    def of_lamp(street):
        return [heard for heard in street.heard if heard[2] == LAMP]

    assert of_lamp(run(act)) == of_lamp(run(lambda street: act(street, False)))


def test_same_seed_repeats_all_and_another_does_not():
    def act(street):
        street.network.set_link(LAMP, LOSSY)
        street.send_many(2000, every_s=0.05)

    assert run(act, 3).told == run(act, 3).told != run(act, 4).told


def test_severed_gateway_hears_and_says_nothing_and_another_takes_its_place():
    heard = []

    def act(street):
        street.network.detach(GATEWAY)
        old, new = (street.network.gateway_transport(GATEWAY) for _ in range(2))
        old.open(lambda *arguments: heard.append(("old", *arguments)))
        with pytest.raises(OSError):
            new.open(None)
        assert old.addresses() == [GATEWAY] and old.send(b"1", LAMP, None)
        street.at(1, old.sever)
        street.at(2, lambda: heard.append(old.send(b"2", LAMP, None)))
        street.at(3, new.open, lambda *arguments: heard.append(("new", *arguments)))
        street.at(4, old.close)
        for time_s in (0.5, 1.5, 4.5):
            street.at(time_s, street.network.send, LAMP, GATEWAY, b"%f" % time_s)
        street.at(5, lambda: pytest.raises(OSError, old.open, None))

    street = run(act)
    assert heard == [("old", b"0.500000", LAMP, None), False, ("new", b"4.500000", LAMP, None)]
    assert [data for _, address, _, data in street.heard if address == LAMP] == [b"1"]
    assert [told.reason for told in street.dropped()] == ["nobody"]


def test_receiver_that_fails_keeps_nothing_from_the_others():
    def fail(data, sender):
        raise ValueError("a bug")

    def act(street):
        street.loop.set_exception_handler(lambda loop, context: None)
        street.network.detach(BIN)
        street.network.attach(BIN, fail)
        street.network.send(LAMP, BIN, b"1")
        street.network.send(LAMP, GATEWAY, b"2")

    assert [data for *_, data in run(act).heard] == [b"2"]


def test_recorded_datagrams_arrive_once_more_and_nobody_has_sent_them():
    def act(street):
        street.network.record([LAMP])
        for number in range(3):
            street.network.send(GATEWAY, LAMP, b"%d" % number)
            street.network.send(GATEWAY, BIN, b"%d" % number)
        street.at(10, street.network.replay, [LAMP], 2)

    street = run(act)
    again = [(address, sender, data) for time_us, address, sender, data in street.heard if time_us]
    assert again == [(LAMP, GATEWAY, b"1"), (LAMP, GATEWAY, b"2")]
    assert sum(isinstance(told, DatagramSent) for told in street.told) == 6
    assert (street.network.sent, street.network.replayed, street.network.arrived) == (6, 2, 8)
