"""A battery's level from its voltage, by the discharge curve of a named cell."""

# Saft LSH 20 (Li-SOCl2, size D, 13 Ah), voltage under the load of the awake node, read off the
# typical discharge curves at +20 degrees Celsius. The plateau is flat: an estimate, good enough to
# order a replacement in time, not to count charge.
LSH20 = (
    (2000, 0), (2700, 2), (3000, 5), (3200, 8), (3300, 12), (3400, 20), (3450, 35),
    (3500, 60), (3550, 80), (3600, 95), (3640, 100),
)
REPLACED_RISE = 20
HYSTERESIS = 2


def level_percent(battery_mv, curve=LSH20):
    """Return 0..100, linear between the points of `curve`."""
    below_mv, below = curve[0]
    if battery_mv <= below_mv:
        return below
    for point_mv, percent in curve[1:]:
        if battery_mv <= point_mv:
            return below + (battery_mv - below_mv) * (percent - below) // (point_mv - below_mv)
        below_mv, below = point_mv, percent
    return below


class Battery:
    """`voltage_mv` and `level` (0..100, None before the first reading) and `is_low`.

    A primary cell never charges: a level that rises is a lighter load or a warmer day and is left
    out, unless it rises by 20 points, which is a new cell.
    """

    def __init__(self, low_level):
        self.low_level = low_level
        self.voltage_mv = None
        self.level = None
        self.is_low = False

    def update(self, battery_mv):
        """Take a voltage in mV, or None; return True if `is_low` changed."""
        if battery_mv is None:
            return False
        self.voltage_mv = battery_mv
        level = level_percent(battery_mv)
        if self.level is None or level < self.level or level >= self.level + REPLACED_RISE:
            self.level = level
        was_low = self.is_low
        self.is_low = self.level < self.low_level + (HYSTERESIS if was_low else 0)
        return self.is_low != was_low
