"""The nodes of a run as its report names them, and what was wrong around a moment."""

import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass

from firmware.timezone import DAY_S
from simulator.fault import FACTS, Fault, FaultKind, Place
from simulator.record import FaultRecord, NodeRecord, Outage, Record, Span
from simulator.report import words
from simulator.report.moments import Moments
from simulator.world import sun

# What ended so long before a moment may still be its reason.
AFTERMATH_US = 1800 * 1_000_000
# Shorter times without registration, or without a reading, are no trouble.
OUT_OF_TOUCH_S, SILENCE_S = 600, 3600
_ENDPOINT = re.compile(r"urn:dev:mac:[0-9a-f]{16}")
# A node that got new keys registers anew under them.
_ROUTINE = frozenset(("keys",))
_GATEWAY_GOES = (FaultKind.GATEWAY_KILL, FaultKind.GATEWAY_POWER_CUT)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was wrong for a while, as a statement."""

    begin_us: int
    end_us: int
    text: str
    targets: frozenset[str]


class Street:
    """Names, places and troubles of a record."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.moments = Moments(record.facts)
        self.nodes = {node.facts.endpoint: node for node in record.nodes}
        self._by_name = {node.facts.name: node for node in record.nodes}
        # Of each node's endpoint, the checks whose first failure names it.
        self.failures: defaultdict[str, list[str]] = defaultdict(list)
        for check in record.outcome.checks:
            node = None if check.ok or check.first is None else self.node(check.first.subject)
            if node is not None:
                self.failures[node.facts.endpoint].append(check.name)
        self.troubles = self._troubles()
        self.suns = sun_changes(record)
        self._usual_silence_s = self._silences()

    @property
    def drain_us(self) -> int:
        """Return when the run's time was over and its nodes began to sign off."""
        return min(self.record.facts.duration_s * 1_000_000, self.record.end_us)

    def node(self, subject: str) -> NodeRecord | None:
        """Return the node of an endpoint or a name; None for anything else."""
        return self.nodes.get(subject) or self._by_name.get(subject)

    def name(self, subject: str) -> str:
        """Return what people call a node; anything else is its own name."""
        node = self.node(subject)
        return node.facts.name if node else subject

    def named(self, text: str) -> str:
        """Return a text in which nodes have their names instead of their endpoints."""
        return _ENDPOINT.sub(lambda found: self.name(found.group()), text)

    def place(self, subject: str) -> str:
        """Return "lamp 7 (street 2, circuit 3)"."""
        node = self.node(subject)
        if node is None:
            return subject
        where = ", ".join(filter(None, (node.facts.street, node.facts.circuit)))
        return f"{node.facts.name} ({where})" if where else node.facts.name

    def mix(self) -> str:
        """Return "36 lamps, 12 bins and 12 parking bays"."""
        kinds = Counter(node.facts.furniture for node in self.record.nodes)
        parts = [words.count(kinds[kind], kind, words.FURNITURE.get(kind, kind))
                 for kind in ("lamp", "bin", "parking") if kinds[kind]]
        parts += [f"{kinds[kind]} {kind}" for kind in sorted(kinds.keys() - words.FURNITURE)]
        return words.listed(parts, 6)

    def is_single(self, fault: FaultRecord) -> bool:
        """Return whether a fault is of one node alone."""
        return self.node(fault.target) is not None

    def statement(self, fault: FaultRecord | Fault) -> str:
        """Return a fault in words."""
        target = self.name(fault.target)
        gateways = self.record.facts.gateways
        if target == "all" and FACTS[fault.kind].place is Place.GATEWAY and len(gateways) == 1:
            target = gateways[0]
        elif FACTS[fault.kind].place is Place.NODE and target != "all" \
                and self.node(target) is None:
            target = f"every node of {target}"
        return words.fault(fault.kind, target, fault.amount)

    def is_silent(self, node: NodeRecord) -> bool:
        """Return whether the city heard nothing of a node for much longer than of its like."""
        if node.silence is None:
            return False
        usual_s = self._usual_silence_s[node.facts.furniture]
        return node.silence.length_s > max(SILENCE_S, 2 * usual_s)

    def is_troubled(self, node: NodeRecord) -> bool:
        """Return whether anything happened to a node that is worth a line."""
        resets = sum(node.boots.values()) - node.boots.get("power", 0)
        long_out = node.out_of_touch is not None and node.out_of_touch.length_s > OUT_OF_TOUCH_S
        lost = node.lost.keys() - _ROUTINE
        return bool(resets or long_out or node.missing or node.dropped or lost
                    or node.registered_us is None or self.is_silent(node)
                    or node.facts.endpoint in self.failures)

    def _silences(self) -> dict[str, float]:
        lengths: defaultdict[str, list[float]] = defaultdict(list)
        for node in self.record.nodes:
            lengths[node.facts.furniture].append(node.silence.length_s if node.silence else 0.0)
        return {furniture: statistics.median(each) for furniture, each in lengths.items()}

    def _troubles(self) -> list[Trouble]:
        faults = [Trouble(each.begin_us, each.end_us, self.statement(each),
                          frozenset((each.target, self.name(each.target))))
                  for each in self.record.faults]
        outages = [Trouble(each.span.begin_us, each.span.end_us,
                           f"{each.gateway} {words.outage(each.cause)}",
                           frozenset((each.gateway,)))
                   for each in self.record.outages if not self.is_told(each)]
        return sorted(faults + outages, key=lambda each: (each.begin_us, each.text))

    def is_told(self, outage: Outage) -> bool:
        """Return whether a gateway's outage is what a fault of the plan did, or the run's end."""
        if outage.span.begin_us >= self.drain_us:
            return True
        return any(fault.kind in _GATEWAY_GOES and fault.target in (outage.gateway, "all")
                   and abs(fault.begin_us - outage.span.begin_us) < 1_000_000
                   for fault in self.record.faults)

    def around(self, time_us: int, subject: str) -> list[str]:
        """Return what was wrong at a moment or shortly before, what touches `subject` first.

        Troubles of other single nodes are left out.
        """
        own = self._belongs_to(subject)
        near = [each for each in self.troubles
                if each.begin_us <= time_us <= max(each.end_us, each.begin_us) + AFTERMATH_US
                and (each.targets & own or not each.targets & self._by_name.keys())]
        near.sort(key=lambda each: (not each.targets & own, -each.begin_us))
        return [self._when(each, time_us) for each in near[:4]]

    def _belongs_to(self, subject: str) -> frozenset[str]:
        node = self.node(subject)
        if node is None:
            return frozenset((subject, "all"))
        facts = node.facts
        return frozenset((subject, facts.name, facts.street, facts.circuit, facts.gateway,
                          "all")) - {""}

    def _when(self, trouble: Trouble, time_us: int) -> str:
        if trouble.end_us > time_us:
            return f"since {self.moments.minute(trouble.begin_us)}: {trouble.text}"
        span = Span(trouble.begin_us, trouble.end_us)
        return f"{self.moments.between(span)}: {trouble.text}"


def sun_changes(record: Record) -> list[tuple[int, bool]]:
    """Return (microsecond, whether it rises) for every sunrise and sunset of a run."""
    facts = record.facts
    place = (facts.latitude, facts.longitude)
    changes = []
    for day in range(-1, record.end_us // 1_000_000 // DAY_S + 3):
        moment_s = facts.start_unix_s + day * DAY_S
        for change_s, is_rise in ((sun.sunrise_unix_s(moment_s, *place), True),
                                  (sun.sunset_unix_s(moment_s, *place), False)):
            if change_s is not None:
                time_us = round((change_s - facts.start_unix_s) * 1e6)
                if 0 <= time_us <= record.end_us:
                    changes.append((time_us, is_rise))
    return sorted(changes)
