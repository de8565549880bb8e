"""Where streets stand: (latitude, longitude) in degrees, and the place's POSIX TZ rule."""

ANGERS = (47.4739, -0.5517)
ANGERS_TIMEZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
