"""Who said what to whom, as far as a datagram tells it without keys."""

from collections import deque
from dataclasses import dataclass

from protocol import coap_message as coap
from protocol import oscore_option
from protocol.errors import DecodeError
from protocol.oscore_option import OscoreOption
from simulator.checks import outer_message
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US
from simulator.happenings import Address, DatagramSent


@dataclass(slots=True)
class Seen:
    """A datagram from outside. `option` is None where nothing is protected, or badly.

    `gateway` is its sender's id, None if a node sent it; `kid` is that of the node, None as long
    as the node has not said it. `asked` is the option of the request that a response answers.
    """

    code: int
    start: int  # of the payload
    option: OscoreOption | None
    gateway: str | None
    node: Address
    kid: bytes | None
    asked: OscoreOption | None

    @property
    def is_request(self) -> bool:
        """Return whether it is a request."""
        return coap.is_request(self.code)


class Wire:
    """Reads each datagram once for all checks, and remembers what later ones refer to.

    Requests are remembered for `remember_s`, and the kid of a node at an address for ever.
    """

    def __init__(self, bounds: Bounds, facts: Facts) -> None:
        self._remember_us = bounds.remember_s * SECOND_US
        self._facts = facts
        self._gateways = {address: gateway for gateway, address in facts.gateways.items()}
        self._endpoints = {node.address: node.endpoint for node in facts.nodes.values()}
        self._kids: dict[Address, bytes] = {}
        self._owners: dict[bytes, str] = {}
        self._asked: dict[tuple[Address, bytes, bool], tuple[int, OscoreOption]] = {}
        self._asking: deque[tuple[int, tuple[Address, bytes, bool]]] = deque()
        self._sent: DatagramSent | None = None
        self._seen: Seen | None = None

    def see(self, sent: DatagramSent) -> Seen | None:
        """Return what a datagram shows, None if it is no CoAP message."""
        if sent is not self._sent:
            self._sent = sent
            self._seen = self._read(sent)
        return self._seen

    def gateway_at(self, address: Address) -> str | None:
        """Return the id of the gateway that listens at an address."""
        return self._gateways.get(address)

    def endpoint_at(self, address: Address) -> str | None:
        """Return which node has an address, also one that it has moved to."""
        return self._endpoints.get(address) or self._owners.get(self._kids.get(address, b""))

    def endpoint_of(self, kid: bytes) -> str | None:
        """Return which node goes by this kid."""
        return self._owners.get(kid)

    def sender(self, sent: DatagramSent) -> str:
        """Return what people call the sender of a datagram."""
        gateway = self._gateways.get(sent.sender)
        if gateway is not None:
            return gateway
        endpoint = self.endpoint_at(sent.sender)
        return sent.sender[0] if endpoint is None else self._facts.name_of(endpoint)

    def _read(self, sent: DatagramSent) -> Seen | None:
        try:
            code, token, value, start = outer_message.read(sent.data)
            option = None if value is None else oscore_option.decode(value)
        except DecodeError:
            return None
        gateway = self._gateways.get(sent.sender)
        node = sent.sender if gateway is None else sent.receiver
        asked = None
        if option is not None:
            is_request = coap.is_request(code)
            key = node, token, (gateway is None) is is_request
            if is_request:
                self._note_request(sent.time_us, key, option, gateway)
            elif key in self._asked:
                asked = self._asked[key][1]
        return Seen(code, start, option, gateway, node, self._kids.get(node), asked)

    def _note_request(self, now_us: int, key: tuple[Address, bytes, bool], option: OscoreOption,
                      gateway: str | None) -> None:
        address = key[0]
        if gateway is None and option.kid is not None:
            self._kids[address] = option.kid
            endpoint = self._endpoints.get(address)
            if endpoint is not None:
                self._owners[option.kid] = endpoint
        self._asked[key] = now_us, option
        asking = self._asking
        asking.append((now_us, key))
        while now_us - asking[0][0] > self._remember_us:
            asked_us, old = asking.popleft()
            if self._asked.get(old, (None,))[0] == asked_us:
                del self._asked[old]
