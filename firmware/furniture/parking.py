"""Parking bays: one inductive loop, one detector, one instance each.

Objects 3431 (parking sensor), 3318 (loop frequency, for diagnosis) and 42801 (loop
calibration), with the bay's number as instance; 3411 on a node with a battery. A change is
reported at once with the time of the transition, all bays once an hour.
"""

from firmware.furniture.battery_role import PATH_OF_THRESHOLD, BatteryRole
from firmware.furniture.bay import Bay, is_bay_state, status_of
from firmware.furniture.furniture_object import FurnitureObject, check_range, check_text
from firmware.furniture.quality import SUSPICIOUS
from firmware.lwm2m_object import Refused
from firmware.saved import SavedValues, is_integer
from protocol import data_types, object_table
from protocol.coap_message import BAD_REQUEST
from protocol.number import Decimal

REPORT_INTERVAL_S = 3600
READ_INTERVAL_MS_MIN = 100
READ_INTERVAL_MS_MAX = 500
# So much less often while nothing speaks for a change at any bay.
CALM_FACTOR = 4
BATTERY_INTERVAL_MS = 3600 * 1000

PARKING = 3431
FREQUENCY = 3318
CALIBRATION = 42801
OCCUPANCY, DURATION, DAILY_DURATION, FORBIDDEN, SENSOR_TYPE = range(1, 6)
TIMESTAMP, QUALITY, QUALITY_LEVEL = 5518, 6042, 6049
VALUE, UNITS = 5700, 5701
BASELINE, THRESHOLD, HYSTERESIS, DWELL, RECALIBRATE = range(5)
CALIBRATION_QUALITY, SHIFT, STATUS, CALIBRATED = range(5, 9)

# Writable resources of object 42801, as settings and detector call them.
DETECTOR_SETTINGS = {THRESHOLD: "threshold_ppm", HYSTERESIS: "hysteresis_ppm", DWELL: "dwell_ms"}

_PARKING_RESOURCES = (
    OCCUPANCY, DURATION, DAILY_DURATION, FORBIDDEN, SENSOR_TYPE, TIMESTAMP, QUALITY, QUALITY_LEVEL,
)
_CALIBRATION_RESOURCES = (
    BASELINE, THRESHOLD, HYSTERESIS, DWELL, CALIBRATION_QUALITY, SHIFT, STATUS, CALIBRATED,
)

# What is told of a bay when its occupancy changes, and once an hour.
_TOLD = (OCCUPANCY, DURATION, DAILY_DURATION, QUALITY, QUALITY_LEVEL)


