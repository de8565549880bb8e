"""Whatever links and faults there are: nothing is lost untold, nothing comes from nowhere."""

import asyncio
from collections import Counter
from dataclasses import fields

from hypothesis import given, strategies

from simulator import virtual_time
from simulator.happenings import DatagramArrived, DatagramDropped, DatagramSent
from simulator.link_profiles import LinkProfile
from simulator.network import Network

ADDRESSES = [(f"10.0.0.{number}", 5683) for number in range(1, 5)]
SECONDS = 60
shares = strategies.sampled_from((0.0, 0.1, 0.5, 1.0))
times_ms = strategies.sampled_from((0.0, 0.5, 20.0, 3000.0))
FIELDS = dict(
    name=strategies.just("any"), source=strategies.just("any"),
    delay_ms=times_ms, jitter_ms=times_ms, loss=shares, burst_loss=shares,
    burst_s=strategies.sampled_from((0.1, 5.0)),
    clear_s=strategies.sampled_from((None, 0.1, 5.0)), doubled=shares, held_back=shares,
    held_back_ms=times_ms, listen_ms=times_ms,
    bit_per_s=strategies.sampled_from((None, 1000, 1_000_000)),
    queue_bytes=strategies.sampled_from((0, 100, 64_000)),
    mtu_bytes=strategies.sampled_from((60, 1500)))
profiles = strategies.builds(LinkProfile, **FIELDS)
addresses = strategies.sampled_from(ADDRESSES)
calls = strategies.one_of(
    strategies.tuples(strategies.just("send"), addresses, addresses,
                      strategies.binary(max_size=60)),
    strategies.tuples(strategies.just("set_link"), addresses, profiles),
    strategies.tuples(strategies.just("rebind"), addresses),
    strategies.tuples(strategies.just("loss"), strategies.lists(addresses), shares))
plans = strategies.lists(
    strategies.tuples(strategies.integers(0, SECONDS * 1000), calls), max_size=80)
cuts = strategies.lists(strategies.tuples(
    strategies.lists(addresses, unique=True), strategies.integers(0, SECONDS),
    strategies.integers(0, SECONDS)), max_size=3)


def live(plan, cuts, seed=1):
    """Carry out `plan`; return the network and all that was told and heard."""
    async def main():
        loop, told, heard = asyncio.get_running_loop(), [], []
        network = Network(loop, told.append, seed)
        # One address has nobody behind it.
        for address in ADDRESSES[:-1]:
            network.attach(address, lambda data, sender, address=address: heard.append(
                (loop.now_us(), address, data)))
        for time_ms, (name, *arguments) in plan:
            loop.call_at(time_ms / 1000, getattr(network, name), *arguments)
        for group, begin_s, duration_s in cuts:
            loop.call_at(begin_s, network.partition, group, True)
            loop.call_at(begin_s + duration_s, network.partition, group, False)
        await asyncio.sleep(SECONDS)
        kept = network.sent + network.doubled - network.arrived - network.dropped
        assert kept == network.under_way
        await asyncio.sleep(100 * SECONDS)
        return network, told, heard
    return virtual_time.run(main)


def count(told, kind):
    return Counter((each.sender, each.receiver, each.data) for each in told
                   if isinstance(each, kind))


@given(plans, cuts)
def test_each_datagram_arrives_or_is_dropped_and_each_that_arrives_was_sent(plan, cuts):
    network, told, heard = live(plan, cuts)
    sent, arrived, dropped = (count(told, kind) for kind in (
        DatagramSent, DatagramArrived, DatagramDropped))
    assert not network.under_way
    assert network.sent + network.doubled == network.arrived + network.dropped
    # Twice at each of two links.
    assert all(sent[each] <= (arrived + dropped)[each] <= 4 * sent[each] for each in sent)
    assert set(arrived) | set(dropped) == set(sent)
    assert [(each.time_us, each.receiver, each.data) for each in told
            if isinstance(each, DatagramArrived)] == heard
    assert {each.reason for each in told if isinstance(each, DatagramDropped)} <= {
        "loss", "partition", "mtu", "queue", "nobody"}


@given(plans, cuts)
def test_times_never_go_back_and_all_repeats(plan, cuts):
    _, told, heard = live(plan, cuts)
    assert [each.time_us for each in told] == sorted(each.time_us for each in told)
    assert live(plan, cuts)[1:] == (told, heard)


def test_properties_try_every_field_of_a_profile():
    assert set(FIELDS) == {field.name for field in fields(LinkProfile)}
