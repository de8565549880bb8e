"""The gateway's own protected requests that wait for responses, by their token."""

from collections.abc import Callable

from aiocoap import Message, oscore

from gateway.security_context import WINDOW_SIZE, SecurityContext

OBSERVE_MODULUS = 1 << 24
DROPPED_MAX = WINDOW_SIZE


class Outgoing:
    """One request: `message` as the token layer has it, `outer` as it went out."""

    __slots__ = ("message", "monitor", "outer", "context", "request_id", "cancel", "is_repeated",
                 "_window", "_first", "_dropped")

    def __init__(self, message: Message, monitor: Callable[[], None]) -> None:
        self.message = message
        self.monitor = monitor
        self.outer: Message | None = None
        self.context: SecurityContext | None = None
        self.request_id: oscore.RequestIdentifiers | None = None
        self.cancel: Callable[[], None] | None = None
        self.is_repeated = False
        self._begin()

    def repeat(self) -> None:
        """Begin anew: what answered the request before answers this one no more."""
        self.is_repeated = True
        self._begin()

    def _begin(self) -> None:
        self._window = oscore.ReplayWindow(WINDOW_SIZE, lambda: None)
        self._window.initialize_empty()
        self._first: int | None = None  # the place of the first response with a number
        self._dropped: set[int] = set()  # places of those that come once more

    def stop(self) -> None:
        """Repeat the request no more."""
        if self.cancel is not None:
            self.cancel()

    def is_new(self, piv: bytes | None) -> bool:
        """Return whether no authentic response had this Partial IV (RFC 8613 section 7.4.1).

        Without one it has the request's nonce, which is good for one response alone.
        """
        place = _place(piv)
        if place in self._dropped:
            self._dropped.remove(place)
            return True
        if self._first is None and place >= WINDOW_SIZE:
            self._window.initialize_from_persisted(
                {"index": place - WINDOW_SIZE + 1, "bitfield": 0})
        if place:
            self._first = self._first or place
        if not self._window.is_valid(place):
            return False
        self._window.strike_out(place)
        return True

    def drop(self, piv: bytes | None) -> None:
        """Take the response with this Partial IV once more: it could not be kept."""
        if len(self._dropped) < DROPPED_MAX:
            self._dropped.add(_place(piv))

    def order_of(self, piv: bytes | None) -> int:
        """Return the Observe value of a notification: its place after the first one's number.

        A node's numbers may begin anywhere in 40 bits; Observe has 24.
        """
        if piv is None:
            return 0
        return (int.from_bytes(piv, "big") + 2 - self._first) % OBSERVE_MODULUS


def _place(piv: bytes | None) -> int:
    """Return the place of a response in the window; 0 is that of the one without a number."""
    return 0 if piv is None else int.from_bytes(piv, "big") + 1


class OutgoingRequests:
    """All of them; what bounds them is what bounds the operations and observations above."""

    def __init__(self) -> None:
        self._by_token: dict[bytes, Outgoing] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def __contains__(self, token: bytes) -> bool:
        return token in self._by_token

    def add(self, entry: Outgoing) -> None:
        """Hold a request; one of the same token before it is forgotten."""
        self._by_token[entry.message.token] = entry

    def of_token(self, token: bytes) -> Outgoing | None:
        """Return the request that a response belongs to."""
        return self._by_token.get(token)

    def of_outer(self, outer: Message) -> Outgoing | None:
        """Return the request that went out as `outer`."""
        entry = self._by_token.get(outer.token)
        return entry if entry is not None and entry.outer is outer else None

    def of_endpoint(self, endpoint: str) -> list[Outgoing]:
        """Return the requests to a node."""
        return [each for each in self._by_token.values()
                if each.message.remote.endpoint == endpoint]

    def forget(self, message: Message) -> None:
        """Forget a request, unless another one has its token by now."""
        entry = self._by_token.get(message.token)
        if entry is not None and entry.message is message:
            del self._by_token[message.token]
