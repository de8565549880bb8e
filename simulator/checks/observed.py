"""Who watches a resource hears of its changes."""

from firmware.journal import ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost, Stopped
from protocol import lwm2m_path
from simulator.account import content_of
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.troubles import Troubles
from simulator.happenings import (
    NodeBooted,
    NodeSaid,
    NodeStopped,
    ObservationBegan,
    ObservationEnded,
    Sampled,
    ValueObserved,
)

Watched = tuple[str, str, str]  # gateway, endpoint, path


class ObservedValues(Check):
    """What a node reads of a watched resource is heard where it is watched, or a later value.

    Within `alarm_s_max`, counted from the reading, from the node's registration, and with
    `after_trouble_s` more from the end of what was wrong on its way. Judged at each sample.
    """

    name = "who observes hears of changes"

    def __init__(self, bounds: Bounds, facts: Facts, troubles: Troubles) -> None:
        super().__init__()
        self._wait_us = bounds.alarm_s_max * SECOND_US
        self._after_us = bounds.after_trouble_s * SECOND_US
        self._facts = facts
        self._troubles = troubles
        self._watched: dict[str, list[Watched]] = {}  # by endpoint
        self._heard: dict[Watched, str] = {}
        self._waiting: dict[Watched, tuple[str, int]] = {}
        self._registered_us: dict[str, int] = {}

    def handlers(self) -> dict[type, Handler]:
        return {ObservationBegan: self._begin, ObservationEnded: self._end,
                ValueObserved: self._observe, NodeSaid: self._hear, NodeBooted: self._stop,
                NodeStopped: self._stop, Sampled: self._sample}

    def _begin(self, began: ObservationBegan) -> None:
        watched = began.gateway, began.endpoint, began.path
        known = self._watched.setdefault(began.endpoint, [])
        if watched not in known:
            known.append(watched)

    def _end(self, ended: ObservationEnded) -> None:
        watched = ended.gateway, ended.endpoint, ended.path
        known = self._watched.get(ended.endpoint, [])
        if watched in known:
            known.remove(watched)
        self._waiting.pop(watched, None)

    def _observe(self, observed: ValueObserved) -> None:
        watched = observed.gateway, observed.endpoint, observed.path
        self._heard[watched] = observed.content
        waiting = self._waiting.get(watched)
        if waiting is not None and waiting[0] == observed.content:
            del self._waiting[watched]

    def _hear(self, said: NodeSaid) -> None:
        event, kind = said.event, type(said.event)
        if kind is Registered:
            self._registered_us[said.endpoint] = said.time_us
        elif kind is RegistrationLost or kind is Stopped:
            self._registered_us.pop(said.endpoint, None)
        elif kind is ReadingTaken and said.endpoint in self._watched:
            path = lwm2m_path.render(event.path)
            for watched in self._watched[said.endpoint]:
                if watched[2] == path:
                    self._want(watched, content_of(event.path, event.value), said.time_us)

    def _want(self, watched: Watched, content: str, now_us: int) -> None:
        if self._heard.get(watched) == content:
            # A change that was taken back before anybody was told.
            self._waiting.pop(watched, None)
        else:
            self._waiting[watched] = content, now_us

    def _stop(self, stopped: NodeStopped | NodeBooted) -> None:
        self._registered_us.pop(stopped.endpoint, None)

    def _sample(self, sampled: Sampled) -> None:
        now_us = sampled.time_us
        for watched, (content, since_us) in list(self._waiting.items()):
            gateway, endpoint, _ = watched
            registered_us = self._registered_us.get(endpoint)
            for_us = self._wait_us + self._after_us
            if registered_us is None or now_us - max(since_us, registered_us) <= self._wait_us or (
                    self._troubles.touches(endpoint, now_us, for_us)
                    or self._troubles.touches_back_end(gateway, now_us, for_us)):
                continue
            del self._waiting[watched]
            self.fail(max(since_us, registered_us) + self._wait_us, self._facts.name_of(endpoint),
                      f"{content} was not heard where it is observed")
