"""What the control programs of 3452 to 3454 command at a moment, in local time (uCIFI).

A program's level is that of its latest step, of today or yesterday, that fell on a day (or a
night) of its calendar; before the first such step it does not run, and the next priority does.
"""

from firmware import sun
from firmware.furniture import program_objects, schedule_syntax
from protocol.errors import DecodeError

# Calendars change at noon and midnight, and clocks by full or half hours: look anew as often.
_LOOK_AGAIN_S = 1800
_NOON_S = 43200
_MINUTES_A_DAY = 1440


class Schedule:
    """Evaluates the program objects at a place (microdegrees) or, for None, without the sun."""

    def __init__(self, clock, schedulers, calendars, functions, latitude_e6, longitude_e6):
        self._clock = clock
        self._objects = (schedulers, calendars, functions)
        self._place = (latitude_e6, longitude_e6)
        self._sun = {}
        self.is_invalid = False
        # When level() is to be asked again, in Unix seconds.
        self.until_s = 0

    def level(self, unix_s, assigned):
        """Return the level 0 to 100 that the programs command, or None if none runs.

        `assigned` are the ids of the schedulers that count, () for all. Sets `until_s` and
        `is_invalid`: a scheduler is missing or cannot be run.
        """
        self._local = self._clock.local(unix_s)
        self.until_s = unix_s + _LOOK_AGAIN_S - self._local.second_of_day % _LOOK_AGAIN_S
        schedulers = self._objects[0].instances
        self.is_invalid = any([table.is_damaged for table in self._objects])
        ranked = []
        for key in assigned or schedulers:
            if key not in schedulers:
                self.is_invalid = True
            elif schedulers[key][1]:
                ranked.append((schedulers[key][2], key))
        level = None
        for _, key in sorted(ranked):
            try:
                commanded = self._run(schedulers[key], unix_s)
            except DecodeError:
                self.is_invalid = True
                continue
            if level is None:
                level = commanded
        return level

    def _run(self, scheduler, unix_s):
        function = self._instance(2, scheduler[4])
        steps = program_objects.steps(function)
        calendars = [self._instance(1, key) for key in scheduler[3].values()]
        conditions = function[1]
        is_met = not conditions or self._is_met(conditions, unix_s)
        level = self._latest(steps, calendars, unix_s)
        if not _is_active(calendars, self._local):
            return None
        if is_met:
            return level
        return 0 if scheduler[9] else None

    def _latest(self, steps, calendars, unix_s):
        latest_s, level = None, None
        for days in (self._local.days - 1, self._local.days, self._local.days + 1):
            for (kind, minutes), step_level in steps:
                at_s = self._moment(days, kind, minutes)
                if at_s is None:
                    continue
                if at_s > unix_s:
                    self.until_s = min(self.until_s, at_s)
                elif latest_s is None or at_s >= latest_s:
                    if _is_active(calendars, self._clock.local(at_s)):
                        latest_s, level = at_s, step_level
        return level

    def _moment(self, days, kind, minutes):
        """Return the Unix time of a step on a local day, or None if the sun does not do that."""
        if kind == schedule_syntax.CLOCK:
            return self._clock.timezone.to_unix_s(days, minutes * 60)
        event_s = self._sun_events(days)[kind == schedule_syntax.SUNSET]
        return None if event_s is None else event_s + minutes * 60

    def _sun_events(self, days):
        if self._place[0] is None:
            raise DecodeError("no position")
        if days not in self._sun:
            if len(self._sun) > 3:
                self._sun.clear()
            noon_s = self._clock.timezone.to_unix_s(days, _NOON_S)
            self._sun[days] = sun.events(noon_s, *self._place)
        return self._sun[days]

    def _is_met(self, conditions, unix_s):
        minute = self._local.second_of_day // 60
        self.until_s = min(self.until_s, unix_s + 60 - self._local.second_of_day % 60)
        is_met = False
        for text in conditions.values():
            start, end = schedule_syntax.run_condition(text)
            start = 0 if start is None else self._minute(start)
            end = _MINUTES_A_DAY if end is None else self._minute(end)
            if start is None or end is None:
                # Without sunset and sunrise, from one to the other it is all night, or never.
                is_met = is_met or not sun.is_up(unix_s, *self._place)
            elif start <= end:
                is_met = is_met or start <= minute < end
            else:
                is_met = is_met or minute >= start or minute < end
        return is_met

    def _minute(self, time):
        kind, minutes = time
        if kind == schedule_syntax.CLOCK:
            return minutes
        at_s = self._moment(self._local.days, kind, minutes)
        return None if at_s is None else self._clock.local(at_s).second_of_day // 60

    def _instance(self, table, key):
        instances = self._objects[table].instances
        if key not in instances:
            raise DecodeError("missing")
        return instances[key]


def _is_active(calendars, local):
    # A list, not a generator: every rule is read, so that a wrong one is noticed whatever the day.
    return not calendars or any([program_objects.is_active(calendar, local)
                                 for calendar in calendars])
