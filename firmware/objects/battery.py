"""Battery, object 3411."""

from firmware.lwm2m_object import Refused
from firmware.objects.stored import StoredObject
from protocol.coap_message import BAD_REQUEST
from protocol.number import Decimal

LEVEL, VOLTAGE, LOW_THRESHOLD, TOO_LOW = 1, 3, 5, 6


class BatteryObject(StoredObject):
    """Object 3411 over a firmware.furniture.battery.Battery; the threshold is kept."""

    object_id = 3411

    def __init__(self, battery, saved):
        super().__init__(saved, {LOW_THRESHOLD: battery.low_level})
        self._battery = battery
        battery.low_level = self.value(LOW_THRESHOLD)

    def resource_ids(self, instance_id):
        return (LEVEL, VOLTAGE, LOW_THRESHOLD, TOO_LOW)

    def read(self, instance_id, resource_id):
        battery = self._battery
        if resource_id == LEVEL:
            return battery.level or 0
        if resource_id == VOLTAGE:
            return Decimal(battery.voltage_mv or 0, -3)
        return battery.is_low if resource_id == TOO_LOW else self.value(LOW_THRESHOLD)

    def check(self, instance_id, resource_id, value):
        if not 0 <= value <= 100:
            raise Refused(BAD_REQUEST)

    def write(self, instance_id, resource_id, value):
        super().write(instance_id, resource_id, value)
        self._battery.low_level = value
