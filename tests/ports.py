"""Ports of the loopback for servers that take one of the test's choice, perhaps more than once."""

import os
import secrets
import socket

LOOPBACK = "127.0.0.1"
# Below the ports that Linux gives to sockets which ask for none in particular (32768 and up):
# of those, one that was free a moment ago may be somebody's before its server binds it.
FIRST, LAST = 20_000, 32_000
WORKERS_MAX = 16


def free_port() -> int:
    """Return a port that is free for UDP and TCP, and that no other pytest worker is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    while True:
        step = secrets.randbelow((LAST - FIRST) // WORKERS_MAX)
        port = FIRST + step * WORKERS_MAX + worker % WORKERS_MAX
        if _can_bind(socket.SOCK_DGRAM, port) and _can_bind(socket.SOCK_STREAM, port):
            return port


def _can_bind(kind: int, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
