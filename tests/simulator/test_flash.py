"""A node's flash under faults, alone and below a real node: what was durable stays, once."""

import asyncio
import errno
import itertools
import random
from functools import partial

import pytest

from firmware.journal import ReadingDropped, ReadingTaken
from firmware.node import Node
from protocol.settings import Settings
from simulator import virtual_time
from simulator.fitting import Fitting
from simulator.flash import Flash
from simulator.halted import Halted
from simulator.node_clock import NodeTimers, TimerQueue
from simulator.node_driver import NodeDriver
from simulator.virtual_board import VirtualBoard
from tests.simulator.small_world import SmallWorld

OCCUPANCY = (3431, 0, 1)
OLD, NEW = b"the old value", b"and a newer one"


def cut(operate, count=200):
    """Return what key "a" may hold after a cut of `operate(flash)`, over many cuts."""
    found = set()
    for seed in range(count):
        flash, cuts = Flash(random.Random(seed)), []
        flash.write("a", OLD)
        flash.cut_at(1, partial(cuts.append, seed))
        with pytest.raises(Halted) as halted:
            operate(flash)
        found.add(flash.read("a"))
        halted.value.then()
        assert cuts == [seed]
    return found


def test_cut_write_leaves_the_old_value_or_the_new_one_and_a_cut_removal_either():
    assert cut(lambda flash: flash.write("a", NEW)) == {OLD, NEW}
    assert cut(lambda flash: flash.remove("a")) == {OLD, None}


def test_cut_append_leaves_any_part():
    parts = {OLD + NEW[:length] for length in range(len(NEW) + 1)}
    assert cut(lambda flash: flash.append("a", NEW)) == parts


def test_operation_that_is_cut_is_the_one_that_was_named():
    for number in range(1, 6):
        flash = Flash(random.Random(number))
        flash.cut_at(number, lambda: None)
        for index in range(1, number):
            flash.write(str(index), NEW)
        with pytest.raises(Halted):
            flash.append(str(number), NEW)


def test_cut_that_is_called_off_never_comes():
    flash = Flash(random.Random(1))
    flash.cut_at(1, lambda: None)
    flash.keep_power()
    flash.write("a", NEW)
    assert flash.read("a") == NEW


def test_nothing_has_an_effect_after_the_cut_until_the_power_is_back():
    flash = Flash(random.Random(1))
    flash.write("a", OLD)
    flash.cut_at(1, lambda: None)
    for operate in (lambda: flash.remove("b"), lambda: flash.write("a", NEW),
                    lambda: flash.append("a", NEW), lambda: flash.remove("a")):
        with pytest.raises(Halted):
            operate()
    assert flash.read("a") == OLD and flash.operations == 2
    flash.power_on()
    flash.write("a", NEW)
    assert flash.read("a") == NEW


def test_no_handler_of_the_firmware_sees_a_cut():
    assert not issubclass(Halted, Exception)


def test_full_flash_takes_nothing_until_something_is_removed_or_it_is_healed():
    flash = Flash(random.Random(1))
    flash.write("a", OLD)
    flash.fill(4)
    flash.append("a", b"1234")
    # A write needs room for the new value beside the old one.
    for operate in (flash.append, flash.write):
        with pytest.raises(OSError) as error:
            operate("a", b"5")
        assert error.value.errno == errno.ENOSPC
    assert flash.read("a") == OLD + b"1234" and flash.failures == 2
    flash.remove("a")
    flash.write("b", OLD)
    flash.heal()
    flash.write("c", bytes(4096))


