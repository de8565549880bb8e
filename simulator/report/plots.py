"""The time lines of a run: faults, nodes, light, queues and latency above one another."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.record import Record, Series
from simulator.report import words
from simulator.report.axis import WIDTH, Axis
from simulator.report.html import Html, tag
from simulator.report.lanes import lanes
from simulator.report.street import Street
from simulator.world import sun

HEIGHT = 100
OTHERS_MAX = 8
# Lines of a plot beyond these would have colours that nobody can tell apart.
LINES_MAX = 6
_LUX_DECADES = 5
_DAYLIGHT_BUCKET_US = 3600 * 1_000_000

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A named line of a plot; `look` is "area" or "line", `tone` picks its colour."""

    name: str
    values: Values
    tone: int = 0
    look: str = "line"


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over the run's buckets that share one scale from 0 to `top`, in `unit`."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    top: float
    is_logarithmic: bool = False
    note: str = ""

    def height(self, value: float) -> float:
        """Return how high a value lies, 0 to 1."""
        if self.is_logarithmic:
            return max(0.0, math.log10(max(value, 0.1) / 0.1) / math.log10(self.top / 0.1))
        return value / self.top


def render(street: Street) -> tuple[Html, list[dict]]:
    """Return all rows, and what a script needs to say the values under the pointer."""
    record = street.record
    axis = Axis(street)
    drawn = plots(record)
    rows = [_row(plot, axis, record.bucket_us) for plot in drawn]
    page = tag("div", axis.labels(), *lanes(street, axis), *rows,
               tag("div", class_="cursor", id="cursor"), class_="plots", id="plots")
    return page, [{"unit": plot.unit, "lines": [list(line.values) for line in plot.lines]}
                  for plot in drawn]


def plots(record: Record) -> list[Plot]:
    """Return the plots of a record; what it knows nothing of is left out."""
    per_minute = 60_000_000 / record.bucket_us
    drawn = [_nodes(record), _light(record), *_sampled(record, "uplink_depth"), _latency(record),
             _rates(record, "Readings", per_minute, ("taken", "delivered")),
             _rates(record, "Registrations", per_minute, ("registrations",)),
             _rates(record, "Messages", per_minute, ("datagrams", "datagrams lost")),
             *_others(record)]
    return [plot for plot in drawn if plot is not None]


def _nodes(record: Record) -> Plot | None:
    registered, out = record.named("registered"), record.named("out of touch")
    if registered is None or out is None or not record.nodes:
        return None
    return Plot("Nodes", "nodes", (Line("registered", registered.values, 2, "area"),
                                   Line("power, but not registered", out.highs, 1)),
                len(record.nodes))


def _light(record: Record) -> Plot | None:
    light = record.named("light")
    if light is None or not any(node.facts.furniture == "lamp" for node in record.nodes):
        return None
    lines = [Line("light of all lamps", light.values, 3, "area")]
    # A mean over a day says nothing of the sun: the carpet of nights does.
    if record.bucket_us <= _DAYLIGHT_BUCKET_US:
        lines.append(Line("daylight, dark to bright", _daylight(record), 4))
    return Plot("Light", "%", tuple(lines), 100)


def _daylight(record: Record) -> Values:
    """Return the daylight, 1 lux to 100,000 lux as 0 to 100 by its logarithm.

    A clear sky's, where the run has sampled none.
    """
    sampled = record.named("daylight_lux")
    lux = sampled.values if sampled is not None else _clear_sky(record)
    return tuple(None if each is None
                 else round(math.log10(max(each, 1)) / _LUX_DECADES * 100, 1) for each in lux)


