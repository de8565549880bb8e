"""The SQL of digests: packs without any identity of their own, recognised when they come again.

Whether a pack is a repetition or the same value measured once more cannot be told from it. It is
a repetition if the same CoAP message brought it, or if the gateway has started anew since: then
nobody knows whether the first copy's acknowledgement went out. Both within EXCHANGE_LIFETIME.
"""

import apsw

from gateway.rows import Payload
from gateway.store_checksums import checksum

EXCHANGE_LIFETIME_MS = 247_000
"""RFC 7252 section 4.8.2, with the default parameters: a client may have any."""
PAYLOADS_MAX = 20_000

_FIND = "SELECT message, start, uptime_ms, unix_ms FROM payloads WHERE digest = ?"


def take(connection: apsw.Connection, payload: Payload, start: int) -> bool:
    """Remember a pack and return True; False if it is the repetition of a remembered one."""
    for message, began, uptime_ms, unix_ms in connection.execute(_FIND, (payload.digest,)):
        is_same = message == payload.message or began != start
        if is_same and _is_recent(payload, uptime_ms, unix_ms):
            return False
    newest = connection.execute("SELECT max(id) FROM payloads").get or 0
    columns = (
        newest + 1, payload.digest, payload.message, start, payload.uptime_ms, payload.unix_ms,
    )  # fmt: skip
    connection.execute(
        """INSERT INTO payloads (id, digest, message, start, uptime_ms, unix_ms, checksum)
        VALUES (?,?,?,?,?,?,?)""",
        (*columns, checksum(columns)),
    )
    connection.execute("DELETE FROM payloads WHERE id <= ?", (newest + 1 - PAYLOADS_MAX,))
    return True


def _is_recent(payload: Payload, uptime_ms: int, unix_ms: int) -> bool:
    """Return whether the first copy is younger than EXCHANGE_LIFETIME, by either clock.

    The clock of the day may have been put forward or back since, the uptime have begun anew.
    """
    by_uptime = payload.uptime_ms - uptime_ms
    by_day = payload.unix_ms - unix_ms
    if 0 <= by_uptime <= EXCHANGE_LIFETIME_MS or abs(by_day) <= EXCHANGE_LIFETIME_MS:
        return True
    return by_uptime < 0 and by_day < 0
