"""The faults of a run as bars, a lane for each kind of trouble, on the axis of the plots."""

from simulator.record import FaultRecord
from simulator.report.axis import WIDTH, Axis
from simulator.report.html import Html, tag
from simulator.report.street import Street

LANES_MAX = 20
_HEIGHT = 14
# A moment is drawn so wide, in thousandths of the axis.
_MOMENT = 2.0

Bar = tuple[int, int, str]


def lanes(street: Street, axis: Axis) -> list[Html]:
    """Return a row for each lane, under a heading."""
    named = _bars(street)
    if not named:
        return [tag("div", tag("div", tag("h3", "Faults"), class_="side"),
                    tag("div", "none", class_="none"), class_="row")]
    rows = [tag("div", tag("div", tag("h3", "Faults"), class_="side"), tag("div"),
                class_="row")]
    return rows + [_lane(name, bars, axis) for name, bars in _bounded(named)]


def _bars(street: Street) -> dict[str, list[Bar]]:
    """Return {lane: its bars}."""
    named: dict[str, list[Bar]] = {}
    # What hits many stands above what hits single nodes.
    for fault in sorted(street.record.faults, key=street.is_single):
        text = f"{street.statement(fault)}: {street.moments.clock(fault.begin_us)}"
        if fault.end_us > fault.begin_us:
            text += f" to {street.moments.clock(fault.end_us)}"
        named.setdefault(_lane_of(street, fault), []).append(
            (fault.begin_us, fault.end_us, text))
    for outage in street.record.outages:
        if not street.is_told(outage):
            named.setdefault(f"{outage.gateway} down", []).append(
                (outage.span.begin_us, outage.span.end_us, f"{outage.gateway}: {outage.cause}"))
    return named


def _lane_of(street: Street, fault: FaultRecord) -> str:
    if street.is_single(fault):
        return f"{fault.kind.value}, single nodes"
    if fault.kind.value.startswith(fault.target) or fault.target in ("all", "city", "broker"):
        return fault.kind.value
    return f"{fault.kind.value}, {street.name(fault.target)}"


def _bounded(named: dict[str, list[Bar]]) -> list[tuple[str, list[Bar]]]:
    rows = list(named.items())
    if len(rows) <= LANES_MAX:
        return rows
    rest = [bar for _, bars in rows[LANES_MAX - 1:] for bar in bars]
    return [*rows[:LANES_MAX - 1], ("all other faults", sorted(rest))]


def _lane(name: str, bars: list[Bar], axis: Axis) -> Html:
    drawn = []
    for begin_us, end_us, text in bars:
        left = min(axis.x(begin_us), WIDTH - _MOMENT)
        width = max(_MOMENT, axis.x(end_us) - left)
        drawn.append(tag("rect", tag("title", text), x=f"{left:.2f}", y=2, height=_HEIGHT - 4,
                         width=f"{width:.2f}", class_="fault"))
    return tag("div", tag("div", name, class_="side"),
               tag("div", tag("svg", axis.background(_HEIGHT), *drawn, axis.foreground(_HEIGHT),
                              viewBox=f"0 0 {WIDTH} {_HEIGHT}",
                              preserveAspectRatio="none", class_="data", role="img",
                              aria_label="; ".join(text for _, _, text in bars[:20])),
                   class_="plot"),
               class_="row lane")
