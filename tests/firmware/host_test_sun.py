"""The astronomical clock against an independent one in double precision, over years and places.

The oracle follows the equations of NOAA's solar calculator (Meeus, Astronomical Algorithms,
chapters 25 and 28); firmware.sun uses the Almanac's shorter ones.
"""

import math

import pytest

from firmware import sun
from tests.firmware.lamp_bench import utc

PLACES = {"Angers": (47.47, -0.55), "Quito": (-0.18, -78.47), "Helsinki": (60.17, 24.94),
          "Sydney": (-33.87, 151.21), "Auckland": (-36.85, 174.76), "Reykjavik": (64.15, -21.94)}


def declination_and_equation(unix_s):
    """Return the sun's declination in radians and the equation of time in seconds."""
    century = (unix_s / 86400 - 10957.5) / 36525
    mean_longitude = math.radians(280.46646 + century * (36000.76983 + century * 0.0003032))
    anomaly = math.radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    eccentricity = 0.016708634 - century * (0.000042037 + 0.0000001267 * century)
    center = (math.sin(anomaly) * (1.914602 - century * (0.004817 + 0.000014 * century))
              + math.sin(2 * anomaly) * (0.019993 - 0.000101 * century)
              + math.sin(3 * anomaly) * 0.000289)
    node = math.radians(125.04 - 1934.136 * century)
    longitude = mean_longitude + math.radians(center - 0.00569 - 0.00478 * math.sin(node))
    obliquity = math.radians(23.4392911 - 0.0130042 * century + 0.00256 * math.cos(node))
    declination = math.asin(math.sin(obliquity) * math.sin(longitude))
    y = math.tan(obliquity / 2) ** 2
    equation = (y * math.sin(2 * mean_longitude) - 2 * eccentricity * math.sin(anomaly)
                + 4 * eccentricity * y * math.sin(anomaly) * math.cos(2 * mean_longitude)
                - 0.5 * y * y * math.sin(4 * mean_longitude)
                - 1.25 * eccentricity**2 * math.sin(2 * anomaly))
    return declination, equation * 86400 / math.tau


def oracle(noon_s, direction, latitude, longitude, altitude):
    """Return the event's Unix time, None if there is none, by fixed-point iteration."""
    solar_day = (noon_s + longitude * 240) // 86400
    solar_noon_s = solar_day * 86400 + 43200 - longitude * 240
    unix_s, latitude = solar_noon_s, math.radians(latitude)
    for _ in range(5):
        declination, equation_s = declination_and_equation(unix_s)
        cosine = ((math.sin(math.radians(altitude)) - math.sin(latitude) * math.sin(declination))
                  / (math.cos(latitude) * math.cos(declination)))
        if abs(cosine) >= 1:
            return None
        unix_s = solar_noon_s + direction * math.acos(cosine) * 86400 / math.tau - equation_s
    return unix_s


@pytest.mark.parametrize("altitude", [sun.SUNRISE, sun.CIVIL_TWILIGHT])
@pytest.mark.parametrize("place", PLACES)
def test_events_agree_with_noaa_within_half_a_minute_from_2024_to_2050(place, altitude):
    latitude, longitude = PLACES[place]
    for day in range(0, 26 * 365, 9):
        noon_s = utc(2024, 1, 1, 12) + day * 86400 - int(longitude * 240)
        events = sun.events(noon_s, round(latitude * 1e6), round(longitude * 1e6), altitude)
        for direction, event in zip((-1, 1), events, strict=True):
            expected = oracle(noon_s, direction, latitude, longitude, altitude / 1000)
            # Where the sun only grazes the horizon, both may see it cross or not.
            if event is None or expected is None:
                assert place == "Reykjavik" and altitude == sun.CIVIL_TWILIGHT
            else:
                assert abs(event - expected) < (30 if abs(latitude) < 62 else 60)


def test_polar_days_and_nights_of_tromso_agree_with_noaa():
    for day in range(3 * 365):
        noon_s = utc(2026, 1, 1, 11) + day * 86400
        events = sun.events(noon_s, 69650000, 18960000)
        expected = [oracle(noon_s, direction, 69.65, 18.96, -0.833) for direction in (-1, 1)]
        assert [event is None for event in events] == [event is None for event in expected]


def test_position_is_within_a_hundredth_of_a_degree():
    for day in range(0, 26 * 365, 5):
        unix_s = utc(2024, 1, 1) + day * 86400 + day % 24 * 3600
        sine, cosine, equation = sun._position(unix_s)
        declination, equation_s = declination_and_equation(unix_s)
        assert abs(math.degrees(math.atan2(sine, cosine) - declination)) < 0.01
        assert abs(equation * 86400 / sun.TURN - equation_s) < 5
