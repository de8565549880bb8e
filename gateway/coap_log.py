"""A word in the log about a peer that misbehaves: once per peer and minute, in bounded memory."""

import logging
from collections.abc import Hashable

QUIET_S = 60.0
PEERS_MAX = 1024


class PeerLog:
    """Logs what peers did wrong; repetitions of one peer within a minute are only counted."""

    def __init__(self, log: logging.Logger, quiet_s: float = QUIET_S) -> None:
        self._log = log
        self._quiet_s = quiet_s
        # Insertion order is order of time; the second figure counts what was kept quiet.
        self._entries: dict[Hashable, tuple[float, int]] = {}

    def warning(self, peer: Hashable, what: str, now_s: float) -> bool:
        """Log `what` the peer did, unless it was in the log less than a minute ago."""
        logged_s, suppressed = self._entries.get(peer, (None, 0))
        if logged_s is not None and now_s - logged_s < self._quiet_s:
            self._entries[peer] = (logged_s, suppressed + 1)
            return False
        self._entries.pop(peer, None)
        while len(self._entries) >= PEERS_MAX:
            del self._entries[next(iter(self._entries))]
        self._entries[peer] = (now_s, 0)
        more = f" ({suppressed} more since its last line)" if suppressed else ""
        self._log.warning("%r: %s%s", peer, what, more)
        return True
