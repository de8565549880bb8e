"""Who stands at a door of the management API, and what that role may ask."""

import pwd
import socket
import struct
from asyncio import BaseTransport
from dataclasses import dataclass
from enum import IntEnum

from gateway.audit import Actor

SOCKET, HTTP = "socket", "http"
# The third is the peer's group (unix(7), SO_PEERCRED).
_CREDENTIALS = struct.Struct("3i")


class Role(IntEnum):
    """What somebody may: look; switch what the nodes do; everything."""

    VIEW = 1
    OPERATE = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """Return the role as settings and files write it."""
        return self.name.lower()


ROLES = {role.word: role for role in Role}

OPERATING = frozenset((
    ("POST", "/v1/nodes/{node}/operations"),
    ("GET", "/v1/nodes/{node}/observe"),
    ("POST", "/v1/commands"),
    ("DELETE", "/v1/commands/{id}"),
))
# What is read there is about people and keys.
ADMINISTRATIVE = ("/v1/audit", "/v1/keys", "/v1/tokens")
# What gives away more than one token's own rights is for this machine alone.
LOCAL = ("/v1/tokens", "/v1/backup", "/v1/keys/export")
# Its answer holds the new keys of a node.
LOCAL_CALLS = frozenset((("POST", "/v1/keys"),))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in."""

    actor: Actor
    role: Role


def needed_role(method: str, route: str) -> Role:
    """Return the least role that may make a request to `route`, as the router has it.

    What nobody has thought of is for administrators.
    """
    # A HEAD does what its GET does, and only its answer is kept back.
    method = "GET" if method == "HEAD" else method
    if (method, route) in OPERATING:
        return Role.OPERATE
    if method == "GET" and not _is_under(route, ADMINISTRATIVE):
        return Role.VIEW
    return Role.ADMIN


def is_local(method: str, route: str) -> bool:
    """Return whether a request is served at the gateway's own socket alone."""
    return _is_under(route, LOCAL) or (method, route) in LOCAL_CALLS


def _is_under(route: str, places: tuple[str, ...]) -> bool:
    return any(route == each or route.startswith(each + "/") for each in places)


def user_at(transport: BaseTransport) -> str:
    """Return the name of this machine's user at the other end of a Unix socket."""
    connection = transport.get_extra_info("socket")
    try:
        answer = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except (OSError, AttributeError):
        return "unknown"
    user_id = _CREDENTIALS.unpack(answer)[1]
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"
