"""Objects 3452, 3453 and 3454: the control programs that servers create, kept over resets (uCIFI).

What this node cannot run is refused, so that nobody believes it in force: sensor inputs, filters,
compound operation, other outputs than /3416/0/1.
"""

from firmware.furniture import schedule_syntax
from firmware.lwm2m_object import LwM2MObject, Refused
from firmware.timezone import date_of, weekday_of
from protocol import cbor
from protocol.coap_message import BAD_REQUEST
from protocol.errors import DecodeError, ProtocolError

# Limits that keep each object, at its fullest, within one store entry.
INSTANCES_MAX = 8
NAME_LENGTH_MAX = 32
TEXT_LENGTH_MAX = 112
CALENDARS_MAX = 8
DATES_MAX = 8
CONDITIONS_MAX = 4
_NOON_S = 43200


class _ProgramObject(LwM2MObject):
    """Instances are {resource id: value} in `instances`; `changed()` is called after each change.

    `defaults` has every resource there is but those that must be given on creation, `mandatory`.
    """

    defaults = {}
    mandatory = {}

    def __init__(self, store, changed):
        self._store = store
        self._changed = changed
        # What the store held could not be read.
        self.is_damaged = False
        self.instances = self._load()

    def instance_ids(self):
        return tuple(sorted(self.instances))

    def resource_ids(self, instance_id):
        return tuple(sorted(self.instances[instance_id]))

    def read(self, instance_id, resource_id):
        return self.instances[instance_id][resource_id]

    def check(self, instance_id, resource_id, value):
        try:
            self._validate(resource_id, value)
        except DecodeError:
            raise Refused(BAD_REQUEST)

    def write(self, instance_id, resource_id, value):
        self.instances[instance_id][resource_id] = value

    def end_write(self, instance_id, resource_ids):
        self._save()

    def create(self, instance_id, leaves):
        if len(self.instances) >= INSTANCES_MAX:
            raise Refused(BAD_REQUEST)
        resources = self._gathered(leaves)
        for resource_id in resources:
            self.check(instance_id, resource_id, resources[resource_id])
        instance = dict(self.defaults)
        instance.update(resources)
        try:
            self._validate_all(instance)
        except DecodeError:
            raise Refused(BAD_REQUEST)
        self.instances[instance_id] = instance
        self._save()

    def delete(self, instance_id):
        del self.instances[instance_id]
        self._save()

    def clear(self):
        """Delete all instances."""
        self.instances = {}
        self._save()

    def _gathered(self, leaves):
        resources = {}
        for path, value in leaves:
            resource_id = path[2]
            kind = self.defaults.get(resource_id, self.mandatory.get(resource_id))
            if kind is None or isinstance(kind, dict) != (len(path) == 4):
                raise Refused(BAD_REQUEST)
            if len(path) == 4:
                resources.setdefault(resource_id, {})[path[3]] = value
            else:
                resources[resource_id] = value
        for resource_id in self.mandatory:
            if resource_id not in resources:
                raise Refused(BAD_REQUEST)
        return resources

    def _validate_all(self, instance):
        pass

    def _load(self):
        data = self._store.read(str(self.object_id))
        if data is None:
            return {}
        try:
            instances = cbor.decode(data)
            if isinstance(instances, dict):
                return instances
        except ProtocolError:
            pass
        self.is_damaged = True
        return {}

    def _save(self):
        self._store.write(str(self.object_id), cbor.encode(self.instances))
        self.is_damaged = False
        self._changed()


def _validate_text(text, length_max=NAME_LENGTH_MAX):
    if len(text.encode()) > length_max:
        raise DecodeError("too long")


def _validate_count(values, count_max):
    if len(values) > count_max:
        raise DecodeError("too many")


