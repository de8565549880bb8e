"""A bin's objects: 3435 (filling level), 3303 (temperature), 3330 (distance), 3429 (tilt)."""

from firmware.furniture.battery_role import PATH_OF_THRESHOLD
from firmware.furniture.container import Container
from firmware.furniture.furniture_object import (
    FurnitureObject,
    check_range,
    check_text,
    scaled,
)
from firmware.saved import is_integer
from protocol import data_types, object_table
from protocol.number import Decimal

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

TILT_LIMIT_MRAD = 785
_ANGLE_LIMIT_NAME = "3429/5"
# Written Floats are kept as integers of 10**exponent.
_EXPONENTS = {(FILLING, 0, HIGH): -1, (FILLING, 0, LOW): -1, (FILLING, 0, VOLUME): -3,
              (TILT, 0, ANGLE_LIMIT): -3}
_FILLING_RESOURCES = (
    HEIGHT, PERCENTAGE, LEVEL, HIGH, FULL, LOW, EMPTY, SPEED, FORECAST_FULL, FORECAST_EMPTY,
    OUT_OF_POSITION, WIDTH, INSTALLATION, VOLUME, MATERIALS, EMPTIED, COVER_OPEN, FIRE,
    TIMESTAMP, QUALITY, QUALITY_LEVEL,
)


