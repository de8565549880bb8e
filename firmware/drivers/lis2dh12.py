"""ST LIS2DH12 accelerometer on I2C (datasheet DocID025056, section 8 register description).

WHO_AM_I (0x0F) is 0x33. CTRL_REG1 (0x20) = 0x27: 10 Hz, x, y and z on. CTRL_REG4 (0x23) = 0x88:
block data update, +-2 g, high resolution. Output from 0x28, two bytes per axis, least
significant first, 12 bits left-justified at 1 mg per digit; bit 7 of the register address lets
a transfer go on to the next.

Tested against traces made from the datasheet; not yet run on the chip.
"""

import struct

ADDRESS = 0x19
WHO_AM_I = 0x0F
WHO = 0x33
CTRL_REG1 = 0x20
CTRL_REG4 = 0x23
OUT_X_L = 0x28
AUTO_INCREMENT = 0x80
TEN_HZ_ALL_AXES = b"\x27"
HIGH_RESOLUTION_2G = b"\x88"


class Lis2dh12:
    """`i2c` is a machine.I2C; `errors` counts failed transfers and wrong chips."""

    def __init__(self, i2c):
        self._i2c = i2c
        self._byte = bytearray(1)
        self._axes = bytearray(6)
        self.errors = 0

    def read_mg(self):
        """Return (x, y, z) in mg, or None: not there, or started just now."""
        try:
            if not self._is_running():
                return None
            self._i2c.readfrom_mem_into(ADDRESS, OUT_X_L | AUTO_INCREMENT, self._axes)
        except OSError:
            self.errors += 1
            return None
        x, y, z = struct.unpack("<hhh", self._axes)
        return x >> 4, y >> 4, z >> 4

    def _is_running(self):
        """After a loss of supply CTRL_REG1 is back at 0x07, power-down: configure again."""
        self._i2c.readfrom_mem_into(ADDRESS, CTRL_REG1, self._byte)
        if self._byte == TEN_HZ_ALL_AXES:
            return True
        self._i2c.readfrom_mem_into(ADDRESS, WHO_AM_I, self._byte)
        if self._byte[0] != WHO:
            self.errors += 1
            return False
        self._i2c.writeto_mem(ADDRESS, CTRL_REG4, HIGH_RESOLUTION_2G)
        self._i2c.writeto_mem(ADDRESS, CTRL_REG1, TEN_HZ_ALL_AXES)
        return False
