"""The time axis that all plots of a report share."""

from firmware.timezone import DAY_S
from simulator.report.html import Html, tag
from simulator.report.street import Street
from simulator.world import sun

# All plots are so wide inside, whatever their width on the page.
WIDTH = 1000
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
           DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 30 * DAY_S, 60 * DAY_S)
MARKS_MAX = 9
_NIGHTS_MAX = 21


class Axis:
    """From a run's beginning to its end; its nodes sign off before that."""

    def __init__(self, street: Street) -> None:
        record = street.record
        self._street = street
        self._record = record
        self._moments = street.moments
        self._drain_us = street.drain_us
        self._end_us = max(1, record.end_us)
        self._nights = self._find_nights()
        found = record.first_failure()
        self._failure_us = None if found is None else found[1].time_us
        self.step_s = next((step for step in STEPS_S if self._end_us / 1e6 / step <= MARKS_MAX),
                           STEPS_S[-1])

    def x(self, time_us: float) -> float:
        """Return where a moment lies, 0 to WIDTH."""
        return max(0.0, min(float(WIDTH), time_us / self._end_us * WIDTH))

    def marks(self) -> list[int]:
        """Return the moments that have a mark, on round local times."""
        step_us = self.step_s * 1_000_000
        start_s = self._record.facts.start_unix_s + self._moments.offset_s(0)
        first_us = -(start_s % self.step_s) * 1_000_000
        return [time_us for time_us in range(first_us, self._end_us + 1, step_us) if time_us >= 0]

    def labels(self) -> Html:
        """Return the row of times above the plots."""
        marks = [tag("span", self._moments.label(mark, self.step_s),
                     style=f"left:{self.x(mark) / WIDTH:.2%}") for mark in self.marks()]
        return tag("div", tag("div", "local time", class_="side"),
                   tag("div", *marks, class_="axis", id="axis"), class_="row")

    def background(self, height: float = 100) -> Html:
        """Return what lies behind each plot: nights, the drain, and marks."""
        parts = [self._box("night", begin, end, height) for begin, end in self._nights]
        if self._drain_us < self._end_us:
            parts.append(self._box("drain", self._drain_us, self._end_us, height))
        grid = [_upright(self.x(mark), height) for mark in self.marks()]
        return Html.of(*parts, tag("g", *grid, class_="grid"))

    def foreground(self, height: float = 100) -> Html:
        """Return what lies above each plot: the first failure, if there is one."""
        if self._failure_us is None:
            return Html()
        return tag("g", _upright(self.x(self._failure_us), height), class_="failure")

    def _box(self, name: str, begin_us: int, end_us: int, height: float) -> Html:
        left, right = self.x(begin_us), self.x(end_us)
        return tag("rect", x=f"{left:.2f}", y=0, width=f"{right - left:.2f}", height=f"{height:g}",
                   class_=name)

    def _find_nights(self) -> list[tuple[int, int]]:
        record = self._record
        if self._end_us > _NIGHTS_MAX * DAY_S * 1_000_000:
            return []
        facts = record.facts
        is_up = sun.elevation_degrees(facts.start_unix_s, facts.latitude,
                                      facts.longitude) > sun.HORIZON_DEGREES
        nights, since = [], None if is_up else 0
        for time_us, is_rise in self._street.suns:
            if is_rise and since is not None:
                nights.append((since, time_us))
                since = None
            elif not is_rise:
                since = time_us
        if since is not None:
            nights.append((since, record.end_us))
        return nights


def _upright(x: float, height: float) -> Html:
    return tag("line", x1=f"{x:.2f}", x2=f"{x:.2f}", y1=0, y2=f"{height:g}")
