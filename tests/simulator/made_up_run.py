"""A plausible run made of happenings alone: a night in which much goes wrong, and its outcome.

Nothing of it was simulated: it drives what listens to a run. Every time follows from the seed
and from the outages below, so that what a report must say is known beforehand.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.journal import ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost, Stopped
from simulator.fault import Fault, FaultKind
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
    DatagramArrived,
    DatagramDropped,
    DatagramSent,
    FaultBegan,
    FaultEnded,
    GatewayEnded,
    GatewayStarted,
    Happening,
    LightSet,
    NodeBooted,
    NodeSaid,
    NodeStopped,
    ReadingDelivered,
    Sampled,
    TruthChanged,
)
from simulator.record import (
    CheckRecord,
    FailureRecord,
    NodeFacts,
    Outcome,
    RunFacts,
)
from simulator.result import Score, Tally
from simulator.world import sun
from simulator.world.places import ANGERS

START_UNIX_S = 1_795_796_400  # Friday 27 November 2026, 17:20 in Angers
WHERE = (ANGERS.latitude, ANGERS.longitude)
GATEWAY = "gateway-1"
LAMPS_PER_STREET = 20
PATHS = {"lamp": ((3416, 0, 3), (3418, 0, 4), (3418, 0, 6)), "bin": ((3435, 0, 2),),
         "parking": ((3431, 0, 1),)}
INTERVAL_S = {"lamp": 900, "bin": 3600, "parking": 1200}
# The dark lamp's name, and how long it stays dark once its circuit has power again.
DARK_LAMP, DARK_S = "lamp 37", 840
# What the gateway took in its last seconds before the kill, of this bin, is gone.
ROBBED_BIN = "bin 11"


@dataclass(frozen=True)
class Night:
    """Which outages there are, as (begin, end) in seconds of the run."""

    nodes: int = 60
    hours: float = 6.0
    seed: int = 4711
    broker_down: tuple[float, float] = (4800, 7500)
    blackout: tuple[float, float] = (9900, 10620)
    killed: tuple[float, float] = (15000, 15480)
    is_bad: bool = True

    @property
    def end_s(self) -> float:
        return self.hours * 3600


def facts(night: Night) -> RunFacts:
    """Return what is known of this night before it begins."""
    return RunFacts(
        "bad-friday", "A Friday evening in a street: the broker goes away, a circuit loses its "
        "power, and the gateway is killed.", night.seed,
        f"faubourg-sim run bad-friday --seed {night.seed}", START_UNIX_S, int(night.end_s),
        "Angers", ANGERS.timezone, ANGERS.latitude, ANGERS.longitude, "oscore",
        tuple(node_facts(number) for number in range(night.nodes)), (GATEWAY,),
        {"faubourg": "0.1.0", "Python": "3.11.7", "aiocoap": "0.4.17", "SQLite": "3.54.1"})


def node_facts(number: int) -> NodeFacts:
    """Return where node `number` stands: a place every 25 m, ten streets 60 m apart in a block."""
    furniture = ("bin", "lamp", "lamp", "parking", "lamp")[number % 5]
    street, place = divmod(number, LAMPS_PER_STREET)
    block, row = divmod(street, 10)
    aside = {"lamp": 0, "bin": 60, "parking": -60}[furniture]
    return NodeFacts(
        f"urn:dev:mac:0200fffe{number:08x}", f"{furniture} {number + 1}", furniture,
        f"street {street + 1}", f"circuit {number // 30 + 1}", GATEWAY,
        round(ANGERS.latitude * 1e6) - row * 540 + aside,
        round(ANGERS.longitude * 1e6) + block * 7300 + place * 333)


class MadeUpRun:
    """All that happens in a `night`, in order."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.nodes = [node_facts(number) for number in range(night.nodes)]
        self.lost = 0
        self.taken = 0
        self._events: list[tuple[float, int, Happening]] = []

    def happenings(self) -> list[Happening]:
        """Return them all."""
        self._tell_of_the_city()
        for node in self.nodes:
            self._live(node)
        self._sample()
        self._events.sort(key=lambda event: event[:2])
        return [happening for _, _, happening in self._events]

    def _tell(self, time_s: float, kind: type, *fields: object) -> None:
        happening = kind(round(time_s * 1e6), *fields)
        self._events.append((time_s, len(self._events), happening))

    def _tell_of_the_city(self) -> None:
        night = self.night
        self._tell(0, GatewayStarted, GATEWAY)
        self._tell(0, TruthChanged, "Angers", "sun", 0)
        if not night.is_bad:
            return
        for kind, target, (begin_s, end_s) in (
                (FaultKind.BROKER_DOWN, "city", night.broker_down),
                (FaultKind.BLACKOUT, "circuit 2", night.blackout),
                (FaultKind.GATEWAY_KILL, GATEWAY, night.killed),
                (FaultKind.LOSS, "street 1", (12000, 13200))):
            fault = Fault(begin_s, kind, target, end_s - begin_s, 0.3)
            self._tell(begin_s, FaultBegan, fault)
            self._tell(end_s, FaultEnded, fault)
        self._tell(night.killed[0], GatewayEnded, GATEWAY, "kill")
        self._tell(night.killed[1], GatewayStarted, GATEWAY)
        self._tell(6000, CommandGiven, GATEWAY, self.nodes[1].endpoint, "c1", "write",
                   "/3416/0/1", 30, 7200)
        self._tell(6004, CommandAnswered, GATEWAY, self.nodes[1].endpoint, "c1", "done", "")
        self._tell(14990, CommandGiven, GATEWAY, self.nodes[2].endpoint, "c2", "write",
                   "/3416/0/1", 30, 600)
        self._tell(15600, CommandAnswered, GATEWAY, self.nodes[2].endpoint, "c2", "expired",
                   "not sent before its end")

    def _powered(self, node: NodeFacts) -> list[tuple[float, float]]:
        """Return when `node` has power."""
        if node.circuit != "circuit 2" or not self.night.is_bad:
            return [(0, self.night.end_s)]
        begin_s, end_s = self.night.blackout
        return [(0, begin_s), (end_s, self.night.end_s)]

    def _live(self, node: NodeFacts) -> None:
        rng = random.Random(f"{self.night.seed}/made up/{node.name}")
        sequence = 0
        for boot, (begin_s, end_s) in enumerate(self._powered(node)):
            self._tell(begin_s, NodeBooted, node.endpoint, "power")
            registered_s = begin_s + rng.uniform(2, 60)
            self._say(registered_s, node, Registered("/rd/1"))
            for time_s in self._report_times(node, registered_s, end_s, rng):
                for path in PATHS[node.furniture]:
                    sequence += 1
                    self._report(node, boot, sequence, path, time_s, rng)
            if node.furniture == "lamp":
                self._shine(node, begin_s, end_s, rng)
            if end_s < self.night.end_s:
                self._tell(end_s, NodeStopped, node.endpoint, "power")
        self._say(self.night.end_s + rng.uniform(5, 60), node, Stopped())
        if node.name == "lamp 2" and self.night.is_bad:
            self._say(15300, node, RegistrationLost("timeout"))
            self._say(15520, node, Registered("/rd/2"))

    def _report_times(self, node: NodeFacts, begin_s: float, end_s: float,
                      rng: random.Random) -> Iterator[float]:
        time_s = begin_s + rng.uniform(5, INTERVAL_S[node.furniture])
        while time_s < end_s - 60:
            yield time_s
            time_s += INTERVAL_S[node.furniture] + rng.uniform(-20, 20)
        if node.name == ROBBED_BIN and self.night.is_bad:
            yield self.night.killed[0] - 2.5

    def _report(self, node: NodeFacts, boot: int, sequence: int, path: tuple[int, ...],
                time_s: float, rng: random.Random) -> None:
        night = self.night
        self.taken += 1
        self._say(time_s, node, ReadingTaken(boot, sequence, path, 1, int(time_s * 1000)))
        acknowledged_s = _after(time_s + rng.uniform(0.1, 1.0), night.killed, night.is_bad, rng)
        self._exchange(node, acknowledged_s, rng)
        self._say(acknowledged_s, node, ReadingsAcknowledged(boot, [sequence]))
        if night.is_bad and night.killed[0] - 3 < time_s < night.killed[0] \
                and node.name == ROBBED_BIN:
            self.lost += 1
            return
        delivered_s = _after(acknowledged_s + rng.uniform(0.2, 2), night.broker_down,
                             night.is_bad, rng)
        self._tell(delivered_s, ReadingDelivered, GATEWAY, node.endpoint, boot, sequence,
                   "readings", "", "", round((START_UNIX_S + time_s) * 1000))

    def _exchange(self, node: NodeFacts, time_s: float, rng: random.Random) -> None:
        there, here = ("10.255.0.1", 5683), ("10.0.0.1", 5683)
        lossy = self.night.is_bad and node.street == "street 1" and 12000 < time_s < 13200
        while rng.random() < (0.3 if lossy else 0.01):
            self._tell(time_s - 0.1, DatagramSent, here, there, b"?")
            self._tell(time_s - 0.1, DatagramDropped, here, there, b"?", "loss")
        self._tell(time_s - 0.1, DatagramSent, here, there, b"?")
        self._tell(time_s - 0.05, DatagramArrived, here, there, b"?")

    def _shine(self, node: NodeFacts, begin_s: float, end_s: float, rng: random.Random) -> None:
        lit_s = begin_s + rng.uniform(0, 4)
        if node.name == DARK_LAMP and begin_s > 0 and self.night.is_bad:
            lit_s += DARK_S
        self._tell(lit_s, LightSet, node.endpoint, 1000)
        half_night_s = 18600 + rng.uniform(0, 5)
        if lit_s < half_night_s < end_s:
            self._tell(half_night_s, LightSet, node.endpoint, 500)
        for time_s, permille in _by_daylight():
            if lit_s < time_s < end_s:
                self._tell(time_s + rng.uniform(0, 300), LightSet, node.endpoint, permille)
        if end_s < self.night.end_s:
            self._tell(end_s, LightSet, node.endpoint, 0)

    def _say(self, time_s: float, node: NodeFacts, event: object) -> None:
        self._tell(time_s, NodeSaid, node.endpoint, event)

    def _sample(self) -> None:
        """Look at the queue every minute: what was acknowledged and is not delivered."""
        changes = [(time_s, 1) for time_s, _, each in self._events
                   if isinstance(each, NodeSaid) and isinstance(each.event, ReadingsAcknowledged)]
        changes += [(time_s, -1) for time_s, _, each in self._events
                    if isinstance(each, ReadingDelivered)]
        changes.sort()
        depth, at = 0, 0
        for minute in range(int(self.night.end_s // 60)):
            while at < len(changes) and changes[at][0] <= minute * 60:
                depth += changes[at][1]
                at += 1
            self._tell(minute * 60, Sampled, {
                f"uplink_depth_city/{GATEWAY}": float(depth),
                f"gateway_readings/{GATEWAY}": 1.0 * at})


def _after(time_s: float, outage: tuple[float, float], is_bad: bool, rng: random.Random) -> float:
    """Return `time_s`, or a moment soon after the outage that holds it."""
    begin_s, end_s = outage
    if not is_bad or not begin_s <= time_s < end_s:
        return time_s
    return end_s + rng.uniform(5, 60)


def outcome(run: MadeUpRun) -> Outcome:
    """Return what checks and scores say of a run whose happenings were told."""
    night = run.night
    taken, lost = run.taken, run.lost
    dark = next((node for node in run.nodes if node.name == DARK_LAMP), run.nodes[-1])
    robbed = next((node for node in run.nodes if node.name == ROBBED_BIN), run.nodes[0])
    dark_us = round((night.blackout[1] + 300) * 1e6)
    checks = [
        CheckRecord("Every node is registered again soon after the last fault", True,
                    "slowest: 60 s, allowed 600 s"),
        CheckRecord("No reading counts twice", True, f"{taken - lost} readings, 0 twice"),
        CheckRecord("No nonce is used twice", True, "all different"),
        CheckRecord("No lamp is lit by day", True, "0 s, allowed 900 s"),
    ]
    bad = night.is_bad
    checks += [
        CheckRecord("No lamp is dark at night", not bad, "allowed: 300 s", int(bad),
                    FailureRecord(dark_us, dark.endpoint, "dark for 300 s at night with mains "
                                  "power and no command", "LightSet permille=0") if bad else None),
        CheckRecord("No reading is missing", not lost, f"{lost} missing", lost,
                    FailureRecord(round(night.killed[0] * 1e6), robbed.endpoint,
                                  "a reading that the gateway had acknowledged is neither in its "
                                  "store nor at the city") if lost else None),
    ]
    scores = (
        Score("occupancy of bays, share of the time told right", 99.2, "%", "12 bays"),
        Score("a bay's change is known at the node, median", 2.6, "s", "95 % within 4.1 s"),
        Score("error of the filling level, mean", 1.8, "points", "the worst off by 6.0"),
        Score("false fire alarms", 0, "", "1 fire"),
        Score("energy registers against the energy used", -0.4, "%", "most off: lamp 7"))
    return Outcome(tuple(checks), scores, Tally(taken, taken - lost, 0, 0, 0, lost), 8.4,
                   "5f1d3a0c9e" + "0" * 54)


def _by_daylight() -> list[tuple[float, int]]:
    """Return when lamps go out at the next sunrise and on at the sunset after it, in permille."""
    tomorrow_s = START_UNIX_S + 86400
    rise_s = sun.sunrise_unix_s(tomorrow_s, ANGERS.latitude, ANGERS.longitude)
    set_s = sun.sunset_unix_s(tomorrow_s, ANGERS.latitude, ANGERS.longitude)
    assert rise_s is not None and set_s is not None
    return [(rise_s - START_UNIX_S, 0), (set_s - START_UNIX_S, 1000)]
