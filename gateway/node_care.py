"""What the gateway does for a node once it listens: time, commands, facts, observations."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.coap_content import Path
from gateway.command_runner import CommandRunner
from gateway.key_rotation import Rotations
from gateway.observations import Observations, paths_to_observe
from gateway.operations import Operation, OperationFailed, Operations
from gateway.presence import Presence
from gateway.rows import ObservationRow
from gateway.sessions import Session, Sessions
from gateway.store import StoreError
from gateway.time_service import TimeService
from gateway.uplinks.senml_pack import SENSOR_UNITS
from protocol import lwm2m_path, object_table

FAILURES_MAX = 5
"""Times in a row a node may not answer; then it is left alone until it registers anew."""

# Manufacturer, model, serial number, versions; the user's name for it and the asset number.
FACTS: dict[Path, tuple[int, ...]] = {(3, 0): (0, 1, 2, 3, 17, 18, 19), (3410, 0): (3, 4)}
UNITS_READ_MAX = 32
"""Sensors of one node that are asked in what they measure: IPSO leaves that to resource 5701."""

log = logging.getLogger("gateway.care")


@dataclass(slots=True)
class _Care:
    """What is done, and still to do, for one registration."""

    facts_missing: list[Path]
    unobservable: set[Path] = field(default_factory=set)
    failures: int = 0


class NodeCare:
    """One task per node at a time, started when the node speaks, ended when all is done."""

    def __init__(
        self,
        sessions: Sessions,
        presence: Presence,
        operations: Operations,
        observations: Observations,
        time_service: TimeService,
        runner: CommandRunner,
        rotations: Rotations | None,
        is_awake: Callable[[str], bool],
    ) -> None:
        self._sessions = sessions
        self._presence = presence
        self._operations = operations
        self._observations = observations
        self._time = time_service
        self._runner = runner
        self._rotations = rotations
        self._is_awake = is_awake
        self._cares: dict[str, _Care] = {}
        self._wanted: dict[str, dict[Path, ObservationRow]] = {}
        self._tasks: dict[str, asyncio.Task] = {}
        self._again: set[str] = set()
        self.counters: Counter[str] = Counter()

    def want(self, row: ObservationRow) -> None:
        """Observe a path of a node whenever it is registered, beside what is observed anyway."""
        path = lwm2m_path.parse(row.path)
        self._wanted.setdefault(row.endpoint, {})[path] = row

    # What presence tells

    def registered(self, session: Session) -> None:
        """Begin anew: the node may be another one, with other firmware."""
        self._start(session.endpoint)

    def attend(self, session: Session) -> None:
        """Do what waits for a node that listens now, if its registration still stands."""
        current = self._sessions.get(session.endpoint)
        if current is not None and self._is_needed(current):
            self._start(current.endpoint)

    def superseded(self, session: Session) -> None:
        """Forget what a node has forgotten, or would not know from its new address."""
        self.ended(session)

    def ended(self, session: Session) -> None:
        """Forget a registration that is over."""
        self._cares.pop(session.id, None)
        self._observations.end(session)
        self._operations.forget(session)
        self._time.forget(session)

    async def close(self) -> None:
        """Stop caring."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_needed(self, session: Session) -> bool:
        if self._runner.is_due(session.endpoint):
            return True
        care = self._care_of(session)
        if care.failures >= FAILURES_MAX or not self._is_awake(session.endpoint):
            return False
        if self._time.is_due(session) or self._is_rotation_due(session):
            return True
        return bool(care.facts_missing or self._unobserved(session, care))

    def _is_rotation_due(self, session: Session) -> bool:
        return self._rotations is not None and self._rotations.is_due(session)

    def _care_of(self, session: Session) -> _Care:
        care = self._cares.get(session.id)
        if care is None:
            care = _Care(_facts_of(session))
            self._cares[session.id] = care
        return care

    def _unobserved(self, session: Session, care: _Care) -> list[Path]:
        """Return what has to be observed and is not; of nodes that report, what was asked for."""
        wanted = set(self._wanted.get(session.endpoint, ()))
        if not self._presence.has_journal(session):
            wanted.update(paths_to_observe(session))
        if not wanted:
            return []
        return sorted(
            path
            for path in wanted - care.unobservable
            if session.registration.objects.covers(path)
            and not self._observations.is_kept(session.endpoint, path)
        )

    # The task

    def _start(self, endpoint: str) -> None:
        if endpoint in self._tasks:
            self._again.add(endpoint)
            return
        task = asyncio.get_running_loop().create_task(self._run(endpoint))
        self._tasks[endpoint] = task

    async def _run(self, endpoint: str) -> None:
        try:
            while True:
                self._again.discard(endpoint)
                await self._attend(endpoint)
                if endpoint not in self._again:
                    return
        except Exception:
            self.counters["errors"] += 1
            log.exception("care for %r failed", endpoint)
        finally:
            del self._tasks[endpoint]

    async def _attend(self, endpoint: str) -> None:
        session = self._sessions.get(endpoint)
        if session is None or not self._is_awake(endpoint):
            return
        care = self._care_of(session)
        try:
            await self._serve(session, care)
            care.failures = 0
        except OperationFailed as failure:
            care.failures += 1
            self.counters["unanswered"] += 1
            log.info("%s", failure)
        except StoreError as failure:
            self.counters["not stored"] += 1
            log.error("care for %r: %s", endpoint, failure)

    async def _serve(self, session: Session, care: _Care) -> None:
        if self._time.is_due(session):
            await self._time.give(session)
        if self._is_rotation_due(session):
            await self._rotations.serve(session)
        await self._runner.run(session.endpoint)
        while care.facts_missing:
            await self._read_facts(session, care.facts_missing[0])
            del care.facts_missing[0]
        for path in self._unobserved(session, care):
            if not await self._observe(session, path):
                care.unobservable.add(path)
        await self._runner.run(session.endpoint)

    async def _read_facts(self, session: Session, path: Path) -> None:
        wanted = {(resource_id,) for resource_id in FACTS.get(path, ())}
        result = await self._operations.perform(session.endpoint, Operation("read", path))
        facts = {
            lwm2m_path.render(value.path): value.value
            for value in result.values
            if value.path == path or value.path[2:] in wanted
        }
        if facts:
            await self._presence.save_facts(session.endpoint, facts)

    async def _observe(self, session: Session, path: Path) -> bool:
        row = self._wanted.get(session.endpoint, {}).get(path)
        if row is not None and row.attributes:
            attributes = tuple(row.attributes.split("&"))
            operation = Operation("write-attributes", path, attributes=attributes)
            await self._operations.perform(session.endpoint, operation)
        result = await self._observations.keep(session, path)
        is_kept = self._observations.is_kept(session.endpoint, path)
        if not is_kept:
            detail = f"{result.code} {result.detail}"
            log.info("%r: %s cannot be observed: %s", session.endpoint, path, detail)
        return is_kept


def _facts_of(session: Session) -> list[Path]:
    instances = session.registration.objects.instances
    sensors = [
        (*path, SENSOR_UNITS)
        for path in sorted(instances)
        if len(path) == 2 and object_table.resource(path[0], SENSOR_UNITS)
    ]
    return [path for path in FACTS if path in instances] + sensors[:UNITS_READ_MAX]
