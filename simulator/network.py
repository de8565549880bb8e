"""The network of a run: datagrams between addresses, over links that lose, delay and double them.

Nothing gets lost without being told: sent + doubled + replayed = arrived + dropped + under way.
"""

import errno
import heapq
from collections import deque
from collections.abc import Callable, Iterable

from gateway.coap_transport import Local, Receive
from simulator.happenings import Address, DatagramArrived, DatagramDropped, DatagramSent, Tell
from simulator.link import DOWN, UP, Link
from simulator.link_profiles import PERFECT, LinkProfile
from simulator.virtual_time import VirtualLoop

REBOUND_PORT = 49152
"""First port that a network address translator gives: IANA's dynamic ports, RFC 6335 section 6."""

RECORDED_MAX = 64
"""Datagrams that an attacker keeps of each address."""


class Network:
    """Carries datagrams in virtual time; those that are due at one moment in the order of sending.

    What happens names a node by its own address, also while it is behind another one (`rebind`).
    """

    def __init__(self, loop: VirtualLoop, tell: Tell, seed: int) -> None:
        self._loop = loop
        self._tell = tell
        self._seed = seed
        self._receivers: dict[Address, Callable[[bytes, Address], None]] = {}
        self._links: dict[Address, Link] = {}
        self._seen_as: dict[Address, Address] = {}
        self._owners: dict[Address, Address] = {}
        # (due, order, is at its receiver, sender, as whom it is seen, receiver, data)
        self._under_way: list[tuple[int, int, bool, Address, Address, Address, bytes]] = []
        self._order = 0
        self._timer = None
        self._is_handing_out = False
        self._recorded: dict[Address, deque[tuple[Address, Address, bytes]]] = {}
        self.sent = self.doubled = self.replayed = self.dropped = self.arrived = 0

    @property
    def under_way(self) -> int:
        """How many datagrams have been sent and neither dropped nor handed out."""
        return len(self._under_way)

    def attach(self, address: Address, receive: Callable[[bytes, Address], None]) -> None:
        """Hand `receive(data, sender)` what comes to `address`. Raises OSError if it is taken."""
        if address in self._receivers:
            raise OSError(errno.EADDRINUSE, f"{address[0]}:{address[1]} is taken")
        self._receivers[address] = receive

    def detach(self, address: Address) -> None:
        """Let nobody listen at `address`."""
        self._receivers.pop(address, None)

    def set_link(self, address: Address, profile: LinkProfile) -> None:
        """Let all from and to `address` cross such a link; without one, it is PERFECT."""
        self._link(address).set_profile(profile)

    def partition(self, addresses: Iterable[Address], is_cut: bool) -> None:
        """Cut the links of `addresses`, or end it; who is cut twice comes back at the second end.
        """
        for address in addresses:
            link = self._link(address)
            link.cuts += 1 if is_cut else -1
            assert link.cuts >= 0, address

    def loss(self, addresses: Iterable[Address], share: float) -> None:
        """Lose a share of what crosses the links of `addresses` besides what they lose anyway."""
        for address in addresses:
            self._link(address).add_loss(share)

    def record(self, addresses: Iterable[Address]) -> None:
        """Let an attacker write down what arrives at `addresses`, the last RECORDED_MAX of each.
        """
        for address in addresses:
            self._recorded.setdefault(address, deque(maxlen=RECORDED_MAX))

    def replay(self, addresses: Iterable[Address], count: int) -> None:
        """Let the last `count` datagrams that were recorded at each address arrive once more.

        They come from where they came from: told as arrived, and never as sent.
        """
        now_us = self._loop.now_us()
        for address in addresses:
            for sender, seen_as, data in list(self._recorded[address])[-count:]:
                self.replayed += 1
                self._carry(now_us, True, sender, seen_as, address, data)

    def rebind(self, address: Address) -> Address:
        """Return another address as which `address` is seen from now on.

        Its translator forgot it (RFC 4787 section 4.3): what is sent to the old one finds nobody.
        """
        _, port = self._seen_as.get(address, (address[0], REBOUND_PORT - 1))
        seen_as = self._seen_as[address] = (address[0], port + 1)
        self._owners[seen_as] = address
        return seen_as

    def gateway_transport(self, address: Address) -> "GatewayTransport":
        """Return what a gateway listens on at `address`."""
        return GatewayTransport(self, address)

    def send(self, sender: Address, receiver: Address, data: bytes) -> None:
        """Give the network a datagram; it arrives later, never before this returns."""
        now_us = self._loop.now_us()
        seen_as, owner = sender, receiver
        if self._seen_as:
            seen_as = self._seen_as.get(sender, sender)
            owner = self._owners.get(receiver, receiver)
        self.sent += 1
        self._tell(DatagramSent(now_us, sender, owner, data))
        if owner in self._seen_as and self._seen_as[owner] != receiver:
            self._drop(now_us, sender, owner, data, "nobody")
            return
        link = self._links.get(sender)
        if link is None:
            self._enter(now_us, sender, seen_as, owner, data)
        else:
            self._cross(link, UP, now_us, sender, seen_as, owner, data)

    def _enter(self, now_us: int, sender: Address, seen_as: Address, receiver: Address,
               data: bytes) -> None:
        """Let a datagram that comes from the sender's link cross the receiver's."""
        link = self._links.get(receiver)
        if link is None:
            self._carry(now_us, True, sender, seen_as, receiver, data)
        else:
            self._cross(link, DOWN, now_us, sender, seen_as, receiver, data)

    def _cross(self, link: Link, direction: int, now_us: int, sender: Address, seen_as: Address,
               receiver: Address, data: bytes) -> None:
        outcome = link.cross(len(data), direction, now_us)
        if isinstance(outcome, str):
            self._drop(now_us, sender, receiver, data, outcome)
            return
        self.doubled += len(outcome) - 1
        is_there = direction == DOWN or receiver not in self._links
        for due_us in outcome:
            self._carry(due_us, is_there, sender, seen_as, receiver, data)

    def _carry(self, due_us: int, is_there: bool, sender: Address, seen_as: Address,
               receiver: Address, data: bytes) -> None:
        heapq.heappush(self._under_way,
                       (due_us, self._order, is_there, sender, seen_as, receiver, data))
        self._order += 1
        if self._under_way[0][0] == due_us and not self._is_handing_out:
            self._set_timer()

    def _set_timer(self) -> None:
        due_s = self._under_way[0][0] / 1e6
        if self._timer is not None:
            if self._timer.when() == due_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due_s, self._hand_out)

    def _hand_out(self) -> None:
        """Hand out what is due; what is sent meanwhile has its turn after all else of this moment.
        """
        self._timer = None
        self._is_handing_out = True
        now_us, order = self._loop.now_us(), self._order
        under_way = self._under_way
        try:
            while under_way and under_way[0][0] <= now_us and under_way[0][1] < order:
                _, _, is_there, sender, seen_as, receiver, data = heapq.heappop(under_way)
                if is_there:
                    self._arrive(now_us, sender, seen_as, receiver, data)
                else:
                    self._enter(now_us, sender, seen_as, receiver, data)
        finally:
            self._is_handing_out = False
            if under_way:
                self._set_timer()

    def _arrive(self, now_us: int, sender: Address, seen_as: Address, receiver: Address,
                data: bytes) -> None:
        link = self._links.get(receiver)
        if link is not None and link.cuts:
            self._drop(now_us, sender, receiver, data, "partition")
            return
        receive = self._receivers.get(receiver)
        if receive is None:
            self._drop(now_us, sender, receiver, data, "nobody")
            return
        self.arrived += 1
        if self._recorded and receiver in self._recorded:
            self._recorded[receiver].append((sender, seen_as, data))
        self._tell(DatagramArrived(now_us, sender, receiver, data))
        receive(data, seen_as)

    def _drop(self, now_us: int, sender: Address, receiver: Address, data: bytes,
              reason: str) -> None:
        self.dropped += 1
        self._tell(DatagramDropped(now_us, sender, receiver, data, reason))

    def _link(self, address: Address) -> Link:
        if address not in self._links:
            self._links[address] = Link(PERFECT, self._seed, address[0])
        return self._links[address]


class GatewayTransport:
    """A gateway's place in the network: a `coap_transport.DatagramTransport` that can be severed.
    """

    def __init__(self, network: Network, address: Address) -> None:
        self._network = network
        self._address = address
        self._is_open = self._is_severed = False
        self._receive: Receive | None = None

    def open(self, receive: Receive) -> None:
        if self._is_severed:
            raise OSError(errno.ENETDOWN, "severed")
        self._network.attach(self._address, self._hand_in)
        self._receive, self._is_open = receive, True

    def send(self, datagram: bytes, peer: Address, local: Local) -> bool:
        if self._is_open:
            self._network.send(self._address, peer, datagram)
        return self._is_open

    def addresses(self) -> list[Address]:
        return [self._address] if self._is_open else []

    def close(self) -> None:
        if self._is_open:
            self._network.detach(self._address)
        self._is_open = False

    def sever(self) -> None:
        """Let nothing in and nothing out for good, whatever is called; another may listen here."""
        self.close()
        self._is_severed = True

    def _hand_in(self, data: bytes, peer: Address) -> None:
        self._receive(data, peer, None)
