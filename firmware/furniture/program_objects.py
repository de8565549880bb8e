"""Objects 3452, 3453 and 3454: the control programs that servers create, kept over resets (uCIFI).

What this node cannot run is refused, so that nobody believes it in force: sensor inputs, filters,
compound operation, other outputs than /3416/0/1.
"""

from firmware.furniture import schedule_syntax
from firmware.lwm2m_object import LwM2MObject, Refused
from firmware.saved import SavedValues, check_type, is_integer
from firmware.timezone import LocalTime, date_of, weekday_of
from protocol.coap_message import BAD_REQUEST
from protocol.errors import DecodeError

# Limits that keep each object, at its fullest, within one store entry.
INSTANCES_MAX = 8
NAME_LENGTH_MAX = 32
TEXT_LENGTH_MAX = 112
COUNT_MAX = 8
CONDITIONS_MAX = 2
_NOON_S = 43200


class _ProgramObject(LwM2MObject):
    """Instances are {resource id: value} in `instances`; `changed()` is called after each change.

    `defaults` has every resource there is but those that must be given on creation, `mandatory`.
    `readers` has a function for each resource that raises DecodeError for a wrong value, and
    `counts` how many instances a multiple resource may have, if not COUNT_MAX.
    """

    defaults = {}
    mandatory = {}
    readers = {}
    counts = {}

    def __init__(self, store, changed):
        self._saved = SavedValues(store, str(self.object_id))
        self._changed = changed
        self._saved.keep(self._are_instances)
        self.instances = dict(self._saved.get(0, {}))
        # What the store held could not be read, and nothing has been written since.
        self.is_damaged = self._saved.is_damaged

    def _are_instances(self, name, instances):
        for instance_id in instances:
            instance = instances[instance_id]
            for resource_id in tuple(self.defaults) + tuple(self.mandatory) + tuple(instance):
                self._check_saved((self.object_id, instance_id, resource_id),
                                  instance[resource_id])
        return name == 0 and isinstance(instances, dict)

    def _check_saved(self, path, value):
        kind = self.defaults.get(path[2], self.mandatory.get(path[2]))
        _require(type(value) is type(kind) and is_integer(path[1], 0, 65534))
        check_type(path, value)
        for key in value if isinstance(value, dict) else ():
            _require(is_integer(key, 0, 65534))
        self.check(path[1], path[2], value)

    def instance_ids(self):
        return tuple(sorted(self.instances))

    def resource_ids(self, instance_id):
        return tuple(sorted(self.instances[instance_id]))

    def read(self, instance_id, resource_id):
        return self.instances[instance_id][resource_id]

    def check(self, instance_id, resource_id, value):
        values = list(value.values()) if isinstance(value, dict) else [value]
        if len(values) > self.counts.get(resource_id, COUNT_MAX):
            raise Refused(BAD_REQUEST)
        read = self.readers.get(resource_id)
        for value in values:
            if isinstance(value, str) and len(value.encode()) > TEXT_LENGTH_MAX:
                raise Refused(BAD_REQUEST)
            if read:
                _refuse_wrong(read, value)

    def write(self, instance_id, resource_id, value):
        # A copy: what the store holds is compared with what it shall hold.
        instance = dict(self.instances[instance_id])
        instance[resource_id] = value
        self.instances[instance_id] = instance

    def end_write(self, instance_id, resource_ids):
        self._save()

    def create(self, instance_id, leaves):
        if len(self.instances) >= INSTANCES_MAX:
            raise Refused(BAD_REQUEST)
        instance = dict(self.defaults)
        instance.update(self._gathered(leaves))
        for resource_id in instance:
            self.check(instance_id, resource_id, instance[resource_id])
        _refuse_wrong(self.validate, instance)
        self.instances[instance_id] = instance
        self._save()

    def delete(self, instance_id):
        del self.instances[instance_id]
        self._save()

    def clear(self):
        """Delete all instances."""
        self.instances = {}
        self._put()
        self._saved.commit()

    def validate(self, instance):
        """Raise DecodeError where resources, each right, do not go together."""

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

    def _save(self):
        self._put()
        self._saved.commit_or_refuse()

    def _put(self):
        self._saved.put(0, dict(self.instances))
        self.is_damaged = False
        self._changed()


