"""A waste container: filling level, thresholds, emptied, fire, tilt, battery.

Objects 3435 (filling level), 3303 (temperature), 3330 (raw distance), 3429 (tilt), 3411 (battery).
A battery node measures every `measure_interval_s` and reports once an hour; alarms and events go at
once. Between the looks it sleeps.
"""

from firmware.furniture.battery_object import BatteryRole
from firmware.furniture.container import Container
from firmware.furniture.filling import SHOTS, Filling, agree
from firmware.furniture.fire import FireDetector
from firmware.furniture.furniture_object import (
    FurnitureObject,
    check_range,
    check_text,
    scaled,
)
from firmware.furniture.quality import PROBABLY_REJECTED
from firmware.furniture.tilt import Tilt
from firmware.lwm2m_object import Refused
from firmware.saved import SavedValues
from protocol.coap_message import BAD_REQUEST
from protocol.number import Decimal

REPORT_INTERVAL_S = 3600
# A rangefinder that was just switched on has nothing to say, or what it saw before.
SHOTS_SKIPPED = 3
SHOT_INTERVAL_MS = 170
CONFIRM_MS = 30000
WATCH_MS = 2000
TILT_LIMIT_MRAD = 785

FILLING = 3435
TEMPERATURE = 3303
DISTANCE = 3330
TILT = 3429
HEIGHT, PERCENTAGE, LEVEL, HIGH, FULL, LOW, EMPTY, SPEED, SPEED_RESET = range(1, 10)
FORECAST_FULL, FORECAST_EMPTY = 10, 11
OUT_OF_POSITION, WIDTH, INSTALLATION, VOLUME = 13, 14, 15, 16
MATERIALS, EMPTIED, EMPTIED_RESET, COVER_OPEN, FIRE = 18, 19, 20, 21, 22
MINIMUM, MAXIMUM, MINMAX_RESET, VALUE, UNITS = 5601, 5602, 5605, 5700, 5701
TIMESTAMP, QUALITY, QUALITY_LEVEL = 5518, 6042, 6049
ANGLE, ANGLE_LIMIT, ANGLE_OUT = 1, 5, 6

_FILLING_RESOURCES = (
    HEIGHT, PERCENTAGE, LEVEL, HIGH, FULL, LOW, EMPTY, SPEED, FORECAST_FULL, FORECAST_EMPTY,
    OUT_OF_POSITION, WIDTH, INSTALLATION, VOLUME, MATERIALS, EMPTIED, COVER_OPEN, FIRE,
    TIMESTAMP, QUALITY, QUALITY_LEVEL,
)


