"""What each kind of fault does to the parts of a run, and how what overlaps is put together."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from simulator.disk import Trouble
from simulator.fault import Fault, FaultKind
from simulator.gateway_disk import GatewayDisk
from simulator.happenings import Address
from simulator.virtual_time import VirtualLoop

SWITCH = "fault"
"""The switch of a node's power that is open while a fault takes it."""
CAUSES = {
    FaultKind.NODE_RESET: "power",
    FaultKind.NODE_POWER_CUT: "power",
    FaultKind.CLOCK_LOSS: "power",
    FaultKind.WATCHDOG: "watchdog",
    FaultKind.BROWN_OUT: "brownout",
}
ACKS = {
    FaultKind.ACK_LATE: "late",
    FaultKind.ACK_TWICE: "twice",
    FaultKind.ACK_NEVER: "never",
}
Active = dict[int, Fault]
"""Faults that are there now, by number, in the order of their coming."""


class Node(Protocol):
    """What a fault does to a node (`sim_node.SimNode`)."""

    address: Address

    def switch_off(self, switch: str, cause: str) -> None: ...
    def switch_on(self, switch: str, cause: str) -> None: ...
    def set_drift(self, drift_ppm: int) -> None: ...
    def cut_power_at(self, operation: int, on_cut: Callable[[], None]) -> None: ...
    def keep_power(self) -> None: ...
    def harm_flash(self, is_full: bool, worn_share: float) -> None: ...


class Gateway(Protocol):
    """What a fault does to a gateway (`sim_gateway.SimGateway`)."""

    address: Address
    disk: GatewayDisk

    def kill(self) -> None: ...
    def power_cut(self) -> None: ...
    def restart(self) -> None: ...
    def step_clock(self, seconds: float) -> None: ...


class City(Protocol):
    """What a fault does to the back end (`sim_city.SimCity`)."""

    delay_s: float
    refusal: int
    ack: str
    ack_delay_s: float

    def cut(self, gateway: str) -> None: ...
    def die_after_commit(self, for_s: float) -> None: ...
    def broker_down(self) -> None: ...
    def broker_up(self) -> None: ...
    def consumer_down(self) -> None: ...
    def consumer_up(self) -> None: ...


class Network(Protocol):
    """What a fault does to links (`network.Network`)."""

    def partition(self, addresses: Iterable[Address], is_cut: bool) -> None: ...
    def loss(self, addresses: Iterable[Address], share: float) -> None: ...
    def rebind(self, address: Address) -> Address: ...
    def record(self, addresses: Iterable[Address]) -> None: ...
    def replay(self, addresses: Iterable[Address], count: int) -> None: ...


class World(Protocol):
    """What a fault does to the street (`world.world.World`)."""

    def set_mains(self, circuit: str, is_on: bool) -> None: ...


