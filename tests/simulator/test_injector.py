"""Faults of a plan: they come and go in their time, and what overlaps ends with the last."""

import asyncio

import pytest

from simulator import scenario, virtual_time
from simulator.disk import Trouble
from simulator.effects import Effects
from simulator.fault import FACTS, Fault, FaultKind, Place
from simulator.happenings import FaultBegan, FaultEnded
from simulator.injector import Injector
from simulator.plan import Plan
from simulator.targets import Targets

STREET = scenario.parse("""
[scenario]
summary = "A street."
nodes = 4
hours = 4
start = 2026-11-12T15:30:00+01:00
""", "street.toml")
TARGETS = Targets(("lamp 1", "lamp 2", "bin 3"), ("gateway-1",), ("circuit 1", "circuit 2"),
                  {"street 1": ("lamp 1", "bin 3")}, {"street 1": ("circuit 1", "circuit 2")})


class Recorder:
    """Writes down each call, with the virtual time in seconds."""

    def __init__(self, name, calls, loop):
        self.__dict__.update(name=name, calls=calls, loop=loop, address=(name, 5683))

    def __getattr__(self, call):
        return lambda *given: self.note(call, given)

    def __setattr__(self, name, value):
        self.note(name, (value,))

    def note(self, call, given):
        given = [list(each) if isinstance(each, (list, tuple)) else each for each in given]
        self.calls.append((self.loop.time(), self.name, call, *given))


class Node(Recorder):
    """Whose power is cut when the test says so."""

    def cut_power_at(self, operation, on_cut):
        self.note("cut_power_at", (operation,))
        self.loop.call_later(30 * operation, on_cut)


def happened(*faults: Fault):
    """Return (calls of the parts, begun and ended faults as told, the injector) of a run."""
    calls, told = [], []

    async def main():
        loop = asyncio.get_running_loop()
        city, network, world = (Recorder(name, calls, loop) for name in ("city", "net", "world"))
        gateway = Recorder("gateway-1", calls, loop)
        gateway.__dict__["disk"] = Recorder("disk", calls, loop)
        effects = Effects(loop, {name: Node(name, calls, loop) for name in TARGETS.nodes},
                          {"gateway-1": gateway}, city, network, world)
        plan = Plan(STREET, 1, 4, 4.0, faults, tuple(range(len(faults))))
        injector = Injector(plan, TARGETS, effects, loop, told.append)
        injector.start()
        await asyncio.sleep(4 * 3600)
        return injector

    injector = virtual_time.run(main)
    return calls, told, injector


def calls_of(*faults: Fault):
    return happened(*faults)[0]


def test_a_fault_is_told_when_it_begins_and_when_it_ends():
    fault = Fault(60.0, FaultKind.CONSUMER_DOWN, "city", 90.0)
    calls, told, injector = happened(fault)
    assert told == [FaultBegan(60_000_000, fault), FaultEnded(150_000_000, fault)]
    assert calls == [(60.0, "city", "consumer_down"), (150.0, "city", "consumer_up")]
    assert injector.begun == 1 and not injector.under_way


def test_a_fault_whose_target_is_not_there_is_left_out_and_counted():
    lost = Fault(60.0, FaultKind.NODE_RESET, "lamp 77")
    there = Fault(61.0, FaultKind.NODE_RESET, "lamp 1")
    calls, told, injector = happened(lost, there)
    assert injector.left_out == (lost,) and injector.begun == 1
    assert {each[1] for each in calls} == {"lamp 1"} and len(told) == 2


def test_a_reset_takes_the_power_and_gives_it_back_at_once():
    assert calls_of(Fault(5.0, FaultKind.WATCHDOG, "lamp 2")) == [
        (5.0, "lamp 2", "switch_off", "fault", "watchdog"),
        (5.0, "lamp 2", "switch_on", "fault", "watchdog")]


def test_a_reset_during_a_brown_out_ends_with_the_brown_out():
    calls = calls_of(Fault(5.0, FaultKind.BROWN_OUT, "lamp 2", 60.0),
                     Fault(20.0, FaultKind.NODE_RESET, "lamp 2", 10.0))
    assert [call for call in calls if call[2] == "switch_on"] == [
        (65.0, "lamp 2", "switch_on", "fault", "brownout")]


def test_two_partitions_of_one_link_heal_with_the_last():
    calls = calls_of(Fault(10.0, FaultKind.PARTITION, "lamp 1", 60.0),
                     Fault(30.0, FaultKind.PARTITION, "street 1", 100.0))
    lamp, container = ["lamp 1", 5683], ["bin 3", 5683]
    assert calls == [
        (10.0, "net", "partition", [tuple(lamp)], True),
        (30.0, "net", "partition", [tuple(container)], True),
        (130.0, "net", "partition", [tuple(lamp)], False),
        (130.0, "net", "partition", [tuple(container)], False)]


def test_losses_of_one_link_are_put_together():
    calls = calls_of(Fault(10.0, FaultKind.LOSS, "lamp 1", 60.0, 0.5),
                     Fault(30.0, FaultKind.LOSS, "lamp 1", 10.0, 0.5))
    assert [(time, call[4]) for time, *call in [(c[0], *c) for c in calls]] == [
        (10.0, 0.5), (30.0, 0.75), (40.0, 0.5), (70.0, 0.0)]


