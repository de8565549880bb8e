"""Where the sun stands (NOAA solar calculator equations, after Meeus, Astronomical Algorithms).

Floating point on purpose: the node computes the same with integers, and the two check each other.
"""

import itertools
import math

# Refraction and the sun's radius: the sun's centre stands this low when its rim rises or sets.
HORIZON_DEGREES = -0.833
NEAR_DEGREES = 0.001


def elevation_degrees(unix_s: float, latitude: float, longitude: float) -> float:
    """Return the geometric height of the sun's centre above the horizon, -90 to 90 degrees.

    `latitude` and `longitude` in degrees, north and east positive.
    """
    century = (unix_s / 86400 + 2440587.5 - 2451545.0) / 36525
    declination, equation_of_time_min = _declination_and_equation(century)
    solar_min = (unix_s % 86400) / 60 + equation_of_time_min + 4 * longitude
    hour_angle = math.radians(solar_min / 4 - 180)
    phi = math.radians(latitude)
    sine = (math.sin(phi) * math.sin(declination)
            + math.cos(phi) * math.cos(declination) * math.cos(hour_angle))
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def _declination_and_equation(t: float) -> tuple[float, float]:
    """Return (declination in radians, equation of time in minutes) for `t` Julian centuries."""
    mean_longitude = math.radians((280.46646 + t * (36000.76983 + t * 0.0003032)) % 360)
    anomaly = math.radians(357.52911 + t * (35999.05029 - 0.0001537 * t))
    eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t)
    centre = math.radians(math.sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t))
                          + math.sin(2 * anomaly) * (0.019993 - 0.000101 * t)
                          + math.sin(3 * anomaly) * 0.000289)
    node = math.radians(125.04 - 1934.136 * t)
    apparent = mean_longitude + centre - math.radians(0.00569 + 0.00478 * math.sin(node))
    mean_obliquity = 23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60
    obliquity = math.radians(mean_obliquity + 0.00256 * math.cos(node))
    declination = math.asin(math.sin(obliquity) * math.sin(apparent))
    y = math.tan(obliquity / 2) ** 2
    equation = (y * math.sin(2 * mean_longitude) - 2 * eccentricity * math.sin(anomaly)
                + 4 * eccentricity * y * math.sin(anomaly) * math.cos(2 * mean_longitude)
                - 0.5 * y * y * math.sin(4 * mean_longitude)
                - 1.25 * eccentricity ** 2 * math.sin(2 * anomaly))
    return declination, 4 * math.degrees(equation)


def sunset_unix_s(day_unix_s: float, latitude: float, longitude: float,
                  altitude: float = HORIZON_DEGREES) -> float | None:
    """Return when the sun sinks below `altitude` degrees, to the second; None if it does not.

    It is the sunset that follows the solar noon of the UTC day that holds `day_unix_s`: west of
    Greenwich it may fall on the next one.
    """
    noon = _solar_noon(day_unix_s, longitude)
    return _crossing(noon, noon + 43200, latitude, longitude, altitude)


def sunrise_unix_s(day_unix_s: float, latitude: float, longitude: float,
                   altitude: float = HORIZON_DEGREES) -> float | None:
    """Return when the sun rises above `altitude` degrees before that same noon, or None."""
    noon = _solar_noon(day_unix_s, longitude)
    return _crossing(noon, noon - 43200, latitude, longitude, altitude)


def _solar_noon(day_unix_s: float, longitude: float) -> float:
    """Return when the sun is highest; the mean noon alone is off by a quarter of an hour."""
    noon = day_unix_s - day_unix_s % 86400 + 43200 - longitude * 240
    century = (noon / 86400 + 2440587.5 - 2451545.0) / 36525
    return noon - _declination_and_equation(century)[1] * 60


def next_crossing(unix_s: float, latitude: float, longitude: float,
                  altitude: float = HORIZON_DEGREES) -> tuple[float, bool] | None:
    """Return (when, whether the sun rises) of its next passage of `altitude` after `unix_s`.

    None if it does not pass within two days: polar day or night.
    """
    # Each day's sunrise is before its sunset, and that before the next day's sunrise.
    for day in range(-1, 3):
        day_unix_s = unix_s + day * 86400
        for event, is_rising in ((sunrise_unix_s, True), (sunset_unix_s, False)):
            at = event(day_unix_s, latitude, longitude, altitude)
            if at is not None and at > unix_s:
                return at, is_rising
    return None


def _crossing(up: float, down: float, latitude: float, longitude: float,
              altitude: float) -> float | None:
    """Find `altitude` between `up` (sun above) and `down` (sun below): regula falsi, Illinois.

    To a thousandth of a degree: a quarter of a second, but where the sun grazes.
    """
    above = elevation_degrees(up, latitude, longitude) - altitude
    below = elevation_degrees(down, latitude, longitude) - altitude
    if above <= 0 or below >= 0:
        return None
    while True:
        middle = up + (down - up) * above / (above - below)
        found = elevation_degrees(middle, latitude, longitude) - altitude
        if abs(found) < NEAR_DEGREES or abs(up - down) < 0.5:
            return middle
        # The end that stays put counts half, or it would stay for ever.
        if found > 0:
            up, above, below = middle, found, below / 2
        else:
            down, below, above = middle, found, above / 2


def illuminance_lux(elevation: float) -> float:
    """Return the daylight on a horizontal plane under a clear sky, for an elevation in degrees.

    Interpolated between the usual photometric points of twilight and day (Seidelmann,
    Explanatory Supplement to the Astronomical Almanac, table of natural illuminance).
    """
    points = ((-18, 0.00065), (-12, 0.0083), (-6, 3.4), (-0.8, 453), (0, 732), (5, 4760),
              (10, 10900), (20, 28700), (40, 67500), (60, 98900), (90, 124000))
    if elevation <= points[0][0]:
        return points[0][1]
    for (low, lux_low), (high, lux_high) in itertools.pairwise(points):
        if elevation <= high:
            share = (elevation - low) / (high - low)
            return math.exp(math.log(lux_low) * (1 - share) + math.log(lux_high) * share)
    return points[-1][1]
