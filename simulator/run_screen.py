"""A run's picture while virtual time goes by, and in words what came of it at its end."""

from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulator.fault import Fault
from simulator.live_screen import LiveScreen
from simulator.result import Check, Result, Score
from simulator.result_screen import SECURITY
from simulator.scenario_times import length

BAR_WIDTH = 60
FAULTS_SHOWN_MAX = 4


@dataclass(frozen=True, slots=True)
class RunPicture:
    """One moment: `local` is the place's own time, `wall_s` what the run has taken so far."""

    virtual_s: float
    duration_s: float
    wall_s: float
    local: datetime
    nodes: int
    registered: int
    taken: int
    delivered: int
    faults: tuple[Fault, ...] = ()
    failed: tuple[str, ...] = ()  # names of the checks that have failed so far

    @property
    def speed(self) -> float:
        """Return how many virtual seconds a second of wall time brings."""
        return self.virtual_s / self.wall_s if self.wall_s else 0.0


class RunScreen(LiveScreen):
    """Shows a run."""

    def show(self, picture: RunPicture) -> None:
        """Show this moment."""
        self.update(draw(self.title, picture), lambda: line(picture))


def line(picture: RunPicture) -> str:
    """Return the moment as one line: for where there is no terminal."""
    failed = f"; FAILED: {', '.join(picture.failed)}" if picture.failed else ""
    return f"{_when(picture)}  {_counts(picture)}; {_faults(picture)}{failed}"


def draw(title: str, picture: RunPicture) -> Group:
    """Return the whole picture."""
    done = min(picture.virtual_s, picture.duration_s)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True, min_width=10)
    table.add_column()
    table.add_row("time", _when(picture))
    table.add_row("so far", _counts(picture))
    table.add_row("faults", Text(_faults(picture), "yellow" if picture.faults else ""))
    if picture.failed:
        table.add_row("failed", Text(", ".join(picture.failed), "bold red"))
    bar = ProgressBar(total=picture.duration_s, completed=done, width=BAR_WIDTH)
    return Group(Text(title, style="bold"), bar, table)


def _when(picture: RunPicture) -> str:
    percent = 100 * min(1.0, picture.virtual_s / picture.duration_s)
    phase = f"{percent:3.0f} %" if picture.virtual_s < picture.duration_s else "draining"
    return f"{phase}  {picture.local:%a %d %b %Y %H:%M}  {picture.speed:,.0f}x"


def _counts(picture: RunPicture) -> str:
    return (f"{picture.registered:,} of {picture.nodes:,} nodes registered; readings: "
            f"{picture.taken:,} taken, {picture.delivered:,} delivered")


def _faults(picture: RunPicture) -> str:
    shown = [_fault(fault) for fault in picture.faults[:FAULTS_SHOWN_MAX]]
    if more := len(picture.faults) - len(shown):
        shown.append(f"{more} more")
    return ", ".join(shown) or "no fault"


def _fault(fault: Fault) -> str:
    return f"{fault.kind} ({fault.target})"


def print_end(result: Result, is_stdout_taken: bool) -> None:
    """Print what came of a run on stdout, or on stderr where that is for JSON."""
    console = Console(stderr=is_stdout_taken, highlight=False, soft_wrap=True)
    for check in sorted(result.checks, key=lambda check: check.ok):
        console.print(_verdict_of(check))
    width = max((len(score.name) for score in result.scores), default=0)
    for score in result.scores:
        console.print(_line_of(score, width))
    failed = [check for check in result.checks if not check.ok]
    _print_last(console, result, failed)
    if failed:
        events = [each.event for each in result.failures if each.check == failed[0].name]
        for event in filter(None, events):
            console.print(Text(f"First seen in: {event}"))
        console.print(Text(f"Replay: {result.replay}"))


def _verdict_of(check: Check) -> Text:
    mark = ("ok   ", "green") if check.ok else ("FAIL ", "bold red")
    return Text.assemble(mark, check.name, f" ({check.detail})" if check.detail else "")


def _line_of(score: Score, width: int) -> Text:
    detail = f"  {score.detail}" if score.detail else ""
    return Text(f"     {score.name:<{width}}  {score.value:,.4g} {score.unit}".rstrip() + detail)


def _print_last(console: Console, result: Result, failed: list[Check]) -> None:
    tally = result.readings
    ran = (f"{result.nodes:,} nodes for {length(result.virtual_s)} in {result.wall_s:,.1f} s "
           f"(seed {result.seed})")
    if failed:
        console.print(Text.assemble((f"FAILED: {failed[0].name}", "bold red"), f". {ran}."))
    else:
        gone = f", {tally.explained:,} given up and reported" if tally.explained else ""
        console.print(Text.assemble(
            ("Passed", "bold green"), f": {tally.taken:,} readings taken, {tally.delivered:,} "
            f"delivered, none missing, none twice{gone}. {ran}."))
    console.print(Text(f"Security: {SECURITY[result.security]}. "
                       f"Trace: {result.trace_sha256 or 'none'}"))
