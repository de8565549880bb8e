"""Times as a scenario writes them: "+2h15m" after its start, or "18:30" on the clock there."""

import re
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta

UNITS_S = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LENGTH = r"(?=[0-9])([0-9]{1,4}d)?([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,6}s)?"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"

Length = Annotated[
    str, Meta(pattern=f"^{_LENGTH}$", description='a length of time such as "1d2h15m10s"')
]
When = Annotated[
    str,
    Meta(
        pattern=rf"^(\+{_LENGTH}|{_CLOCK})$",
        description='"+2h15m" after the start, or "18:30" on the clock there',
    ),
]


def seconds(length: str) -> int:
    """Return the seconds of a Length."""
    return sum(int(number) * UNITS_S[unit] for number, unit in re.findall("([0-9]+)(.)", length))


def offset_s(when: str, start: datetime) -> int:
    """Return how many seconds after `start` a When is.

    A time of day is the first that comes, by the offset from UTC that `start` has: a scenario that
    goes on beyond a change to or from summer time does not follow it.
    """
    if when.startswith("+"):
        return seconds(when[1:])
    hour, minute = map(int, when.split(":"))
    moment = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if moment < start:
        moment += timedelta(days=1)
    return int((moment - start).total_seconds())


def length(duration_s: float) -> str:
    """Return whole seconds as a Length: "1h30m"; "0s" for none."""
    parts, rest = [], round(duration_s)
    for unit, size_s in UNITS_S.items():
        count, rest = divmod(rest, size_s)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
