"""What the city's commands may do: by kind, by resource and by node; a core.

A pattern of resources is a path of one to four levels, and means all that is below it too. A level
is a number, or `*` for all below an object; the first may be a range of application objects,
"/3200-3999". Everything else, such as a reboot (/3/0/4), has to be named by its number.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from gateway.commands import OPERATIONS, CommandForbidden, Request
from protocol import lwm2m_path
from protocol.errors import DecodeError

# IPSO's and uCIFI's objects; below them is LwM2M's own housekeeping, firmware updates included.
APPLICATION_FIRST, APPLICATION_LAST = 3200, 3999
# Security, OSCORE and our own Keys: what is in there travels by 'faubourg keys' alone.
SECURITY_OBJECTS = (0, 21, 42802)
# All of them but the maintenance lock's (3410) and the time's (3415).
APPLICATION_PATHS = ("/3200-3409", "/3411-3414", "/3416-3999")

_LEVEL = r"(?:/(?:[0-9]{1,5}|\*))"
_PATTERN = re.compile(rf"/([0-9]{{1,5}})(?:-([0-9]{{1,5}}))?({_LEVEL}{{0,3}})")

Pattern = tuple[range | None, ...]


def parse_pattern(written: str) -> Pattern:
    """Return the levels of a pattern, None for `*`; raises ValueError, which says why."""
    match = _PATTERN.fullmatch(written)
    if match is None:
        raise ValueError("allowed are paths such as /3416, /3416/*/1, /3/0/4, /3200-3999")
    first, last = int(match[1]), int(match[2] or match[1])
    if any(first <= each <= last for each in SECURITY_OBJECTS):
        raise ValueError("keys and security objects are no city's business")
    if match[2] and not APPLICATION_FIRST <= first <= last <= APPLICATION_LAST:
        reason = f"a range lies within {APPLICATION_FIRST} to {APPLICATION_LAST}"
        raise ValueError(f"{reason}: write each other object by its number")
    below = match[3].split("/")[1:]
    levels = (None if level == "*" else range(int(level), int(level) + 1) for level in below)
    return (range(first, last + 1), *levels)


class CommandRights:
    """The rights of one uplink: kinds of commands, patterns of resources and of nodes.

    `nodes` are shell patterns of endpoint names ("urn:dev:mac:02*").
    """

    def __init__(self, allow: Sequence[str], paths: Sequence[str], nodes: Sequence[str]) -> None:
        self._allow = tuple(allow)
        self._patterns = [parse_pattern(each) for each in paths]
        self._nodes = tuple(nodes)

    def check(self, request: Request) -> None:
        """Raise CommandForbidden if `request` is none of what is allowed.

        What is no command at all passes: it is refused by whoever makes a command of it.
        """
        if request.operation in OPERATIONS and request.operation not in self._allow:
            raise CommandForbidden(f"{request.operation}: not allowed to this uplink")
        if not any(fnmatchcase(request.endpoint, pattern) for pattern in self._nodes):
            raise CommandForbidden("this node: not allowed to this uplink")
        if request.operation in ("write", "execute"):
            self._check_path(request.path)

    def _check_path(self, written: object) -> None:
        try:
            path = lwm2m_path.parse(written) if isinstance(written, str) else ()
        except DecodeError:
            return
        if path and not any(_matches(pattern, path) for pattern in self._patterns):
            raise CommandForbidden(f"{lwm2m_path.render(path)}: not allowed to this uplink")


def _matches(pattern: Pattern, path: tuple[int, ...]) -> bool:
    if len(path) < len(pattern) or path[0] in SECURITY_OBJECTS:
        return False
    pairs = zip(pattern, path, strict=False)
    return all(level is None or number in level for level, number in pairs)