class Furniture:
    """The bin of a node."""

    def __init__(self, board, settings, clock, report):
        values = settings.furniture_values("bin")
        self._board = board
        self._clock = clock
        self._report = report
        self._saved = saved = SavedValues(board.store, "bin")
        self._shape = values["shape"]
        self._measure_interval_ms = values["measure_interval_s"] * 1000
        self._report_interval_ms = (settings.report_interval_s or REPORT_INTERVAL_S) * 1000
        # What servers may write, by resource id; thresholds in 1/1000.
        self._written = {
            HEIGHT: values["container_height_cm"], WIDTH: values["container_width_cm"],
            HIGH: values["high_threshold"] * 10, LOW: values["low_threshold"] * 10,
            INSTALLATION: values["installation"], MATERIALS: "", VOLUME: None,
        }
        for key in self._written:
            self._written[key] = saved.get("3435/%d" % key, self._written[key])
        self._offset_cm = values["sensor_offset_cm"]
        self._filling = Filling(self._container(), self._written[HIGH], self._written[LOW])
        self._filling.restore(saved.get("filling"))
        self._fire = FireDetector(values["fire_centicelsius"])
        self._tilt = Tilt(saved.get("3429/5", TILT_LIMIT_MRAD))
        self._is_cover_open = False
        self._is_fallen = False
        self._distance_mm = None
        self._celsius = None
        self._coldest = self._hottest = None
        self._shots = []
        self._skip = SHOTS_SKIPPED
        self._is_first = True
        self._measure_ms = 0
        self._shot_ms = None
        self._look_ms = None
        self._report_ms = 0
        self._measured_ms = None
        self.is_sleepy = board.battery is not None
        self._battery = BatteryRole(board.battery, saved, report) if self.is_sleepy else None
        self.objects = self._make_objects()

    def _make_objects(self):
        objects = [FurnitureObject(FILLING, self, _FILLING_RESOURCES, (SPEED_RESET, EMPTIED_RESET))]
        if self._board.thermometer is not None:
            readable = (VALUE, MINIMUM, MAXIMUM, UNITS)
            objects.append(FurnitureObject(TEMPERATURE, self, readable, (MINMAX_RESET,)))
        objects.append(FurnitureObject(DISTANCE, self, (VALUE, UNITS)))
        if self._board.accelerometer is not None:
            objects.append(FurnitureObject(TILT, self, (ANGLE, ANGLE_LIMIT, ANGLE_OUT)))
        if self._battery is not None:
            objects.append(self._battery.object)
        return tuple(objects)

    def _container(self):
        return Container(self._written[HEIGHT], self._offset_cm, self._shape)

    def next_timeout_ms(self):
        """Return when the next shot, look or measurement is due."""
        due_ms = self._measure_ms if self._shot_ms is None else self._shot_ms
        return due_ms if self._look_ms is None else min(due_ms, self._look_ms)

    def handle_timeout(self, now_ms):
        """Do what is due."""
        if self._shot_ms is None and now_ms >= self._measure_ms:
            self._begin(now_ms)
        elif self._look_ms is not None and now_ms >= self._look_ms:
            self._look(now_ms)
        if self._shot_ms is not None and now_ms >= self._shot_ms:
            self._shoot(now_ms)

    def _begin(self, now_ms):
        self._measure_ms = now_ms + self._measure_interval_ms
        self._shots = []
        self._skip = SHOTS_SKIPPED
        self._shot_ms = now_ms
        self._look(now_ms)
        if self._battery is not None:
            self._battery.measure(now_ms)

    def _look(self, now_ms):
        """Read what may be an alarm, and come back soon while it is not clear."""
        self._look_ms = None
        if self._board.thermometer is not None:
            self._take_temperature(self._board.thermometer.read_centicelsius(), now_ms)
        if self._board.accelerometer is not None:
            self._tilt.update(self._board.accelerometer.read_mg())
            self._judge_position(now_ms)
        if self._fire.is_watching or self._tilt.is_unconfirmed:
            self._look_ms = now_ms + WATCH_MS

    def _take_temperature(self, celsius, now_ms):
        if celsius is None:
            return
        self._celsius = celsius
        self._coldest = celsius if self._coldest is None else min(self._coldest, celsius)
        self._hottest = celsius if self._hottest is None else max(self._hottest, celsius)
        if self._fire.update(celsius, now_ms):
            self._report((FILLING, 0, FIRE), self._fire.is_alarm, now_ms)
            self._report((TEMPERATURE, 0, VALUE), Decimal(celsius, -2), now_ms)

    def _judge_position(self, now_ms):
        """A lid that stands open is tilted too, but its sensor sees no floor."""
        is_fallen = self._tilt.is_out and not self._is_cover_open
        if is_fallen != self._is_fallen:
            self._is_fallen = is_fallen
            self._report((FILLING, 0, OUT_OF_POSITION), is_fallen, now_ms)

    def _shoot(self, now_ms):
        shot_mm = self._board.rangefinder.measure_mm()
        if self._skip:
            self._skip -= 1
        else:
            self._shots.append(shot_mm)
        self._shot_ms = now_ms + SHOT_INTERVAL_MS
        if len(self._shots) == SHOTS:
            self._shot_ms = None
            self._conclude(now_ms)

    def _conclude(self, now_ms):
        """Judge the shots of one measurement and report what follows from them."""
        self._measured_ms = now_ms
        filling = self._filling
        self._distance_mm = distance_mm = agree(self._shots)[0]
        sees_floor = distance_mm is not None and filling.container.level_mm(distance_mm) is not None
        before = (filling.full, filling.empty)
        is_tilted = self._is_tilted()
        self._set_cover_open(is_tilted and not sees_floor, now_ms)
        if is_tilted:
            filling.reject(PROBABLY_REJECTED)
        elif filling.update(self._shots, now_ms):
            self._count_emptying()
        if filling.is_unconfirmed:
            self._measure_ms = min(self._measure_ms, now_ms + CONFIRM_MS)
            return
        self._report_changes(before, now_ms)
        if now_ms >= self._report_ms:
            self._report_ms = now_ms + self._report_interval_ms
            self._report_all(now_ms)

    def _is_tilted(self):
        angle_mrad = self._tilt.angle_mrad
        return angle_mrad is not None and angle_mrad >= self._tilt.limit_mrad

    def _set_cover_open(self, is_open, now_ms):
        if is_open != self._is_cover_open:
            self._is_cover_open = is_open
            self._report((FILLING, 0, COVER_OPEN), is_open, now_ms)
            self._judge_position(now_ms)

    def _count_emptying(self):
        """Count it, and learn how often the bin is emptied."""
        saved = self._saved
        saved.put("emptied", saved.get("emptied", 0) + 1)
        unix_s = self._clock.unix_s()
        if unix_s is None:
            return
        last_s = saved.get("emptied_s")
        if last_s is not None and unix_s > last_s:
            every_s = saved.get("emptied_every_s", unix_s - last_s)
            saved.put("emptied_every_s", (3 * every_s + unix_s - last_s) // 4)
        saved.put("emptied_s", unix_s)

    def _report_changes(self, before, now_ms):
        """Tell of full and empty at once, with the level that they follow from."""
        filling = self._filling
        is_changed = (filling.full, filling.empty) != before
        if filling.permille is None or not (is_changed or self._is_first):
            return
        for resource_id, was, is_now in (
                (FULL, before[0], filling.full), (EMPTY, before[1], filling.empty)):
            if is_now != was or self._is_first:
                self._report((FILLING, 0, resource_id), is_now, now_ms)
        if not self._is_first:
            self._report_filling(now_ms)
        self._is_first = False

    def _report_filling(self, now_ms):
        for resource_id in (PERCENTAGE, LEVEL, QUALITY, QUALITY_LEVEL):
            value = self.value((FILLING, 0, resource_id))
            if value is not None:
                self._report((FILLING, 0, resource_id), value, now_ms)

    def _report_all(self, now_ms):
        self._report_filling(now_ms)
        for path in ((FILLING, 0, SPEED), (FILLING, 0, FORECAST_FULL), (FILLING, 0, EMPTIED),
                     (TEMPERATURE, 0, VALUE)):
            value = self.value(path)
            if value is not None:
                self._report(path, value, now_ms)
        if self._battery is not None:
            self._battery.report_all(now_ms)
        self._saved.put("filling", self._filling.state())
        self._saved.commit()

    def value(self, path):
        """Return the value of one of the bin's resources, or None if it is not there now."""
        object_id, _, resource_id = path
        if object_id == FILLING:
            return self._filling_value(resource_id)
        if object_id == TEMPERATURE:
            return self._temperature_value(resource_id)
        if object_id == DISTANCE:
            if resource_id == UNITS:
                return "m"
            return None if self._distance_mm is None else Decimal(self._distance_mm, -3)
        if resource_id == ANGLE:
            angle_mrad = self._tilt.angle_mrad
            return None if angle_mrad is None else Decimal(angle_mrad, -3)
        return Decimal(self._tilt.limit_mrad, -3) if resource_id == ANGLE_LIMIT else self._is_fallen

    def _temperature_value(self, resource_id):
        if resource_id == UNITS:
            return "Cel"
        celsius = self._celsius
        if resource_id == MINIMUM:
            celsius = self._coldest
        elif resource_id == MAXIMUM:
            celsius = self._hottest
        return None if celsius is None else Decimal(celsius, -2)

    def _filling_value(self, resource_id):
        filling = self._filling
        if resource_id in self._written:
            value = self._written[resource_id]
            if resource_id == VOLUME:
                return self._volume()
            return Decimal(value, -1) if resource_id in (HIGH, LOW) else value
        if resource_id == PERCENTAGE:
            return Decimal(filling.permille or 0, -1)
        if resource_id == LEVEL:
            return None if filling.level_mm is None else (filling.level_mm + 5) // 10
        if resource_id == SPEED:
            speed = filling.permille_per_day()
            return None if speed is None else Decimal(speed, -1)
        if resource_id in (FORECAST_FULL, FORECAST_EMPTY, TIMESTAMP):
            return self._time_value(resource_id)
        if resource_id == EMPTIED:
            return self._saved.get("emptied", 0)
        if resource_id == QUALITY:
            return filling.quality
        if resource_id == QUALITY_LEVEL:
            return filling.quality_level
        return {
            FULL: filling.full, EMPTY: filling.empty, OUT_OF_POSITION: self._is_fallen,
            COVER_OPEN: self._is_cover_open, FIRE: self._fire.is_alarm,
        }[resource_id]

    def _volume(self):
        """The written volume in m3, else that of a box; other shapes have none until it is written."""
        litres = self._written[VOLUME]
        if litres is None and self._shape == "prism":
            litres = self._written[WIDTH] * self._written[WIDTH] * self._written[HEIGHT] // 1000
        return None if litres is None else Decimal(litres, -3)

    def _time_value(self, resource_id):
        if resource_id == TIMESTAMP:
            return None if self._measured_ms is None else self._clock.to_unix_s(self._measured_ms)
        if resource_id == FORECAST_FULL:
            unix_s = self._clock.unix_s()
            full_in_s = self._filling.full_in_s()
            return None if unix_s is None or full_in_s is None else unix_s + full_in_s
        last_s = self._saved.get("emptied_s")
        every_s = self._saved.get("emptied_every_s")
        return None if last_s is None or every_s is None else last_s + every_s

    def check(self, path, value):
        """Refuse a value that makes no container."""
        object_id, _, resource_id = path
        if object_id == TILT:
            check_range(value, -3, 87, 3142)
        elif resource_id in (HIGH, LOW):
            check_range(value, -1, 0, 1000)
        elif resource_id == VOLUME:
            check_range(value, -3, 1, 100000)
        elif resource_id in (HEIGHT, WIDTH):
            check_range(value, 0, 10, 1000)
            if resource_id == HEIGHT:
                self._check_height(value)
        else:
            check_text(value)

    def _check_height(self, height_cm):
        try:
            Container(height_cm, self._offset_cm, self._shape)
        except ValueError:
            raise Refused(BAD_REQUEST)

    def write(self, path, value):
        """Take over what a server wrote."""
        object_id, _, resource_id = path
        if object_id == TILT:
            self._tilt.limit_mrad = scaled(value, -3)
            self._saved.put("3429/5", self._tilt.limit_mrad)
            return
        if resource_id in (HIGH, LOW):
            value = scaled(value, -1)
        elif resource_id == VOLUME:
            value = scaled(value, -3)
        self._written[resource_id] = value
        self._saved.put("3435/%d" % resource_id, value)

    def written(self):
        """Judge again by what was written, and make it durable."""
        filling = self._filling
        before = (filling.full, filling.empty)
        filling.container = self._container()
        filling.high_permille = self._written[HIGH]
        filling.low_permille = self._written[LOW]
        filling.apply_thresholds()
        self._report_changes(before, self._clock.now_ms)
        self._saved.commit()

    def execute(self, path):
        """Reset the average speed, the number of emptyings, or the extreme temperatures."""
        if path[2] == SPEED_RESET:
            self._filling.reset_speed()
        elif path[2] == EMPTIED_RESET:
            self._saved.put("emptied", 0)
            self._saved.commit()
        else:
            self._coldest = self._hottest = self._celsius