class Effects:
    """The parts of a run by the names that faults use; a node's is "lamp 7"."""

    def __init__(self, loop: VirtualLoop, nodes: Mapping[str, Node],
                 gateways: Mapping[str, Gateway], city: City, network: Network,
                 world: World) -> None:
        self._loop = loop
        self._nodes = nodes
        self._gateways = gateways
        self._city = city
        self._network = network
        self._world = world
        self._hit: dict[int, tuple[str, ...]] = {}
        # By (what is done, to whom): all faults that do it now.
        self._active: dict[tuple[str, str], Active] = {}
        self._off: set[str] = set()
        self._armed: dict[int, set[str]] = {}  # who has not been cut yet, by the fault's number

    def prepare(self, fault: Fault, hit: tuple[str, ...]) -> None:
        """Do what must be done when the run begins: an attacker records what he will replay."""
        if fault.kind is FaultKind.REPLAY:
            self._network.record([self._address(name) for name in hit])

    def begin(self, number: int, fault: Fault, hit: tuple[str, ...],
              on_end: Callable[[], None]) -> bool:
        """Do what `fault` does to each of `hit`; return whether it ends after its duration.

        Otherwise `on_end` is called when it has.
        """
        self._hit[number] = hit
        if fault.kind is FaultKind.NODE_POWER_CUT:
            self._arm(number, fault, hit, on_end)
            return False
        effect = _EFFECTS[fault.kind]
        for subject in hit:
            active = self._active.setdefault((effect.__name__, subject), {})
            active[number] = fault
            effect(self, subject, active, fault)
        return True

    def end(self, number: int, fault: Fault) -> None:
        """Undo what `fault` does, as far as no other does the same."""
        armed = self._armed.pop(number, set())
        for subject in self._hit.pop(number):
            self._release(number, fault, subject)
            if subject in armed:
                self._nodes[subject].keep_power()

    def _release(self, number: int, fault: Fault, subject: str) -> None:
        effect = _EFFECTS[fault.kind]
        active = self._active.get((effect.__name__, subject), {})
        if active.pop(number, None) is not None:
            effect(self, subject, active, None if active else fault)

    # At nodes

    def _arm(self, number: int, fault: Fault, hit: tuple[str, ...],
             on_end: Callable[[], None]) -> None:
        """Have the power of each of `hit` go amid an operation of its store."""
        armed = self._armed[number] = set(hit)
        left = set(hit)

        def cut(name: str) -> None:
            armed.remove(name)
            active = self._active.setdefault(("_power", name), {})
            active[number] = fault
            self._power(name, active, fault)
            self._loop.call_later(fault.duration_s, back, name)

        def back(name: str) -> None:
            self._release(number, fault, name)
            left.discard(name)
            if not left:
                on_end()

        for name in hit:
            self._nodes[name].cut_power_at(int(fault.amount), lambda name=name: cut(name))

    def _power(self, name: str, active: Active, fault: Fault | None) -> None:
        node = self._nodes[name]
        if active and fault is not None:
            node.switch_off(SWITCH, CAUSES[fault.kind])
        elif not active:
            node.switch_on(SWITCH, CAUSES[fault.kind])

    def _drift(self, name: str, active: Active, _: Fault | None) -> None:
        self._nodes[name].set_drift(round(sum(each.amount for each in active.values())))

    def _flash(self, name: str, active: Active, _: Fault | None) -> None:
        kinds = [each.kind for each in active.values()]
        worn = [e.amount for e in active.values() if e.kind is FaultKind.FLASH_WORN]
        self._nodes[name].harm_flash(FaultKind.FLASH_FULL in kinds, max(worn, default=0.0))

    # At gateways

    def _gateway(self, name: str, active: Active, fault: Fault | None) -> None:
        gateway = self._gateways[name]
        if not active:
            gateway.restart()
        elif fault is not None and fault.kind is FaultKind.GATEWAY_POWER_CUT:
            gateway.power_cut()
        elif fault is not None:
            gateway.kill()

    def _disk(self, name: str, active: Active, _: Fault | None) -> None:
        disk = self._gateways[name].disk
        kinds = [each.kind for each in active.values()]
        slow = [e.amount for e in active.values() if e.kind is FaultKind.DISK_SLOW]
        disk.heal()
        disk.sync_delay_s = max(slow, default=0.0)
        if FaultKind.DISK_FULL in kinds:
            disk.room_bytes = 0
        if FaultKind.DISK_FAILING in kinds:
            disk.fail("write", Trouble.IO)
            disk.fail("sync", Trouble.IO)

    def _rot(self, name: str, active: Active, fault: Fault | None) -> None:
        if active and fault is not None:
            self._gateways[name].disk.rot(int(fault.amount))

    def _step(self, name: str, active: Active, fault: Fault | None) -> None:
        if active and fault is not None:
            self._gateways[name].step_clock(fault.amount)

    # At the back end

    def _broker(self, _: str, active: Active, fault: Fault | None) -> None:
        city = self._city
        down = [each for each in active.values() if each.kind is FaultKind.BROKER_DOWN]
        slow = [e.amount for e in active.values() if e.kind is FaultKind.BROKER_SLOW]
        refused = [e.amount for e in active.values() if e.kind is FaultKind.BROKER_REFUSES]
        city.delay_s = max(slow, default=0.0)
        city.refusal = int(max(refused, default=0))
        self._turn("broker", bool(down), city.broker_down, city.broker_up)

    def _line(self, name: str, active: Active, fault: Fault | None) -> None:
        if active and fault is not None:
            self._city.cut(name)

    def _die(self, _: str, active: Active, fault: Fault | None) -> None:
        if active and fault is not None:
            self._city.die_after_commit(fault.duration_s)

    def _consumer(self, _: str, active: Active, fault: Fault | None) -> None:
        city = self._city
        self._turn("consumer", bool(active), city.consumer_down, city.consumer_up)

    def _acknowledgement(self, _: str, active: Active, fault: Fault | None) -> None:
        """Let the city acknowledge as the fault that came last has it."""
        last = list(active.values())[-1] if active else None
        self._city.ack_delay_s = last.amount if last else 0.0
        self._city.ack = ACKS[last.kind] if last else "once"

    # On the way, and in the street

    def _cut(self, name: str, active: Active, _: Fault | None) -> None:
        addresses = [self._address(name)]
        self._turn(f"link of {name}", bool(active),
                   lambda: self._network.partition(addresses, True),
                   lambda: self._network.partition(addresses, False))

    def _loss(self, name: str, active: Active, _: Fault | None) -> None:
        arrives = math.prod(1 - each.amount for each in active.values())
        self._network.loss([self._address(name)], 1 - arrives)

    def _rebind(self, name: str, active: Active, fault: Fault | None) -> None:
        if active and fault is not None:
            self._network.rebind(self._nodes[name].address)

    def _replay(self, name: str, active: Active, fault: Fault | None) -> None:
        if active and fault is not None:
            self._network.replay([self._address(name)], int(fault.amount))

    def _mains(self, circuit: str, active: Active, _: Fault | None) -> None:
        self._turn(circuit, bool(active),
                   lambda: self._world.set_mains(circuit, False),
                   lambda: self._world.set_mains(circuit, True))

    def _turn(self, what: str, is_off: bool, off: Callable[[], None],
              on: Callable[[], None]) -> None:
        """Call `off` or `on` if that is a change."""
        if is_off and what not in self._off:
            self._off.add(what)
            off()
        elif not is_off and what in self._off:
            self._off.remove(what)
            on()

    def _address(self, name: str) -> Address:
        everybody = self._nodes if name in self._nodes else self._gateways
        return everybody[name].address


