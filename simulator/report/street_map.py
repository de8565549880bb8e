"""The map of a run: every node where it stands, coloured by how it was at a moment."""

import itertools
import math
import statistics
from bisect import bisect_right
from collections import defaultdict

from simulator.record import LIT, NO_POWER, OUT_OF_TOUCH, REGISTERED, NodeRecord
from simulator.report import words
from simulator.report.html import Html, joined, tag
from simulator.report.moments import length
from simulator.report.street import Street

METRES_PER_DEGREE = 111_320
EDGE_M = 30
WIDTH_MIN_M = 400
RATIO_MAX = 8
# Of more nodes, each is a dot without a name of its own.
NAMED_MAX = 3000
LABELS_MAX = 12
STREET_LABELS_MAX = 30
_ALONE_M = 25

HELD_UP = 3
STATES = {NO_POWER: "no power, or signed off", OUT_OF_TOUCH: "power, but not registered",
          REGISTERED: "registered", HELD_UP: "registered, readings held up"}

Point = tuple[float, float]


def render(street: Street) -> Html:
    """Return the map with its legend and the slider that moves it through the run."""
    points = positions(street)
    moment_us = map_moment_us(street)
    return Html.of(
        _caption(street, moment_us),
        _picture(street, points, moment_us),
        _legend(street),
    )


def map_moment_us(street: Street) -> int:
    """Return which moment the map shows: the first failure's, while nodes had not signed off."""
    found = street.record.first_failure()
    last_us = max(0, street.drain_us - 1_000_000)
    return min(found[1].time_us, last_us) if found else last_us


def positions(street: Street) -> list[Point]:
    """Return where each node stands, in metres to the east and to the south."""
    facts = [node.facts for node in street.record.nodes]
    known = [each for each in facts if each.latitude_e6 is not None
             and each.longitude_e6 is not None]
    if len(known) < len(facts):
        return _by_street(street)
    north = max((each.latitude_e6 for each in known), default=0)
    west = min((each.longitude_e6 for each in known), default=0)
    narrowing = math.cos(math.radians(north / 1e6))
    return [((each.longitude_e6 - west) * METRES_PER_DEGREE * narrowing / 1e6,
             (north - each.latitude_e6) * METRES_PER_DEGREE / 1e6) for each in facts]


def _by_street(street: Street) -> list[Point]:
    """Return places in rows, a row for each street: nobody knows where they stand."""
    rows: dict[str, int] = {}
    lengths: defaultdict[str, int] = defaultdict(int)
    points = []
    for node in street.record.nodes:
        row = rows.setdefault(node.facts.street, len(rows))
        points.append((lengths[node.facts.street] * _ALONE_M, row * 2.0 * _ALONE_M))
        lengths[node.facts.street] += 1
    return points


