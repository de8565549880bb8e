"""What goes wrong just now, and when it was over: whom a check must not blame."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase

from simulator.checks.bounds import Facts
from simulator.checks.check import SECOND_US, Handler
from simulator.fault import FACTS, Fault, FaultKind, Place
from simulator.happenings import FaultBegan, FaultEnded, GatewayEnded, GatewayStarted

ALL, CITY = "all", "city"
# What a fault of "all" touches, by where its kind can happen.
ALL_NODES, ALL_GATEWAYS = "all nodes", "all gateways"
_NEVER = -(1 << 62)


class Troubles:
    """Follows faults and gateways by whom they touch. It judges nothing."""

    def __init__(self, facts: Facts) -> None:
        self._touching = {
            endpoint: tuple(target for target in (
                ALL_NODES, ALL_GATEWAYS, node.name, node.gateway, node.circuit, node.street)
                if target)
            for endpoint, node in facts.nodes.items()}
        self._names = dict.fromkeys(
            name for names in (facts.gateways, *self._touching.values()) for name in names)
        self._active: Counter[str] = Counter()
        self._last_us: dict[str, int] = {}
        self._kinds: defaultdict[str, set[FaultKind]] = defaultdict(set)
        self._down: set[str] = set()
        self._steps_us: Counter[str] = Counter()

    def handlers(self) -> dict[type, Handler]:
        """Return what is called with the happenings of each kind."""
        return {FaultBegan: self._begin, FaultEnded: self._end,
                GatewayEnded: self._gateway_ended, GatewayStarted: self._gateway_started}

    def touches(self, endpoint: str, now_us: int, for_us: int = 0) -> bool:
        """Return whether anything is wrong with the node or on its way to the gateway.

        So was it with `for_us` if it ended less than that ago.
        """
        return self._any(self._targets(endpoint), now_us, for_us)

    def touches_back_end(self, gateway: str, now_us: int, for_us: int = 0) -> bool:
        """Return whether anything is, or was, wrong between that gateway and the city."""
        return self._any((ALL_GATEWAYS, gateway, CITY), now_us, for_us)

    def last_back_end_us(self, gateway: str) -> int:
        """Return when what was wrong between that gateway and the city ended last."""
        return max(self._last_us.get(each, _NEVER) for each in (ALL_GATEWAYS, gateway, CITY))

    def last_us(self, endpoint: str) -> int:
        """Return when what touched the node, its gateway or the city ended last."""
        return max(self._last_us.get(each, _NEVER) for each in (*self._targets(endpoint), CITY))

    def has_had(self, kinds: Iterable[FaultKind], endpoint: str) -> bool:
        """Return whether a fault of one of these kinds has ever touched the node."""
        targets = self._targets(endpoint)
        return any(kind in self._kinds[target] for kind in kinds for target in targets)

    def has_gateway_had(self, kinds: Iterable[FaultKind], gateway: str) -> bool:
        """Return whether a fault of one of these kinds has ever been at the gateway."""
        return any(kind in self._kinds[each] for kind in kinds for each in (ALL_GATEWAYS, gateway))

    def clock_slack_us(self, endpoint: str) -> int:
        """Return by how much what a node does at a time of day may be early or late.

        Its gateway's clock was stepped by that, and the node's follows when it is set next.
        """
        return sum(self._steps_us[each] for each in self._targets(endpoint))

    def _targets(self, endpoint: str) -> tuple[str, ...]:
        return self._touching.get(endpoint, (ALL_NODES, ALL_GATEWAYS))

    def _any(self, targets: Iterable[str], now_us: int, for_us: int) -> bool:
        for target in targets:
            if self._active[target] or now_us - self._last_us.get(target, _NEVER) < for_us:
                return True
        return False

    def _begin(self, began: FaultBegan) -> None:
        for target in self._reach(began.fault):
            # What does not last is over as it happens, and need not be told ended.
            self._active[target] += began.fault.duration_s > 0
            self._last_us[target] = began.time_us
            self._kinds[target].add(began.fault.kind)
            if began.fault.kind is FaultKind.CLOCK_STEP:
                self._steps_us[target] += round(abs(began.fault.amount) * SECOND_US)

    def _end(self, ended: FaultEnded) -> None:
        for target in self._reach(ended.fault):
            self._active[target] -= ended.fault.duration_s > 0
            self._last_us[target] = ended.time_us

    def _gateway_ended(self, ended: GatewayEnded) -> None:
        if ended.gateway not in self._down:
            self._down.add(ended.gateway)
            self._active[ended.gateway] += 1

    def _gateway_started(self, started: GatewayStarted) -> None:
        if started.gateway in self._down:
            self._down.discard(started.gateway)
            self._active[started.gateway] -= 1
            self._last_us[started.gateway] = started.time_us

    def _reach(self, fault: Fault) -> tuple[str, ...]:
        """Return what a fault touches; one of the back end touches no node."""
        place = FACTS[fault.kind].place
        if place is Place.CITY:
            return (CITY,)
        if fault.target == ALL:
            return (ALL_GATEWAYS,) if place is Place.GATEWAY else (ALL_NODES,)
        if fault.target in self._names:
            return (fault.target,)
        return tuple(name for name in self._names if fnmatchcase(name, fault.target))
