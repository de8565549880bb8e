"""An override holds until it ends, whatever resets come between, and not longer."""

from dataclasses import dataclass

from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.commands import LEVEL, OVERRIDE_END, level_and_length
from simulator.checks.troubles import Troubles
from simulator.happenings import (
    CommandGiven,
    LightSet,
    NodeBooted,
    NodeObeyed,
    NodeStopped,
    Sampled,
    TruthChanged,
)

GOVERNING = (LEVEL, "/3416/0/41", "/3410/0/7")
MINIMUM_LEVEL = 10
BOOT_FEE_S = 900
"""What an override may lose at each boot, where the time is not known (docs/lamp.md)."""
SETTLE_S = 120
"""Fades are over, and a node that has booted shows what it had."""


@dataclass(slots=True)
class _Override:
    permille: int
    begun_us: int
    end_us: int
    settled_us: int


class Overrides(Check):
    """From when a node took a dim with a length until its end the lamp gives that light.

    Not judged: `SETTLE_S` after its begin and after a boot, the last minute, a lamp without mains
    or whose node stands still. Each boot may take `BOOT_FEE_S` off its end, and so may steps of
    its gateway's clock, by which it ends. What is written to the lamp meanwhile ends the
    judgement. Judged at each sample.
    """

    name = "overrides hold until they end"

    def __init__(self, bounds: Bounds, facts: Facts, troubles: Troubles) -> None:
        super().__init__()
        self._troubles = troubles
        self._off_max = bounds.override_light_permille
        self._facts = facts
        self._dims: dict[str, CommandGiven] = {}  # by endpoint, the newest
        self._overrides: dict[str, _Override] = {}
        self._light: dict[str, int] = {}
        self._running: set[str] = set()
        self._mains: dict[str, bool] = {}

    def handlers(self) -> dict[type, Handler]:
        return {CommandGiven: self._give, NodeObeyed: self._obey, LightSet: self._set_light,
                NodeBooted: self._boot, NodeStopped: self._stop, TruthChanged: self._change,
                Sampled: self._sample}

    def _give(self, given: CommandGiven) -> None:
        if given.operation == "dim":
            self._dims[given.endpoint] = given

    def _obey(self, obeyed: NodeObeyed) -> None:
        is_resumed = obeyed.path == OVERRIDE_END and not obeyed.value
        if obeyed.path not in GOVERNING and not is_resumed:
            return
        self._overrides.pop(obeyed.endpoint, None)
        given = self._dims.get(obeyed.endpoint)
        if obeyed.path == LEVEL and given is not None:
            level, for_s = level_and_length(given)
            if for_s is not None and level == obeyed.value:
                self._overrides[obeyed.endpoint] = _Override(
                    10 * max(level, MINIMUM_LEVEL) if level else 0, obeyed.time_us,
                    # The gateway sets the end when it sends: no sooner than this.
                    given.time_us + (for_s - 60) * SECOND_US,
                    obeyed.time_us + SETTLE_S * SECOND_US)

    def _set_light(self, light: LightSet) -> None:
        self._light[light.endpoint] = light.permille

    def _boot(self, booted: NodeBooted) -> None:
        self._running.add(booted.endpoint)
        override = self._overrides.get(booted.endpoint)
        if override is not None:
            override.end_us -= BOOT_FEE_S * SECOND_US
            override.settled_us = booted.time_us + SETTLE_S * SECOND_US

    def _stop(self, stopped: NodeStopped) -> None:
        self._running.discard(stopped.endpoint)

    def _change(self, changed: TruthChanged) -> None:
        if changed.quantity == "mains":
            self._mains[changed.place] = changed.value > 0

    def _sample(self, sampled: Sampled) -> None:
        now_us = sampled.time_us
        for endpoint, override in list(self._overrides.items()):
            end_us = override.end_us - self._troubles.clock_slack_us(endpoint)
            if now_us >= end_us:
                del self._overrides[endpoint]
                continue
            light = self._light.get(endpoint)
            node = self._facts.nodes.get(endpoint)
            has_mains = node is None or self._mains.get(node.circuit, True)
            if (light is None or now_us < override.settled_us or not has_mains
                    or endpoint not in self._running):
                continue
            if abs(light - override.permille) > self._off_max:
                del self._overrides[endpoint]
                self.fail(now_us, self._facts.name_of(endpoint),
                          f"gives {light / 10:g} % of its light; an override of "
                          f"{override.permille / 10:g} % holds until "
                          f"{(end_us - now_us) // SECOND_US} s from now at least")
