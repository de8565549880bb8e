"""Nobody is lost for ever, and nobody's return is a storm."""

from collections import deque

from firmware.lwm2m_client import Registered, RegistrationLost, Stopped
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.troubles import Troubles
from simulator.happenings import NodeBooted, NodeSaid, NodeStopped, Sampled

STORM_WINDOW_S = 10


class RegisteredAgain(Check):
    """Every node that runs is registered within `registered_again_s`.

    It counts from its boot, from the loss of its registration, or from the end of the last fault
    that touched it or its gateway. Judged at each sample.
    """

    name = "every node registers again"

    def __init__(self, bounds: Bounds, facts: Facts, troubles: Troubles) -> None:
        super().__init__()
        self._bound_s = bounds.registered_again_s
        self._facts = facts
        self._troubles = troubles
        self._waiting: dict[str, int] = {}  # by endpoint: since when
        self._seen: set[str] = set()

    def handlers(self) -> dict[type, Handler]:
        return {NodeBooted: self._boot, NodeStopped: self._stop, NodeSaid: self._hear,
                Sampled: self._sample}

    def end(self, now_us: int) -> None:
        self._judge(now_us)
        for endpoint in self._facts.nodes:
            if endpoint not in self._seen:
                self.fail(now_us, self._facts.name_of(endpoint), "never had power")

    def _boot(self, booted: NodeBooted) -> None:
        self._seen.add(booted.endpoint)
        self._waiting[booted.endpoint] = booted.time_us

    def _stop(self, stopped: NodeStopped) -> None:
        self._waiting.pop(stopped.endpoint, None)

    def _hear(self, said: NodeSaid) -> None:
        kind = type(said.event)
        if kind is Registered or kind is Stopped:
            self._waiting.pop(said.endpoint, None)
        elif kind is RegistrationLost:
            self._waiting.setdefault(said.endpoint, said.time_us)

    def _sample(self, sampled: Sampled) -> None:
        self._judge(sampled.time_us)

    def _judge(self, now_us: int) -> None:
        late = [(endpoint, since_us) for endpoint, since_us in self._waiting.items()
                if now_us - since_us > self._bound_s * SECOND_US]
        for endpoint, since_us in late:
            if self._troubles.touches(endpoint, now_us, self._bound_s * SECOND_US):
                continue
            del self._waiting[endpoint]
            self.fail(max(since_us, self._troubles.last_us(endpoint)) + self._bound_s * SECOND_US,
                      self._facts.name_of(endpoint),
                      f"not registered {self._bound_s} s after its boot, its loss or the last "
                      "fault that touched it")


class NoStorm(Check):
    """Registrations are spread, also when a district gets its power back."""

    name = "registrations are no storm"

    def __init__(self, bounds: Bounds, facts: Facts) -> None:
        super().__init__()
        self._max = bounds.registrations_per_s_max * STORM_WINDOW_S
        self._facts = facts
        self._times: deque[int] = deque()
        self._is_storm = False

    def handlers(self) -> dict[type, Handler]:
        return {NodeSaid: self._hear}

    def _hear(self, said: NodeSaid) -> None:
        if type(said.event) is not Registered:
            return
        times = self._times
        times.append(said.time_us)
        while said.time_us - times[0] >= STORM_WINDOW_S * SECOND_US:
            times.popleft()
        was_storm, self._is_storm = self._is_storm, len(times) > self._max
        if self._is_storm and not was_storm:
            self.fail(said.time_us, self._facts.name_of(said.endpoint),
                      f"{len(times)} registrations within {STORM_WINDOW_S} s", said)
