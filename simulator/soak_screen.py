"""The soak's live picture: three processes that are killed, and the readings that survive it."""

from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulator.live_screen import LiveScreen
from simulator.result_screen import SECURITY

COLOURS = {"runs": "green", "down": "yellow", "ended": "red"}
BAR_WIDTH = 60


@dataclass(frozen=True, slots=True)
class SoakPicture:
    """One moment: `states` and `kills` by process, readings counted from three sides."""

    elapsed_s: float
    duration_s: float
    states: dict[str, str]
    kills: dict[str, int]
    kills_planned: int
    power_cuts: int
    security: str
    taken: int
    held: int
    delivered: int


class SoakScreen(LiveScreen):
    """Shows the soak."""

    def show(self, picture: SoakPicture) -> None:
        """Show this moment."""
        self.update(draw(self.title, picture), lambda: _line(picture))


def _line(picture: SoakPicture) -> str:
    killed = sum(picture.kills.values())
    states = ", ".join(f"{name} {state}" for name, state in picture.states.items())
    return (f"{_left(picture)}  {killed}/{picture.kills_planned} kills, {states}; readings: "
            f"{picture.taken:,} taken, {picture.held:,} at their nodes, "
            f"{picture.delivered:,} at the city")


def draw(title: str, picture: SoakPicture) -> Group:
    """Return the whole picture."""
    processes = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("process", "", "kills survived"):
        processes.add_column(column, justify="right" if "kills" in column else "left")
    for name, state in picture.states.items():
        processes.add_row(name, Text(state, COLOURS[state]), str(picture.kills.get(name, 0)))
    processes.add_row("nodes", "", f"{picture.power_cuts} power cuts")
    on_the_way = picture.taken - picture.held - picture.delivered
    readings = (f"readings: {picture.taken:,} taken = {picture.held:,} at their nodes + "
                f"{max(on_the_way, 0):,} on the way + {picture.delivered:,} at the city")
    security = Text(f"security: {SECURITY[picture.security]}",
                    "" if picture.security == "oscore" else "bold red")
    return Group(Text(title, style="bold"), _bar(picture), processes, Text(readings), security)


def _bar(picture: SoakPicture) -> Group:
    total, done = picture.duration_s, min(picture.elapsed_s, picture.duration_s)
    return Group(ProgressBar(total=total, completed=done, width=BAR_WIDTH), Text(_left(picture)))


def _left(picture: SoakPicture) -> str:
    left_s = picture.duration_s - picture.elapsed_s
    if left_s <= 0:
        return "draining"
    return f"{int(left_s) // 60}:{int(left_s) % 60:02d} left"
