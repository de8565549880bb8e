"""Every command is carried out at most once, and its result is told, once and truly."""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from protocol.data_types import ObjectLink
from protocol.number import Decimal
from simulator.account import number_text
from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import SECOND_US, Check, Handler
from simulator.checks.troubles import Troubles
from simulator.fault import FaultKind
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
    GatewayStarted,
    NodeObeyed,
    Sampled,
)

DONE, FAILED, EXPIRED, UNKNOWN = "done", "failed", "expired", "unknown"
LEVEL, OVERRIDE_END = "/3416/0/1", "/3416/0/51"
KEPT_MAX = 64
"""Commands of a node that are remembered after their end."""
EARLY_US = SECOND_US


@dataclass(slots=True)
class _Command:
    given: CommandGiven
    operation: str  # at the node: "write" or "execute"
    path: str
    value: str
    times: int = 0
    outcome: str | None = None

    def is_same(self, obeyed: NodeObeyed) -> bool:
        return (self.operation, self.path) == (obeyed.operation, obeyed.path)


class Commands(Check):
    """What nodes carry out is held against what the city asked for and was told.

    An execute happens once at most; a write may be repeated with its value as long as no result
    was told, since that changes nothing. A result comes within the command's life and
    `command_answer_s_max`, counted from the end of what was wrong between gateway and city; it
    never changes, "done" only once the node has done it, "expired" not before its time; and what
    was told as done, failed or expired does not happen afterwards.
    """

    name = "commands happen once and are answered"

    def __init__(self, bounds: Bounds, facts: Facts, troubles: Troubles) -> None:
        super().__init__()
        self._answer_us = bounds.command_answer_s_max * SECOND_US
        self._facts = facts
        self._troubles = troubles
        self._commands: dict[str, _Command] = {}
        self._of_node: defaultdict[str, deque[_Command]] = defaultdict(deque)
        self._open: dict[str, _Command] = {}
        self._started_us: dict[str, int] = {}
        self._sees_nodes = False

    def handlers(self) -> dict[type, Handler]:
        return {CommandGiven: self._give, CommandAnswered: self._answer, NodeObeyed: self._obey,
                GatewayStarted: self._start, Sampled: self._sample}

    def end(self, now_us: int) -> None:
        self._judge_open(now_us)

    def _start(self, started: GatewayStarted) -> None:
        self._started_us[started.gateway] = started.time_us

    def _give(self, given: CommandGiven) -> None:
        if given.command in self._commands:
            return
        command = _Command(given, *_at_the_node(given))
        self._commands[given.command] = self._open[given.command] = command
        known = self._of_node[given.endpoint]
        known.append(command)
        while len(known) > KEPT_MAX and known[0].outcome is not None:
            del self._commands[known.popleft().given.command]

    def _obey(self, obeyed: NodeObeyed) -> None:
        self._sees_nodes = True
        same = [each for each in self._of_node.get(obeyed.endpoint, ()) if each.is_same(obeyed)]
        if not same:
            return
        value = _text(obeyed.value)
        waiting = [each for each in same if each.outcome is None]
        # The value may have been written in another way than it was asked for.
        likely = ([each for each in waiting if each.value == value]
                  or [each for each in same if each.value == value] or waiting)
        if likely:
            command = min(likely, key=lambda each: (each.outcome is not None, each.times))
            self._count(command, obeyed)

    def _count(self, command: _Command, obeyed: NodeObeyed) -> None:
        command.times += 1
        name = f"command {command.given.command}"
        subject = self._facts.name_of(obeyed.endpoint)
        if command.times > 1 and command.operation == "execute":
            self.fail(obeyed.time_us, subject, f"{name} was carried out again", obeyed)
        elif command.outcome not in (None, UNKNOWN):
            self.fail(obeyed.time_us, subject,
                      f"{name} was carried out after '{command.outcome}' was told", obeyed)

    def _answer(self, answered: CommandAnswered) -> None:
        command = self._commands.get(answered.command)
        subject = self._facts.name_of(answered.endpoint)
        name, outcome = f"command {answered.command}", answered.outcome
        if command is None:
            self.fail(answered.time_us, subject, f"{name} was answered, but never given", answered)
            return
        if command.outcome is not None:
            if command.outcome != outcome:
                self.fail(answered.time_us, subject,
                          f"{name} was told '{command.outcome}', then '{outcome}'", answered)
            return
        command.outcome = outcome
        self._open.pop(answered.command, None)
        if outcome == DONE and self._sees_nodes and not command.times:
            self.fail(answered.time_us, subject, f"{name} is 'done', and the node has not done it",
                      answered)
        elif outcome == EXPIRED and self._is_too_early(command, answered):
            self.fail(answered.time_us, subject,
                      f"{name} expired before its {command.given.expires_s} s were over", answered)
        elif outcome in (FAILED, EXPIRED) and command.times:
            self.fail(answered.time_us, subject,
                      f"{name} is '{outcome}', and the node has done it", answered)

    def _is_too_early(self, command: _Command, answered: CommandAnswered) -> bool:
        given = command.given
        if answered.time_us + EARLY_US >= given.time_us + (given.expires_s or 0) * SECOND_US:
            return False
        # A start knows the time of day alone, and a clock that was put forward ends what waits.
        was_stepped = self._troubles.has_gateway_had((FaultKind.CLOCK_STEP,), given.gateway)
        return not (was_stepped and self._started_us.get(given.gateway, -1) >= given.time_us)

    def _sample(self, sampled: Sampled) -> None:
        if self._open:
            self._judge_open(sampled.time_us)

    def _judge_open(self, now_us: int) -> None:
        for command in list(self._open.values()):
            given = command.given
            # Its life begins when the gateway has it, and the result waits for the city.
            begun_us = max(given.time_us, self._troubles.last_back_end_us(given.gateway))
            due_us = begun_us + (given.expires_s or 0) * SECOND_US + self._answer_us
            if now_us <= due_us or self._troubles.touches_back_end(given.gateway, now_us):
                continue
            del self._open[given.command]
            self.fail(due_us, self._facts.name_of(given.endpoint),
                      f"command {given.command} has no result {self._answer_us // SECOND_US} s "
                      "after its end", given)


def _at_the_node(given: CommandGiven) -> tuple[str, str, str]:
    """Return (operation, path, value) as the node is asked."""
    if given.operation == "dim":
        return "write", LEVEL, _text(level_and_length(given)[0])
    if given.operation == "resume":
        return "write", OVERRIDE_END, "0"
    return given.operation, given.path, _text(given.value)


def level_and_length(given: CommandGiven) -> tuple[int, int | None]:
    """Return (level, seconds or None) of a dim."""
    value = given.value
    return (value, None) if isinstance(value, int) else (value[0], value[1])


def _text(value: Any) -> str:
    """Return a value as a text that is the same for equal values, of a node or of JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return number_text(repr(value))
    if isinstance(value, Decimal):
        return number_text(value.to_text())
    if isinstance(value, ObjectLink):
        return value.to_text()
    return value.hex() if isinstance(value, bytes) else str(value)
