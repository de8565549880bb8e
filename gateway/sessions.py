"""Which nodes are registered, awake, late or gone (OMA LwM2M Core 6.2, Transport 6.4.3, 6.5).

A core: registrations and uptimes go in, deadlines and events come out.
"""

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace

from gateway import registration
from gateway.refusal import Refused
from gateway.registration import Registration

AWAKE_WINDOW_MS = 93_000
"""How long a queue-mode client listens after its last message: MAX_TRANSMIT_WAIT (RFC 7252)."""
GRACE_MS = 93_000
"""How long after its lifetime a registration is kept: an Update may be under way that long."""
REGISTRATION_ID_BYTES = 8
NODES_MAX = 5000
STALE_DEADLINES_MAX = 64


@dataclass(frozen=True, slots=True)
class Session:
    """A registered node. Times are uptimes; `peer` is where its requests come from."""

    id: str
    registration: Registration
    peer: Hashable
    registered_ms: int
    updated_ms: int

    @property
    def endpoint(self) -> str:
        """Return the endpoint name."""
        return self.registration.endpoint

    @property
    def due_ms(self) -> int | None:
        """Return when its lifetime ends, None if never."""
        lifetime_s = self.registration.lifetime_s
        return self.updated_ms + lifetime_s * 1000 if lifetime_s else None


@dataclass(frozen=True, slots=True)
class Registered:
    """A node registered; `replaced` is its registration before, whose observations are gone."""

    session: Session
    replaced: Session | None


@dataclass(frozen=True, slots=True)
class Updated:
    """A node sent an Update; `before` is its registration until then."""

    session: Session
    before: Session


@dataclass(frozen=True, slots=True)
class Ended:
    """A registration is over; `reason` is "deregistered", "expired" or "revoked"."""

    session: Session
    reason: str


Event = Registered | Updated | Ended


