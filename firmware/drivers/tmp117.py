"""Texas Instruments TMP117 thermometer on I2C (datasheet SNOSD82, section 7.6 register map).

16-bit registers, most significant byte first. Temp_Result (0x00) is signed, 7.8125 m degrees
Celsius per count, and 0x8000 until the first conversion. Configuration (0x01) = 0x0210:
continuous, one conversion a second, no averaging (3.5 uA), ALERT in therm mode, active low.
THigh_Limit (0x02) and TLow_Limit (0x03) have the result's scale. Device_ID (0x0F) is 0x0117 in
bits 11:0.

ALERT pulls its pin low from the high limit until below the low one: it wakes the sleeping board at
once when a bin burns.

Tested against traces made from the datasheet; not yet run on the chip.
"""

import struct

ADDRESS = 0x48
TEMP_RESULT = 0x00
CONFIGURATION = 0x01
THIGH_LIMIT = 0x02
TLOW_LIMIT = 0x03
DEVICE_ID = 0x0F
TMP117_ID = 0x117
ID_MASK = 0x0FFF
CONTINUOUS_1HZ_THERM = 0x0210
# Flags that the chip sets itself: alerts, data ready, EEPROM busy.
SETTING_MASK = 0x0FFC
NO_RESULT = -32768
ALERT_HYSTERESIS_CENTICELSIUS = 500


class Tmp117:
    """`i2c` is a machine.I2C; `errors` counts failed transfers and wrong chips."""

    def __init__(self, i2c, alert_centicelsius):
        self._i2c = i2c
        self._alert_centicelsius = alert_centicelsius
        self._word = bytearray(2)
        self.errors = 0

    def read_centicelsius(self):
        """Return 1/100 degrees Celsius, or None: not there, or started just now."""
        try:
            if not self._is_running():
                return None
            counts = self._read(TEMP_RESULT)
        except OSError:
            self.errors += 1
            return None
        if counts == NO_RESULT:
            return None
        return counts * 25 // 32

    def _is_running(self):
        """After a loss of supply limits and mode are back at their defaults: set them again."""
        if self._read(CONFIGURATION) & SETTING_MASK == CONTINUOUS_1HZ_THERM:
            return True
        if self._read(DEVICE_ID) & ID_MASK != TMP117_ID:
            self.errors += 1
            return False
        low_centicelsius = self._alert_centicelsius - ALERT_HYSTERESIS_CENTICELSIUS
        self._write(THIGH_LIMIT, self._alert_centicelsius * 32 // 25)
        self._write(TLOW_LIMIT, low_centicelsius * 32 // 25)
        self._write(CONFIGURATION, CONTINUOUS_1HZ_THERM)
        return False

    def _read(self, register):
        self._i2c.readfrom_mem_into(ADDRESS, register, self._word)
        return struct.unpack(">h", self._word)[0]

    def _write(self, register, value):
        self._i2c.writeto_mem(ADDRESS, register, struct.pack(">h", value))
