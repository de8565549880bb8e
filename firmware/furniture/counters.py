"""Energy, operating time and switch counter: integers that survive resets and never run backwards.

They are saved every `energy_save_interval_s` of the board while they change, before each report,
and when the lamp goes on or out. Only what is saved is shown: so a power cut, which costs at most
what was counted in one interval, never takes back what anybody has read. A reset without a power
cut costs no energy where the meter chip goes on counting.
"""

from firmware.saved import SavedValues, is_integer

KEY = "meter"
# What a lamp cannot have used is an error of chip or bus: more than 2 kW since the last reading,
# with some play for a chip that counts in steps, or 1 kWh before the first.
POWER_W_MAX = 2000
ENERGY_PLAY_MWH = 2000
FIRST_ENERGY_MWH_MAX = 1000000


class Counters:
    """`energy_mwh`, `lamp_on_ms` and `switches`, and where the meter chip's own counter stood.

    `shown_energy_mwh` and `shown_on_ms` are those that are on flash. `wrap_mwh` is where the
    chip's counter begins again at 0, None if it does not.
    """

    def __init__(self, store, wrap_mwh=None):
        self._saved = SavedValues(store, KEY)
        self._saved.keep(_are_counters)
        self.is_damaged = self._saved.is_damaged
        (self.energy_mwh, self._chip_mwh, self.lamp_on_ms, self.switches,
         self.was_on) = self._saved.get(0, (0, 0, 0, 0, False))
        self.shown_energy_mwh = self.energy_mwh
        self.shown_on_ms = self.lamp_on_ms
        self._wrap_mwh = wrap_mwh
        self._is_power_up = False
        self._read_at_ms = None

    def add_energy(self, chip_mwh, now_ms):
        """Count what the chip counted since it was last asked; it counts from its own start."""
        possible = FIRST_ENERGY_MWH_MAX
        if self._read_at_ms is not None:
            possible = _possible_mwh(now_ms - self._read_at_ms)
        elif self._is_power_up and chip_mwh <= _possible_mwh(now_ms):
            # It started when we did, even if it shows more by now than it did before.
            self._chip_mwh = 0
        self._read_at_ms = now_ms
        step = chip_mwh - self._chip_mwh
        if step < 0 and self._wrap_mwh and step + self._wrap_mwh <= possible:
            step += self._wrap_mwh
        elif step < 0:
            # The chip has restarted: all it shows is new.
            step = chip_mwh
        if step <= possible:
            self.energy_mwh += step
        self._chip_mwh = chip_mwh

    def power_came(self):
        """Say that the node lost its supply.

        If the chip did too, it counts from 0. If it did not (a dip of the node's own supply), it
        shows more than a lamp can have used since, and goes on.
        """
        self._is_power_up = True

    def save(self):
        """Write them if they changed."""
        self._saved.put(0, [self.energy_mwh, self._chip_mwh, self.lamp_on_ms, self.switches,
                            self.was_on])
        if self._saved.commit():
            self.shown_energy_mwh = self.energy_mwh
            self.shown_on_ms = self.lamp_on_ms


def _possible_mwh(duration_ms):
    return ENERGY_PLAY_MWH + duration_ms * POWER_W_MAX // 3600


def _are_counters(name, value):
    energy_mwh, chip_mwh, lamp_on_ms, switches, was_on = value
    are_integers = [is_integer(each) for each in (energy_mwh, chip_mwh, lamp_on_ms, switches)]
    return name == 0 and all(are_integers) and isinstance(was_on, bool)
