"""No key meets a nonce twice, told from datagrams alone (RFC 8613 5.2, D.4).

A nonce is who numbered it and the number. Seen without keys: under one number of one sender there
may be one ciphertext; sent again, a message is the same bytes. Numbers are kept as ranges for
ever, what they looked like for `remember_s`: nothing is repeated later than that (RFC 7252 4.8.2,
EXCHANGE_LIFETIME 247 s), so whoever comes then has used a number again.
"""

from binascii import crc32
from collections import deque

from simulator.checks.bounds import Bounds
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.wire import Seen, Wire
from simulator.happenings import DatagramSent, GatewayEnded, KeysChanged, NodeBooted
from simulator.number_set import NumberSet

GAPS_MAX = 256
"""Beyond so many, the lowest gap counts as used: whoever sends has left it long ago."""

NODE, GATEWAY, NODE_ANSWER, GATEWAY_ANSWER = "node", "gateway", "node's answer", "gateway's answer"

Sender = tuple[str, str | None, bytes, bytes | None]  # kind, gateway, kid, kid context


class Nonces(Check):
    """One ciphertext for each number of each sender.

    A node numbers what it sends over all its contexts (docs/decisions/0015), so with a node no
    number comes twice whatever becomes of its keys. A gateway begins anew under each new secret:
    a number may come as often as there were secrets. An answer without a number of its own has
    the nonce of its request, once. Responses whose request nobody saw are `unjudged`.
    """

    name = "no nonce is used twice"

    def __init__(self, bounds: Bounds, wire: Wire) -> None:
        super().__init__()
        self._remember_us = bounds.remember_s * SECOND_US
        self._wire = wire
        self._secrets: dict[str, int] = {}  # by endpoint, where there was more than one
        # By sender: the numbers seen at least once, at least twice, and so on.
        self._used: dict[Sender, list[NumberSet]] = {}
        self._looks: dict[tuple[Sender, int, int], None] = {}
        self._looking: deque[tuple[int, tuple[Sender, int, int]]] = deque()
        self.unjudged = 0

    def handlers(self) -> dict[type, Handler]:
        return {DatagramSent: self._judge, KeysChanged: self._change_keys}

    def _change_keys(self, changed: KeysChanged) -> None:
        self._secrets[changed.endpoint] = self._secrets.get(changed.endpoint, 1) + 1

    def _judge(self, sent: DatagramSent) -> None:
        seen = self._wire.see(sent)
        if seen is None or seen.option is None:
            return
        nonce = None if seen.kid is None else _nonce(seen)
        if nonce is None:
            self.unjudged += 1
            return
        sender, piv = nonce
        number = int.from_bytes(piv, "big")
        look = sender, number, crc32(sent.data[seen.start:])
        if look in self._looks:
            return
        self._remember(sent.time_us, look)
        if not self._use(sender, number):
            self.fail(sent.time_us, self._wire.sender(sent),
                      f"{sender[0]} number {number} has protected something else before", sent)

    def _use(self, sender: Sender, number: int) -> bool:
        """Take a number; return False if it was used under each secret already."""
        used = self._used.get(sender)
        if used is None:
            used = self._used[sender] = [NumberSet()]
        if used[0].add(number):
            if used[0].gaps > GAPS_MAX:
                used[0].close_lowest_gap()
            return True
        for generation in range(1, self._secrets_of(sender)):
            if generation == len(used):
                used.append(NumberSet())
            if used[generation].add(number):
                return True
        return False

    def _secrets_of(self, sender: Sender) -> int:
        kind, _, kid, _ = sender
        if kind in (NODE, GATEWAY_ANSWER):
            return 1
        return self._secrets.get(self._wire.endpoint_of(kid), 1)

    def _remember(self, now_us: int, look: tuple[Sender, int, int]) -> None:
        """Remember what may be sent again; forget what nobody sends any more."""
        self._looks[look] = None
        looking = self._looking
        looking.append((now_us, look))
        while now_us - looking[0][0] > self._remember_us:
            del self._looks[looking.popleft()[1]]


class Freshness(Check):
    """Who has lost its replay window acts on no request before it knows that it is new.

    After the boot of a node, and after a gateway's crash for each of its nodes, the first answer
    to a request has a number of its own: it is the challenge of RFC 8613 B.1.2, since the nonce
    of the request may have protected its answer before. Whoever has heard an answer to a request
    of its own under a number of the other's knows what is new, too. A gateway that was stopped in
    order has kept its windows, and what comes under a new secret is no replay.
    """

    name = "after a boot nothing is answered unchallenged"

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self._forgetful_nodes: set[str] = set()
        self._known: dict[str, set[bytes]] = {}  # by gateway: kids that it answers without doubt
        self._forgotten: dict[str, set[bytes]] = {}  # by gateway: kids since its last crash

    def handlers(self) -> dict[type, Handler]:
        return {DatagramSent: self._judge, NodeBooted: self._boot, GatewayEnded: self._lose,
                KeysChanged: self._change_keys}

    def _boot(self, booted: NodeBooted) -> None:
        self._forgetful_nodes.add(booted.endpoint)

    def _lose(self, ended: GatewayEnded) -> None:
        if ended.cause != "stop":
            known = self._known.pop(ended.gateway, set())
            self._forgotten.setdefault(ended.gateway, set()).update(known)

    def _change_keys(self, changed: KeysChanged) -> None:
        for kids in self._forgotten.values():
            kids.difference_update([kid for kid in kids
                                    if self._wire.endpoint_of(kid) == changed.endpoint])

    def _judge(self, sent: DatagramSent) -> None:
        seen = self._wire.see(sent)
        if seen is None or seen.option is None or seen.is_request or seen.kid is None:
            return
        endpoint = self._wire.endpoint_at(seen.node)
        gateway = seen.gateway or self._wire.gateway_at(sent.receiver)
        forgotten = self._forgotten.setdefault(gateway, set())
        if seen.gateway is None:
            forgetful, who = self._forgetful_nodes, endpoint
        else:
            self._known.setdefault(gateway, set()).add(seen.kid)
            forgetful, who = forgotten, seen.kid
        if seen.option.piv is not None:
            # Bound to a request of the other side, it tells that side where the numbers are.
            if seen.gateway is None:
                forgotten.discard(seen.kid)
            else:
                self._forgetful_nodes.discard(endpoint)
        if who in forgetful:
            forgetful.discard(who)
            if seen.option.piv is None:
                self.fail(sent.time_us, self._wire.sender(sent),
                          "answered its first request after a boot under that request's nonce",
                          sent)


def _nonce(seen: Seen) -> tuple[Sender, bytes] | None:
    """Return who numbered a message of a node with a kid, or to it, and the number's bytes."""
    option, asked, gateway = seen.option, seen.asked, seen.gateway
    if seen.is_request or option.piv is not None:
        if option.piv is None:
            return None
        if gateway is None:
            return (NODE, None, seen.kid, None), option.piv
        context = option.kid_context
        if context is None and not seen.is_request:
            if asked is None:
                return None
            context = asked.kid_context
        return (GATEWAY, gateway, seen.kid, context), option.piv
    if asked is None or asked.piv is None:
        return None
    kind = NODE_ANSWER if gateway is None else GATEWAY_ANSWER
    return (kind, gateway, seen.kid, asked.kid_context), asked.piv
