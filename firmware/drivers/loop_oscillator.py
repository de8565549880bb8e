"""The frequency of an inductive loop's oscillator from a hardware pulse counter.

The counter (machine.Counter, on the ESP32 from MicroPython 1.26: the PCNT peripheral, with its
16 bits extended in software) never stops; a reading is the pulses since the last reading over
the time since then, so the gate is the detector's own interval, and no pulse is missed. At 500
ms one microsecond of doubt is 2 ppm.

Tested against a fake counter; not yet run on the circuit.
"""

GATE_US_MIN = 50 * 1000
GATE_US_MAX = 60 * 1000 * 1000
PAUSE_US_MAX = 50
TRIES = 3


class LoopOscillator:
    """`counter` has value(); `ticks_us`, `ticks_diff` are those of the time module."""

    def __init__(self, counter, ticks_us, ticks_diff):
        self._counter = counter
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self._pulses = None
        self._at_us = 0
        self._frequency_hz = None

    def read_hz(self):
        """Return the mean frequency since the last call in Hz; None on the first call.

        Calls less than 50 ms after a reading give that reading again.
        """
        pulses, at_us = self._sample()
        gate_us = self._ticks_diff(at_us, self._at_us)
        if self._pulses is not None and gate_us < GATE_US_MIN:
            return self._frequency_hz
        counted = None if self._pulses is None or gate_us > GATE_US_MAX else pulses - self._pulses
        self._pulses = pulses
        self._at_us = at_us
        self._frequency_hz = None if counted is None else _rounded(counted * 1000000, gate_us)
        return self._frequency_hz

    def _sample(self):
        """Read counter and time together: again if an interrupt came between them."""
        for _ in range(TRIES):
            before_us = self._ticks_us()
            pulses = self._counter.value()
            at_us = self._ticks_us()
            if self._ticks_diff(at_us, before_us) <= PAUSE_US_MAX:
                break
        return pulses, at_us


def _rounded(numerator, denominator):
    return (numerator + denominator // 2) // denominator
