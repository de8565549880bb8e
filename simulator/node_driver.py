"""Runs one real node core: hands it datagrams and time, and carries away what it sends.

Time, timers and the network are given, so that a driver serves virtual time as well as UDP.
"""

from collections.abc import Callable
from typing import Any, Protocol

from firmware import journal_record
from firmware.journal import ReadingTaken
from firmware.node import Node
from protocol.errors import ProtocolError
from simulator.halted import Halted


class Timers(Protocol):
    """What a driver needs of its event loop."""

    def now_ms(self) -> int:
        """Return the uptime of the world in milliseconds."""

    def call_at_ms(self, when_ms: int, callback: Callable[[], None]) -> Any:
        """Call `callback` at `when_ms`; the handle that is returned has cancel()."""


class NodeDriver:
    """One node on one board; `make_node()` builds it anew after each reset of the board.

    Halted, which a store raises that cuts the power (`simulator.flash`), and may be raised by the
    board's reset(), ends the node where it stands: its datagrams are lost, its events told.
    """

    def __init__(self, make_node: Callable[[], Node], timers: Timers,
                 send: Callable[[bytes, Any], None], on_event: Callable[[Any], None]) -> None:
        self._make_node = make_node
        self._timers = timers
        self._send = send
        self._on_event = on_event
        self._timer = None
        self._booted_ms = 0
        self.node: Node | None = None

    def power_on(self) -> None:
        """Boot the node now, or anew; what it took before its reset it has taken."""
        self._tell_events(self.node)
        self._booted_ms = self._timers.now_ms()
        try:
            self.node = self._make_node()
            self.node.start(0)
            self._settle()
        except Halted as halted:
            self._halt(halted)

    def power_off(self) -> None:
        """Take the power away: nothing is said, all that is not in the store is lost."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.node = None

    def receive_datagram(self, datagram: bytes, peer: Any) -> None:
        if self.node is None:
            return
        try:
            self.node.receive_datagram(datagram, peer, self.uptime_ms())
            self._settle()
        except Halted as halted:
            self._halt(halted)

    def shutdown(self) -> None:
        """Let the node de-register."""
        if self.node is None:
            return
        try:
            self.node.shutdown(self.uptime_ms())
            self._settle()
        except Halted as halted:
            self._halt(halted)

    def uptime_ms(self) -> int:
        """Return the node's own uptime."""
        return self._timers.now_ms() - self._booted_ms

    def _tick(self) -> None:
        self._timer = None
        if self.node is None:
            return
        try:
            self.node.handle_timeout(self.uptime_ms())
            self._settle()
        except Halted as halted:
            self._halt(halted)

    def _halt(self, halted: Halted) -> None:
        """Be off amid a call; tell what was so by then."""
        node = self.node
        self.power_off()
        self._tell_events(node)
        for event in _taken_in(halted.appended):
            self._on_event(event)
        if halted.then is not None:
            halted.then()

    def _tell_events(self, node: Node | None) -> None:
        while node is not None and (event := node.next_event()) is not None:
            self._on_event(event)

    def _settle(self) -> None:
        """Carry away datagrams and events, and set the timer anew."""
        node = self.node
        if node is None:
            # A reset amid the call, and the power went while it booted.
            return
        for datagram, peer in node.datagrams_to_send():
            self._send(datagram, peer)
        self._tell_events(node)
        # An event may have reset the board, which puts another node in place.
        if self.node is not node:
            return
        if self._timer is not None:
            self._timer.cancel()
        due_ms = node.next_timeout_ms()
        self._timer = None if due_ms is None else self._timers.call_at_ms(
            self._booted_ms + due_ms, self._tick)


def _taken_in(appended: bytes) -> list[ReadingTaken]:
    """Return the readings of a whole record, which the node's next boot finds as its own."""
    try:
        return [
            ReadingTaken(reading.boot, reading.sequence, reading.path, reading.value,
                         reading.uptime_ms)
            for record in journal_record.scan(appended) if record
            for reading in journal_record.readings(appended, record)
            if reading.sequence is not None]
    except (ProtocolError, TypeError, ValueError):
        return []
