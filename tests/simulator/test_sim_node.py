"""A node of a run: its switches, its resets, and what it leaves on its flash."""

import asyncio

import pytest

from firmware.journal import ReadingTaken
from simulator import scenario, virtual_time
from simulator.district import District, gateway_address, node_address
from simulator.happenings import JournalSeen, NodeBooted, NodeSaid, NodeStopped
from simulator.network import Network
from simulator.node_clock import TimerQueue
from simulator.plan import Plan
from simulator.sim_node import FAULT, MAINS, START
from simulator.world.world import World


class Street:
    """The nodes of the street scenario, and nobody who answers them."""

    def __init__(self, nodes=5):
        self.loop, self.told = asyncio.get_running_loop(), []
        plan = Plan.of(scenario.load("street"), 1, nodes)
        self.world = World(1, plan.scenario.start_unix_s, plan.scenario.place, plan.sites(),
                           plan.scenario.world_settings(), self.loop.time, self.told.append)
        self.world.advance()
        network = Network(self.loop, self.told.append, 1)
        self.district = District(plan.scenario, 1, self.world, network, TimerQueue(self.loop),
                                 self.told.append, self.loop.now_us)
        self.nodes = {node.site.name: node for node in self.district.nodes.values()}

    def of(self, *kinds):
        return [each for each in self.told if isinstance(each, kinds)]


def run(act):
    async def main():
        street = Street()
        await act(street)
        return street

    return virtual_time.run(main)


def test_node_runs_while_every_switch_is_closed():
    async def act(street):
        lamp = street.nodes["lamp 5"]
        lamp.switch_on(START)
        assert lamp.is_running
        lamp.switch_off(FAULT, "brownout")
        lamp.switch_off(MAINS, "power")
        lamp.switch_on(FAULT)
        assert not lamp.is_running
        lamp.switch_on(MAINS)
        assert lamp.is_running

    street = run(act)
    assert [each.cause for each in street.of(NodeBooted)] == ["power", "power"]
    assert [each.cause for each in street.of(NodeStopped)] == ["brownout"]


def test_blackout_takes_the_lamps_and_leaves_what_has_a_battery():
    async def act(street):
        for node in street.nodes.values():
            node.switch_on(START)
        street.world.set_mains("circuit 1", False)
        running = {name for name, node in street.nodes.items() if node.is_running}
        assert running and all(name.startswith("bin") for name in running)
        street.world.set_mains("circuit 1", True)
        assert all(node.is_running for node in street.nodes.values())

    run(act)


def test_reset_boots_anew_with_its_cause_and_needs_power():
    async def act(street):
        lamp = street.nodes["lamp 5"]
        lamp.reset("watchdog")
        assert not lamp.is_running
        lamp.switch_on(START)
        lamp.reset("watchdog")

    street = run(act)
    assert [each.cause for each in street.of(NodeBooted)] == ["power", "watchdog"]


def test_what_stands_on_the_flash_is_seen_at_each_stop():
    async def act(street):
        node = street.nodes["bin 1"]
        node.switch_on(START)
        await asyncio.sleep(3600)
        node.switch_off(FAULT)

    street = run(act)
    taken = {(each.event.boot, each.event.sequence) for each in street.of(NodeSaid)
             if isinstance(each.event, ReadingTaken)}
    [seen] = street.of(JournalSeen)
    held = {(boot, number) for boot, first, last in seen.held
            for number in range(first, last + 1)}
    assert held == taken and len(held) > 5


def test_power_that_goes_amid_a_write_stops_the_node_and_tells_what_is_on_its_flash():
    async def act(street):
        node = street.nodes["bin 1"]
        node.cut_power_at(3, lambda: node.switch_off(FAULT))
        node.switch_on(START)
        await asyncio.sleep(7200)
        assert not node.is_running
        node.switch_on(FAULT)
        await asyncio.sleep(60)
        assert node.is_running

    street = run(act)
    boots = {each.event.boot for each in street.of(NodeSaid)
             if isinstance(each.event, ReadingTaken)}
    assert len(street.of(NodeBooted)) == 2 and boots


@pytest.mark.parametrize("count", [70_000])
def test_addresses_are_unique(count):
    nodes = {node_address(number) for number in range(count)}
    gateways = {gateway_address(number) for number in range(1000)}
    assert len(nodes) == count and len(gateways) == 1000 and not nodes & gateways
