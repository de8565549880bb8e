"""A reading says when it was taken, and an urgent one is at the city soon after."""

from fnmatch import fnmatchcase

from firmware.lwm2m_client import Registered, RegistrationLost, Stopped
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.readings_book import Arrival, BootBook, OnItsWay, ReadingsBook
from simulator.checks.troubles import Troubles
from simulator.fault import FaultKind
from simulator.happenings import (
    FaultBegan,
    NodeBooted,
    NodeObeyed,
    NodeSaid,
    NodeStopped,
    Sampled,
)

CURRENT_TIME = "/3/0/13"
UNDATED_S = 100
"""Taken before the clock was known, a reading is dated by its pack's arrival, which may be
repeated for MAX_TRANSMIT_SPAN and more (RFC 7252 4.8.2)."""
US_PER_MS = 1000


class ReadingTimes(Check):
    """The time of a reading at the city is the one at which it was taken.

    Right within `reading_time_error_s_max`, and what a node's timers are off by since its boot.
    A node has its time from the gateway: where that gateway's own clock was stepped, any of the
    clock's errors since is right. A boot whose time was never known has none to give.
    """

    name = "readings are dated right"

    def __init__(self, bounds: Bounds, facts: Facts, book: ReadingsBook,
                 troubles: Troubles) -> None:
        super().__init__()
        self._error_ms = bounds.reading_time_error_s_max * 1000
        self._drift_ppm = bounds.clock_drift_ppm_max
        self._facts = facts
        self._book = book
        self._troubles = troubles
        self._clock_known_us: dict[tuple[str, int], int] = {}  # by endpoint and incarnation
        self._offset_ms: dict[str, float] = {}  # of a target: of its clock, now
        self._offsets_ms: dict[str, tuple[float, float]] = {}  # the least and the greatest
        self._drifts_ppm: dict[str, float] = {}
        book.on_arrival.append(self._judge)

    def handlers(self) -> dict[type, Handler]:
        return {NodeObeyed: self._obey, FaultBegan: self._begin}

    def _obey(self, obeyed: NodeObeyed) -> None:
        if obeyed.path == CURRENT_TIME:
            key = obeyed.endpoint, self._book.incarnation(obeyed.endpoint)
            self._clock_known_us.setdefault(key, obeyed.time_us)

    def _begin(self, began: FaultBegan) -> None:
        fault = began.fault
        if fault.kind is FaultKind.CLOCK_STEP:
            offset_ms = self._offset_ms.get(fault.target, 0) + fault.amount * 1000
            least, greatest = self._offsets_ms.get(fault.target, (0, 0))
            self._offset_ms[fault.target] = offset_ms
            self._offsets_ms[fault.target] = min(least, offset_ms), max(greatest, offset_ms)
        elif fault.kind is FaultKind.CLOCK_DRIFT:
            known = self._drifts_ppm.get(fault.target, 0)
            self._drifts_ppm[fault.target] = max(known, abs(fault.amount))

    def _judge(self, arrival: Arrival) -> None:
        if not arrival.is_first or arrival.taken is None:
            return
        delivered, taken = arrival.delivered, arrival.taken
        true_ms = self._facts.start_unix_s * 1000 + taken.taken_us // US_PER_MS
        error_ms = delivered.taken_ms - true_ms
        if abs(error_ms) <= self._error_ms:
            return
        endpoint = delivered.endpoint
        book = self._book.nodes[endpoint][delivered.boot]
        known_us = self._clock_known_us.get((endpoint, book.incarnation))
        has_ended = book.incarnation != self._book.incarnation(endpoint)
        if known_us is None and has_ended:
            return
        allowed_ms = self._error_ms + self._drift_ms(endpoint, taken.uptime_ms)
        if known_us is None or taken.told_us < known_us + UNDATED_S * SECOND_US:
            allowed_ms += UNDATED_S * 1000
        least, greatest = self._gateway_offsets_ms(endpoint)
        if not least - allowed_ms <= error_ms <= greatest + allowed_ms:
            self.fail(delivered.time_us, self._facts.name_of(endpoint),
                      f"reading {delivered.boot}:{delivered.sequence} is dated "
                      f"{error_ms / 1000:+.1f} s from when it was taken", delivered)

    def _drift_ms(self, endpoint: str, uptime_ms: int) -> float:
        node = self._facts.nodes.get(endpoint)
        names = () if node is None else (node.name, node.circuit, node.street)
        ppm = max((ppm for target, ppm in self._drifts_ppm.items()
                   if target == "all" or any(fnmatchcase(name, target) for name in names)),
                  default=0)
        return max(uptime_ms, 0) * (self._drift_ppm + ppm) / 1e6

    def _gateway_offsets_ms(self, endpoint: str) -> tuple[float, float]:
        node = self._facts.nodes.get(endpoint)
        ranges = [self._offsets_ms.get(each, (0, 0))
                  for each in ("all", "" if node is None else node.gateway)]
        return min(least for least, _ in ranges), max(greatest for _, greatest in ranges)


