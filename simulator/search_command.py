"""`faubourg-sim search`: seeds are tried, and a failing run is made smaller."""

import itertools
import json
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from simulator import scenario
from simulator import search as searching
from simulator.plan import Plan
from simulator.run import Run
from simulator.run_folder import STDOUT, check_places
from simulator.search import Found, Verdict


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What the command line asks for; the first seed is drawn if it is None."""

    scenario: str
    runs: int
    first_seed: int | None
    nodes: int | None
    hours: float | None
    tries: int
    json_path: str | None


def search(settings: SearchSettings) -> int:
    """Return the exit code: 0 if no run failed. Raises ScenarioError, PlanError, RunRefused."""
    check_places(None, (settings.json_path,))
    found = _search(settings)
    text = json.dumps(_as_json(found, settings), indent=2) + "\n"
    if settings.json_path == STDOUT:
        print(text, end="")
    elif settings.json_path:
        Path(settings.json_path).write_text(text, encoding="utf-8")
    else:
        _print(found, settings)
    return 0 if found is None else 1


def _search(settings: SearchSettings) -> Found | None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.disable(logging.CRITICAL)
    try:
        return searching.search(_plans(settings), attempt, console.print, settings.tries)
    finally:
        logging.disable(logging.NOTSET)


def _plans(settings: SearchSettings) -> Iterator[Plan]:
    wanted = scenario.load(settings.scenario)
    first = settings.first_seed
    if first is None:
        first = secrets.randbelow(1 << 31)
    for seed in itertools.islice(itertools.count(first), settings.runs):
        yield Plan.of(wanted, seed, settings.nodes, settings.hours)


def attempt(plan: Plan) -> Verdict | None:
    """Run a plan; return what failed first."""
    failures = Run(plan).carry_out().result.failures
    if not failures:
        return None
    first = min(failures, key=lambda failure: failure.time_us)
    return Verdict(first.check, first.time_us / 1e6, f"{first.subject}: {first.what}")


def _as_json(found: Found | None, settings: SearchSettings) -> dict:
    if found is None:
        return {"scenario": settings.scenario, "runs": settings.runs, "failed": None}
    return {
        "scenario": settings.scenario, "runs": found.runs,
        "failed": {
            "check": found.verdict.check, "time_s": found.verdict.time_s,
            "words": found.verdict.words, "found": found.first.command_line(),
            "replay": found.smallest.command_line(), "nodes": found.smallest.nodes,
            "hours": found.smallest.hours, "faults": len(found.smallest.faults)}}


def _print(found: Found | None, settings: SearchSettings) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if found is None:
        console.print(f"{settings.runs} runs of {settings.scenario}: every check holds")
        return
    smallest = found.smallest
    console.print(f"FAILED: {found.verdict.check}: {found.verdict.words}")
    console.print(f"found in run {found.runs}: {found.first.command_line()}")
    console.print(f"smallest: {smallest.nodes} nodes, {smallest.hours:g} h, "
                  f"{len(smallest.faults)} faults")
    for fault in smallest.faults:
        console.print(f"  {fault.kind} ({fault.target}) at {fault.at_s:g} s")
    console.print(f"Replay: {smallest.command_line()}")
