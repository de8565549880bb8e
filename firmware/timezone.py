"""Local time by a POSIX TZ rule (POSIX.1-2017 8.3, with the hours of RFC 8536 3.3.1)."""

from protocol.errors import DecodeError

DAY_S = 86400
RULE_LENGTH_MAX = 64


def days_of(year, month, day):
    """Return the days from 1970-01-01 to a date of the Gregorian calendar."""
    if month < 3:
        year -= 1
        month += 12
    # A year that begins in March has its leap day last.
    return (year * 365 + year // 4 - year // 100 + year // 400
            + (153 * month - 457) // 5 + day - 719469)


def date_of(days):
    """Return (year, month, day) of the day that is `days` after 1970-01-01."""
    days += 719468
    era, days = divmod(days, 146097)
    year = (days - days // 1460 + days // 36524 - days // 146096) // 365
    days -= year * 365 + year // 4 - year // 100
    month = (5 * days + 2) // 153
    day = days - (153 * month + 2) // 5 + 1
    year += era * 400
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)


def weekday_of(days):
    """Return the day of the week, 0 = Sunday as POSIX counts."""
    return (days + 4) % 7


class LocalTime:
    """A moment on the wall clock: date, weekday (0 = Sunday), second of day, offset from UTC."""

    _fields = ("year", "month", "day", "weekday", "second_of_day", "offset_s", "days")

    def __init__(self, days, second_of_day, offset_s):
        self.days = days
        self.year, self.month, self.day = date_of(days)
        self.weekday = weekday_of(days)
        self.second_of_day = second_of_day
        self.offset_s = offset_s


class Timezone:
    """A POSIX TZ rule such as "CET-1CEST,M3.5.0,M10.5.0/3".

    Raises DecodeError for a rule that is not one. A daylight saving time needs its two dates.
    """

    def __init__(self, rule):
        if not 0 < len(rule) <= RULE_LENGTH_MAX:
            raise DecodeError("time zone rule of %d characters" % len(rule))
        reader = _Reader(rule)
        reader.name()
        self.standard_s = -reader.hours(24)
        self.daylight_s = None
        if not reader.is_done():
            reader.name()
            self.daylight_s = self.standard_s + 3600
            if reader.peek() != ",":
                self.daylight_s = -reader.hours(24)
            self._start = reader.date()
            self._end = reader.date()
        if not reader.is_done():
            raise DecodeError("time zone rule goes on after its end")
        self.rule = rule

    def offset_s(self, unix_s):
        """Return the seconds that local time is ahead of UTC at `unix_s`."""
        return self.daylight_s if self._is_daylight(unix_s) else self.standard_s

    def local(self, unix_s):
        """Return the LocalTime of `unix_s`."""
        offset_s = self.offset_s(unix_s)
        days, second_of_day = divmod(unix_s + offset_s, DAY_S)
        return LocalTime(days, second_of_day, offset_s)

    def to_unix_s(self, days, second_of_day):
        """Return the first moment at which clocks show `second_of_day` on the day `days`.

        A time that the spring change skips gives the moment as long after the change as the
        time is after the gap's beginning.
        """
        wall_s = days * DAY_S + second_of_day
        if self.daylight_s is None:
            return wall_s - self.standard_s
        ahead_s = max(self.daylight_s, self.standard_s)
        behind_s = min(self.daylight_s, self.standard_s)
        early_s = wall_s - ahead_s
        return early_s if self.offset_s(early_s) == ahead_s else wall_s - behind_s

    def _is_daylight(self, unix_s):
        if self.daylight_s is None:
            return False
        this_year = date_of((unix_s + self.standard_s) // DAY_S)[0]
        # A change may lie up to a week outside its year (RFC 8536 3.3.1).
        latest = (None, False)
        for year in (this_year - 1, this_year, this_year + 1):
            # The end goes first: where one year's end meets the next one's start, daylight stays.
            for rule, before_s, is_start in ((self._end, self.daylight_s, False),
                                             (self._start, self.standard_s, True)):
                change_s = _moment(rule, year) - before_s
                if change_s <= unix_s and (latest[0] is None or change_s >= latest[0]):
                    latest = (change_s, is_start)
        return latest[1]


def _moment(rule, year):
    """Return the wall-clock seconds since 1970 at which `rule` comes in `year`."""
    kind, month, week, day, second = rule
    first = days_of(year, 1, 1)
    if kind == "n":
        days = first + day
    elif kind == "J":
        # J60 is 1 March in every year: 29 February is never counted.
        is_leap = days_of(year + 1, 1, 1) - first == 366
        days = first + day - 1 + (1 if is_leap and day >= 60 else 0)
    else:
        days = days_of(year, month, 1)
        days += (day - weekday_of(days)) % 7 + 7 * (week - 1)
        if date_of(days)[:2] != (year, month):
            days -= 7
    return days * DAY_S + second


class _Reader:
    def __init__(self, text):
        self._text = text
        self._at = 0

    def is_done(self):
        return self._at == len(self._text)

    def peek(self):
        return self._text[self._at:self._at + 1]

    def _skip(self, character):
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def _want(self, character):
        if not self._skip(character):
            raise DecodeError("time zone rule: %r expected at %d" % (character, self._at))

    def name(self):
        start = self._at
        is_quoted = self._skip("<")
        while self.peek().isalpha() or is_quoted and (self.peek().isdigit()
                                                      or self.peek() in ("+", "-")):
            self._at += 1
        if is_quoted:
            self._want(">")
        if self._at - start < 3:
            raise DecodeError("time zone rule: name expected at %d" % start)

    def number(self, lowest, highest):
        start = self._at
        while self.peek() and self.peek() in "0123456789" and self._at - start < 3:
            self._at += 1
        if start == self._at or not lowest <= int(self._text[start:self._at]) <= highest:
            raise DecodeError("time zone rule: %d to %d expected at %d" % (lowest, highest, start))
        return int(self._text[start:self._at])

    def hours(self, highest):
        sign = -1 if self._skip("-") else 1
        if sign == 1:
            self._skip("+")
        seconds = self.number(0, highest) * 3600
        for unit in (60, 1):
            if not self._skip(":"):
                break
            seconds += self.number(0, 59) * unit
        return sign * seconds

    def date(self):
        self._want(",")
        kind, month, week = "n", 0, 0
        if self._skip("M"):
            kind, month = "M", self.number(1, 12)
            self._want(".")
            week = self.number(1, 5)
            self._want(".")
            day = self.number(0, 6)
        elif self._skip("J"):
            kind, day = "J", self.number(1, 365)
        else:
            day = self.number(0, 365)
        return kind, month, week, day, self.hours(167) if self._skip("/") else 7200
