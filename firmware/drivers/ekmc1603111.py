"""Panasonic EKMC1603111 passive infrared motion sensor (PaPIRs, digital output, 12 m).

The output is high while something warm moves, open otherwise: the pin needs a pull-down. For up
to 30 s after power-up (datasheet: "circuit stability time") it may show motion that is none.

Tested against a fake pin; not yet run on the sensor.
"""


class Ekmc1603111:
    """`pin` has value() (machine.Pin as input, with pull-down)."""

    def __init__(self, pin):
        self._pin = pin

    def is_present(self):
        """Return whether something moves now."""
        return bool(self._pin.value())
