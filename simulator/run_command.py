"""`faubourg-sim run`: a plan is carried out, shown, judged, and what it leaves is written."""

import contextlib
import logging
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from simulator import junit, plan, scenario
from simulator.plan import Plan, PlanError
from simulator.report.page import render
from simulator.result_screen import security_warning
from simulator.run import Finished, Run
from simulator.run_folder import STDOUT, RunRefused, check_places
from simulator.run_screen import RunPicture, RunScreen, print_end

_TIME = re.compile(r"(?:(\d+)d )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
SHOW_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What the command line asks for."""

    scenario: str
    seed: int
    nodes: int | None
    hours: float | None
    only_faults: str | None
    until: str | None
    life_of: str | None
    trace_out: str | None
    json_path: str | None
    junit_path: str | None
    report_path: str | None


def run(settings: RunSettings) -> int:
    """Return the exit code: 0 only if every check holds.

    Raises ScenarioError, PlanError or RunRefused before anything has begun.
    """
    check_places(None, (settings.trace_out, settings.json_path, settings.junit_path,
                        settings.report_path))
    only = None if settings.only_faults is None else plan.parse_numbers(settings.only_faults)
    wanted = Plan.of(scenario.load(settings.scenario), settings.seed, settings.nodes,
                     settings.hours, only)
    _check_node(settings.life_of, wanted)
    finished = _carry_out(settings, wanted)
    print_end(finished.result, settings.json_path == STDOUT)
    _write(settings, finished)
    return 0 if finished.result.is_ok else 1


def _carry_out(settings: RunSettings, wanted: Plan) -> Finished:
    security = wanted.scenario.fleet.security
    screen = RunScreen(f"{wanted.scenario.name}: {wanted.scenario.about.summary}"
                       f"{security_warning(security)}")
    # What gateways log is for who runs one; here the checks judge.
    logging.disable(logging.CRITICAL)
    try:
        with screen, _opened(settings.trace_out) as trace_file:
            return Run(wanted, show=_Throttled(screen).show, trace_file=trace_file,
                       life_of=settings.life_of, say=print,
                       until_s=until_s(settings.until)).carry_out()
    finally:
        logging.disable(logging.NOTSET)


class _Throttled:
    """Shows a picture now and then: a virtual minute may be a hundredth of a second."""

    def __init__(self, screen: RunScreen) -> None:
        self._screen = screen
        self._next_s = 0.0

    def show(self, picture: RunPicture) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + SHOW_EVERY_S
            self._screen.show(picture)


@contextlib.contextmanager
def _opened(path: str | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
    else:
        with open(path, "wb") as file:
            yield file


def until_s(text: str | None) -> float | None:
    """Return the seconds of the run in "1d 05:12:07.5", or of a number of them. Raises PlanError.
    """
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    if found:
        days, hours, minutes, seconds = found.groups(default="0")
        return int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        return float(text)
    except ValueError as error:
        raise PlanError(f'--until "{text}": a time of the run is "05:12:07", "1d 00:30:00", or '
                        "a number of seconds") from error


def _check_node(life_of: str | None, wanted: Plan) -> None:
    if life_of is None:
        return
    sites = wanted.sites()
    if not any(life_of in (site.name, site.endpoint) for site in sites):
        raise RunRefused(f'--trace "{life_of}": no such node; there are "{sites[0].name}" to '
                         f'"{sites[-1].name}"')


def _write(settings: RunSettings, finished: Finished) -> None:
    result = finished.result
    if settings.json_path == STDOUT:
        print(result.to_json(), end="")
    elif settings.json_path:
        Path(settings.json_path).write_text(result.to_json(), encoding="utf-8")
    if settings.junit_path:
        Path(settings.junit_path).write_text(junit.render(result), encoding="utf-8")
    if settings.report_path:
        Path(settings.report_path).write_text(render(finished.record), encoding="utf-8")
        print(f"report: {settings.report_path}", file=sys.stderr)
