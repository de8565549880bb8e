"""Vishay VEML7700 ambient light sensor on I2C (datasheet 84286, application note 84323).

16-bit registers, least significant byte first. ALS_CONF_0 (0x00): gain in bits 12:11 (10 = 1/8),
integration time in 9:6 (0000 = 100 ms), shutdown in bit 0, set after power-up. ALS (0x04) holds
the latest result: 0.5376 lx per count at this gain and time, up to 35 klx. One fixed setting:
dusk is decided at 20 to 35 lx, 40 counts and more. The application note's correction above 1000
lx is left out: nothing is decided there.

Tested against traces made from the datasheet; not yet run on the chip.
"""

ADDRESS = 0x10
ALS_CONF_0 = 0x00
ALS = 0x04
CONFIGURATION = b"\x00\x10"
LUX_PER_COUNT_E4 = 5376


class Veml7700:
    """`i2c` is a machine.I2C; `errors` counts failed transfers."""

    def __init__(self, i2c):
        self._i2c = i2c
        self._word = bytearray(2)
        self.errors = 0

    def read_lux(self):
        """Return the illuminance in lx, or None: not there, or started just now.

        The configuration is read back each time: a chip that lost its supply for a moment is
        shut down and would show its last result, night or day, for ever.
        """
        try:
            self._i2c.readfrom_mem_into(ADDRESS, ALS_CONF_0, self._word)
            if self._word != CONFIGURATION:
                self._i2c.writeto_mem(ADDRESS, ALS_CONF_0, CONFIGURATION)
                return None
            self._i2c.readfrom_mem_into(ADDRESS, ALS, self._word)
        except OSError:
            self.errors += 1
            return None
        counts = self._word[0] | self._word[1] << 8
        return (counts * LUX_PER_COUNT_E4 + 5000) // 10000
