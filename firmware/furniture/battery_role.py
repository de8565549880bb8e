"""The battery of a furniture: read, judged, reported, and told as object 3411."""

from firmware.furniture.battery import Battery
from firmware.furniture.furniture_object import check_range
from firmware.lwm2m_object import LwM2MObject, Refused
from protocol.coap_message import NOT_FOUND
from protocol.number import Decimal

LEVEL, VOLTAGE, LOW_THRESHOLD, TOO_LOW = 1, 3, 5, 6
LOW_LEVEL = 20
PATH_OF_THRESHOLD = (3411, 0, LOW_THRESHOLD)
_THRESHOLD_NAME = "3411/5"


class BatteryRole(LwM2MObject):
    """Object 3411 over the board's `source.read_mv()`; `saved` is the furniture's SavedValues."""

    object_id = 3411

    def __init__(self, source, saved, report):
        self._source = source
        self._saved = saved
        self._report = report
        self.cell = Battery(saved.get(_THRESHOLD_NAME, LOW_LEVEL))

    def measure(self, now_ms):
        """Read the voltage; tell at once when the battery becomes too low, or no longer is."""
        if self.cell.update(self._source.read_mv()):
            self._report((self.object_id, 0, TOO_LOW), self.cell.is_low, now_ms)

    def report_all(self, now_ms):
        """Report level and voltage, once there are some."""
        if self.cell.level is not None:
            for resource_id in (LEVEL, VOLTAGE):
                path = (self.object_id, 0, resource_id)
                self._report(path, self.read(0, resource_id), now_ms)

    def resource_ids(self, instance_id):
        if self.cell.level is None:
            return (LOW_THRESHOLD, TOO_LOW)
        return (LEVEL, VOLTAGE, LOW_THRESHOLD, TOO_LOW)

    def read(self, instance_id, resource_id):
        if resource_id not in self.resource_ids(instance_id):
            raise Refused(NOT_FOUND)
        battery = self.cell
        if resource_id == LEVEL:
            return battery.level
        if resource_id == VOLTAGE:
            return Decimal(battery.voltage_mv, -3)
        return battery.low_level if resource_id == LOW_THRESHOLD else battery.is_low

    def check(self, instance_id, resource_id, value):
        check_range(value, 0, 0, 100)

    def write(self, instance_id, resource_id, value):
        self.cell.low_level = value
        self._saved.put(_THRESHOLD_NAME, value)

    def end_write(self, instance_id, resource_ids):
        self._saved.commit_or_refuse()

    def reset_configuration(self):
        """The default threshold holds again; `saved` was cleared."""
        self.cell.low_level = LOW_LEVEL
