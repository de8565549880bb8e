"""An LwM2M object whose resources a furniture answers for."""

from firmware.lwm2m_object import LwM2MObject, Refused
from protocol.coap_message import BAD_REQUEST, NOT_FOUND
from protocol.number import Decimal

TEXT_LENGTH_MAX = 64


class FurnitureObject(LwM2MObject):
    """One object, with `count` instances 0, 1, ...

    `furniture` has value(path) (None: the resource is not there now), check(path, value),
    write(path, value), written() after the writes of one operation, and execute(path).
    """

    def __init__(self, object_id, furniture, readable, executable=(), count=1):
        self.object_id = object_id
        self._furniture = furniture
        self._readable = readable
        self._executable = executable
        self._count = count

    def instance_ids(self):
        return tuple(range(self._count))

    def resource_ids(self, instance_id):
        path = (self.object_id, instance_id)
        value = self._furniture.value
        there = [key for key in self._readable if value(path + (key,)) is not None]
        return tuple(sorted(there + list(self._executable)))

    def read(self, instance_id, resource_id):
        value = self._furniture.value((self.object_id, instance_id, resource_id))
        if value is None:
            raise Refused(NOT_FOUND)
        return value

    def check(self, instance_id, resource_id, value):
        self._furniture.check((self.object_id, instance_id, resource_id), value)

    def write(self, instance_id, resource_id, value):
        self._furniture.write((self.object_id, instance_id, resource_id), value)

    def end_write(self, instance_id, resource_ids):
        self._furniture.written()

    def execute(self, instance_id, resource_id, arguments):
        self._furniture.execute((self.object_id, instance_id, resource_id))


def scaled(value, exponent):
    """Return a number as an integer of 10**exponent; Refused for NaN and infinities."""
    if isinstance(value, Decimal):
        return value.scaled(exponent)
    if not isinstance(value, int):
        raise Refused(BAD_REQUEST)
    return value * 10 ** -exponent


def check_range(value, exponent, lowest, highest):
    """Refuse a number that is not within lowest..highest, in units of 10**exponent."""
    if not lowest <= scaled(value, exponent) <= highest:
        raise Refused(BAD_REQUEST)


def check_text(value):
    """Refuse a text that a node has no room for."""
    if len(value) > TEXT_LENGTH_MAX:
        raise Refused(BAD_REQUEST)
