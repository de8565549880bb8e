"""The electrical monitor, object 3418: what the meter says, and its thresholds (uCIFI)."""

from firmware.furniture.configuration import ConfiguredObject
from firmware.furniture.debounce import Debounced
from protocol.number import Decimal

_POWER = (0, 10000000, -3)
_VOLTAGE = (0, 1000000, -3)
# A flag falls once the value is back by 2 % of the threshold.
_HYSTERESIS = 50


class ElectricalMonitor(ConfiguredObject):
    """Object 3418; `reading` is the last MeterReading, None while the meter is silent."""

    object_id = 3418
    readable = (1, 2, 3, 4, 5, 6, 10, 12, 13, 15, 20, 21, 22, 23, 35, 5518)
    executable = (7,)
    limits = {10: _POWER, 13: _POWER, 20: _VOLTAGE, 22: _VOLTAGE}

    def __init__(self, configuration, changed, counters, clock):
        super().__init__(configuration, changed)
        self._counters = counters
        self._clock = clock
        self._flags = {12: Debounced(), 15: Debounced(), 21: Debounced(), 23: Debounced()}
        # No flag is up or about to rise.
        self._is_idle = True
        self.reading = None
        self._level = 0
        self._read_at_ms = 0

    def update(self, reading, level, is_settled):
        """Take in a MeterReading taken at a lamp level; return the ids of flags that changed.

        Powers are judged only while the level has stood for a while. The low power threshold is
        that of full light (11, for low levels, is not offered).
        """
        self.reading = reading
        self._level = level
        self._read_at_ms = self._clock.now_ms
        if reading is None:
            return []
        power = reading.active_power_mw
        if self._is_idle and self._is_within(reading, level):
            return []
        changed = [21] * self._is_below(21, 20, reading.voltage_mv)
        changed += [23] * self._is_above(23, 22, reading.voltage_mv)
        if is_settled:
            changed += [15] * self._is_above(15, 13, power)
            if level == 100:
                changed += [12] * self._is_below(12, 10, power)
        self._is_idle = all([flag.is_idle() for flag in self._flags.values()])
        return changed

    def value(self, resource_id):
        if resource_id in self._flags:
            return self._flags[resource_id].is_set
        if resource_id in self.limits:
            return super().value(resource_id)
        if resource_id == 6:
            return Decimal(self._counters.shown_energy_mwh // 10, -2)
        reading = self.reading
        if reading is None:
            return None
        if resource_id <= 5:
            measured = (reading.voltage_mv, reading.current_ma, reading.frequency_mhz,
                        reading.active_power_mw, reading.power_factor_permille)
            return Decimal(measured[resource_id - 1], -3)
        if resource_id == 35:
            return self._level
        return self._clock.to_unix_s(self._read_at_ms)

    def execute(self, instance_id, resource_id, arguments):
        self._counters.energy_mwh = 0
        self._counters.save()

    def _is_within(self, reading, level):
        """Return whether a reading taken at a lamp level is within all thresholds."""
        get, power = self.configuration.get, reading.active_power_mw
        return (power <= get(3418, 13) and (level != 100 or power >= get(3418, 10))
                and get(3418, 20) <= reading.voltage_mv <= get(3418, 22))

    def _is_below(self, flag, threshold, value):
        limit = self.configuration.get(3418, threshold)
        return self._flags[flag].update(value < limit, value > limit + limit // _HYSTERESIS)

    def _is_above(self, flag, threshold, value):
        limit = self.configuration.get(3418, threshold)
        return self._flags[flag].update(value > limit, value < limit - limit // _HYSTERESIS)