class UrgentInTime(Check):
    """An alarm or event of a registered node is at the city within `alarm_s_max`.

    Whatever else waits. Where a fault has touched its way, `after_trouble_s` come on top, counted
    from its end: that is the longest back-off. Judged at each sample.
    """

    name = "urgent readings arrive in time"

    def __init__(self, bounds: Bounds, facts: Facts, book: ReadingsBook,
                 troubles: Troubles) -> None:
        super().__init__()
        self._alarm_us = bounds.alarm_s_max * SECOND_US
        self._after_us = bounds.after_trouble_s * SECOND_US
        self._facts = facts
        self._book = book
        self._troubles = troubles
        self._registered_us: dict[str, int] = {}
        self._waiting: dict[tuple[str, int, int], int] = {}  # told when
        book.on_taken.append(self._take)
        book.on_arrival.append(self._arrive)
        book.on_dropped.append(self._drop)

    def handlers(self) -> dict[type, Handler]:
        return {NodeSaid: self._hear, NodeStopped: self._stop, NodeBooted: self._stop,
                Sampled: self._sample}

    def _take(self, said: NodeSaid, book: BootBook, is_new: bool) -> None:
        event = said.event
        on_the_way = book.on_the_way.get(event.sequence)
        if is_new and on_the_way is not None and on_the_way.is_urgent:
            self._waiting[said.endpoint, event.boot, event.sequence] = said.time_us

    def _arrive(self, arrival: Arrival) -> None:
        delivered = arrival.delivered
        self._waiting.pop((delivered.endpoint, delivered.boot, delivered.sequence), None)

    def _drop(self, said: NodeSaid, dropped: OnItsWay | None) -> None:
        self._waiting.pop((said.endpoint, said.event.boot, said.event.sequence), None)

    def _hear(self, said: NodeSaid) -> None:
        kind = type(said.event)
        if kind is Registered:
            self._registered_us[said.endpoint] = said.time_us
        elif kind is RegistrationLost or kind is Stopped:
            self._registered_us.pop(said.endpoint, None)

    def _stop(self, stopped: NodeStopped | NodeBooted) -> None:
        self._registered_us.pop(stopped.endpoint, None)

    def _sample(self, sampled: Sampled) -> None:
        now_us = sampled.time_us
        late = [each for each, told_us in self._waiting.items()
                if now_us - told_us > self._alarm_us]
        for reading in late:
            endpoint, boot, sequence = reading
            if sequence in self._book.nodes[endpoint][boot].explained:
                del self._waiting[reading]
                continue
            registered_us = self._registered_us.get(endpoint)
            node = self._facts.nodes.get(endpoint)
            if registered_us is None or now_us - registered_us <= self._alarm_us or (
                    node is not None and self._is_troubled(node.gateway, endpoint, now_us)):
                continue
            told_us = self._waiting.pop(reading)
            self.fail(max(told_us, registered_us) + self._alarm_us, self._facts.name_of(endpoint),
                      f"urgent reading {boot}:{sequence} is not at the city "
                      f"{(now_us - told_us) // SECOND_US} s after it was taken")

    def _is_troubled(self, gateway: str, endpoint: str, now_us: int) -> bool:
        for_us = self._alarm_us + self._after_us
        return (self._troubles.touches(endpoint, now_us, for_us)
                or self._troubles.touches_back_end(gateway, now_us, for_us))
