"""1-10 V dimming of control gear (IEC 60929 Annex E) by a PWM output, and its mains relay.

The circuit keeps promise 3, light does not depend on us, in copper: the PWM output drives an
optocoupler that *sinks* the control line, which the control gear itself pulls up to 10 V, and the
relay's normally *closed* contact feeds the control gear. Without firmware, in a reset or with a
dead board the lamp is fed and its line is at 10 V: full light.

Tested against a fake output stage; not yet run on the circuit.
"""

DUTY_MAX = 65535


class Dimmer:
    """`pwm` is a machine.PWM, `relay` a machine.Pin: 1 opens the contact."""

    def __init__(self, pwm, relay):
        self._pwm = pwm
        self._relay = relay

    def set_level(self, permille):
        """Set the line to 10 V x permille / 1000; 0 opens the relay, as no line voltage is off."""
        self._pwm.duty_u16(DUTY_MAX * (1000 - permille) // 1000)
        self._relay.value(0 if permille else 1)
