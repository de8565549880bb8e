"""The Send interface: a pack is answered once it is durable (OMA LwM2M 1.1 Core 6.4.5)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from gateway.clock import Clock
from gateway.coap_server import Incoming
from gateway.presence import Presence
from gateway.readings import CONTENT_FORMATS, Pack, Readings
from gateway.refusal import Refused
from gateway.rows import IncidentRow, ReadingRow
from gateway.sessions import Session
from gateway.store import Store, StoreError
from protocol import lwm2m_path
from protocol.errors import DecodeError

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
        pack = self._pack(session, request)
        _check_registered(session, pack)
        await self._keep(session, pack)
        self._presence.attend(session)

    def _pack(self, session: Session, request: Incoming) -> Pack:
        try:
            records = self._readings.decode(request.content_format, request.payload)
            return self._readings.pack_to_rows(
                session.endpoint,
                records,
                self._clock.unix_ms(),
                is_clock_trusted=self._clock.is_trusted(),
                has_journal=self._presence.has_journal(session),
            )
        except DecodeError as error:
            raise Refused("4.00", str(error)) from None

    async def _keep(self, session: Session, pack: Pack) -> None:
        is_urgent = pack.is_urgent or session.registration.is_queue_mode
        try:
            if pack.refusals:
                await self._store.add_incident(self._incident(session, pack))
            if pack.rows:
                await self._store.commit_pack(pack.rows, is_urgent)
        except StoreError as error:
            self.counters["not stored"] += 1
            raise Refused("5.03", "the readings cannot be stored now") from error
        self.counters["packs"] += 1
        self._on_stored(pack.rows)

    def _incident(self, session: Session, pack: Pack) -> IncidentRow:
        first = pack.refusals[0]
        detail = f"{len(pack.refusals)} of a pack, the first {first.path}: {first.reason}"
        now_ms = self._clock.unix_ms()
        return IncidentRow(now_ms, "refused_reading", session.endpoint, detail)


def _check_registered(session: Session, pack: Pack) -> None:
    missing = pack.instances - session.registration.objects.instances
    if missing:
        raise Refused("4.04", f"{lwm2m_path.render(min(missing))} is not registered")