def test_worn_flash_fails_in_its_share_and_keeps_what_it_had():
    flash, failed = Flash(random.Random(1)), 0
    flash.write("a", OLD)
    flash.wear(0.3, random.Random(2))
    for number in range(2000):
        before = flash.read("a")
        try:
            flash.write("a", b"%d" % number)
        except OSError as error:
            assert error.errno == errno.EIO and flash.read("a") == before
            failed += 1
    # Five deviations of the binomial distribution.
    assert abs(failed - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5 and flash.failures == failed
    flash.heal()
    flash.write("a", NEW)


def test_failed_append_of_a_worn_flash_leaves_a_part_and_a_failed_removal_says_nothing():
    flash = Flash(random.Random(1))
    flash.wear(1.0, random.Random(2))
    flash._entries["a"] = OLD
    with pytest.raises(OSError):
        flash.append("a", NEW)
    assert (OLD + NEW).startswith(flash.read("a")) and flash.read("a") != OLD + NEW
    flash.remove("a")
    assert flash.read("a") is not None


class Lonely:
    """A parking node above a flash, whose bay changes when told; nobody answers it."""

    def __init__(self, seed):
        self.queue = TimerQueue(asyncio.get_running_loop())
        self.random = random.Random(seed)
        self.flash = Flash(random.Random(seed))
        self.street = SmallWorld(nodes=1, fleet={"lamps": 0, "bins": 0, "parking": 1})
        self.fitting = Fitting(self.street.world, self.street.sites[0])
        self.taken, self.dropped, self.boots = set(), set(), 0
        self.driver = NodeDriver(self.make_node, NodeTimers(self.queue), lambda *sent: None,
                                 self.note)

    def power_on(self):
        self.boots += 1
        self.flash.power_on()
        self.driver.power_on()

    def make_node(self):
        board = VirtualBoard("parking", 1, self.random, self.reset, self.flash)
        self.fitting.fit(board)
        return Node(board, Settings(server_uri="coap://10.255.0.1", security="none"))

    def reset(self):
        raise Halted(self.power_on)

    def note(self, event):
        if isinstance(event, ReadingTaken):
            self.taken.add((event.boot, event.sequence))
        elif isinstance(event, ReadingDropped):
            self.dropped.add((event.boot, event.sequence))

    def see_a_car(self, number):
        """Let the furniture report; it is on flash with the node's next turn."""
        self.driver.node.reporting.report(OCCUPANCY, bool(number % 2))
        self.driver.receive_datagram(b"", None)
        assert self.driver.node is None or not self.driver.node.journal.has_failed

    def held(self):
        return {(reading.boot, reading.sequence) for lane in self.driver.node.journal._lanes
                for reading in lane.readings()}


def live(seed, operations):
    """Let a node live through a cut at each of `operations`, one after the other."""
    async def main():
        node = Lonely(seed)
        node.power_on()
        for operation in operations:
            node.flash.cut_at(operation, node.power_on)
            boots = node.boots
            for number in range(50):
                if node.boots == boots:
                    node.see_a_car(number)
                    await asyncio.sleep(5)
            assert node.boots > boots
        return node
    return virtual_time.run(main)


@pytest.mark.parametrize("seed", range(4))
def test_node_holds_all_it_took_and_took_all_it_holds_wherever_its_power_was_cut(seed):
    node = live(seed, range(1, 20))
    assert node.boots == 20 and len(node.taken) > 40
    assert node.held() == node.taken - node.dropped


def test_reset_ends_the_call_that_asked_for_it():
    async def main():
        node = Lonely(1)
        node.power_on()
        first = node.driver.node
        with pytest.raises(Halted):
            node.reset()
        node.driver.node.handle_timeout = lambda now_ms: node.reset()
        await asyncio.sleep(120)
        return node.boots, first is node.driver.node

    assert virtual_time.run(main) == (2, False)


def test_what_was_on_flash_before_a_reset_was_taken():
    async def main():
        node = Lonely(1)
        node.power_on()
        node.driver.node.reporting.report(OCCUPANCY, True)
        node.driver.node.journal.flush(0)
        node.driver.power_on()
        return node.held(), node.taken

    held, taken = virtual_time.run(main)
    assert held == taken and held


def test_same_seed_leaves_the_same_flash():
    nodes = [live(5, itertools.repeat(3, 5)) for _ in range(2)]
    assert nodes[0].flash._entries == nodes[1].flash._entries