class Sessions:
    """The registrations of one gateway."""

    def __init__(
        self,
        random_bytes: Callable[[int], bytes],
        nodes_max: int = NODES_MAX,
        awake_window_ms: int = AWAKE_WINDOW_MS,
        grace_ms: int = GRACE_MS,
    ) -> None:
        self._random_bytes = random_bytes
        self._nodes_max = nodes_max
        self._awake_window_ms = awake_window_ms
        self._grace_ms = grace_ms
        self._by_endpoint: dict[str, Session] = {}
        self._endpoint_by_id: dict[str, str] = {}
        self._endpoint_by_peer: dict[Hashable, str] = {}
        self._seen_ms: dict[str, int] = {}
        self._asleep: set[str] = set()
        # Entries whose time differs from the one in _watched_ms are stale.
        self._deadlines: list[tuple[int, str]] = []
        self._watched_ms: dict[str, int] = {}
        self._events: deque[Event] = deque()

    def __len__(self) -> int:
        return len(self._by_endpoint)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_endpoint.values())

    def get(self, endpoint: str) -> Session | None:
        """Return the session of a registered node."""
        return self._by_endpoint.get(endpoint)

    def at(self, peer: Hashable) -> Session | None:
        """Return the session of the node that registered last from `peer`."""
        return self._by_endpoint.get(self._endpoint_by_peer.get(peer, ""))

    def by_id(self, registration_id: str) -> Session | None:
        """Return the session with this location."""
        return self._by_endpoint.get(self._endpoint_by_id.get(registration_id, ""))

    # The registration interface

    def register(self, wanted: Registration, peer: Hashable, now_ms: int) -> Session:
        """Register a node; an earlier registration of its name is dropped (Core 6.2.1).

        Raises Refused 5.03 if the gateway is full.
        """
        replaced = self._by_endpoint.get(wanted.endpoint)
        if replaced is None and len(self._by_endpoint) >= self._nodes_max:
            raise Refused("5.03", "this gateway has no room for more nodes")
        if replaced is not None:
            self._drop(replaced)
            self._watched_ms.pop(replaced.id, None)
        session = Session(self._new_id(), wanted, peer, now_ms, now_ms)
        self._keep(session)
        self._events.append(Registered(session, replaced))
        self.heard(session, now_ms)
        return session

    def update(
        self,
        registration_id: str,
        queries: tuple[str, ...],
        content_format: int | None,
        payload: bytes,
        peer: Hashable,
        now_ms: int,
    ) -> Session:
        """Take an Update, from whatever address; raises Refused (4.04: register again)."""
        before = self._find(registration_id)
        changed = registration.update(before.registration, queries, content_format, payload)
        session = replace(before, registration=changed, peer=peer, updated_ms=now_ms)
        self._drop(before)
        self._keep(session)
        self._events.append(Updated(session, before))
        self.heard(session, now_ms)
        return session

    def deregister(self, registration_id: str) -> Session:
        """End a registration at the node's wish; raises Refused 4.04."""
        session = self._find(registration_id)
        self._end(session, "deregistered")
        return session

    def end(self, session: Session, reason: str) -> None:
        """End a registration for a reason of ours."""
        self._end(session, reason)

    def restore(self, id: str, known: Registration, peer: Hashable, now_ms: int) -> None:
        """Take over a registration from before a restart; its lifetime starts anew.

        How long the gateway was away is not certain (its clock may have stood still), and a
        registration that ends too early costs a whole district's new Register. Such a node is
        taken for asleep if it uses queue mode.
        """
        session = Session(id, known, peer, now_ms, now_ms)
        self._keep(session)
        self._asleep.add(session.endpoint)

    # Presence

    def heard(self, session: Session, now_ms: int) -> None:
        """Note that a message came from a node: it is awake; its lifetime is not extended."""
        self._seen_ms[session.endpoint] = now_ms
        self._asleep.discard(session.endpoint)

    def did_not_answer(self, endpoint: str) -> None:
        """Note that a request ran out: a queue-mode node sleeps until it speaks again."""
        self._asleep.add(endpoint)

    def is_awake(self, endpoint: str, now_ms: int) -> bool:
        """Return whether a request may be sent to the node now (Transport 6.5)."""
        session = self._by_endpoint.get(endpoint)
        if session is None:
            return False
        if self._endpoint_by_peer.get(session.peer) != endpoint:
            # Another node has its address now (NAT): what is sent there reaches that one.
            return False
        if not session.registration.is_queue_mode:
            return True
        seen_ms = self._seen_ms.get(endpoint)
        is_listening = seen_ms is not None and now_ms < seen_ms + self._awake_window_ms
        return is_listening and endpoint not in self._asleep

    def state(self, endpoint: str, now_ms: int) -> str:
        """Return "registered", "sleeping", "late" (its lifetime is over) or "gone"."""
        session = self._by_endpoint.get(endpoint)
        if session is None:
            return "gone"
        if session.due_ms is not None and now_ms >= session.due_ms:
            return "late"
        return "registered" if self.is_awake(endpoint, now_ms) else "sleeping"

    def seen_ms(self, endpoint: str) -> int | None:
        """Return when the node was last heard since the gateway started."""
        return self._seen_ms.get(endpoint)

    # Time and events

    def handle_timeout(self, now_ms: int) -> None:
        """End the registrations whose lifetime and grace are over."""
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            end_ms, id = heapq.heappop(self._deadlines)
            if self._watched_ms.get(id) != end_ms:
                continue
            del self._watched_ms[id]
            session = self.by_id(id)
            if session.due_ms is not None and session.due_ms + self._grace_ms <= now_ms:
                self._end(session, "expired")
            else:
                self._watch(session)

    def next_timeout_ms(self) -> int | None:
        """Return when to call handle_timeout next."""
        return self._deadlines[0][0] if self._deadlines else None

    def next_event(self) -> Event | None:
        """Return what happened, in order, once."""
        return self._events.popleft() if self._events else None

    def _find(self, registration_id: str) -> Session:
        session = self.by_id(registration_id)
        if session is None:
            raise Refused("4.04", "not registered here")
        return session

    def _new_id(self) -> str:
        # In the clear, knowing the location is all that an Update proves: it must not be guessed.
        while True:
            id = self._random_bytes(REGISTRATION_ID_BYTES).hex()
            if id not in self._endpoint_by_id:
                return id

    def _keep(self, session: Session) -> None:
        self._by_endpoint[session.endpoint] = session
        self._endpoint_by_peer[session.peer] = session.endpoint
        self._endpoint_by_id[session.id] = session.endpoint
        self._watch(session)

    def _watch(self, session: Session) -> None:
        """See to one deadline that is not later than the registration's end; popping renews it."""
        if session.due_ms is None:
            return
        end_ms = session.due_ms + self._grace_ms
        if end_ms < self._watched_ms.get(session.id, end_ms + 1):
            self._watched_ms[session.id] = end_ms
            heapq.heappush(self._deadlines, (end_ms, session.id))
        if len(self._deadlines) > 2 * len(self._watched_ms) + STALE_DEADLINES_MAX:
            self._deadlines = [(end_ms, id) for id, end_ms in self._watched_ms.items()]
            heapq.heapify(self._deadlines)

    def _drop(self, session: Session) -> None:
        """Forget a registration, not yet what is known of its watch and presence."""
        self._by_endpoint.pop(session.endpoint, None)
        self._endpoint_by_id.pop(session.id, None)
        if self._endpoint_by_peer.get(session.peer) == session.endpoint:
            del self._endpoint_by_peer[session.peer]

    def _end(self, session: Session, reason: str) -> None:
        self._drop(session)
        self._watched_ms.pop(session.id, None)
        self._seen_ms.pop(session.endpoint, None)
        self._asleep.discard(session.endpoint)
        self._events.append(Ended(session, reason))
