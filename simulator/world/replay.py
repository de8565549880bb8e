"""A world from a file: columns `time,node,quantity,value` of a CSV file (RFC 4180).

What the file has of a node's quantity replaces the model of it; everything else goes on as
modelled. A value holds until the next one, the first also before its time.
"""

import contextlib
import csv
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

COLUMNS = ["time", "node", "quantity", "value"]
LINES_MAX = 5_000_000
# Quantity -> lowest, highest value. "occupied" of a bay may have the bay's number behind a dot.
QUANTITIES = {
    "occupied": (0, 1), "fill": (0, 100), "fire": (0, 1), "knock": (0, 100), "motion": (0, 1),
    "lux": (0, 200_000), "temperature": (-60, 500), "mains": (0, 1)}
EVERYWHERE = "all"


class ReplayError(ValueError):
    """A line of the file is no truth; the text says which, and why."""


@dataclass(slots=True)
class Track:
    """One quantity of one node: ascending moments of the run in seconds, and values from then."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def at(self, now_s: float) -> float:
        """Return the value at a moment."""
        return self.values[max(bisect_right(self.times, now_s) - 1, 0)]

    def turns(self) -> Iterator[tuple[float, float]]:
        """Return the (moment, value) of each line, oldest first; the first holds from 0 on."""
        yield 0.0, self.at(0.0)
        for at_s, value in zip(self.times, self.values, strict=True):
            if at_s > 0:
                yield at_s, value


@dataclass(frozen=True, slots=True)
class Replay:
    """The tracks of a file, by (node, quantity)."""

    tracks: dict[tuple[str, str], Track]

    def track(self, names: Sequence[str], quantity: str) -> Track | None:
        """Return the track of the first of `names` that has one."""
        for name in names:
            if (name, quantity) in self.tracks:
                return self.tracks[name, quantity]
        return None

    def strangers(self, names: Sequence[str]) -> list[str]:
        """Return the nodes of the file that are not among `names`, in the file's order."""
        known = dict.fromkeys((*names, EVERYWHERE))
        return list(dict.fromkeys(node for node, _ in self.tracks if node not in known))


def load(path: Path, start_unix_s: float) -> Replay:
    """Return what the file holds.

    `time` is ISO 8601 with an offset, or seconds since the start of the run. `node` is a node's
    name, its endpoint, a circuit ("mains"), or "all" ("lux", "temperature" of the air). Raises
    ReplayError with file and line, OSError.
    """
    tracks: dict[tuple[str, str], Track] = {}
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        try:
            if next(lines, None) != COLUMNS:
                raise ValueError(f"the columns must be {','.join(COLUMNS)}")
            for cells in lines:
                if cells:
                    _take(tracks, cells, start_unix_s)
                if lines.line_num > LINES_MAX:
                    raise ValueError(f"more than {LINES_MAX} lines")
        except UnicodeDecodeError:
            raise ReplayError(f"{path}: is not UTF-8") from None
        except (ValueError, csv.Error) as error:
            raise ReplayError(f"{path}, line {lines.line_num}: {error}") from None
    return Replay(tracks)


def _take(tracks: dict[tuple[str, str], Track], cells: list[str], start_unix_s: float) -> None:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} columns instead of {len(COLUMNS)}")
    time, node, quantity, value = (cell.strip() for cell in cells)
    if not node:
        raise ValueError("no node")
    at_s, number = _moment(time, start_unix_s), _value(quantity, value)
    track = tracks.setdefault((node, _canonical(quantity)), Track())
    if track.times and at_s < track.times[-1]:
        raise ValueError(f"{time} is before the line above of {node}, {quantity}")
    track.times.append(at_s)
    track.values.append(number)


def _canonical(quantity: str) -> str:
    return "occupied.0" if quantity == "occupied" else quantity


def _moment(text: str, start_unix_s: float) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(seconds := float(text)):
            return round(seconds, 3)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a number of seconds nor a time like "
                         "2026-11-27T18:30:00+01:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text} says no offset from UTC")
    return round(moment.timestamp() - start_unix_s, 3)


def _value(quantity: str, text: str) -> float:
    name, dot, bay = quantity.partition(".")
    if name not in QUANTITIES or dot and (name != "occupied" or not bay.isdecimal()):
        raise ValueError(f"{quantity!r} is none of {', '.join(QUANTITIES)}")
    lowest, highest = QUANTITIES[name]
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must be from {lowest} to {highest}, not {text}")
    return value