class BinObjects:
    """Answers for the objects of `furniture`, and holds what servers may write.

    `values` are the bin's settings; written values win over them, are kept in `saved`, and
    survive a reset. `written`: resource id of 3435 -> value, the thresholds in 1/1000, the volume
    in litres (None: that of a box).
    """

    def __init__(self, furniture, board, values, saved, clock):
        self._furniture = furniture
        self._saved = saved
        self._clock = clock
        self._shape = values["shape"]
        self._offset_cm = values["sensor_offset_cm"]
        self._defaults = {
            HEIGHT: values["container_height_cm"], WIDTH: values["container_width_cm"],
            HIGH: values["high_threshold"] * 10, LOW: values["low_threshold"] * 10,
            INSTALLATION: values["installation"], MATERIALS: "", VOLUME: None,
        }
        saved.keep(self._is_saved_right)
        self.load()
        resets = (SPEED_RESET, EMPTIED_RESET)
        objects = [FurnitureObject(FILLING, self, _FILLING_RESOURCES, resets)]
        if board.thermometer is not None:
            readable = (VALUE, MINIMUM, MAXIMUM, UNITS)
            objects.append(FurnitureObject(TEMPERATURE, self, readable, (MINMAX_RESET,)))
        objects.append(FurnitureObject(DISTANCE, self, (VALUE, UNITS)))
        if board.accelerometer is not None:
            objects.append(FurnitureObject(TILT, self, (ANGLE, ANGLE_LIMIT, ANGLE_OUT)))
        self.objects = tuple(objects)

    def _is_saved_right(self, name, value):
        object_id, _, resource_id = name.partition("/")
        path = (int(object_id), 0, int(resource_id))
        if path == PATH_OF_THRESHOLD:
            return is_integer(value, 0, 100)
        exponent = _EXPONENTS.get(path, 0)
        if exponent:
            if not is_integer(value):
                return False
            value = Decimal(value, exponent)
        self.check(path, data_types.coerce(value, object_table.type_of(path)))
        return path[0] == TILT or path[2] in self._defaults

    def load(self):
        """Take over what is saved, and the settings for the rest."""
        self.values = {}
        for key in self._defaults:
            self.values[key] = self._saved.get("3435/%d" % key, self._defaults[key])
        self.angle_limit_mrad = self._saved.get(_ANGLE_LIMIT_NAME, TILT_LIMIT_MRAD)

    def container(self):
        """Return the Container of the present geometry."""
        return Container(self.values[HEIGHT], self._offset_cm, self._shape)

    def value(self, path):
        """Return the value of one of the bin's resources, or None if it is not there now."""
        object_id, _, resource_id = path
        furniture = self._furniture
        if object_id == FILLING:
            return self._filling_value(resource_id)
        if resource_id == UNITS:
            return "m" if object_id == DISTANCE else "Cel"
        if object_id == DISTANCE:
            return _decimal(furniture.distance_mm, -3)
        if object_id == TEMPERATURE:
            if resource_id == VALUE:
                return _decimal(furniture.centicelsius, -2)
            is_minimum = resource_id == MINIMUM
            return _decimal(furniture.coldest if is_minimum else furniture.hottest, -2)
        if resource_id == ANGLE:
            return _decimal(furniture.tilt.angle_mrad, -3)
        if resource_id == ANGLE_LIMIT:
            return Decimal(self.angle_limit_mrad, -3)
        return furniture.is_fallen

    def _filling_value(self, resource_id):
        furniture = self._furniture
        filling = furniture.filling
        if resource_id in self.values:
            return self._written_value(resource_id)
        if resource_id == PERCENTAGE:
            return Decimal(filling.permille or 0, -1)
        if resource_id == LEVEL:
            return None if filling.level_mm is None else (filling.level_mm + 5) // 10
        if resource_id == SPEED:
            return _decimal(filling.permille_per_day(), -1)
        if resource_id in (FORECAST_FULL, FORECAST_EMPTY, TIMESTAMP):
            return self._time_value(resource_id)
        if resource_id == EMPTIED:
            return furniture.emptied
        if resource_id == QUALITY:
            return filling.quality
        if resource_id == QUALITY_LEVEL:
            return filling.quality_level
        if resource_id == FULL:
            return filling.full
        if resource_id == EMPTY:
            return filling.empty
        if resource_id == OUT_OF_POSITION:
            return furniture.is_fallen
        return furniture.is_cover_open if resource_id == COVER_OPEN else furniture.fire.is_alarm

    def _written_value(self, resource_id):
        value = self.values[resource_id]
        if resource_id == VOLUME:
            if value is None and self._shape == "prism":
                value = self.values[WIDTH] * self.values[WIDTH] * self.values[HEIGHT] // 1000
            return _decimal(value, -3)
        return Decimal(value, -1) if resource_id in (HIGH, LOW) else value

    def _time_value(self, resource_id):
        furniture = self._furniture
        if resource_id == TIMESTAMP:
            measured_ms = furniture.measured_ms
            return None if measured_ms is None else self._clock.to_unix_s(measured_ms)
        if resource_id == FORECAST_EMPTY:
            return furniture.forecast_emptied_s()
        unix_s = self._clock.unix_s()
        full_in_s = furniture.filling.full_in_s()
        return None if unix_s is None or full_in_s is None else unix_s + full_in_s

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
        else:
            check_text(value)

    def write(self, path, value):
        """Take over what a server wrote."""
        object_id, _, resource_id = path
        if object_id == TILT:
            self.angle_limit_mrad = scaled(value, -3)
            self._saved.put(_ANGLE_LIMIT_NAME, self.angle_limit_mrad)
            return
        if resource_id in (HIGH, LOW):
            value = scaled(value, -1)
        elif resource_id == VOLUME:
            value = scaled(value, -3)
        self.values[resource_id] = value
        self._saved.put("3435/%d" % resource_id, value)

    def written(self):
        """Make it durable, and have the bin judged again."""
        self._furniture.configure()
        self._saved.commit_or_refuse()

    def execute(self, path):
        """Reset the average speed, the number of emptyings, or the extreme temperatures."""
        furniture = self._furniture
        if path[2] == SPEED_RESET:
            furniture.filling.reset_speed()
        elif path[2] == EMPTIED_RESET:
            furniture.reset_emptied()
        else:
            furniture.coldest = furniture.hottest = furniture.centicelsius


def _decimal(value, exponent):
    return None if value is None else Decimal(value, exponent)
