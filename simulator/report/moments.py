"""Moments of a run as the clocks of its place show them, and spans of time in words."""

from firmware.timezone import Timezone
from simulator.record import RunFacts, Span

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")
_DAY_S = 86400
_SHORT_S = 120


class Moments:
    """The clock on the wall of a run's place."""

    def __init__(self, facts: RunFacts) -> None:
        self._timezone = Timezone(facts.timezone)
        self._start_unix_s = facts.start_unix_s
        self.start = self._timezone.local(facts.start_unix_s)
        end = self._timezone.local(facts.start_unix_s + facts.duration_s)
        # An evening that ends after midnight needs no dates to be understood.
        self._has_years = end.year != self.start.year
        self._has_dates = facts.duration_s > _DAY_S or end.days > self.start.days + 1

    def _local(self, time_us: int):
        return self._timezone.local(self._start_unix_s + time_us // 1_000_000)

    def clock(self, time_us: int) -> str:
        """Return a moment to the second: "22:41:07", with its date in a run of days."""
        local = self._local(time_us)
        minutes, second = divmod(local.second_of_day, 60)
        text = f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
        if not self._has_dates:
            return text
        year = f" {local.year}" if self._has_years else ""
        return f"{self._short_date(local)}{year} {text}"

    def minute(self, time_us: int) -> str:
        """Return a moment to the minute."""
        return self.clock(time_us)[:-3]

    def label(self, time_us: int, step_s: int) -> str:
        """Return what an axis with a mark every `step_s` seconds says at a moment."""
        local = self._local(time_us)
        if step_s >= _DAY_S or self._has_dates and local.second_of_day == 0:
            return self._short_date(local)
        minutes, second = divmod(local.second_of_day, 60)
        text = f"{minutes // 60:02}:{minutes % 60:02}"
        return f"{text}:{second:02}" if step_s < 60 else text

    def day(self, time_us: int) -> str:
        """Return the date of a moment: "27 Nov"."""
        return self._short_date(self._local(time_us))

    def _short_date(self, local) -> str:
        return f"{local.day} {_MONTHS[local.month - 1][:3]}"

    def date(self) -> str:
        """Return the run's first day: "Friday 27 November 2026"."""
        at = self.start
        return f"{_WEEKDAYS[at.weekday]} {at.day} {_MONTHS[at.month - 1]} {at.year}"

    def between(self, span: Span) -> str:
        """Return "22:30 to 22:50", to the second where it is short, or the moment if it is one."""
        if span.begin_us >= span.end_us:
            return self.clock(span.begin_us)
        say = self.clock if span.length_s < _SHORT_S else self.minute
        return f"{say(span.begin_us)} to {say(span.end_us)}"

    def offset_s(self, time_us: int) -> int:
        """Return how far the place's clocks are ahead of UTC at a moment, in seconds."""
        return self._local(time_us).offset_s


def length(seconds: float) -> str:
    """Return a span of time in words: "8 min", "2 h 5 min", "1.5 s", "3 days"."""
    if seconds < 10:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + " s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours and days < 10 else f"{days} days"