def _refuse_wrong(read, value):
    try:
        read(value)
    except DecodeError:
        raise Refused(BAD_REQUEST)


def _require(is_right):
    if not is_right:
        raise DecodeError("not for this node")


def _name(text):
    _require(len(text.encode()) <= NAME_LENGTH_MAX)


class ProgramScheduler(_ProgramObject):
    """Object 3452: which function controls the lamp on which days."""

    object_id = 3452
    defaults = {0: "", 3: {}, 9: False}
    mandatory = {1: True, 2: 0, 4: 0, 6: {}, 7: {}}
    # Paths come with and without the angle brackets of a link.
    readers = {0: _name, 6: lambda path: _require(path.strip("<>") == "/3416/0"),
               7: lambda target: _require(target == "1")}
    counts = {6: 1, 7: 1}


class CalendarRule(_ProgramObject):
    """Object 3453: days, or nights that last from noon to noon."""

    object_id = 3453
    defaults = {0: "", 1: 0, 2: {}, 3: {}, 4: "* * *"}
    readers = {0: _name, 1: lambda kind: _require(kind in (0, 1)), 2: schedule_syntax.date,
               3: schedule_syntax.date,
               4: lambda rule: schedule_syntax.is_in_date_rule(rule, 1, 1, 1)}

    def __init__(self, store, changed, clock):
        super().__init__(store, changed)
        self._clock = clock

    def resource_ids(self, instance_id):
        ids = super().resource_ids(instance_id)
        return ids if self._clock.unix_s() is None else ids + (5,)

    def read(self, instance_id, resource_id):
        if resource_id != 5:
            return super().read(instance_id, resource_id)
        try:
            return is_active(self.instances[instance_id],
                             self._clock.local(self._clock.unix_s()))
        except DecodeError:
            return False

    def validate(self, instance):
        is_active(instance, LocalTime(0, 0, 0))


class ProgramFunction(_ProgramObject):
    """Object 3454: the levels of a day by time and sun, and when they hold."""

    object_id = 3454
    defaults = {0: "", 1: {}}
    mandatory = {4: {}, 5: {}}
    readers = {0: _name, 1: schedule_syntax.run_condition, 4: schedule_syntax.times,
               5: schedule_syntax.levels}
    counts = {1: CONDITIONS_MAX, 4: 1, 5: 1}

    def validate(self, instance):
        steps(instance)


def steps(function):
    """Return a program function's arrays as ((kind, minutes), level) pairs.

    Raises DecodeError where they are missing or differ in length: two writes made them so.
    """
    _require(function[4] and function[5])
    times = schedule_syntax.times(list(function[4].values())[0])
    levels = schedule_syntax.levels(list(function[5].values())[0])
    _require(len(times) == len(levels))
    return list(zip(times, levels))


def is_active(calendar, local):
    """Return whether a calendar rule holds at a LocalTime; DecodeError if its dates disagree."""
    days = local.days
    if calendar[1] and local.second_of_day < _NOON_S:
        days -= 1
    year, month, day = date_of(days)
    starts, ends = calendar[2], calendar[3]
    is_inside = not starts
    for key in ends:
        _require(key in starts)
    for key in starts:
        start = schedule_syntax.date(starts[key])
        end = schedule_syntax.date(ends[key]) if key in ends else start
        if schedule_syntax.is_between(start, end, year, month * 32 + day):
            is_inside = True
    # Read even where no date fits, so that a wrong rule is noticed on any day.
    is_in_rule = schedule_syntax.is_in_date_rule(calendar[4], month, day, weekday_of(days))
    return is_inside and is_in_rule
