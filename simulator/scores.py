"""Scores the detectors of a run against the truth, from what happens alone."""

from collections.abc import Callable, Sequence
from typing import Any

from firmware.journal import ReadingTaken
from simulator.happenings import (
    Happening,
    LightSet,
    NodeBooted,
    NodeSaid,
    ReadingDelivered,
    TruthChanged,
)
from simulator.result import Score
from simulator.scoring.figures import number_of
from simulator.scoring.filling import FillingScore
from simulator.scoring.fires import FireScore
from simulator.scoring.light import LightScore
from simulator.scoring.occupancy import OccupancyScore
from simulator.world.layout import Site

PARKING = 3431
FILL, FIRE, ENERGY = (3435, 0, 2), (3435, 0, 22), (3418, 0, 6)


class Scores:
    """Follows a run from its start; `wants` are the happenings that it is to take."""

    wants = (TruthChanged, LightSet, NodeBooted, NodeSaid, ReadingDelivered)

    def __init__(self, sites: Sequence[Site]) -> None:
        self._occupancy = OccupancyScore()
        self._fires = FireScore()
        self._filling = FillingScore()
        self._light = LightScore({site.endpoint: site for site in sites})
        self._booted_us: dict[str, int] = {}
        self._has_bins = any(site.furniture == "bin" for site in sites)
        self._changes: dict[str, Callable[[TruthChanged], None]] = {
            "occupied": self._occupancy.change, "fire": self._fires.change,
            "fill": self._filling.change, "emptied": self._filling.change,
            "sun": self._light.change, "night": self._light.change, "mains": self._light.change}
        self._handlers: dict[type, Callable[[Any], None]] = {
            TruthChanged: self._change, LightSet: self._light.light, NodeBooted: self._boot,
            NodeSaid: self._hear, ReadingDelivered: self._deliver}

    def take(self, happening: Happening) -> None:
        """Take one happening; those of other kinds are passed over."""
        handler = self._handlers.get(type(happening))
        if handler is not None:
            handler(happening)

    def end(self, time_us: int) -> tuple[Score, ...]:
        """Return the scores of a run whose world ends at `time_us`."""
        fires = self._fires.end(time_us) if self._has_bins else []
        return tuple(self._occupancy.end(time_us) + self._filling.end(time_us) + fires
                     + self._light.end(time_us))

    def _change(self, changed: TruthChanged) -> None:
        score = self._changes.get(changed.quantity.partition(".")[0])
        if score is not None:
            score(changed)

    def _boot(self, booted: NodeBooted) -> None:
        self._booted_us[booted.endpoint] = booted.time_us

    def _hear(self, said: NodeSaid) -> None:
        event = said.event
        if not isinstance(event, ReadingTaken):
            return
        path = event.path
        if path[0] == PARKING:
            self._occupancy.reading((said.endpoint, event.boot, event.sequence), path,
                                    event.value, said.time_us)
        elif path == FIRE:
            self._fires.reading(said.endpoint, event.value, said.time_us)
        elif path == FILL:
            self._filling.reading(said.endpoint, number_of(event.value), self._taken_us(said))
        elif path == ENERGY:
            self._light.register(said.endpoint, number_of(event.value), self._taken_us(said))

    def _taken_us(self, said: NodeSaid) -> int:
        """Return when the sensor was read: a reading has its number only once it is on flash."""
        booted_us = self._booted_us.get(said.endpoint, 0)
        return min(said.time_us, booted_us + said.event.uptime_ms * 1000)

    def _deliver(self, delivered: ReadingDelivered) -> None:
        self._occupancy.delivered(
            (delivered.endpoint, delivered.boot, delivered.sequence), delivered.time_us)
