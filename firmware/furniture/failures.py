"""What goes wrong in a luminaire, told from its power: 3416/5 to 11 (uCIFI; own reasons)."""

from firmware.furniture.debounce import Debounced

LAMP, GEAR, RELAY, DAY_BURNER, CYCLING = 5, 7, 9, 10, 11

# Reasons of a lamp failure, 3416/6.
NO_CONSUMPTION, LOW_POWER = 1, 2
# Reasons of a control gear failure, 3416/8.
DOES_NOT_DIM, EXCESS_POWER = 1, 2

# What a lamp that is off may draw: its control gear's standby.
STANDBY_MW = 3000
# So many drop-outs within this time are cycling; none for as long, and it is over.
DROPS_MAX = 3
CYCLING_MS = 3600000


class Failures:
    """Flags by resource id, and `lamp_reason` and `gear_reason`, 0 for none.

    `power_mw` is what was judged last.
    """

    def __init__(self):
        self._flags = {LAMP: Debounced(), GEAR: Debounced(), RELAY: Debounced(),
                       DAY_BURNER: Debounced()}
        self._is_cycling = False
        # No flag is up or about to rise: what the power of a sound lamp leaves as it is.
        self._is_idle = True
        self._was_lit = False
        self._drops = []
        self.lamp_reason = 0
        self.gear_reason = 0
        self.power_mw = 0

    def is_set(self, resource_id):
        """Return the flag that is resource 5, 7, 9, 10 or 11 of 3416."""
        return self._is_cycling if resource_id == CYCLING else self._flags[resource_id].is_set

    def update(self, now_ms, power_mw, nominal_mw, permille, dark):
        """Judge a power measured while the dimmer stood at `permille`; return the flags changed.

        `dark` is that of light_level.is_dark(): what burns unbidden at night is no day burner.
        """
        self.power_mw = power_mw
        if self._is_idle and _is_sound(power_mw, nominal_mw, permille):
            self._was_lit = permille > 0
            return []
        if permille == 0:
            changed = self._update_off(power_mw, dark)
        else:
            changed = self._update_lamp(power_mw, nominal_mw * permille // 1000)
            changed += self._update_gear(power_mw, nominal_mw, permille)
            changed += self._update(DAY_BURNER, False, True)
            changed += self._update_cycling(now_ms, power_mw, nominal_mw * permille // 1000)
        self._is_idle = not self._is_cycling and all(
            [flag.is_idle() for flag in self._flags.values()])
        return changed

    def _update(self, flag, is_bad, is_good):
        return [flag] if self._flags[flag].update(is_bad, is_good) else []

    def _update_off(self, power_mw, dark):
        self._was_lit = False
        is_drawing = power_mw > STANDBY_MW
        is_day_burner = is_drawing and dark is False
        return (self._update(RELAY, is_drawing, not is_drawing)
                + self._update(DAY_BURNER, is_day_burner, not is_day_burner))

    def _update_lamp(self, power_mw, expected_mw):
        # Dimmed control gear draws more than its share, so half the share is a fault at any level.
        changed = self._update(LAMP, power_mw * 2 < expected_mw, power_mw * 10 > expected_mw * 6)
        if changed:
            self.lamp_reason = 0
            if self.is_set(LAMP):
                is_nothing = power_mw * 10 < expected_mw
                self.lamp_reason = NO_CONSUMPTION if is_nothing else LOW_POWER
        return changed

    def _update_gear(self, power_mw, nominal_mw, permille):
        is_excessive = power_mw * 10 > nominal_mw * 13
        is_stuck = permille <= 500 and power_mw * 10 > nominal_mw * 9
        is_good = power_mw * 10 < nominal_mw * 12
        if self.gear_reason == DOES_NOT_DIM:
            # At full light nobody can tell whether it dims.
            is_good = permille <= 500 and power_mw * 10 < nominal_mw * 8
        changed = self._update(GEAR, is_excessive or is_stuck, is_good)
        if changed:
            self.gear_reason = 0
            if self.is_set(GEAR):
                self.gear_reason = EXCESS_POWER if is_excessive else DOES_NOT_DIM
        return changed

    def _update_cycling(self, now_ms, power_mw, expected_mw):
        if power_mw * 2 >= expected_mw:
            self._was_lit = True
        elif power_mw * 10 < expected_mw and self._was_lit:
            self._was_lit = False
            self._drops = self._drops[1 - DROPS_MAX:] + [now_ms]
        was_cycling = self._is_cycling
        drops = self._drops
        self._is_cycling = (len(drops) == DROPS_MAX and drops[-1] - drops[0] <= CYCLING_MS
                            and now_ms - drops[-1] <= CYCLING_MS)
        return [] if self._is_cycling == was_cycling else [CYCLING]


def _is_sound(power_mw, nominal_mw, permille):
    """Return whether this power speaks for no failure, at whatever time of the day."""
    if permille == 0:
        return power_mw <= STANDBY_MW
    full_share = 13 if permille > 500 else 9
    return (power_mw * 2 >= nominal_mw * permille // 1000
            and power_mw * 10 <= nominal_mw * full_share)
