"""The demo's live picture: what the street does, what the gateway holds, what the city got."""

import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulator.demo_picture import svg_of
from simulator.live_screen import LiveScreen
from simulator.result_screen import SECURITY

PACKS_SHOWN_PER_KIND = 3
WIDTH, NARROW_WIDTH = 97, 79
BAR_WIDTH = 10
# What a line of the readings has beside their words.
PACK_MARGIN = 28
# The title, the two panels and the frame of the third, and a line of the shell's.
LINES_ABOVE_PACKS = 14


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
class ShownPack:
    """A node's readings that reached the city together, in words."""

    local_time_s: float
    node: str
    readings: str


class Screen(LiveScreen):
    """Shows the street."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._last: Group | None = None

    def show(self, progress: float, street: StreetPicture, chain: ChainPicture,
             latest: list[ShownPack]) -> None:
        """Show this moment."""
        width = WIDTH if self.console.width >= WIDTH else NARROW_WIDTH
        self._last = draw(self.title, progress, street, chain, self._that_fit(latest), width)
        self.update(self._last, lambda: _line(street, chain))

    def _that_fit(self, latest: list[ShownPack]) -> list[ShownPack]:
        """Return as many packs as the terminal has lines for, of every furniture in turn."""
        count = max(3, self.console.height - LINES_ABOVE_PACKS)
        if not self.console.is_terminal or len(latest) <= count:
            return latest
        step = len(latest) / count
        return [latest[int((index + 1) * step) - 1] for index in range(count)]

    def save(self, path: str) -> None:
        """Write the picture that was shown last to `path`, as SVG."""
        Path(path).write_text(svg_of(self._last), encoding="utf-8")


def _line(street: StreetPicture, chain: ChainPicture) -> str:
    return (f"{_clock(street.local_time_s)}  "
            f"{chain.registered}/{chain.nodes} registered, "
            f"{street.lamps_lit}/{street.lamps} lamps lit, "
            f"{street.bays_occupied}/{street.bays} bays taken; readings: "
            f"{chain.readings_taken} taken, {chain.readings_stored} stored, "
            f"{chain.readings_delivered} delivered")


def draw(title: str, progress: float, street: StreetPicture, chain: ChainPicture,
         latest: list[ShownPack], width: int) -> Group:
    """Return the whole picture; `progress` 0..1 of the time that the street lives.

    A NARROW_WIDTH leaves no room for bars beside their numbers.
    """
    bar = BAR_WIDTH if width == WIDTH else 0
    half = width // 2
    return Group(
        Text(title, style="bold", overflow="ellipsis", no_wrap=True),
        _progress_bar(progress),
        Columns([_panel(_street_table(street, bar), "the street (truth)", half),
                 _panel(_chain_table(chain, bar), "nodes → gateway → city", half)]),
        _panel(_packs_table(latest, width), "latest readings that reached the city", width),
    )


def _panel(content: Table, title: str, width: int) -> Panel:
    return Panel(content, title=f"[bold default]{title}[/]", width=width,
                 border_style="bright_black")


def _progress_bar(progress: float) -> Text:
    filled = round(60 * progress)
    return Text("━" * filled, style="green") + Text("─" * (60 - filled), style="dim")


def _street_table(street: StreetPicture, bar: int) -> Table:
    table = _grid()
    light = _light(street.sun_elevation)
    mean = street.fill_percent_mean
    table.add_row("clock", _clock(street.local_time_s))
    table.add_row("sun", f"{street.sun_elevation:+.1f}°, {light}, {street.daylight_lux:,.0f} lx")
    table.add_row("lamps", _bar(street.lamps_lit, street.lamps, "yellow", bar)
                  + f"{street.lamps_lit} of {street.lamps} lit, {street.power_w:,.0f} W")
    table.add_row("bins", _bar(mean, 100, "green", bar)
                  + f"{mean:.0f} %, {street.bins_full} nearly full")
    table.add_row("parking", _bar(street.bays_occupied, street.bays, "magenta", bar)
                  + f"{street.bays_occupied} of {street.bays} taken")
    table.add_row("so far", f"cars moved {street.cars_moved}, bins emptied {street.bins_emptied}")
    return table


def _light(sun_elevation: float) -> str:
    if sun_elevation > -0.833:
        return "day"
    return "dusk" if sun_elevation > -6 else "night"


def _chain_table(chain: ChainPicture, bar: int) -> Table:
    table = _grid()
    table.add_row("registered", _bar(chain.registered, chain.nodes, "blue", bar)
                  + f"{chain.registered} of {chain.nodes} nodes")
    table.add_row("taken", f"{chain.readings_taken:,} readings by sensors")
    table.add_row("stored", f"{chain.readings_stored:,} durable in the gateway")
    table.add_row("delivered", f"{chain.readings_delivered:,} in the city's file")
    table.add_row("datagrams", f"{chain.datagrams:,} sent by nodes")
    is_protected = chain.security == "oscore"
    table.add_row("security", Text(SECURITY[chain.security], "" if is_protected else "bold red"))
    return table


def _packs_table(latest: list[ShownPack], width: int) -> Table:
    table = _grid(8, 10)
    table.add_column(no_wrap=True)
    for pack in latest:
        readings = textwrap.shorten(pack.readings, width - PACK_MARGIN, placeholder=" …")
        table.add_row(_clock(pack.local_time_s), pack.node, readings)
    return table


def _grid(first_width: int = 10, second_width: int = 0) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True, min_width=first_width)
    table.add_column(no_wrap=True, min_width=second_width)
    return table


def _bar(part: float, whole: float, colour: str, width: int) -> Text:
    """Return a bar and a space, or nothing where `width` is 0."""
    filled = round(width * part / whole) if whole else 0
    gap = " " if width else ""
    return Text.assemble(("■" * filled, colour), ("■" * (width - filled), "bright_black"), gap)


def _clock(local_time_s: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(local_time_s))
