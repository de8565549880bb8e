"""The light of all lamps by day and time of day, for runs of many days."""

from simulator.record import LightCarpet

SLOT_S = 1800
SLOTS = 86400 // SLOT_S
DAYS_MAX = 400
# Of fewer days the plots over time show each night.
DAYS_MIN = 8
_HALF_DAY_S = 43200


class Carpet:
    """Means of a value by night (from noon to noon) and half hour.

    `offset_s` is how far the clock that tells noon is ahead of UTC: one without summer time.
    What comes after DAYS_MAX nights is not kept.
    """

    def __init__(self, start_unix_s: int, offset_s: int) -> None:
        self._first_noon_s = ((start_unix_s + offset_s - _HALF_DAY_S) // 86400 * 86400
                              + _HALF_DAY_S - offset_s)
        self._start_us = (start_unix_s - self._first_noon_s) * 1_000_000
        self._areas: list[float] = []
        self._value = 0.0
        self._since_us = self._start_us

    def set(self, time_us: int, value: float) -> None:
        """Have the value from this moment of the run on."""
        self._hold_until(self._start_us + time_us)
        self._value = value

    def _hold_until(self, end_us: int) -> None:
        slot_us = SLOT_S * 1_000_000
        for slot in range(self._since_us // slot_us, min(end_us // slot_us + 1, DAYS_MAX * SLOTS)):
            length_us = min(end_us, (slot + 1) * slot_us) - max(self._since_us, slot * slot_us)
            if slot >= len(self._areas):
                self._areas += [0.0] * (slot + 1 - len(self._areas))
            self._areas[slot] += self._value * length_us / slot_us
        self._since_us = max(self._since_us, end_us)

    def finish(self, end_us: int) -> LightCarpet:
        """Return the carpet of a run that ends now."""
        self._hold_until(self._start_us + end_us)
        rounded = [round(area) for area in self._areas]
        return LightCarpet(self._first_noon_s, SLOT_S, tuple(
            tuple(rounded[at:at + SLOTS]) for at in range(0, len(rounded), SLOTS)))
