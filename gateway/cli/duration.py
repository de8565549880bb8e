"""Durations as people type them: 90s, 15m, 2h, 1h30m, 1d."""

import re

import click

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+[smhd])+")


class Duration(click.ParamType):
    """A click type: '2h' or '1h30m' gives whole seconds, from 1 to `most_s`."""

    name = "duration"

    def __init__(self, most_s: int = 366 * 86_400) -> None:
        self._most_s = most_s

    def convert(self, value, parameter, context) -> int:
        if isinstance(value, int):
            return value
        text = value.strip().lower()
        if not _DURATION.fullmatch(text):
            self.fail(f"{value!r} is not a duration; write 90s, 15m, 2h, 1h30m or 1d.",
                      parameter, context)
        total_s = sum(int(number) * _UNIT_S[unit]
                      for number, unit in re.findall(r"(\d+)([smhd])", text))
        if total_s < 1:
            self.fail("a duration is at least 1s.", parameter, context)
        if total_s > self._most_s:
            self.fail(f"at most {duration_text(self._most_s)}.", parameter, context)
        return total_s


def duration_text(seconds: int) -> str:
    """Return a duration as it is typed, in its largest whole unit: '2h', '90s'."""
    unit = next(unit for unit in "dhms" if seconds % _UNIT_S[unit] == 0)
    return f"{seconds // _UNIT_S[unit]}{unit}"


def age_text(age_s: float | None) -> str:
    """Return an age for a table: '12 s', '4 min', '3 h 20', '2 d'; '—' if it is unknown."""
    if age_s is None:
        return "—"
    seconds = max(0, int(age_s))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d}"
    return f"{seconds // 86400} d"
