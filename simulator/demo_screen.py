"""The demo's live picture: what the street does, what the gateway holds, what the city got."""

import io
import time
from dataclasses import dataclass

from rich import box
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulator.result import Result

READINGS_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class StreetPicture:
    """The truth in the street at one moment."""

    local_time_s: float
    sun_elevation: float
    daylight_lux: float
    lamps: int
    lamps_lit: int
    power_w: float
    bins: int
    fill_percent_mean: float
    bins_full: int
    bins_emptied: int
    bays: int
    bays_occupied: int
    cars_moved: int


@dataclass(frozen=True, slots=True)
class ChainPicture:
    """What nodes, gateway and city hold at one moment."""

    nodes: int
    registered: int
    readings_taken: int
    readings_stored: int
    readings_delivered: int
    datagrams: int
    security: str


@dataclass(frozen=True, slots=True)
class ShownReading:
    """A reading that reached the city, in words."""

    local_time_s: float
    node: str
    what: str
    value: str


class Screen:
    """Shows the street live on a terminal; elsewhere prints a line now and then."""

    LINE_EVERY_S = 5

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._next_line_s = 0.0
        self._last: Group | None = None

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._live.start()
        else:
            self.say(self._title)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the picture."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, progress: float, street: StreetPicture, chain: ChainPicture,
             latest: list[ShownReading]) -> None:
        """Show this moment."""
        self._last = draw(self._title, progress, street, chain, latest)
        if self._console.is_terminal:
            self._live.update(self._last, refresh=True)
        elif time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + self.LINE_EVERY_S
            self.say(f"{_clock(street.local_time_s)}  "
                     f"{chain.registered}/{chain.nodes} registered, "
                     f"{street.lamps_lit}/{street.lamps} lamps lit, "
                     f"{street.bays_occupied}/{street.bays} bays taken; readings: "
                     f"{chain.readings_taken} taken, {chain.readings_stored} stored, "
                     f"{chain.readings_delivered} delivered")

    def save(self, path: str) -> None:
        """Write the picture that was shown last to `path`, as SVG."""
        recorder = Console(record=True, width=100, file=io.StringIO())
        recorder.print(self._last)
        recorder.save_svg(path, title="faubourg-sim demo")

    def summary(self, result: Result) -> None:
        """Print what came of it all, on stdout."""
        console = Console()
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("", "nodes", "registered", "readings taken", "delivered to the city"):
            table.add_column(column, justify="left" if not column else "right")
        for each in result.furniture:
            table.add_row(_PLURAL[each.furniture], str(each.nodes), str(each.registered),
                          str(each.taken), str(each.delivered))
        console.print(table)
        for check in result.checks:
            mark = "[green]ok  [/]" if check.ok else "[red]FAIL[/]"
            console.print(f"{mark} {check.name} ({check.detail})", highlight=False)


_PLURAL = {"lamp": "lamps", "bin": "bins", "parking": "parking bays"}


def draw(title: str, progress: float, street: StreetPicture, chain: ChainPicture,
         latest: list[ShownReading]) -> Group:
    """Return the whole picture; `progress` 0..1 of the time that the street lives."""
    return Group(
        Text(title, style="bold"),
        _progress_bar(progress),
        Columns([Panel(_street_table(street), title="the street (truth)", width=48),
                 Panel(_chain_table(chain), title="nodes → gateway → city", width=48)]),
        Panel(_readings_table(latest), title="latest readings that reached the city", width=97),
    )


def _progress_bar(progress: float) -> Text:
    filled = round(60 * progress)
    return Text("━" * filled, style="green") + Text("─" * (60 - filled), style="dim")


def _street_table(street: StreetPicture) -> Table:
    table = _grid()
    night = "night" if street.sun_elevation < -0.833 else "day"
    table.add_row("clock", _clock(street.local_time_s))
    table.add_row("sun", f"{street.sun_elevation:+.1f}°, {night}, {street.daylight_lux:,.0f} lx")
    table.add_row("lamps", f"{_bar(street.lamps_lit, street.lamps)} "
                           f"{street.lamps_lit} of {street.lamps} lit, {street.power_w:,.0f} W")
    mean = street.fill_percent_mean
    table.add_row("bins", f"{_bar(mean, 100)} {mean:.0f} %, "
                          f"{street.bins_full} nearly full")
    table.add_row("parking", f"{_bar(street.bays_occupied, street.bays)} "
                             f"{street.bays_occupied} of {street.bays} taken")
    table.add_row("since then", f"{street.cars_moved} cars came or went, "
                                f"{street.bins_emptied} bins emptied")
    return table


def _chain_table(chain: ChainPicture) -> Table:
    table = _grid()
    table.add_row("registered", f"{_bar(chain.registered, chain.nodes)} "
                                f"{chain.registered} of {chain.nodes} nodes")
    table.add_row("taken", f"{chain.readings_taken:,} readings by sensors")
    table.add_row("stored", f"{chain.readings_stored:,} durable in the gateway")
    table.add_row("delivered", f"{chain.readings_delivered:,} in the city's file")
    table.add_row("datagrams", f"{chain.datagrams:,} sent by nodes")
    table.add_row("security", chain.security)
    return table


def _readings_table(latest: list[ShownReading]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for reading in latest[-READINGS_SHOWN_MAX:]:
        table.add_row(_clock(reading.local_time_s), reading.node, reading.what, reading.value)
    return table


def _grid() -> Table:
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False, show_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    return table


def _bar(part: float, whole: float, width: int = 10) -> str:
    filled = round(width * part / whole) if whole else 0
    return "█" * filled + "░" * (width - filled)


def _clock(local_time_s: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(local_time_s))