def _clear_sky(record: Record) -> Values:
    facts = record.facts
    middles_s = (facts.start_unix_s + (at + 0.5) * record.bucket_us / 1e6
                 for at in range(record.end_us // record.bucket_us + 1))
    return tuple(
        sun.illuminance_lux(sun.elevation_degrees(middle_s, facts.latitude, facts.longitude))
        for middle_s in middles_s)


def _latency(record: Record) -> Plot | None:
    latency = record.named("latency")
    if latency is None or not any(latency.values):
        return None
    top = max(10.0, *(value for value in latency.highs if value is not None))
    return Plot("From sensor to city", "s", (Line("slowest twentieth", latency.highs, 1),
                                             Line("median", latency.values, 0)), top, True,
                "each tenfold equally high, from 0.1 s")


def _rates(record: Record, title: str, per_minute: float, names: tuple[str, ...]) -> Plot | None:
    lines = []
    for tone, name in enumerate(names):
        series = record.named(name)
        if series is not None and any(series.values):
            values = tuple(_short((value or 0) * per_minute) for value in series.values)
            lines.append(Line(name.removeprefix("datagrams ").replace("datagrams", "sent"),
                              values, tone))
    return _scaled(title, "per minute", lines)


def _scaled(title: str, unit: str, lines: list[Line]) -> Plot | None:
    known = [value for line in lines for value in line.values if value is not None]
    if not known or max(known) <= 0:
        return None
    return Plot(title, unit, tuple(lines[:LINES_MAX]), max(known))


def _short(value: float) -> float:
    return float(f"{value:.3g}")


# Quantities that are sampled: what stands above their plot, and their unit.
_TITLES = {"uplink_depth": ("Waiting for the city", "readings"),
           "light_power_w": ("Power of all lamps", "W"),
           "gateway_readings": ("Readings in the gateway's store", ""),
           "gateway_tasks": ("Tasks of the gateway's process", ""),
           "gateway_unsynced": ("Changes that the disk has not kept yet", ""),
           "datagrams_under_way": ("Messages on their way", ""),
           "tasks": ("Tasks of the whole simulation", "")}
# What other plots show already.
_SHOWN = frozenset((
    "registered", "out of touch", "light", "latency", "uplink_depth", "nodes_running",
    "nodes_registered", "lamps_lit", "daylight_lux", "readings_taken", "readings_delivered"))


def _sampled(record: Record, quantity: str) -> Iterator[Plot]:
    found = _of_quantity(record, quantity)
    # Of many gateways, those with the most.
    found.sort(key=lambda series: -max((high or 0 for high in series.highs), default=0))
    lines = [Line(_whose(series.name), series.highs, tone)
             for tone, series in enumerate(found[:LINES_MAX])]
    title, unit = _TITLES.get(quantity, (quantity.replace("_", " ").capitalize(), ""))
    plot = _scaled(title, unit, lines)
    if plot is not None:
        yield plot


def _of_quantity(record: Record, quantity: str) -> list[Series]:
    return [series for series in record.series if quantity_of(series.name) == quantity]


def quantity_of(name: str) -> str:
    """Return what a sampled name stands for, without whose it is."""
    quantity = name.partition("/")[0]
    return "uplink_depth" if quantity.startswith("uplink_depth") else quantity


def _whose(name: str) -> str:
    """Return "gateway-1, city" of "uplink_depth_city/gateway-1"."""
    quantity, _, who = name.partition("/")
    return ", ".join(filter(None, (who, quantity.removeprefix(quantity_of(name))[1:])))


def _others(record: Record) -> Iterator[Plot]:
    quantities: defaultdict[str, int] = defaultdict(int)
    for series in record.series:
        name = quantity_of(series.name)
        if series.kind == "gauge" and name not in _SHOWN:
            quantities[name] += 1
    # Those that the report has words for come first.
    for name in sorted(quantities, key=lambda name: (name not in _TITLES, name))[:OTHERS_MAX]:
        yield from _sampled(record, name)


def _row(plot: Plot, axis: Axis, bucket_us: int) -> Html:
    keys = [tag("li", *([tag("i", class_=f"t{line.tone}", aria_hidden="true"), line.name, " "]
                        if line.name else []), tag("output", class_="now"))
            for line in plot.lines]
    drawing = tag(
        "svg", axis.background(),
        *(_draw(plot, line, axis, bucket_us) for line in plot.lines), axis.foreground(),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", class_="data", role="img",
        aria_label=f"{plot.title}: {_summary(plot)}")
    return tag("div",
               tag("div", tag("h3", plot.title), tag("ul", *keys), plot.note,
                   class_="side"),
               tag("div", drawing, tag("span", words.quantity(plot.top, plot.unit), class_="top"),
                   class_="plot"),
               class_="row")


def _summary(plot: Plot) -> str:
    parts = []
    for line in plot.lines:
        known = [value for value in line.values if value is not None]
        if known:
            parts.append(f"{line.name} {words.quantity(min(known), plot.unit)} to "
                         f"{words.quantity(max(known), plot.unit)}")
    return ", ".join(parts)


def _draw(plot: Plot, line: Line, axis: Axis, bucket_us: int) -> Html:
    """Return a line as steps, one for each bucket; gaps where nothing is known."""
    moves: list[str] = []
    begin_x = 0.0
    level: str | None = None
    for at, value in enumerate((*line.values, None)):
        y = None if value is None else f"{HEIGHT - 96 * plot.height(value):.1f}"
        begin_of_bucket = axis.x(at * bucket_us)
        if y == level:
            continue
        if level is not None:
            moves.append(f"H{begin_of_bucket:.1f}")
        if y is None:
            if line.look == "area":
                moves.append(f"V{HEIGHT}H{begin_x:.1f}Z")
        elif level is None:
            begin_x = begin_of_bucket
            moves.append(f"M{begin_x:.1f} {HEIGHT}V{y}" if line.look == "area"
                         else f"M{begin_x:.1f} {y}")
        else:
            moves.append(f"V{y}")
        level = y
    return tag("path", d="".join(moves), class_=f"{line.look} t{line.tone}")