class Furniture:
    """The bays of a node.

    What servers wrote is kept in the store's `parking`, baselines and the day's count in `bays`.
    """

    is_sleepy = False

    def __init__(self, board, settings, clock, report):
        values = settings.furniture_values("parking")
        self._clock = clock
        self._report = report
        self._saved = saved = SavedValues(board.store, "parking")
        self._state = SavedValues(board.store, "bays")
        self._saved.keep(self._is_saved_right)
        self._state.keep(is_bay_state)
        self.is_damaged = self._saved.is_damaged or self._state.is_damaged
        self._values = values
        self.is_locked = False
        self._report_interval_ms = (settings.report_interval_s or REPORT_INTERVAL_S) * 1000
        self._bays = []
        for loop in board.loops[:values["bays"]]:
            self._bays.append(Bay(len(self._bays), loop, values, self._state, clock))
        self._configure()
        self._read_ms = 0
        self._report_ms = None
        self._battery_ms = 0
        self._role = None
        if board.battery is not None:
            self._role = BatteryRole(board.battery, saved, report)
        self.objects = self._make_objects()

    def _make_objects(self):
        count = len(self._bays)
        objects = (
            FurnitureObject(PARKING, self, _PARKING_RESOURCES, (), count),
            FurnitureObject(FREQUENCY, self, (VALUE, UNITS), (), count),
            FurnitureObject(CALIBRATION, self, _CALIBRATION_RESOURCES, (RECALIBRATE,), count),
        )
        return objects if self._role is None else objects + (self._role,)

    def _is_saved_right(self, name, value):
        if name == "type":
            path = (PARKING, 0, SENSOR_TYPE)
        else:
            path = tuple([int(number) for number in name.split("/")])
        if path[0] == PATH_OF_THRESHOLD[0]:
            return is_integer(value, 0, 100)
        self.check(path, data_types.coerce(value, object_table.type_of(path)))
        return path[0] == PARKING or path[2] in DETECTOR_SETTINGS and is_integer(value)

    def _configure(self):
        """Give each detector what servers wrote for its bay, and the settings for the rest.

        The loops are read four times in the shortest dwell time, as far as that is sensible, and
        once while all is calm.
        """
        for bay in self._bays:
            for resource_id in DETECTOR_SETTINGS:
                name = DETECTOR_SETTINGS[resource_id]
                value = self._saved.get(_name(bay.number, resource_id), self._values[name])
                setattr(bay.detector, name, value)
        dwell_ms = min([bay.detector.dwell_ms for bay in self._bays])
        self._interval_ms = min(max(dwell_ms // 4, READ_INTERVAL_MS_MIN), READ_INTERVAL_MS_MAX)

    def reset_configuration(self):
        """Forget what servers wrote; the settings hold again, and the measured baselines."""
        self._saved.clear()
        self._saved.commit()
        self._configure()
        if self._role is not None:
            self._role.reset_configuration()

    def next_timeout_ms(self):
        """Return when the loops are read again."""
        return self._read_ms

    def handle_timeout(self, now_ms):
        """Read all loops if it is time; tell what changed at once, and everything every hour."""
        if now_ms < self._read_ms:
            return
        interval_ms = self._interval_ms * CALM_FACTOR
        for bay in self._bays:
            self._read(bay, now_ms)
            if not bay.detector.is_calm():
                interval_ms = self._interval_ms
        self._read_ms = now_ms + interval_ms
        if self._role is not None and now_ms >= self._battery_ms:
            self._battery_ms = now_ms + BATTERY_INTERVAL_MS
            self._role.measure(now_ms)
        if self._report_ms is None:
            # The first heartbeat once the loops have settled.
            self._report_ms = now_ms + self._bays[0].settling_ms(self._interval_ms)
        if now_ms >= self._report_ms:
            self._report_ms = now_ms + self._report_interval_ms
            self._report_all(now_ms)

    def _read(self, bay, now_ms):
        detector, was_forbidden = bay.detector, bay.is_forbidden
        fault, occupied, quality = detector.fault, detector.is_occupied, detector.quality
        is_changed = bay.read(now_ms)
        if (is_changed or bay.is_forbidden != was_forbidden or detector.quality != quality
                or detector.fault != fault):
            at_ms = detector.changed_ms if is_changed else now_ms
            if is_changed and detector.is_occupied is not None:
                self._tell(bay, _TOLD, at_ms)
            elif bay.is_trusted() != (quality >= SUSPICIOUS):
                self._tell(bay, (QUALITY, QUALITY_LEVEL), now_ms)
            if bay.is_forbidden != was_forbidden:
                self._tell(bay, (FORBIDDEN,), now_ms)
            if bay.status() != status_of(fault, occupied, quality):
                self._report((CALIBRATION, bay.number, STATUS), bay.status(), now_ms)
        bay.save(now_ms, is_changed)

    def _tell(self, bay, resource_ids, at_ms):
        for resource_id in resource_ids:
            path = (PARKING, bay.number, resource_id)
            self._report(path, self.value(path), at_ms)

    def _report_all(self, now_ms):
        for bay in self._bays:
            self._tell(bay, _TOLD, now_ms)
            if bay.detector.frequency_hz is not None:
                self._report((FREQUENCY, bay.number, VALUE), bay.detector.frequency_hz, now_ms)
        if self._role is not None:
            self._role.report_all(now_ms)

    def value(self, path):
        """Return the value of one of a bay's resources, or None if it is not there now."""
        object_id, instance_id, resource_id = path
        bay = self._bays[instance_id]
        if object_id == FREQUENCY:
            return "Hz" if resource_id == UNITS else bay.detector.frequency_hz
        if object_id == CALIBRATION:
            return self._calibration_value(bay, resource_id)
        return self._parking_value(bay, resource_id)

    def _parking_value(self, bay, resource_id):
        detector = bay.detector
        now_ms = self._clock.now_ms
        if resource_id == OCCUPANCY:
            # The standard has no "unknown": the quality says so.
            return bool(detector.is_occupied)
        if resource_id == DURATION:
            return bay.duration_ms(now_ms) // 1000
        if resource_id == DAILY_DURATION:
            return bay.daily_ms(now_ms) // 1000
        if resource_id == FORBIDDEN:
            return bay.is_forbidden
        if resource_id == SENSOR_TYPE:
            return self._saved.get("type", "inductive loop")
        if resource_id == TIMESTAMP:
            changed_ms = detector.changed_ms
            return None if changed_ms is None else self._clock.to_unix_s(changed_ms)
        return detector.quality if resource_id == QUALITY else detector.quality_level

    def _calibration_value(self, bay, resource_id):
        detector = bay.detector
        if resource_id == BASELINE:
            is_known = detector.is_learned and detector.baseline_mhz is not None
            return Decimal(detector.baseline_mhz, -3) if is_known else None
        if resource_id == CALIBRATED:
            return bay.calibrated_s()
        if resource_id == STATUS:
            return bay.status()
        if resource_id == CALIBRATION_QUALITY:
            return detector.quality_level
        if resource_id == SHIFT:
            return detector.shift_ppm
        if resource_id == THRESHOLD:
            return detector.threshold_ppm
        return detector.hysteresis_ppm if resource_id == HYSTERESIS else detector.dwell_ms

    def check(self, path, value):
        """Refuse what makes no detector."""
        object_id, _, resource_id = path
        if object_id == PARKING:
            check_text(value)
        elif resource_id == DWELL:
            check_range(value, 0, 0, 600000)
        elif resource_id == THRESHOLD:
            check_range(value, 0, 100, 100000)
        else:
            check_range(value, 0, 0, 100000)

    def write(self, path, value):
        """Take over what a server wrote."""
        object_id, instance_id, resource_id = path
        if object_id == PARKING:
            self._saved.put("type", value)
        else:
            self._saved.put(_name(instance_id, resource_id), value)

    def written(self):
        """Make what was written durable, and judge by it."""
        self._configure()
        self._saved.commit_or_refuse()

    def execute(self, path):
        """Recalibrate: a technician sees an empty bay. 4.00 while the loop is not sound."""
        bay = self._bays[path[1]]
        was_occupied = bay.detector.is_occupied
        if not bay.recalibrate(self._clock.now_ms):
            raise Refused(BAD_REQUEST)
        if was_occupied is not False:
            self._tell(bay, (OCCUPANCY, QUALITY, QUALITY_LEVEL), self._clock.now_ms)
        self._report((CALIBRATION, bay.number, STATUS), bay.status(), self._clock.now_ms)


def _name(bay_number, resource_id):
    return "42801/%d/%d" % (bay_number, resource_id)
