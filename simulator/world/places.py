"""Where streets stand: places by their names, each with its position and its clock's rule."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A town: latitude and longitude in degrees, north and east positive; a POSIX TZ rule."""

    name: str
    latitude: float
    longitude: float
    timezone: str


ANGERS = Place("Angers", 47.4739, -0.5517, "CET-1CEST,M3.5.0,M10.5.0/3")
REYKJAVIK = Place("Reykjavik", 64.1466, -21.9426, "GMT0")
TROMSO = Place("Tromso", 69.6492, 18.9553, "CET-1CEST,M3.5.0,M10.5.0/3")
SYDNEY = Place("Sydney", -33.8688, 151.2093, "AEST-10AEDT,M10.1.0,M4.1.0/3")
QUITO = Place("Quito", -0.1807, -78.4678, "<-05>5")

PLACES = {place.name.lower(): place for place in (ANGERS, REYKJAVIK, TROMSO, SYDNEY, QUITO)}
