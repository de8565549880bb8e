"""Resources that servers may write: from the settings until then, over resets afterwards."""

from firmware.lwm2m_object import LwM2MObject, Refused
from firmware.saved import SavedValues, check_type
from protocol.coap_message import BAD_REQUEST, NOT_FOUND
from protocol.number import Decimal

KEY = "lamp"


class Configuration:
    """Integers, booleans and maps by object and resource id.

    `defaults` has one for each, under object_id << 16 | resource_id, and becomes the
    configuration's own. They hold until keep() has been called.
    """

    def __init__(self, store, defaults):
        # What holds now: a lamp looks here a dozen times whenever it reads its sensors.
        self._values = defaults
        self._saved = SavedValues(store, KEY)

    def keep(self, objects):
        """Forget saved values that `objects`, by id, would not take; return whether some were."""
        def is_right(key, value):
            owner, resource_id = objects[key >> 16], key & 0xFFFF
            limits = owner.limits.get(resource_id, (0, 0, 0))
            if type(value) is not type(self._values[key]):
                return False
            check_type((owner.object_id, 0, resource_id), value)
            owner.check(0, resource_id, Decimal(value, limits[2]) if limits[2] else value)
            return True

        self._saved.keep(is_right)
        self._saved.overlay(self._values)
        return self._saved.is_damaged

    def get(self, object_id, resource_id):
        """Return the written value, else the default."""
        return self._values[object_id << 16 | resource_id]

    def put(self, object_id, resource_id, value):
        """Take over a written value; durable after commit()."""
        self._values[object_id << 16 | resource_id] = value
        self._saved.put(object_id << 16 | resource_id, value)

    def commit(self):
        """Make what was put durable, or refuse."""
        self._saved.commit_or_refuse()

    def clear(self, defaults):
        """Return to the defaults, which become the configuration's own."""
        self._values = defaults
        self._saved.clear()
        self._saved.commit()


class ConfiguredObject(LwM2MObject):
    """One instance whose resources are values, None for one that is not there now.

    `limits` has, for each written number, (lowest, highest, exponent): the configuration holds it
    as an integer of 10**exponent. `changed()` is called after each write.
    """

    readable = ()
    executable = ()
    limits = {}

    def __init__(self, configuration, changed):
        self.configuration = configuration
        self._changed = changed

    def value(self, resource_id):
        """Return a resource's value, or None: by default the configured one."""
        value = self.configuration.get(self.object_id, resource_id)
        exponent = self.limits[resource_id][2] if resource_id in self.limits else 0
        return Decimal(value, exponent) if exponent else value

    def resource_ids(self, instance_id):
        ids = [key for key in self.readable if self.value(key) is not None]
        return tuple(sorted(ids + list(self.executable)))

    def read(self, instance_id, resource_id):
        value = self.value(resource_id)
        if value is None:
            raise Refused(NOT_FOUND)
        return value

    def check(self, instance_id, resource_id, value):
        if resource_id in self.limits:
            lowest, highest, exponent = self.limits[resource_id]
            number = scaled(value, exponent)
            if number is None or not lowest <= number <= highest:
                raise Refused(BAD_REQUEST)

    def write(self, instance_id, resource_id, value):
        if resource_id in self.limits:
            value = scaled(value, self.limits[resource_id][2])
        self.configuration.put(self.object_id, resource_id, value)

    def end_write(self, instance_id, resource_ids):
        self._changed()
        self.configuration.commit()


def scaled(value, exponent):
    """Return an int or Decimal as an integer of 10**exponent; None for NaN and infinities."""
    if isinstance(value, int):
        return value * 10 ** -exponent
    return value.scaled(exponent) if isinstance(value, Decimal) else None
