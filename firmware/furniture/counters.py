"""Energy, operating time and switch counter: integers that survive resets and never run backwards.

They are saved every SAVE_INTERVAL_MS while they change, and when the lamp goes on or out: about
100 writes a day. A power cut costs at most what was counted in one interval: 15 minutes, or 15 Wh
of a 60 W lamp. A reset without a power cut costs no energy where the meter chip goes on counting.
"""

from firmware.saved import SavedValues, is_integer

KEY = "meter"
SAVE_INTERVAL_MS = 900000
# What a lamp cannot have used is an error of chip or bus: more than 2 kW since the last reading,
# with some play for a chip that counts in steps, or 1 kWh before the first.
POWER_W_MAX = 2000
ENERGY_PLAY_MWH = 2000
FIRST_ENERGY_MWH_MAX = 1000000


class Counters:
    """`energy_mwh`, `lamp_on_ms` and `switches`, and where the meter chip's own counter stood."""

    def __init__(self, store):
        self._saved = SavedValues(store, KEY)
        self._saved.keep(_are_counters)
        self.is_damaged = self._saved.is_damaged
        (self.energy_mwh, self._chip_mwh, self.lamp_on_ms, self.switches,
         self.was_on) = self._saved.get(0, (0, 0, 0, 0, False))
        self._read_at_ms = None

    def add_energy(self, chip_mwh, now_ms):
        """Count what the chip counted since it was last asked; it counts from its own start."""
        possible = FIRST_ENERGY_MWH_MAX
        if self._read_at_ms is not None:
            possible = ENERGY_PLAY_MWH + (now_ms - self._read_at_ms) * POWER_W_MAX // 3600
        self._read_at_ms = now_ms
        step = chip_mwh - self._chip_mwh
        if step < 0:
            # The chip has restarted: all it shows is new.
            step = chip_mwh
        if step <= possible:
            self.energy_mwh += step
        self._chip_mwh = chip_mwh

    def chip_restarted(self):
        """Say that the power was away: the chip counts from 0, whatever it shows by now."""
        self._chip_mwh = 0

    def save(self):
        """Write them if they changed."""
        self._saved.put(0, [self.energy_mwh, self._chip_mwh, self.lamp_on_ms, self.switches,
                            self.was_on])
        self._saved.commit()


def _are_counters(name, value):
    energy_mwh, chip_mwh, lamp_on_ms, switches, was_on = value
    are_integers = [is_integer(each) for each in (energy_mwh, chip_mwh, lamp_on_ms, switches)]
    return name == 0 and all(are_integers) and isinstance(was_on, bool)
