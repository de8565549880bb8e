"""The astronomical clock: sunrise, sunset and twilight by integer arithmetic alone.

Low-precision position of the sun (The Astronomical Almanac, section C, "Low precision formulas for
the Sun"): 0.01 degree from 1950 to 2050, which is a few seconds of time at the latitude of Angers.
Angles are integers of TURN to a full circle, sines and cosines integers of ONE to 1; both are
found by CORDIC, whose numbers stay below 2**30, so that MicroPython keeps them off its heap.
"""

TURN = 1 << 28
ONE = 1 << 28
DAY_S = 86400
J2000_UNIX_S = 946728000

# Altitudes of the sun's centre, in thousandths of a degree. Sunrise: upper limb on the horizon,
# with 34' of refraction and 16' of radius. Civil twilight: 6 degrees below.
SUNRISE = -833
CIVIL_TWILIGHT = -6000

_HALF = TURN >> 1
_QUARTER = TURN >> 2
# atan(2**-i) in parts of TURN.
_ARCTANGENTS = (
    33554432, 19808338, 10466182, 5312797, 2666708, 1334654, 667490, 333765, 166885, 83443, 41722,
    20861, 10430, 5215, 2608, 1304, 652, 326, 163, 81, 41, 20, 10, 5)
# ONE times the product of all cos(atan(2**-i)): what the rotations lengthen a vector by, undone.
_SHRINK = 163008219


def is_up(unix_s, latitude_e6, longitude_e6, altitude=SUNRISE):
    """Return whether the sun stands above `altitude` at a place given in microdegrees."""
    sine, cosine, equation = _position(unix_s)
    hour_angle = (unix_s % DAY_S * TURN // DAY_S + _angle(longitude_e6, 1000000) + equation
                  - _HALF)
    numerator, denominator = _hour_angle_cosine(sine, cosine, latitude_e6, altitude)
    return _polar(hour_angle)[0] * denominator > numerator * ONE


def events(noon_unix_s, latitude_e6, longitude_e6, altitude=SUNRISE):
    """Return (rising, setting) in Unix seconds on the day whose civil noon is `noon_unix_s`.

    Each is None on a day on which the sun does not pass `altitude` so: polar day or night.
    """
    offset_s = longitude_e6 * DAY_S // 360000000
    solar_noon_s = (noon_unix_s + offset_s) // DAY_S * DAY_S + DAY_S // 2 - offset_s
    return (_event(solar_noon_s, -1, latitude_e6, altitude),
            _event(solar_noon_s, 1, latitude_e6, altitude))


def _event(solar_noon_s, direction, latitude_e6, altitude):
    unix_s = solar_noon_s
    # Declination and equation of time move on between noon and the event: ask again there.
    for _ in range(3):
        sine, cosine, equation = _position(unix_s)
        numerator, denominator = _hour_angle_cosine(sine, cosine, latitude_e6, altitude)
        if not -denominator < numerator < denominator:
            return None
        hour_angle = _direction(numerator,
                                _square_root(denominator * denominator - numerator * numerator))[0]
        unix_s = solar_noon_s + (direction * hour_angle - equation) * DAY_S // TURN
    return unix_s


def _position(unix_s):
    """Return the sine and cosine of the sun's declination, and the equation of time (an angle)."""
    since_s = unix_s - J2000_UNIX_S
    mean_longitude = _angle(2804600000 + 9856474 * since_s // DAY_S, 10000000)
    anomaly = _angle(3575280000 + 9856003 * since_s // DAY_S, 10000000)
    longitude = mean_longitude + (_angle(1915, 1000) * _polar(anomaly)[1]
                                  + _angle(20, 1000) * _polar(2 * anomaly)[1]) // ONE
    obliquity_cosine, obliquity_sine = _polar(_angle(234390000 - 4 * since_s // DAY_S, 10000000))
    x, y = _polar(longitude)
    right_ascension, cosine = _direction(x, y * obliquity_cosine // ONE)
    equation = (mean_longitude - right_ascension + _HALF) % TURN - _HALF
    return y * obliquity_sine // ONE, cosine, equation


def _hour_angle_cosine(sine, cosine, latitude_e6, altitude):
    """Return the fraction (of numbers up to ONE) that is the cosine at `altitude`."""
    latitude_cosine, latitude_sine = _polar(_angle(latitude_e6, 1000000))
    return (_polar(_angle(altitude, 1000))[1] - latitude_sine * sine // ONE,
            latitude_cosine * cosine // ONE)


def _angle(degrees, scale):
    return degrees * TURN // (360 * scale)


def _polar(angle):
    """Return (cosine, sine) of an angle."""
    angle = (angle + _QUARTER) % TURN - _QUARTER
    x, y = _SHRINK, 0
    if angle > _QUARTER:
        angle -= _HALF
        x = -x
    for shift, step in enumerate(_ARCTANGENTS):
        if angle < 0:
            step = -step
            x, y = x + (y >> shift), y - (x >> shift)
        else:
            x, y = x - (y >> shift), y + (x >> shift)
        angle -= step
    return x, y


def _direction(x, y):
    """Return the angle from the x axis to (x, y), and the distance of (x, y) from the origin."""
    angle = 0
    if x < 0:
        x, y, angle = -x, -y, _HALF
    for shift, step in enumerate(_ARCTANGENTS):
        if y < 0:
            x, y, angle = x - (y >> shift), y + (x >> shift), angle - step
        else:
            x, y, angle = x + (y >> shift), y - (x >> shift), angle + step
    return angle, x * _SHRINK // ONE


def _square_root(square):
    """Return the whole square root of 1 to ONE * ONE (Newton)."""
    root = ONE << 1
    while True:
        better = (root + square // root) >> 1
        if better >= root:
            return root
        root = better
