"""Listens to a run and keeps what its report needs, bounded whatever the run's length."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost, RegistrationRefused, Stopped
from firmware.timezone import DAY_S, Timezone
from simulator.fault import Fault
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
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
)
from simulator.record import (
    NO_POWER,
    OUT_OF_TOUCH,
    REGISTERED,
    CommandRecord,
    FaultRecord,
    Outage,
    Outcome,
    Record,
    RunFacts,
    Span,
)
from simulator.recording.carpet import DAYS_MIN, Carpet
from simulator.recording.node_life import NodeLife, history_max
from simulator.recording.series import Buckets, Count, Figure, Gauge, Quantiles
from simulator.recording.waiting import Way

FAULTS_MAX = 2000
OUTAGES_MAX = 500
COMMANDS_MAX = 100
OPEN_COMMANDS_MAX = 10_000
SAMPLED_MAX = 400
# The reason for which a node that signs off has no registration any more.
_GOODBYE = "de-registered"


class Stream(Protocol):
    """What carries a run's happenings (`simulator.stream`)."""

    def subscribe(self, kinds: Iterable[type], take: Callable[[Happening], None]) -> None:
        """Hand every happening of these kinds to `take`."""


class Recorder:
    """Hears a run out; `finish` then returns the Record."""

    def __init__(self, facts: RunFacts) -> None:
        self._facts = facts
        most = history_max(len(facts.nodes))
        self._nodes = {each.endpoint: NodeLife(each, most) for each in facts.nodes}
        self._way = Way()
        self._faults: list[FaultRecord] = []
        self._faults_under_way: dict[Fault, int] = {}
        self._faults_left_out = 0
        self._outages: list[Outage] = []
        self._gateways_down: dict[str, tuple[int, str]] = {}
        self._commands: Counter[str] = Counter()
        self._open_commands: dict[str, CommandGiven] = {}
        self._not_done: list[CommandRecord] = []
        self._datagrams: Counter[str] = Counter()
        self._light: dict[str, int] = {}
        self._light_sum = 0
        self._lamps = sum(each.furniture == "lamp" for each in facts.nodes)
        self._states = Counter({NO_POWER: len(facts.nodes)})
        self._carpet = None
        if facts.duration_s >= DAYS_MIN * DAY_S and self._lamps:
            self._carpet = Carpet(facts.start_unix_s, Timezone(facts.timezone).standard_s)
        self._make_figures(Buckets(facts.duration_s))

    def _make_figures(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._registered = Gauge(buckets, "registered", "nodes")
        self._unregistered = Gauge(buckets, "out of touch", "nodes")
        self._brightness = Gauge(buckets, "light", "%")
        self._taken = Count(buckets, "taken", "readings")
        self._delivered = Count(buckets, "delivered", "readings")
        self._registrations = Count(buckets, "registrations", "registrations")
        self._sent = Count(buckets, "datagrams", "datagrams")
        self._dropped = Count(buckets, "datagrams lost", "datagrams")
        self._latency = Quantiles(buckets, "latency", "s")
        self._sampled: dict[str, Gauge] = {}
        for gauge in (self._registered, self._unregistered, self._brightness):
            gauge.set(0, 0)
        self._takers = {
            DatagramSent: self._take_sent, DatagramDropped: self._take_dropped,
            NodeBooted: self._take_boot, NodeStopped: self._take_stop, NodeSaid: self._take_said,
            LightSet: self._take_light, ReadingDelivered: self._take_delivered,
            GatewayStarted: self._take_start, GatewayEnded: self._take_end,
            FaultBegan: self._take_fault, FaultEnded: self._take_fault_end,
            CommandGiven: self._take_command, CommandAnswered: self._take_answer,
            Sampled: self._take_sample,
        }

    @property
    def wants(self) -> tuple[type, ...]:
        """Return the kinds of happenings that `take` has use for."""
        return tuple(self._takers)

    def subscribe(self, stream: Stream) -> None:
        """Hear all that a stream has of these kinds."""
        for kind, take in self._takers.items():
            stream.subscribe((kind,), take)

    def take(self, happening: Happening) -> None:
        """Hear of one happening, of any kind."""
        take = self._takers.get(type(happening))
        if take is not None:
            take(happening)

    def _take_sent(self, sent: DatagramSent) -> None:
        self._sent.add(sent.time_us)

    def _take_dropped(self, dropped: DatagramDropped) -> None:
        self._dropped.add(dropped.time_us)
        self._datagrams[dropped.reason] += 1

    def _node_changes(self, endpoint: str, change: Callable[[NodeLife], None],
                      time_us: int) -> None:
        node = self._nodes.get(endpoint)
        if node is None:
            return
        before = node.state
        change(node)
        if node.state != before:
            self._states[before] -= 1
            self._states[node.state] += 1
            self._registered.set(time_us, self._states[REGISTERED])
            self._unregistered.set(time_us, self._states[OUT_OF_TOUCH])

    def _take_boot(self, booted: NodeBooted) -> None:
        time_us = booted.time_us
        self._node_changes(booted.endpoint, lambda node: node.boot(time_us, booted.cause),
                           time_us)

    def _take_stop(self, stopped: NodeStopped) -> None:
        time_us = stopped.time_us
        self._node_changes(stopped.endpoint, lambda node: node.stop(time_us), time_us)

    def _take_said(self, said: NodeSaid) -> None:
        event, time_us, endpoint = said.event, said.time_us, said.endpoint
        node = self._nodes.get(endpoint)
        if node is None:
            return
        if isinstance(event, ReadingTaken):
            node.taken += 1
            self._taken.add(time_us)
            self._way.take((endpoint, event.boot, event.sequence), event.path, time_us)
        elif isinstance(event, ReadingsAcknowledged):
            for sequence in event.sequences:
                self._way.acknowledge((endpoint, event.boot, sequence), time_us)
        elif isinstance(event, ReadingDropped):
            node.dropped[str(event.reason)] += 1
            self._way.drop((endpoint, event.boot, event.sequence))
        else:
            self._take_registration(node, event, time_us)

    def _take_registration(self, node: NodeLife, event: Any, time_us: int) -> None:
        endpoint = node.facts.endpoint
        if isinstance(event, Registered):
            self._registrations.add(time_us)
            self._node_changes(endpoint, lambda it: it.register(time_us), time_us)
        elif isinstance(event, RegistrationLost) and event.reason != _GOODBYE:
            self._node_changes(
                endpoint, lambda it: it.lose_registration(time_us, event.reason), time_us)
        elif isinstance(event, RegistrationRefused):
            node.refused += 1
        elif isinstance(event, (RegistrationLost, Stopped)):
            self._node_changes(endpoint, lambda it: it.stop(time_us), time_us)

    def _take_light(self, light: LightSet) -> None:
        node = self._nodes.get(light.endpoint)
        if node is None:
            return
        node.light(light.time_us, light.permille > 0)
        self._light_sum += light.permille - self._light.get(light.endpoint, 0)
        self._light[light.endpoint] = light.permille
        percent = self._light_sum / 10 / max(1, self._lamps)
        self._brightness.set(light.time_us, percent)
        if self._carpet is not None:
            self._carpet.set(light.time_us, percent)

    def _take_delivered(self, delivered: ReadingDelivered) -> None:
        time_us, endpoint = delivered.time_us, delivered.endpoint
        taken_us = self._way.arrive((endpoint, delivered.boot, delivered.sequence))
        if taken_us is None or endpoint not in self._nodes:
            return
        self._delivered.add(time_us)
        self._latency.add(time_us, (time_us - taken_us) / 1e6)
        self._nodes[endpoint].deliver(taken_us, time_us)

    def _take_end(self, ended: GatewayEnded) -> None:
        self._gateways_down[ended.gateway] = (ended.time_us, ended.cause)

    def _take_start(self, started: GatewayStarted) -> None:
        self._end_outage(started.gateway, started.time_us)

    def _end_outage(self, gateway: str, time_us: int) -> None:
        began = self._gateways_down.pop(gateway, None)
        if began is not None and len(self._outages) < OUTAGES_MAX:
            begin_us, cause = began
            self._outages.append(Outage(gateway, cause, Span(begin_us, time_us)))

    def _take_fault(self, began: FaultBegan) -> None:
        fault = began.fault
        if len(self._faults) >= FAULTS_MAX:
            self._faults_left_out += 1
            return
        self._faults_under_way[fault] = len(self._faults)
        # An instant unless its end is told.
        end_us = began.time_us if fault.duration_s == 0 else -1
        self._faults.append(
            FaultRecord(fault.kind, fault.target, fault.amount, began.time_us, end_us))

    def _take_fault_end(self, ended: FaultEnded) -> None:
        at = self._faults_under_way.pop(ended.fault, None)
        if at is not None:
            self._faults[at] = _ended(self._faults[at], ended.time_us)

    def _take_command(self, given: CommandGiven) -> None:
        self._commands["given"] += 1
        if len(self._open_commands) < OPEN_COMMANDS_MAX:
            self._open_commands[given.command] = given

    def _take_answer(self, answer: CommandAnswered) -> None:
        given = self._open_commands.pop(answer.command, None)
        if given is None:
            return
        self._commands[answer.outcome] += 1
        if answer.outcome != "done":
            self._note_not_done(given, answer.time_us, answer.outcome, answer.detail)

    def _note_not_done(self, given: CommandGiven, time_us: int | None, outcome: str,
                       detail: str) -> None:
        if len(self._not_done) < COMMANDS_MAX:
            self._not_done.append(CommandRecord(given.endpoint, given.operation, given.path,
                                                given.time_us, time_us, outcome, detail))

    def _take_sample(self, sample: Sampled) -> None:
        for name, value in sample.values.items():
            gauge = self._sampled.get(name)
            if gauge is None:
                if len(self._sampled) >= SAMPLED_MAX:
                    continue
                gauge = self._sampled[name] = Gauge(self._buckets, name, "")
            gauge.set(sample.time_us, value)

    def finish(self, end_us: int, outcome: Outcome) -> Record:
        """Return what the run leaves; nothing may be told to the recorder any more."""
        for reading, taken_us in self._way.rest():
            node = self._nodes[reading[0]]
            node.missing += 1
            node.hold_up(taken_us, end_us)
        for given in self._open_commands.values():
            self._commands["unanswered"] += 1
            self._note_not_done(given, None, "unanswered", "")
        for gateway in sorted(self._gateways_down):
            self._end_outage(gateway, end_us)
        figures: list[Figure] = [
            self._registered, self._unregistered, self._brightness, self._taken,
            self._delivered, self._latency, self._registrations, self._sent, self._dropped,
            *(self._sampled[name] for name in sorted(self._sampled))]
        # The axis must have its last width before the first series is read.
        self._buckets.index(end_us)
        return Record(
            self._facts, outcome, end_us, self._buckets.width_us,
            tuple(node.record(end_us) for node in self._nodes.values()),
            tuple(_ended(each, end_us) if each.end_us < 0 else each for each in self._faults),
            self._faults_left_out, tuple(sorted(self._outages, key=_outage_begin)),
            tuple(figure.series(end_us) for figure in figures), self._way.lost(),
            dict(self._commands), tuple(self._not_done), dict(self._datagrams),
            None if self._carpet is None else self._carpet.finish(end_us))


def _ended(fault: FaultRecord, end_us: int) -> FaultRecord:
    return FaultRecord(fault.kind, fault.target, fault.amount, fault.begin_us, end_us)


def _outage_begin(outage: Outage) -> tuple[int, str]:
    return outage.span.begin_us, outage.gateway
