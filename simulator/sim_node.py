"""A node of a run: its firmware, its power, its place on the network, and what it says."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from firmware.journal import ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost, Stopped
from simulator.checks.flash_readings import ranges_of, readings_on
from simulator.flash import Flash
from simulator.halted import Halted
from simulator.happenings import Address, JournalSeen, NodeBooted, NodeSaid, NodeStopped, Tell
from simulator.node_clock import NodeTimers
from simulator.node_driver import NodeDriver
from simulator.world.layout import Site

PORT = 5683
MAINS, FAULT, START = "mains", "fault", "start"
"""The switches of a node's power: the circuit's, a fault's, and the one that begins the run."""
# What a reset of a kind is called by the board afterwards (`firmware/hardware.py`).
POWER, WATCHDOG, SOFTWARE, BROWN_OUT = "power", "watchdog", "software", "brownout"


MakeNode = Callable[[Callable[[], None], str], Any]


class NodeNetwork(Protocol):
    """What a node asks of the network."""

    def attach(self, address: Address, receive: Callable[[bytes, Address], None]) -> None:
        """Hand what comes to `address` to `receive(datagram, sender)`."""

    def detach(self, address: Address) -> None:
        """Nobody listens at `address` any more."""

    def send(self, sender: Address, receiver: Address, data: bytes) -> None:
        """Send one datagram."""


class SimNode:
    """One node: its power has several switches, and it runs while all of them are closed.

    A blackout during a brown-out ends neither. `make_node(on_reset, cause)` gives its firmware on
    a fresh board over `flash`.
    """

    def __init__(self, site: Site, flash: Flash, make_node: MakeNode, timers: NodeTimers,
                 network: NodeNetwork, address: Address, tell: Tell,
                 now_us: Callable[[], int]) -> None:
        self.site = site
        self.flash = flash
        self.address = address
        self.is_registered = self.has_left = False
        self._make = make_node
        self._timers = timers
        self._network = network
        self._tell = tell
        self._now_us = now_us
        self._open = {START}
        self._cause = POWER
        self._is_attached = False
        self.on_stop: Callable[[], None] = lambda: None
        self.on_send: Callable[[], None] = lambda: None
        self.wear_random = random.Random(site.endpoint)
        self._last_told: dict[int, int] = {}  # by boot
        self.driver = NodeDriver(self._make_node, timers, self._send, self._note)

    @property
    def endpoint(self) -> str:
        """Return its endpoint name."""
        return self.site.endpoint

    @property
    def is_running(self) -> bool:
        """Return whether the firmware runs."""
        return self.driver.node is not None

    # Power

    def switch_on(self, switch: str, cause: str = POWER) -> None:
        """Close a switch; the node boots if it was the last open one."""
        self._open.discard(switch)
        if not self._open and not self._is_attached:
            self._boot(cause)

    def switch_off(self, switch: str, cause: str = POWER) -> None:
        """Open a switch: the node stops at once; what is not on its flash is lost."""
        self._open.add(switch)
        self._stop(cause)

    def reset(self, cause: str) -> None:
        """Boot anew now, if there is power."""
        if self._is_attached:
            self._stop(cause)
            self._boot(cause)

    def shutdown(self) -> None:
        """Let the node send what it holds and de-register; `has_left` once it has."""
        self.driver.shutdown()

    # What faults do

    def set_drift(self, ppm: int) -> None:
        """Let its clock run `ppm` parts per million too fast from now on."""
        self._timers.set_drift(ppm)

    def cut_power_at(self, operation: int, on_cut: Callable[[], None]) -> None:
        """Take the power at the `operation`-th store operation from now; then call `on_cut()`."""
        self.flash.cut_at(operation, on_cut)

    def keep_power(self) -> None:
        """Take back a cut that has not come yet."""
        self.flash.keep_power()

    def harm_flash(self, is_full: bool, worn_share: float) -> None:
        """Let its flash be full, or fail in a share of its operations; or neither any more."""
        self.flash.heal()
        if is_full:
            self.flash.fill()
        if worn_share:
            self.flash.wear(worn_share, self.wear_random)

    def see_journal(self) -> None:
        """Tell what stands on its flash, and before that what it could not tell any more."""
        held = readings_on(self.flash)
        for reading in held:
            if reading.sequence > self._last_told.get(reading.boot, -1):
                self._note(reading)
        numbers = [(reading.boot, reading.sequence) for reading in held]
        self._tell(JournalSeen(self._now_us(), self.endpoint, ranges_of(numbers)))

    # Inner

    def _boot(self, cause: str) -> None:
        self._cause = cause
        self.has_left = False
        self._is_attached = True
        self.flash.power_on()
        self._network.attach(self.address, self._receive)
        self._tell(NodeBooted(self._now_us(), self.endpoint, cause))
        self.driver.power_on()

    def _stop(self, cause: str) -> None:
        if not self._is_attached:
            return
        self._is_attached = self.is_registered = False
        self.driver.power_off()
        self._network.detach(self.address)
        self.on_stop()
        self.see_journal()
        self._tell(NodeStopped(self._now_us(), self.endpoint, cause))

    def _make_node(self) -> Any:
        return self._make(self._reset_by_firmware, self._cause)

    def _reset_by_firmware(self) -> None:
        """Let the firmware's own code end here, as a processor's does."""
        raise Halted(partial(self.reset, SOFTWARE))

    def _receive(self, datagram: bytes, sender: Address) -> None:
        self.driver.receive_datagram(datagram, sender)

    def _send(self, datagram: bytes, peer: Address) -> None:
        self.on_send()
        self._network.send(self.address, peer, datagram)

    def _note(self, event: Any) -> None:
        if isinstance(event, ReadingTaken):
            told = self._last_told.get(event.boot, -1)
            self._last_told[event.boot] = max(told, event.sequence)
        elif isinstance(event, Registered):
            self.is_registered = True
        elif isinstance(event, RegistrationLost):
            self.is_registered = False
        elif isinstance(event, Stopped):
            self.has_left = True
        self._tell(NodeSaid(self._now_us(), self.endpoint, event))
