"""Which messages came already, and what answered them (RFC 7252 section 4.5)."""

RECENT_MESSAGES_MAX = 32_768
"""Messages remembered for duplicate detection: 480 a second over EXCHANGE_LIFETIME."""


class RecentMessages:
    """What was answered to which message of whom, for EXCHANGE_LIFETIME (RFC 7252 section 4.5)."""

    def __init__(self, lifetime_s: float, capacity: int = RECENT_MESSAGES_MAX) -> None:
        self._lifetime_s = lifetime_s
        self._capacity = capacity
        # Insertion order is order of expiry, so the oldest is always the first.
        self._entries: dict[tuple, tuple[float, bytes | None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: tuple) -> bool:
        return key in self._entries

    def add(self, key: tuple, now_s: float) -> None:
        """Remember a message that has no answer yet; the oldest ones give way."""
        self._expire(now_s)
        self._entries[key] = (now_s + self._lifetime_s, None)

    def answer(self, key: tuple) -> bytes | None:
        """Return the datagram that answered the message, None if none did yet."""
        return self._entries[key][1]

    def set_answer(self, key: tuple, datagram: bytes) -> None:
        """Remember the answer, if the message is still remembered."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries[key] = (entry[0], datagram)

    def remove(self, key: tuple) -> None:
        """Forget one message."""
        self._entries.pop(key, None)

    def _expire(self, now_s: float) -> None:
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key][0] > now_s and len(self._entries) < self._capacity:
                return
            del self._entries[key]
