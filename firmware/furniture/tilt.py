"""The angle between an accelerometer's z axis and the vertical, in integers."""

CONFIRMATIONS = 3
HYSTERESIS_MRAD = 87
GRAVITY_MIN_MG = 700
GRAVITY_MAX_MG = 1300

# atan(2**-n) in 1/100000 rad: the rotations of CORDIC (J. Volder, 1959).
_ATAN = (78540, 46365, 24498, 12435, 6242, 3124, 1562, 781, 391, 195, 98, 49)


def square_root(number):
    """Return the whole part of the square root of a whole number (Newton)."""
    if number < 2:
        return number
    root = number
    step = (root + 1) // 2
    while step < root:
        root = step
        step = (root + number // root) // 2
    return root


def angle_mrad(x, y, z):
    """Return the angle of the vector (x, y, z) to the z axis, 0..3142 mrad; exact to 2 mrad."""
    across = square_root(x * x + y * y) << 8
    along = abs(z) << 8
    angle = 0
    for shift, step in enumerate(_ATAN):
        if across > 0:
            along, across = along + (across >> shift), across - (along >> shift)
            angle += step
        else:
            along, across = along - (across >> shift), across + (along >> shift)
            angle -= step
    angle = max(angle, 0)
    return (angle if z >= 0 else 314159 - angle) // 100


class Tilt:
    """`angle_mrad` (None before the first reading) and `is_out`: beyond the limit for good.

    The state changes after three readings that agree, and back only 87 mrad (5 degrees) below the
    limit. `is_unconfirmed`: the last reading disagrees with the state. A reading whose length
    is far from 1 g says that the bin is being moved, not how it stands, and is left out.
    """

    def __init__(self, limit_mrad):
        self.limit_mrad = limit_mrad
        self.angle_mrad = None
        self.is_out = False
        self.is_unconfirmed = False
        self._disagreeing = 0

    def update(self, vector_mg):
        """Take an (x, y, z) in mg, or None; return True if `is_out` changed."""
        if vector_mg is None or not _is_at_rest(*vector_mg):
            # Asking again soon teaches nothing: a sensor that failed would be asked for ever.
            self.is_unconfirmed = False
            return False
        self.angle_mrad = angle_mrad(*vector_mg)
        limit_mrad = self.limit_mrad - (HYSTERESIS_MRAD if self.is_out else 0)
        self.is_unconfirmed = (self.angle_mrad >= limit_mrad) != self.is_out
        if not self.is_unconfirmed:
            self._disagreeing = 0
            return False
        self._disagreeing += 1
        if self._disagreeing < CONFIRMATIONS:
            return False
        self._disagreeing = 0
        self.is_unconfirmed = False
        self.is_out = not self.is_out
        return True


def _is_at_rest(x, y, z):
    square = x * x + y * y + z * z
    return GRAVITY_MIN_MG * GRAVITY_MIN_MG <= square <= GRAVITY_MAX_MG * GRAVITY_MAX_MG
