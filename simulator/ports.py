"""Free ports of the loopback interface for the processes of a run."""

import contextlib
import secrets
import socket

# Below those that Linux gives to any socket (32768 and up), such as the nodes': one of those that
# is free now may be taken before the process that it is for has started.
FIRST_PORT, PORTS = 20_000, 12_000


def free_port(kind: int) -> int:
    """Return a port that nobody uses now; `kind` is socket.SOCK_DGRAM (UDP) or SOCK_STREAM."""
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket(socket.AF_INET, kind) as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
