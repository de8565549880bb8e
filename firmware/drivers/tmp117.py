"""Texas Instruments TMP117 thermometer on I2C (datasheet SNOSD82, section 7.6 register map).

16-bit registers, most significant byte first. Temp_Result (0x00) is signed, 7.8125 m degrees
Celsius per count, and 0x8000 until the first conversion. Configuration (0x01) = 0x0200:
continuous, one conversion a second, no averaging: 3.5 uA. Device_ID (0x0F) is 0x0117 in bits 11:0.

Tested against traces made from the datasheet; not yet run on the chip.
"""

import struct

ADDRESS = 0x48
TEMP_RESULT = 0x00
CONFIGURATION = 0x01
DEVICE_ID = 0x0F
TMP117_ID = 0x117
ID_MASK = 0x0FFF
CONTINUOUS_1HZ = 0x0200
# Without the flags that the chip sets itself: alerts, data ready, EEPROM busy.
SETTING_MASK = 0x0FFC
NO_RESULT = -32768


class Tmp117:
    """`i2c` is a machine.I2C; `errors` counts failed transfers and wrong chips."""

    def __init__(self, i2c):
        self._i2c = i2c
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
        """After a loss of supply the mode is back at its default: set it again."""
        if self._read(CONFIGURATION) & SETTING_MASK == CONTINUOUS_1HZ:
            return True
        if self._read(DEVICE_ID) & ID_MASK != TMP117_ID:
            self.errors += 1
            return False
        self._i2c.writeto_mem(ADDRESS, CONFIGURATION, struct.pack(">H", CONTINUOUS_1HZ))
        return False

    def _read(self, register):
        self._i2c.readfrom_mem_into(ADDRESS, register, self._word)
        return struct.unpack(">h", self._word)[0]