def test_a_blackout_within_a_blackout_switches_each_circuit_once():
    calls = calls_of(Fault(10.0, FaultKind.BLACKOUT, "circuit 2", 60.0),
                     Fault(30.0, FaultKind.BLACKOUT, "all", 10.0),
                     Fault(35.0, FaultKind.MAINS_DIP, "street 1", 1.0))
    assert calls == [
        (10.0, "world", "set_mains", "circuit 2", False),
        (30.0, "world", "set_mains", "circuit 1", False),
        (40.0, "world", "set_mains", "circuit 1", True),
        (70.0, "world", "set_mains", "circuit 2", True)]


def test_a_gateway_that_is_killed_twice_starts_after_the_longer_time():
    calls = calls_of(Fault(10.0, FaultKind.GATEWAY_KILL, "gateway-1", 60.0),
                     Fault(30.0, FaultKind.GATEWAY_POWER_CUT, "all", 10.0))
    assert calls == [(10.0, "gateway-1", "kill"), (30.0, "gateway-1", "power_cut"),
                     (70.0, "gateway-1", "restart")]


def test_a_full_disk_that_becomes_slow_is_still_full_when_it_is_fast_again():
    calls = calls_of(Fault(10.0, FaultKind.DISK_FULL, "all", 100.0),
                     Fault(20.0, FaultKind.DISK_SLOW, "all", 10.0, 2.0),
                     Fault(50.0, FaultKind.DISK_FAILING, "all", 10.0))
    last = [call[2:] for call in calls if call[0] == 60.0]
    assert last == [("heal",), ("sync_delay_s", 0.0), ("room_bytes", 0)]
    assert (50.0, "disk", "fail", "sync", Trouble.IO) in calls
    assert [call[2:] for call in calls if call[0] == 110.0] == [("heal",), ("sync_delay_s", 0.0)]


def test_the_city_acknowledges_as_the_last_fault_has_it():
    calls = calls_of(Fault(10.0, FaultKind.ACK_LATE, "city", 100.0, 40.0),
                     Fault(20.0, FaultKind.ACK_NEVER, "city", 10.0))
    assert [call[3] for call in calls if call[2] == "ack"] == ["late", "never", "late", "once"]
    assert [call[3] for call in calls if call[2] == "ack_delay_s"] == [40.0, 0.0, 40.0, 0.0]


def test_a_slow_broker_that_goes_away_comes_back_slow():
    calls = calls_of(Fault(10.0, FaultKind.BROKER_SLOW, "city", 100.0, 7.0),
                     Fault(20.0, FaultKind.BROKER_DOWN, "city", 10.0))
    assert [call[0] for call in calls if call[2] == "broker_up"] == [30.0]
    assert [call[3] for call in calls if call[2] == "delay_s"] == [7.0, 7.0, 7.0, 0.0]


def test_power_cut_at_a_store_operation_ends_after_its_time():
    fault = Fault(10.0, FaultKind.NODE_POWER_CUT, "lamp 1", 5.0, 2.0)
    calls, told, _ = happened(fault)
    assert [call[:3] for call in calls] == [
        (10.0, "lamp 1", "cut_power_at"), (70.0, "lamp 1", "switch_off"),
        (75.0, "lamp 1", "switch_on")]
    assert [each.time_us for each in told] == [10_000_000, 75_000_000]


def test_a_power_cut_that_never_came_is_called_off_before_the_quiet_time():
    fault = Fault(10.0, FaultKind.NODE_POWER_CUT, "lamp 1", 5.0, 1000.0)
    calls, told, _ = happened(fault)
    assert [call[:3] for call in calls][:2] == [
        (10.0, "lamp 1", "cut_power_at"), (12600.0, "lamp 1", "keep_power")]
    assert told[-1] == FaultEnded(12_600_000_000, fault)


def test_who_replays_datagrams_records_them_from_the_start():
    calls = calls_of(Fault(10.0, FaultKind.REPLAY, "lamp 1", 0.0, 20))
    assert calls == [(0.0, "net", "record", [("lamp 1", 5683)]),
                     (10.0, "net", "replay", [("lamp 1", 5683)], 20)]


def test_a_worn_flash_that_fills_is_both():
    calls = calls_of(Fault(10.0, FaultKind.FLASH_WORN, "lamp 1", 100.0, 0.2),
                     Fault(20.0, FaultKind.FLASH_FULL, "lamp 1", 10.0))
    assert [call[3:] for call in calls] == [(False, 0.2), (True, 0.2), (False, 0.2), (False, 0.0)]


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_of_fault_does_something_and_leaves_nothing(kind):
    target = {Place.GATEWAY: "gateway-1", Place.CITY: "city", Place.MAINS: "circuit 1"}
    facts = FACTS[kind]
    fault = Fault(10.0, kind, target.get(facts.place, "lamp 1"), 60.0, facts.amount)
    calls, told, injector = happened(fault)
    assert calls and len(told) == 2 and not injector.under_way