class ProgramScheduler(_ProgramObject):
    """Object 3452: which function controls the lamp on which days."""

    object_id = 3452
    defaults = {0: "", 3: {}, 9: False}
    mandatory = {1: True, 2: 0, 4: 0, 6: {}, 7: {}}

    def _validate(self, resource_id, value):
        if resource_id == 0:
            _validate_text(value)
        elif resource_id == 3:
            _validate_count(value, CALENDARS_MAX)
        elif resource_id in (6, 7):
            _validate_count(value, 1)
            for target in value.values():
                # Links come with and without their angle brackets.
                if target.strip("<>") != ("/3416/0" if resource_id == 6 else "1"):
                    raise DecodeError("not an output")


class CalendarRule(_ProgramObject):
    """Object 3453: days, or nights that last from noon to noon."""

    object_id = 3453
    defaults = {0: "", 1: 0, 2: {}, 3: {}, 4: "* * *"}

    def __init__(self, store, changed, clock):
        super().__init__(store, changed)
        self._clock = clock

    def resource_ids(self, instance_id):
        ids = super().resource_ids(instance_id)
        return ids if self._clock.unix_s() is None else ids + (5,)

    def read(self, instance_id, resource_id):
        if resource_id != 5:
            return super().read(instance_id, resource_id)
        local = self._clock.local(self._clock.unix_s())
        try:
            return is_active(self.instances[instance_id], local.days, local.second_of_day)
        except DecodeError:
            return False

    def _validate(self, resource_id, value):
        if resource_id == 0:
            _validate_text(value)
        elif resource_id == 1 and value not in (0, 1):
            raise DecodeError("calendar type")
        elif resource_id in (2, 3):
            _validate_count(value, DATES_MAX)
            for text in value.values():
                schedule_syntax.date(text)
        elif resource_id == 4:
            _validate_text(value, TEXT_LENGTH_MAX)
            schedule_syntax.is_in_date_rule(value, 1, 1, 1)

    def _validate_all(self, instance):
        is_active(instance, 0, 0)


class ProgramFunction(_ProgramObject):
    """Object 3454: the levels of a day by time and sun, and when they hold."""

    object_id = 3454
    defaults = {0: "", 1: {}}
    mandatory = {4: {}, 5: {}}

    def _validate(self, resource_id, value):
        if resource_id == 0:
            _validate_text(value)
            return
        _validate_count(value, CONDITIONS_MAX if resource_id == 1 else 1)
        for text in value.values():
            _validate_text(text, NAME_LENGTH_MAX if resource_id == 1 else TEXT_LENGTH_MAX)
            if resource_id == 1:
                schedule_syntax.run_condition(text)
            elif resource_id == 4:
                schedule_syntax.times(text)
            else:
                schedule_syntax.levels(text)

    def _validate_all(self, instance):
        steps(instance)


def steps(function):
    """Return a program function's arrays as ((kind, minutes), level) pairs.

    Raises DecodeError where they are missing or differ in length: two writes made them so.
    """
    if not function[4] or not function[5]:
        raise DecodeError("no array")
    times = schedule_syntax.times(list(function[4].values())[0])
    levels = schedule_syntax.levels(list(function[5].values())[0])
    if len(times) != len(levels):
        raise DecodeError("lengths differ")
    return list(zip(times, levels))


def is_active(calendar, days, second_of_day):
    """Return whether a calendar rule holds at a local time; DecodeError if its dates disagree."""
    if calendar[1] and second_of_day < _NOON_S:
        days -= 1
    year, month, day = date_of(days)
    starts, ends = calendar[2], calendar[3]
    is_inside = not starts
    for key in ends:
        if key not in starts:
            raise DecodeError("no start date")
    for key in starts:
        start = schedule_syntax.date(starts[key])
        end = schedule_syntax.date(ends[key]) if key in ends else start
        if schedule_syntax.is_between(start, end, year, month * 32 + day):
            is_inside = True
    # Read even where no date fits, so that a wrong rule is noticed on any day.
    is_in_rule = schedule_syntax.is_in_date_rule(calendar[4], month, day, weekday_of(days))
    return is_inside and is_in_rule
