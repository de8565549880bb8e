"""A lamp: what its hardware does with mains and level, in the world's time."""

from collections.abc import Callable

from firmware.hardware import MeterReading

FULL = 1000
POWER_FACTOR_PERMILLE = 950
FREQUENCY_MHZ = 50_000


class Luminaire:
    """A lamp with its driver and meter: level in; light, power and energy out.

    What the hardware does without a call is full light (release()). `light_set(permille)` is
    called for each change of the light. `gain` is the error of its meter.
    """

    __slots__ = ("permille", "_level", "_is_live", "_nominal_mw", "_gain", "_now_s", "_since_s",
                 "_true_mws", "_chip_mws", "_light_set", "_voltage_mv", "_power_mw")

    def __init__(self, nominal_mw: int, gain: float, is_live: bool, now_s: Callable[[], float],
                 voltage_mv: Callable[[float], int],
                 light_set: Callable[[int], None]) -> None:
        self._nominal_mw = nominal_mw
        self._gain = gain
        self._now_s = now_s
        self._voltage_mv = voltage_mv
        self._light_set = light_set
        self._level = FULL
        self._is_live = is_live
        self._since_s = 0.0
        self._true_mws = self._chip_mws = 0.0
        self.permille = FULL if is_live else 0
        self._power_mw = nominal_mw if is_live else 0

    def set_level(self, permille: int) -> None:
        """Drive the lamp (`board.dimmer`)."""
        self._level = permille
        self._shine()

    def release(self) -> None:
        """Nobody drives it any more: the electrical default holds, which is full."""
        self.set_level(FULL)

    def set_live(self, is_live: bool) -> None:
        """Give it voltage, or take it; the meter chip begins at 0 again."""
        self._integrate()
        self._is_live = is_live
        if not is_live:
            self._chip_mws = 0.0
        self.release()

    def read(self) -> MeterReading | None:
        """Measure (`board.meter`)."""
        self._integrate()
        if not self._is_live:
            return None
        voltage_mv = self._voltage_mv(self._since_s)
        power_mw = round(self._power_mw * self._gain)
        return MeterReading(voltage_mv, power_mw * 1000 // voltage_mv, power_mw, FREQUENCY_MHZ,
                            POWER_FACTOR_PERMILLE if power_mw else 0,
                            int(self._chip_mws * self._gain / 3600))

    def power_mw(self) -> int:
        """Return the power that it takes."""
        return self._power_mw

    def energy_mwh(self) -> float:
        """Return the true energy since the start of the run."""
        self._integrate()
        return self._true_mws / 3600

    def _shine(self) -> None:
        permille = self._level if self._is_live else 0
        if permille != self.permille:
            self._integrate()
            self.permille = permille
            self._power_mw = self._nominal_mw * permille // FULL
            self._light_set(permille)

    def _integrate(self) -> None:
        now_s = self._now_s()
        if self._power_mw:
            used_mws = self._power_mw * (now_s - self._since_s)
            self._true_mws += used_mws
            self._chip_mws += used_mws
        self._since_s = now_s
