"""The texts inside the schedule objects 3453 and 3454 (uCIFI, OMA registry).

Every function raises DecodeError on a text that is not of its form. Spaces are ignored where the
objects allow them.
"""

from firmware.timezone import date_of, days_of
from protocol.errors import DecodeError

CLOCK, SUNSET, SUNRISE = 0, 1, 2
ENTRIES_MAX = 16
# An offset of more than half a day from sunset or sunrise is a slip of the pen.
OFFSET_MINUTES_MAX = 720
# A leap year, for dates that hold every year: --02-29 is one.
_ANY_LEAP_YEAR = 2000


def times(text):
    """Return "18:00;S+30;R-20" (also with commas) as a tuple of (kind, minutes)."""
    return _entries(text.replace(",", ";"), _time)


def levels(text):
    """Return "100;50;24" as a tuple of ints from 0 to 100."""
    return _entries(text, lambda part: _number(part, 0, 100))


def run_condition(text):
    """Return "18:00~S+30", "R~" or "~04:00" as (start, end): each as in times(), or None."""
    start, tilde, end = text.replace(" ", "").partition("~")
    if not tilde or not (start or end):
        raise DecodeError("not a range")
    return (_time(start) if start else None, _time(end) if end else None)


def date(text):
    """Return "2026-07-14" or, for every year, "--07-14" as (year or None, month * 32 + day)."""
    parts = text.split("-")
    is_annual = text[:2] == "--"
    if is_annual:
        parts = parts[1:]
    if len(parts) != 3 or len(parts[1]) != 2 or len(parts[2]) != 2:
        raise DecodeError("not a date")
    year = _ANY_LEAP_YEAR if is_annual else _number(parts[0], 1970, 9999)
    month = _number(parts[1], 1, 12)
    day = _number(parts[2], 1, 31)
    if date_of(days_of(year, month, day)) != (year, month, day):
        raise DecodeError("not a date")
    return None if is_annual else year, month * 32 + day


def is_between(start, end, year, month_day):
    """Return whether a date lies from `start` to `end`, as given by date(); both belong to it.

    Dates of every year may span New Year. Raises DecodeError if only one of them names a year.
    """
    if (start[0] is None) != (end[0] is None):
        raise DecodeError("dates")
    if start[0] is not None:
        return start <= (year, month_day) <= end
    if start[1] <= end[1]:
        return start[1] <= month_day <= end[1]
    return month_day >= start[1] or month_day <= end[1]


def is_in_date_rule(text, month, day, weekday):
    """Return whether a date meets "dom month dow": lists, ranges, steps; all three must hold.

    Sunday is 0 or 7. Unlike cron, a day of month and a day of week are joined by "and", so that
    "1-7 * 1" is the first Monday of each month.
    """
    fields = text.split()
    if len(fields) != 3:
        raise DecodeError("not a date rule")
    # No "and" chain here: each field is to be read, that a wrong one is found on any date.
    is_day = _is_in_field(fields[0], 1, 31, day)
    is_month = _is_in_field(fields[1], 1, 12, month)
    is_weekday = _is_in_field(fields[2], 0, 7, weekday)
    if weekday == 0:
        is_weekday = is_weekday or _is_in_field(fields[2], 0, 7, 7)
    return is_day and is_month and is_weekday


def _is_in_field(field, lowest, highest, value):
    is_in = False
    for part in field.split(","):
        part, slash, step = part.partition("/")
        step = _number(step, 1, highest) if slash else 1
        first, last = lowest, highest
        if part != "*":
            part, dash, end = part.partition("-")
            first = _number(part, lowest, highest)
            if dash:
                last = _number(end, first, highest)
            elif not slash:
                last = first
        if first <= value <= last and (value - first) % step == 0:
            is_in = True
    return is_in


def _entries(text, read):
    parts = text.replace(" ", "").split(";")
    if len(parts) > ENTRIES_MAX:
        raise DecodeError("too many")
    return tuple([read(part) for part in parts])


def _time(text):
    kind = "SR".find(text[:1]) + 1 if text else CLOCK
    if kind == CLOCK:
        hour, colon, minute = text.partition(":")
        if not colon or len(minute) != 2:
            raise DecodeError("not hh:mm")
        return CLOCK, _number(hour, 0, 23) * 60 + _number(minute, 0, 59)
    sign, offset = text[1:2], text[2:]
    if not sign:
        return kind, 0
    if sign not in "+-":
        raise DecodeError("not + or -")
    minutes = _number(offset, 0, OFFSET_MINUTES_MAX)
    return kind, -minutes if sign == "-" else minutes


def _number(text, lowest, highest):
    # int() would also take signs, spaces and underscores.
    for character in text:
        if not "0" <= character <= "9":
            raise DecodeError("not a number")
    if not 0 < len(text) <= 4 or not lowest <= int(text) <= highest:
        raise DecodeError("not a number")
    return int(text)
