"""The battery of a node as object 3411."""

from firmware.furniture.battery import Battery
from firmware.furniture.furniture_object import FurnitureObject, check_range, check_text
from protocol.number import Decimal

OBJECT_ID = 3411
LEVEL = 1
VOLTAGE = 3
TYPE = 4
LOW_THRESHOLD = 5
TOO_LOW = 6
LOW_LEVEL = 20
CELL = "Saft LSH 20"


class BatteryRole:
    """Reads the board's battery and answers for object 3411; `saved` keeps what servers write."""

    def __init__(self, battery, saved, report):
        self._source = battery
        self._saved = saved
        self._report = report
        self._battery = Battery(saved.get("3411/5", LOW_LEVEL))
        readable = (LEVEL, VOLTAGE, TYPE, LOW_THRESHOLD, TOO_LOW)
        self.object = FurnitureObject(OBJECT_ID, self, readable)

    def measure(self, now_ms):
        """Read the voltage; tell at once when the battery becomes too low, or no longer is."""
        if self._battery.update(self._source.read_mv()):
            self._report((OBJECT_ID, 0, TOO_LOW), self._battery.is_low, now_ms)

    def report_all(self, now_ms):
        """Report level and voltage."""
        if self._battery.level is not None:
            self._report((OBJECT_ID, 0, LEVEL), self._battery.level, now_ms)
            self._report((OBJECT_ID, 0, VOLTAGE), self.value((OBJECT_ID, 0, VOLTAGE)), now_ms)

    def value(self, path):
        """Return a resource's value, None before the first reading."""
        battery = self._battery
        resource_id = path[2]
        if resource_id == LEVEL:
            return battery.level
        if resource_id == VOLTAGE:
            return None if battery.voltage_mv is None else Decimal(battery.voltage_mv, -3)
        if resource_id == TYPE:
            return self._saved.get("3411/4", CELL)
        if resource_id == LOW_THRESHOLD:
            return battery.low_level
        return battery.is_low

    def check(self, path, value):
        """Refuse what is out of range."""
        if path[2] == LOW_THRESHOLD:
            check_range(value, 0, 1, 100)
        else:
            check_text(value)

    def write(self, path, value):
        """Take over the threshold or the type of cell."""
        self._saved.put("3411/%d" % path[2], value)
        if path[2] == LOW_THRESHOLD:
            self._battery.low_level = value

    def written(self):
        """Make what was written durable."""
        self._saved.commit()
