"""A container's geometry: from a distance to the contents to a level and a filling percentage."""

VOLUME_FULL_PERMILLE = 1000
TOLERANCE_MM = 100


class Container:
    """Height, sensor position and shape of one container; integers, no floats.

    The sensor looks down from `offset_cm` above the rim (negative: below it). `shape` is "prism"
    (the same cross-section at every height), or the points `[height_cm, volume_permille]` of the
    curve from the floor up, ascending, as the settings check them; between two points the
    cross-section is constant. The container is full at its height: what the curve has above that
    is left out.
    """

    def __init__(self, height_cm, offset_cm, shape):
        self.height_cm = height_cm
        self.offset_cm = offset_cm
        self._points = points_of(shape, height_cm)

    def level_mm(self, distance_mm):
        """Return the level of the contents above the floor, or None if it cannot be.

        A surface up to 100 mm below the floor (a sagging floor, a bent lid) is level 0. Anything
        above the rim is a full container: a sensor sees its own blind zone there.
        """
        level_mm = (self.height_cm + self.offset_cm) * 10 - distance_mm
        if level_mm < -TOLERANCE_MM:
            return None
        return min(max(level_mm, 0), self.height_cm * 10)

    def fill_permille(self, level_mm):
        """Return the share of the volume below `level_mm`, in 1/1000."""
        below_mm, below_permille = 0, 0
        for height_cm, permille in self._points:
            height_mm = height_cm * 10
            if level_mm <= height_mm:
                span_mm = height_mm - below_mm
                part = (level_mm - below_mm) * (permille - below_permille)
                return below_permille + (part + span_mm // 2) // span_mm
            below_mm, below_permille = height_mm, permille
        return VOLUME_FULL_PERMILLE


def points_of(shape, height_cm):
    """Return the curve of `shape` up to the rim as a tuple of (height_cm, volume_permille)."""
    points = [] if shape == "prism" else [tuple(point) for point in shape]
    inside = [point for point in points if 0 < point[0] < height_cm]
    return tuple(inside) + ((height_cm, VOLUME_FULL_PERMILLE),)