_EFFECTS: dict[FaultKind, Callable[[Effects, str, Active, Fault | None], None]] = {
    FaultKind.NODE_RESET: Effects._power,
    FaultKind.BROWN_OUT: Effects._power,
    FaultKind.WATCHDOG: Effects._power,
    FaultKind.NODE_POWER_CUT: Effects._power,
    FaultKind.CLOCK_LOSS: Effects._power,
    FaultKind.FLASH_FULL: Effects._flash,
    FaultKind.FLASH_WORN: Effects._flash,
    FaultKind.CLOCK_DRIFT: Effects._drift,
    FaultKind.GATEWAY_KILL: Effects._gateway,
    FaultKind.GATEWAY_POWER_CUT: Effects._gateway,
    FaultKind.DISK_SLOW: Effects._disk,
    FaultKind.DISK_FULL: Effects._disk,
    FaultKind.DISK_FAILING: Effects._disk,
    FaultKind.DISK_ROT: Effects._rot,
    FaultKind.CLOCK_STEP: Effects._step,
    FaultKind.BROKER_DOWN: Effects._broker,
    FaultKind.BROKER_SLOW: Effects._broker,
    FaultKind.BROKER_REFUSES: Effects._broker,
    FaultKind.LINE_CUT: Effects._line,
    FaultKind.CONSUMER_DIES: Effects._die,
    FaultKind.CONSUMER_DOWN: Effects._consumer,
    FaultKind.ACK_LATE: Effects._acknowledgement,
    FaultKind.ACK_TWICE: Effects._acknowledgement,
    FaultKind.ACK_NEVER: Effects._acknowledgement,
    FaultKind.PARTITION: Effects._cut,
    FaultKind.LOSS: Effects._loss,
    FaultKind.ADDRESS_CHANGE: Effects._rebind,
    FaultKind.REPLAY: Effects._replay,
    FaultKind.BLACKOUT: Effects._mains,
    FaultKind.MAINS_DIP: Effects._mains,
}