def state_at(node: NodeRecord, time_us: int) -> int:
    """Return a node's state at a moment, HELD_UP besides those of its history, + LIT."""
    at = bisect_right(node.history, (time_us // 1_000_000, math.inf)) - 1
    state = node.history[at][1] if at >= 0 else NO_POWER
    is_held_up = any(span.begin_us <= time_us <= span.end_us for span in node.held_up)
    if state & ~LIT == REGISTERED and is_held_up:
        return HELD_UP + (state & LIT)
    return state


def _caption(street: Street, moment_us: int) -> Html:
    record = street.record
    found = record.first_failure()
    why = ("the first failure" if found is not None and found[1].time_us == moment_us
           else "before the nodes sign off")
    return tag(
        "p", "The street at ", tag("output", street.moments.clock(moment_us), id="map-time"),
        tag("span", f" ({why})", id="map-why"), ". ",
        tag("label", "Other moments: ",
            tag("input", type="range", id="map-slider", min=0, max=record.end_us // 1_000_000,
                value=moment_us // 1_000_000), class_="script"))


def _picture(street: Street, points: list[Point], moment_us: int) -> Html:
    width = max((x for x, _ in points), default=0)
    height = max((y for _, y in points), default=0)
    radius = _radius(points)
    # A few nodes alone are not drawn as if they filled a street.
    aside = max(0.0, (WIDTH_MIN_M - width) / 2) + EDGE_M
    # Nor is a long street a hair.
    above = max(0.0, ((width + 2 * aside) / RATIO_MAX - height) / 2, EDGE_M + radius)
    box = f"{-aside:.0f} {-above:.0f} {width + 2 * aside:.0f} {height + 2 * above:.0f}"
    nodes = (_nodes(street, points, moment_us, radius) if len(points) <= NAMED_MAX
             else _dots(street, points, moment_us))
    # What is to be read or found is so large on the page, whatever the street's length.
    mark = max(radius, (width + 2 * aside) / 130)
    return tag("svg", _streets(street, points, radius, mark), nodes,
               _rings(street, points, radius, mark),
               viewBox=box, class_="map", role="img",
               aria_label="Map of the nodes; the table of nodes says the same in words")


def _radius(points: list[Point]) -> float:
    """Return how large a node is drawn: neighbours in a street do not touch."""
    apart = [math.dist(one, other) for one, other in itertools.pairwise(points)]
    return max(1.5, min(8.0, 0.36 * statistics.median(apart))) if apart else 8.0


def _streets(street: Street, points: list[Point], radius: float, mark: float) -> Html:
    ends: dict[str, list[Point]] = {}
    for node, point in zip(street.record.nodes, points):
        ends.setdefault(node.facts.street, []).append(point)
    lines, labels = [], []
    for name, stands in ends.items():
        (x1, y1), (x2, y2) = min(stands), max(stands)
        lines.append(tag("line", x1=f"{x1:.0f}", y1=f"{y1:.0f}", x2=f"{x2:.0f}", y2=f"{y2:.0f}",
                         stroke_width=f"{radius:.1f}"))
        if name and len(ends) <= STREET_LABELS_MAX:
            top = min(y for x, y in stands if x <= x1 + 12 * radius)
            labels.append(tag("text", name, x=f"{x1:.0f}", y=f"{top - 1.8 * radius:.0f}",
                              font_size=f"{1.5 * mark:.1f}"))
    return Html.of(tag("g", *lines, class_="streets"), tag("g", *labels, class_="names"))


def _nodes(street: Street, points: list[Point], moment_us: int, radius: float) -> Html:
    return tag("g", *(
        tag("g", tag("title", _title(street, node)), _shape(node.facts.furniture, point, radius),
            class_=css_class(state_at(node, moment_us)), data_n=number)
        for number, (node, point) in enumerate(zip(street.record.nodes, points))), id="nodes")


def css_class(state: int) -> str:
    """Return the class of a node in a state."""
    return f"s{state & ~LIT}" + (" lit" if state & LIT else "")


def _shape(furniture: str, point: Point, r: float) -> Html:
    x, y = point
    if furniture == "bin":
        side = 1.7 * r
        return tag("rect", x=f"{x - side / 2:.1f}", y=f"{y - side / 2:.1f}", width=f"{side:.1f}",
                   height=f"{side:.1f}")
    if furniture == "parking":
        return tag("rect", x=f"{x - 1.2 * r:.1f}", y=f"{y - 0.7 * r:.1f}", width=f"{2.4 * r:.1f}",
                   height=f"{1.4 * r:.1f}", rx=f"{0.7 * r:.1f}")
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{r:.1f}")


def _title(street: Street, node: NodeRecord) -> str:
    parts = [street.place(node.facts.endpoint), *street.failures.get(node.facts.endpoint, ())]
    if node.missing:
        parts.append(words.count(node.missing, "reading") + " missing")
    if node.out_of_touch is not None and node.out_of_touch.length_s > 60:
        parts.append(f"longest without registration: {length(node.out_of_touch.length_s)}")
    return "\n".join(parts)


def _dots(street: Street, points: list[Point], moment_us: int) -> Html:
    """Return one path for each state: a whole city in few bytes."""
    by_state: defaultdict[int, list[str]] = defaultdict(list)
    for node, (x, y) in zip(street.record.nodes, points):
        by_state[state_at(node, moment_us)].append(f"M{x:.0f} {y:.0f}h0")
    return joined([tag("path", d="".join(moves), class_="dots " + css_class(state))
                   for state, moves in sorted(by_state.items())])


def _rings(street: Street, points: list[Point], radius: float, mark: float) -> Html:
    """Return a ring and the name of each node that a failure names, a mark for lost readings."""
    rings, labels = [], []
    for node, (x, y) in zip(street.record.nodes, points):
        if node.facts.endpoint in street.failures:
            rings.append(_ring(x, y, 2.1 * mark, 0.45 * mark))
            labels.append(tag("text", node.facts.name, x=f"{x:.1f}", y=f"{y + 3.9 * mark:.1f}",
                              font_size=f"{1.7 * mark:.1f}", text_anchor="middle"))
        elif node.missing:
            rings.append(_ring(x, y, 1.5 * radius, 0.2 * radius))
    return tag("g", *rings, *labels[:LABELS_MAX], class_="rings")


def _ring(x: float, y: float, radius: float, stroke: float) -> Html:
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{radius:.1f}",
               stroke_width=f"{stroke:.1f}")


def _legend(street: Street) -> Html:
    kinds = {node.facts.furniture for node in street.record.nodes}
    keys = [_key(tag("g", _shape(kind, (10, 10), 6), class_="shape"), name)
            for kind, name in words.FURNITURE.items() if kind in kinds]
    keys += [_key(tag("g", _shape("lamp", (10, 10), 6), class_=f"s{state}"), text)
             for state, text in STATES.items()]
    if "lamp" in kinds:
        keys.append(_key(tag("g", _shape("lamp", (10, 10), 5), class_=f"s{REGISTERED} lit"),
                         "gives light"))
    for stroke, text in ((2.5, "named by a failed check"), (1, "lost a reading")):
        keys.append(_key(tag("g", _ring(10, 10, 7, stroke), class_="rings"), text))
    return tag("ul", *keys, class_="legend")


def _key(picture: Html, text: str) -> Html:
    return tag("li", tag("svg", picture, viewBox="0 0 20 20", aria_hidden="true"), text)
