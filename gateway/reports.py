"""The Send interface: a pack is answered once it is durable (OMA LwM2M 1.1 Core 6.4.5)."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable

from gateway.clock import Clock
from gateway.coap_server import Incoming
from gateway.ledger import Statement
from gateway.presence import Presence
from gateway.readings import CONTENT_FORMATS, Pack, Readings
from gateway.refusal import Refused
from gateway.rows import IncidentRow, Payload, ReadingRow, TimeSource
from gateway.sessions import Session
from gateway.store import Store, StoreError
from protocol import lwm2m_path
from protocol.errors import DecodeError

DIGEST_BYTES = 16

log = logging.getLogger("gateway.reports")


class NodeReports:
    """Takes packs from nodes. `on_stored(rows)` hears of each pack after its commit."""

    def __init__(
        self,
        presence: Presence,
        readings: Readings,
        store: Store,
        clock: Clock,
        on_stored: Callable[[tuple[ReadingRow, ...]], None],
    ) -> None:
        self._presence = presence
        self._readings = readings
        self._store = store
        self._clock = clock
        self._on_stored = on_stored
        self._under_way = 0
        self._is_closed = False
        self._idle = asyncio.Event()
        self.counters: Counter[str] = Counter()

    async def receive(self, request: Incoming) -> None:
        """Store a pack; raises Refused.

        4.04: the peer, or an object instance in the pack, is not registered. 4.15: neither SenML
        JSON nor CBOR. 4.00: malformed. 5.03: it cannot be kept now, send it again later.
        """
        if self._is_closed:
            raise Refused("5.03", "the gateway is stopping")
        self._under_way += 1
        try:
            await self._receive(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def close(self) -> None:
        """Take no more packs, and wait until none is being stored."""
        self._is_closed = True
        if self._under_way:
            self._idle.clear()
            await self._idle.wait()

    async def _receive(self, request: Incoming) -> None:
        session = self._presence.session_at(request.remote)
        if session is None:
            raise Refused("4.04", "not registered here")
        self._presence.heard(session)
        if request.content_format not in CONTENT_FORMATS:
            raise Refused("4.15", "only SenML JSON (110) and CBOR (112)")
        now_ms = self._clock.unix_ms()
        pack = self._pack(session, request, now_ms)
        _check_registered(session, pack)
        await self._keep(session, pack, request, now_ms)
        self._presence.attend(session)

    def _pack(self, session: Session, request: Incoming, now_ms: int) -> Pack:
        try:
            records = self._readings.decode(request.content_format, request.payload)
            return self._readings.pack_to_rows(
                session.endpoint,
                records,
                now_ms,
                is_clock_trusted=self._clock.is_trusted(),
                has_journal=self._presence.has_journal(session),
            )
        except DecodeError as error:
            raise Refused("4.00", str(error)) from None

    async def _keep(
        self, session: Session, pack: Pack, request: Incoming, now_ms: int
    ) -> None:
        is_urgent = pack.is_urgent or session.registration.is_queue_mode
        try:
            if pack.refusals:
                await self._store.add_incident(_incident(session, pack, now_ms))
            result = await self._store.commit_pack(
                pack.rows,
                is_urgent,
                self._statement(session, pack, now_ms),
                self._payload(session, pack, request, now_ms),
            )
        except StoreError as error:
            self.counters["not stored"] += 1
            raise Refused("5.03", "the readings cannot be stored now") from error
        self._presence.is_back(session)
        self.counters["packs"] += 1
        self.counters["duplicates"] += result.duplicates
        self.counters["missing"] += result.missing
        self._on_stored(pack.rows)

    def _statement(self, session: Session, pack: Pack, now_ms: int) -> Statement | None:
        journal = pack.journal
        if journal is None:
            return None
        refused = tuple(
            (each.sequence, each.reason) for each in pack.refusals if each.sequence is not None
        )
        return Statement(
            endpoint=session.endpoint,
            boot=journal.boot,
            received_ms=now_ms,
            oldest=journal.oldest,
            last=journal.last,
            oldest_boot=journal.oldest_boot,
            dropped=journal.dropped,
            refused=refused,
            is_returning=self._presence.was_away(session),
        )

    def _payload(
        self, session: Session, pack: Pack, request: Incoming, now_ms: int
    ) -> Payload | None:
        """Return what a pack is recognised by that says neither numbers nor times of its own."""
        if all(_has_identity(row) for row in pack.rows):
            return None
        content = b"%s\0%d\0" % (session.endpoint.encode(), request.content_format)
        digest = hashlib.sha256(content + request.payload).digest()[:DIGEST_BYTES]
        uptime_ms = int(self._clock.monotonic_s() * 1000)
        return Payload(digest, request.message, uptime_ms, now_ms)


def _has_identity(row: ReadingRow) -> bool:
    return row.sequence is not None or row.time_source == TimeSource.NODE


def _incident(session: Session, pack: Pack, now_ms: int) -> IncidentRow:
    first = pack.refusals[0]
    detail = f"{len(pack.refusals)} of a pack, the first {first.path}: {first.reason}"
    return IncidentRow(now_ms, "refused_reading", session.endpoint, detail)


def _check_registered(session: Session, pack: Pack) -> None:
    missing = pack.instances - session.registration.objects.instances
    if missing:
        raise Refused("4.04", f"{lwm2m_path.render(min(missing))} is not registered")
