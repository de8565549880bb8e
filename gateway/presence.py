"""The registration interface: sessions, made durable, with what follows from them."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from gateway import registration
from gateway.clock import Clock
from gateway.coap_server import Incoming
from gateway.readings import JOURNAL_INSTANCE
from gateway.refusal import Refused
from gateway.rows import NodeRow, Value
from gateway.sessions import Ended, Event, Session, Sessions, Updated
from gateway.store import Store, StoreError

MANUFACTURER = "/3/0/0"
OUR_MANUFACTURER = "Faubourg"
KNOWN_NODES_PER_REGISTERED_MAX = 4
"""Nodes that are gone stay known; beyond so many times the limit the longest gone is forgotten."""

log = logging.getLogger("gateway.presence")


class Follower(Protocol):
    """Who acts on what nodes do; none of the calls may block."""

    def registered(self, session: Session) -> None:
        """A registration is durable and about to be answered."""

    def attend(self, session: Session) -> None:
        """A node spoke and listens: do what waits for it."""

    def superseded(self, session: Session) -> None:
        """A node registered anew, or moved: what was begun at it as it was counts no more."""

    def ended(self, session: Session) -> None:
        """A registration is over: deregistered or expired."""


class Presence:
    """The nodes of this gateway, in memory and in the store."""

    def __init__(
        self,
        sessions: Sessions,
        store: Store,
        clock: Clock,
        address_of: Callable[[Hashable], str],
        nodes_max: int,
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._clock = clock
        self._address_of = address_of
        self._known_max = nodes_max * KNOWN_NODES_PER_REGISTERED_MAX
        self._rows: dict[str, NodeRow] = {}
        self._followers: list[Follower] = []
        # Rows that the store has not, or not with the times of their last Update.
        self._stale_rows: set[str] = set()
        # Nodes whose registration was over, and that have not reported since.
        self._away: set[str] = set()
        self.counters: Counter[str] = Counter()

    def follow(self, follower: Follower) -> None:
        """Let `follower` hear of everything from now on."""
        self._followers.append(follower)

    def rows(self) -> list[NodeRow]:
        """Return every node that is known, with what was last heard of it."""
        return [self.row(endpoint) for endpoint in self._rows]

    def row(self, endpoint: str) -> NodeRow | None:
        """Return a node."""
        row = self._rows.get(endpoint)
        seen_ms = self._sessions.seen_ms(endpoint)
        if row is None or seen_ms is None:
            return row
        return replace(row, seen_ms=max(row.seen_ms, self._unix_ms(seen_ms)))

    def units_of(self, endpoint: str, path: str) -> str | None:
        """Return the units that a node's resource 5701 at `path` says, if it was read."""
        row = self._rows.get(endpoint)
        found = [value for known, value in row.facts if known == path] if row else []
        return found[0] if found and isinstance(found[0], str) else None

    def session_at(self, remote: Hashable) -> Session | None:
        """Return the session of the node at `remote`."""
        return self._sessions.at(remote)

    def has_journal(self, session: Session) -> bool:
        """Return whether object 42800 means our journal: the test range belongs to everybody."""
        if not session.registration.objects.covers(JOURNAL_INSTANCE):
            return False
        row = self._rows.get(session.endpoint)
        makers = [value for path, value in row.facts if path == MANUFACTURER] if row else []
        return not makers or makers == [OUR_MANUFACTURER]

    def was_away(self, session: Session) -> bool:
        """Return whether this node may have reported to another gateway since its last pack."""
        return session.endpoint in self._away

    def is_back(self, session: Session) -> None:
        """Note that a pack of a node is stored: from here on its numbers follow each other."""
        self._away.discard(session.endpoint)

    def heard(self, session: Session) -> None:
        """Note that a node spoke."""
        self._sessions.heard(session, self._now_ms())

    def spoke(self, session: Session) -> None:
        """Note that a node spoke, and do what waits for it."""
        self.heard(session)
        self.attend(session)

    def attend(self, session: Session) -> None:
        """Let the followers do what waits for a node that listens."""
        for follower in self._followers:
            follower.attend(session)

    # The registration interface, as coap_server calls it

    async def register(self, request: Incoming) -> str:
        """Register a node; return its location's last level once the registration is durable.

        Where the store fails it counts all the same, until a restart.
        """
        wanted = registration.parse(
            request.queries, request.content_format, request.payload, request.owner)
        session = self._sessions.register(wanted, request.remote, self._now_ms())
        # Whether or not it can be stored: in memory the registration has changed.
        self._dispatch(self._take_events())
        await self._forget_gone(session.endpoint)
        await self._save(self._row_of(session))
        self.counters["registrations"] += 1
        for follower in self._followers:
            follower.registered(session)
        return session.id

    async def update(self, registration_id: str, request: Incoming) -> None:
        """Refresh a registration; one that says nothing new is not written to the disk."""
        self._check_owner(registration_id, request)
        session = self._sessions.update(
            registration_id,
            request.queries,
            request.content_format,
            request.payload,
            request.remote,
            self._now_ms(),
        )
        self._dispatch(self._take_events())
        row, before = self._row_of(session), self._rows.get(session.endpoint)
        times = {"updated_ms": 0, "seen_ms": 0}
        if before is None or replace(row, **times) != replace(before, **times):
            await self._save(row)
        else:
            self._rows[session.endpoint] = row
            self._stale_rows.add(session.endpoint)
        self.counters["updates"] += 1
        self.attend(session)

    async def deregister(self, registration_id: str, request: Incoming) -> None:
        """End a registration."""
        self._check_owner(registration_id, request)
        self._sessions.deregister(registration_id)
        await self._end(self._take_events())

    # Restart, expiry, facts

    async def restore(self, remote_of: Callable[[str, str], Hashable | None]) -> None:
        """Take over the registrations of the store: a restart costs the district nothing.

        `remote_of(endpoint, address)` is None for a node that cannot be reached any more.
        """
        now_ms = self._now_ms()
        for row in await self._store.nodes():
            self._rows[row.endpoint] = row
            known = _registration_of(row)
            remote = remote_of(row.endpoint, row.address)
            if row.registration_id is not None and known is not None and remote is not None:
                self._sessions.restore(row.registration_id, known, remote, now_ms)
            else:
                self._away.add(row.endpoint)

    async def end(self, endpoint: str) -> None:
        """End a node's registration: its keys were revoked."""
        session = self._sessions.get(endpoint)
        if session is not None:
            self._sessions.end(session, "revoked")
            await self._end(self._take_events())

    async def expire(self) -> None:
        """End the registrations whose time is over."""
        self._sessions.handle_timeout(self._now_ms())
        await self._end(self._take_events())

    async def save_facts(self, endpoint: str, facts: dict[str, Value]) -> None:
        """Keep what was read of a node, beside what is known already."""
        row = self._rows.get(endpoint)
        if row is not None:
            known = tuple(sorted({**dict(row.facts), **facts}.items()))
            await self._save(replace(row, facts=known))

    async def flush(self) -> None:
        """Write what the store has not: the times of the last Updates, which alone are not worth
        a write, and what it would not take. At a stop, and when a failing store works again."""
        rows = [self.row(endpoint) for endpoint in sorted(self._stale_rows)]
        await asyncio.gather(*(self._save(row) for row in rows))

    def _check_owner(self, registration_id: str, request: Incoming) -> None:
        """Refuse a request about another node's registration as if that were not there."""
        session = self._sessions.by_id(registration_id)
        if session is not None and request.owner not in (None, session.endpoint):
            raise Refused("4.04", "not registered here")

    async def _save(self, row: NodeRow) -> None:
        """Keep a row; what the store does not take now counts in memory, and is tried again.

        A node that is not let in would lose its commands and could report to nobody.
        """
        self._rows[row.endpoint] = row
        try:
            await self._store.save_node(row)
        except StoreError as error:
            self.counters["not stored"] += 1
            self._stale_rows.add(row.endpoint)
            log.warning("%r is registered in memory only: %s", row.endpoint, error)
        else:
            if self._rows.get(row.endpoint) is row:
                self._stale_rows.discard(row.endpoint)

    async def _forget_gone(self, endpoint: str) -> None:
        """Make room for a new node among those that are known."""
        if endpoint in self._rows or len(self._rows) < self._known_max:
            return
        gone = [row for row in self._rows.values() if row.registration_id is None]
        if gone:
            longest = min(gone, key=lambda row: row.seen_ms).endpoint
            del self._rows[longest]
            self._stale_rows.discard(longest)
            self._away.discard(longest)
            with suppress(StoreError):  # then it comes back with the next start
                await self._store.delete_node(longest)

    async def _end(self, events: list[Event]) -> None:
        self._dispatch(events)
        await asyncio.gather(*(self._end_row(event.session.endpoint) for event in events))

    async def _end_row(self, endpoint: str) -> None:
        row = self._rows.get(endpoint)
        if row is None:
            return
        self._rows[endpoint] = replace(row, registration_id=None)
        self._away.add(endpoint)
        try:
            await self._store.delete_registration(endpoint)
        except StoreError:
            # It comes back with the next start, and expires once more.
            log.exception("the end of a registration could not be stored")

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Ended):
                self.counters[event.reason] += 1
                for follower in self._followers:
                    follower.ended(event.session)
            elif isinstance(event, Updated):
                if event.before.peer != event.session.peer:
                    # Its observations were made with its old address: they have to be made anew.
                    self._tell_superseded(event.before)
            elif event.replaced is not None:
                self._tell_superseded(event.replaced)

    def _tell_superseded(self, session: Session) -> None:
        for follower in self._followers:
            follower.superseded(session)

    def _take_events(self) -> list[Event]:
        return list(iter(self._sessions.next_event, None))

    def _row_of(self, session: Session) -> NodeRow:
        known = session.registration
        before = self._rows.get(session.endpoint)
        now_ms = self._clock.unix_ms()
        is_same = before is not None and before.registration_id == session.id
        return NodeRow(
            endpoint=session.endpoint,
            registration_id=session.id,
            address=self._address_of(session.peer),
            lwm2m_version=known.version,
            binding=known.binding,
            queue_mode=known.is_queue_mode,
            lifetime_s=known.lifetime_s,
            links=known.objects.text,
            registered_ms=before.registered_ms if is_same else now_ms,
            updated_ms=now_ms,
            seen_ms=now_ms,
            facts=before.facts if before else (),
        )

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)

    def _unix_ms(self, uptime_ms: int) -> int:
        return self._clock.unix_ms() - (self._now_ms() - uptime_ms)


def _registration_of(row: NodeRow) -> registration.Registration | None:
    try:
        objects = registration.parse_objects(registration.LINK_FORMAT, row.links.encode())
    except Refused:
        return None
    return registration.Registration(
        row.endpoint, row.lwm2m_version, row.lifetime_s, row.binding, row.queue_mode, objects
    )
