"""What a lamp promises: light at night, and none by day."""

from dataclasses import dataclass

from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.commands import DONE, UNKNOWN, level_and_length
from simulator.checks.troubles import Troubles
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
    LightSet,
    NodeBooted,
    NodeStopped,
    Sampled,
    TruthChanged,
)

LAMP = "lamp"
DEFAULT_LEVEL = "/3416/0/4"
DARK, LIT = "dark at night", "lit by day"
# Written, these decide the light for ever: programs and which of them count, levels, and the
# lock for who works at the pole.
GOVERNING = ("/3452/", "/3453/", "/3454/", "/3416/0/1", "/3416/0/41", "/3410/0/7", DEFAULT_LEVEL)
OVERRIDE_DEFAULT_S = 7200
NEVER_US = 1 << 62


@dataclass(slots=True)
class _Lamp:
    permille: int | None = None
    is_running: bool = False
    excused_us: dict[str, int] | None = None


class LampPromises(Check):
    """No lamp with mains stays dark at night, or lit by day, longer than stated.

    Night is while the sun is set. What the city has commanded is right, until it ends: an
    override of level 0 in the dark, any other by day; a schedule or a default level of 0 for
    ever. A lamp without mains, or whose node stands still, is not judged. Judged at each sample.
    """

    name = "lamps burn at night and rest by day"

    def __init__(self, bounds: Bounds, facts: Facts, troubles: Troubles) -> None:
        super().__init__()
        self._troubles = troubles
        self._bounds_us = {DARK: bounds.lamp_dark_s_max * SECOND_US,
                           LIT: bounds.lamp_lit_by_day_s_max * SECOND_US}
        self._facts = facts
        self._lamps = {endpoint: _Lamp(excused_us={}) for endpoint, node in facts.nodes.items()
                       if node.furniture == LAMP}
        self._mains: dict[str, bool] = {}
        self._is_day: bool | None = None
        self._wrong: dict[str, tuple[str, int]] = {}  # by endpoint: how, and since when
        self._failed: set[str] = set()
        self._dims: dict[str, CommandGiven] = {}

    def handlers(self) -> dict[type, Handler]:
        return {LightSet: self._light, TruthChanged: self._change, NodeBooted: self._boot,
                NodeStopped: self._stop, CommandGiven: self._give,
                CommandAnswered: self._answer, Sampled: self._sample}

    def end(self, now_us: int) -> None:
        self._judge(now_us)

    def _light(self, light: LightSet) -> None:
        lamp = self._lamps.get(light.endpoint)
        if lamp is not None:
            lamp.permille = light.permille
            self._look(light.endpoint, lamp, light.time_us)

    def _change(self, changed: TruthChanged) -> None:
        if changed.quantity == "sun":
            self._is_day = changed.value > 0
        elif changed.quantity == "mains":
            self._mains[changed.place] = changed.value > 0
        else:
            return
        for endpoint, lamp in self._lamps.items():
            if changed.quantity == "sun" or self._facts.nodes[endpoint].circuit == changed.place:
                self._look(endpoint, lamp, changed.time_us)

    def _boot(self, booted: NodeBooted) -> None:
        self._run(booted.endpoint, True, booted.time_us)

    def _stop(self, stopped: NodeStopped) -> None:
        self._run(stopped.endpoint, False, stopped.time_us)

    def _run(self, endpoint: str, is_running: bool, now_us: int) -> None:
        lamp = self._lamps.get(endpoint)
        if lamp is not None:
            lamp.is_running = is_running
            self._look(endpoint, lamp, now_us)

    def _look(self, endpoint: str, lamp: _Lamp, now_us: int) -> None:
        """Note since when a lamp is as it should not be."""
        wrong = None
        circuit = self._facts.nodes[endpoint].circuit
        if lamp.is_running and lamp.permille is not None and self._mains.get(circuit, True):
            if self._is_day is False and lamp.permille == 0:
                wrong = DARK
            elif self._is_day and lamp.permille > 0:
                wrong = LIT
        known = self._wrong.get(endpoint)
        if wrong is None:
            self._wrong.pop(endpoint, None)
            self._failed.discard(endpoint)
        elif known is None or known[0] != wrong:
            self._wrong[endpoint] = wrong, now_us
            self._failed.discard(endpoint)

    def _give(self, given: CommandGiven) -> None:
        lamp = self._lamps.get(given.endpoint)
        if lamp is None:
            return
        if given.operation == "dim":
            self._dims[given.command] = given
            level = level_and_length(given)[0]
            self._excuse(lamp, LIT if level else DARK, _latest_end_us(given))
        elif given.operation == "write" and given.path.startswith(GOVERNING):
            # A level that is not 0 leaves no lamp dark; what governs it by day is the sun.
            if not (given.path == DEFAULT_LEVEL and given.value):
                self._excuse(lamp, DARK, NEVER_US)
                self._excuse(lamp, LIT, NEVER_US)

    def _answer(self, answered: CommandAnswered) -> None:
        given = self._dims.pop(answered.command, None)
        lamp = self._lamps.get(answered.endpoint)
        if given is None or lamp is None or answered.outcome == UNKNOWN:
            return
        level, for_s = level_and_length(given)
        for_us = (OVERRIDE_DEFAULT_S if for_s is None else for_s) * SECOND_US
        wrong = LIT if level else DARK
        if lamp.excused_us.get(wrong) != NEVER_US:
            until_us = answered.time_us + for_us if answered.outcome == DONE else answered.time_us
            others = [_latest_end_us(each) for each in self._dims.values()
                      if each.endpoint == answered.endpoint]
            lamp.excused_us[wrong] = max([until_us, *others])

    def _excuse(self, lamp: _Lamp, wrong: str, until_us: int) -> None:
        lamp.excused_us[wrong] = max(lamp.excused_us.get(wrong, 0), until_us)

    def _sample(self, sampled: Sampled) -> None:
        self._judge(sampled.time_us)

    def _judge(self, now_us: int) -> None:
        for endpoint, (wrong, since_us) in self._wrong.items():
            if endpoint in self._failed:
                continue
            excused_us = self._lamps[endpoint].excused_us.get(wrong)
            if excused_us is not None:
                since_us = max(since_us, excused_us + self._troubles.clock_slack_us(endpoint))
            if now_us - since_us > self._bounds_us[wrong]:
                self._failed.add(endpoint)
                self.fail(since_us + self._bounds_us[wrong], self._facts.name_of(endpoint),
                          f"{wrong} for more than {self._bounds_us[wrong] // SECOND_US} s")


def _latest_end_us(given: CommandGiven) -> int:
    """Return when an override ends that waited as long as its command lived."""
    for_s = level_and_length(given)[1]
    length_s = OVERRIDE_DEFAULT_S if for_s is None else for_s
    return given.time_us + SECOND_US * ((given.expires_s or 0) + length_s)
