"""The light through many nights, one column each, against sunrise and sunset."""

from collections import defaultdict
from itertools import groupby

from firmware.timezone import DAY_S
from simulator.record import LightCarpet
from simulator.report.html import Html, tag
from simulator.report.street import Street

LEVELS = 5
_HEIGHT = 96
_HOURS = ((3, "15:00"), (6, "18:00"), (9, "21:00"), (12, "midnight"), (15, "03:00"),
          (18, "06:00"), (21, "09:00"))


def render(street: Street, carpet: LightCarpet) -> Html:
    """Return the carpet: nights from left to right, noon to noon from top to bottom."""
    nights = len(carpet.percent)
    hours = [tag("span", text, style=f"top:{hour / 24:.2%}") for hour, text in _HOURS]
    picture = tag(
        "svg", tag("rect", x=0, y=0, width=nights, height=_HEIGHT, class_="ground"),
        *_levels(carpet), _sun(street, carpet), viewBox=f"0 0 {nights} {_HEIGHT}",
        preserveAspectRatio="none", class_="carpet", role="img",
        aria_label="Light of all lamps by night and time of day")
    return Html.of(
        tag("p", "Each column is a night, noon to noon; the yellower, the more light all lamps "
                 "gave. The lines are sunset (above) and sunrise (below): light above the upper "
                 "or below the lower is light by day, a gap between them is darkness at night. "
                 "By the clock without summer time.", class_="soft"),
        tag("div", tag("div", *hours, class_="side hours"), picture, class_="row"),
        _months(street, carpet))


def _levels(carpet: LightCarpet) -> list[Html]:
    """Return a path for each level of light: few bytes for many cells."""
    moves: defaultdict[int, list[str]] = defaultdict(list)
    step = _HEIGHT * carpet.slot_s / DAY_S
    for night, column in enumerate(carpet.percent):
        at = 0
        for level, cells in groupby(column, key=_level):
            length = len(list(cells))
            if level:
                moves[level].append(f"M{night} {at * step:g}h1v{length * step:g}h-1z")
            at += length
    return [tag("path", d="".join(parts), class_="light", fill_opacity=f"{level / LEVELS:g}")
            for level, parts in sorted(moves.items())]


def _level(percent: int) -> int:
    return -(-min(percent, 100) * LEVELS // 100)


def _sun(street: Street, carpet: LightCarpet) -> Html:
    shift_s = street.record.facts.start_unix_s - carpet.first_noon_unix_s
    points: dict[bool, list[str]] = {False: [], True: []}
    for time_us, is_rise in street.suns:
        night, second = divmod(time_us // 1_000_000 + shift_s, DAY_S)
        if night < len(carpet.percent):
            points[is_rise].append(f"{night + 0.5:g},{second / DAY_S * _HEIGHT:.2f}")
    return tag("g", *(tag("polyline", points=" ".join(line)) for line in points.values()),
               class_="sun-lines")


def _months(street: Street, carpet: LightCarpet) -> Html:
    shift_s = street.record.facts.start_unix_s - carpet.first_noon_unix_s
    nights = len(carpet.percent)
    every = max(1, -(-nights // 12))
    marks = [tag("span", street.moments.day((night * DAY_S - shift_s) * 1_000_000),
                 style=f"left:{night / nights:.2%}") for night in range(0, nights, every)]
    return tag("div", tag("div", class_="side"), tag("div", *marks, class_="axis"), class_="row")
