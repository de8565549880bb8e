"""A battery's voltage through a resistive divider on an ADC pin.

Two 4.7 MOhm resistors with 100 nF across the lower one: 0.4 uA all the time, so no switch, and a
stiff voltage for the sampling capacitor.

Tested against a fake ADC; not yet run on the circuit.
"""

SAMPLES = 3


class BatteryDivider:
    """`adc` has read_uv() (machine.ADC); `ratio` is battery voltage to pin voltage."""

    def __init__(self, adc, ratio):
        self._adc = adc
        self._ratio = ratio

    def read_mv(self):
        """Return the median of three samples in mV, or None where nothing is connected."""
        samples = sorted([self._adc.read_uv() for _ in range(SAMPLES)])
        battery_mv = samples[SAMPLES // 2] * self._ratio // 1000
        return battery_mv or None
