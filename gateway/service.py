"""The gateway service: its parts put together, started and stopped in order."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path as FilePath
from random import Random

from gateway import composition, fleet_view, settings_warnings, status
from gateway.audit import Audit
from gateway.buffer import Buffer
from gateway.city_door import CityDoor
from gateway.clock import Clock
from gateway.coap_content import Path
from gateway.coap_context import CoapContext
from gateway.coap_server import GatewayResource
from gateway.coap_transport import DatagramTransport, Peer
from gateway.command_runner import CommandRunner
from gateway.commands import CommandRefused, Commands, Request
from gateway.composition import (
    StartError,
    StateReports,
    UplinkBuilder,
    Uplinks,
    listen_error,
    peer_of,
)
from gateway.contexts import Contexts
from gateway.endless import EndlessWorks
from gateway.fleet_view import LatestReadings, NodeView
from gateway.housekeeping import Housekeeping
from gateway.key_rotation import Rotations
from gateway.node_care import NodeCare
from gateway.observations import Observations
from gateway.operations import Operation, OperationResult, Operations, PathValue
from gateway.presence import Presence
from gateway.readings import Readings
from gateway.reports import NodeReports
from gateway.rows import CommandRow
from gateway.sessions import Sessions
from gateway.settings import Settings
from gateway.status import Status, UplinkStatus
from gateway.store import NewExecutor, Store, StoreError, one_thread
from gateway.store_watch import StoreWatch
from gateway.time_service import TimeService
from gateway.uplinks.mqtt import MqttUplink

DATABASE = "faubourg.db"
TICK_MAX_S = 60.0

log = logging.getLogger("gateway")


class Gateway:
    """One gateway over four seams: the network, the clock and randomness, the store's executors,
    and the uplinks' clients; and its disk below: SQLite's VFS, and the bytes that are left on it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: DatagramTransport,
        clock: Clock,
        random: Random,
        new_executor: NewExecutor = one_thread,
        uplinks: UplinkBuilder | None = None,
        vfs: str | None = None,
        disk_free: Callable[[str], int] = composition.disk_free,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.random = random
        self._new_executor = new_executor
        self._disk_free = disk_free
        self._uplink_builder = uplinks or UplinkBuilder()
        self._transport = transport
        self.store = Store(
            str(FilePath(settings.gateway.data) / DATABASE),
            new_executor,
            urgent_ms=settings.commit.urgent_ms,
            measurement_ms=settings.commit.measurement_ms,
            vfs=vfs,
            unix_ms=clock.unix_ms,
            size_bytes_max=settings.buffer.size_max_bytes,
        )
        self.audit = Audit(self.store, clock, settings.buffer.size_max_bytes)
        self.http_counters: Counter[str] = Counter()
        limits = settings.limits
        self._sessions = Sessions(random.randbytes, limits.nodes_max, limits.awake_window_s * 1000)
        self._readings = Readings()
        self._commands = Commands(settings.limits.commands_per_node_max)
        self._latest = LatestReadings()
        self._uplinks: Uplinks = {}
        self._works = EndlessWorks()
        self._tasks: list[asyncio.Task] = []
        self._wake = asyncio.Event()
        self._started_s = clock.monotonic_s()
        self.contexts: Contexts | None = None  # with security = "oscore"
        self._rotations: Rotations | None = None
        self._ending: set[asyncio.Task] = set()
        self.settings_path = ""  # the file that a backup takes along

    # Start and stop

    async def start(self) -> None:
        """Open the store, take over what was, then listen. Raises StartError."""
        FilePath(self.settings.gateway.data).mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            await self.store.open(self.clock.unix_ms())
        except StoreError as error:
            raise StartError(f"the store in {self.settings.gateway.data}: {error}") from error
        if self.settings.gateway.security == "oscore":
            self.contexts = await composition.contexts_of(
                self.settings, self.store, self.clock, self.random)
        self._build()
        await self._restore()
        try:
            self._context.open()
        except OSError as error:
            await self._close_store()
            raise listen_error(self.settings.gateway.listen, error) from error
        loop = asyncio.get_running_loop()
        works = {"timeouts": self._tick, "housekeeping": self._house.run,
                 "store watch": self._watch.run}
        works |= {f"uplink {name}": uplink.run for name, (_, uplink) in self._uplinks.items()}
        self._tasks = [
            loop.create_task(self._works.run(name, work)) for name, work in works.items()
        ]
        for session in list(self._sessions):
            self._care.attend(session)

    async def stop(self) -> None:
        """Take nothing new, finish what was begun, make it durable."""
        await self._care.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._reports.close()
        await self._observations.close()
        await self._context.shutdown()
        await self._presence.flush()
        await self.audit.close()
        await self._close_store()

    async def _close_store(self) -> None:
        if self.contexts is not None:
            await self.contexts.close()
        await self.store.close()

    def _build(self) -> None:
        limits = self.settings.limits
        context = CoapContext(
            self._transport, self.random, None, self._on_malformed, self.contexts)
        self._context = context
        self._presence = Presence(
            self._sessions,
            self.store,
            self.clock,
            lambda remote: remote.hostinfo,
            limits.nodes_max,
        )
        self.buffer = Buffer(self.store, self.settings.buffer, self._presence.units_of)
        self._operations = Operations(context, self._sessions, self._now_ms)
        self._reports = NodeReports(
            self._presence, self._readings, self.store, self.clock, self._latest.take
        )
        self._observations = Observations(
            context, self._operations, self._readings, self.store, self.clock,
            self._latest.take, self._presence.spoke,
        )  # fmt: skip
        self._watch = StoreWatch(self.store, self.clock, self._catch_up)
        data = self.settings.gateway.data
        self._house = Housekeeping(self.settings, self.store, self.clock,
                                   lambda: self._disk_free(data))
        self._time = TimeService(self._operations, self.clock, self._now_ms)
        self.runner = CommandRunner(
            self._commands,
            self._operations,
            self.store,
            self.clock,
            limits.command_expires_s,
            self._is_awake,
        )
        if self.contexts is not None:
            self._rotations = Rotations(self.contexts, self._operations, self._now_ms)
            self.contexts.call_on_revoked(self._on_revoked)
            self.contexts.call_on_rotation(self._attend)
        self._care = NodeCare(
            self._sessions,
            self._presence,
            self._operations,
            self._observations,
            self._time,
            self.runner,
            self._rotations,
            self._is_awake,
        )
        self._presence.follow(self._care)
        self._uplinks = self._uplink_builder.build(
            self.settings, self.store, self.clock, self.random, self._new_executor,
            CityDoor(self.settings, self.audit, self.submit).take, self._presence.units_of,
        )  # fmt: skip
        self._presence.follow(StateReports(self._uplinks))
        self.runner.call_on_result(self._tell_result)
        self.runner.call_on_result(self.audit.command_ended)
        self._site = GatewayResource(self._presence, self._reports, limits.payload_bytes_max)
        context.serversite = self._site

    async def _restore(self) -> None:
        await self._presence.restore(
            lambda endpoint, address: self._context.address_of(endpoint, peer_of(address)))
        await self.runner.restore()
        for row in await self.store.observations():
            self._care.want(row)
        self._latest.take(stored.row for stored in await self.store.latest_readings())

    # What the management API and the uplinks use

    def nodes(self) -> list[NodeView]:
        """Return every node that is known, by endpoint name."""
        rows = sorted(self._presence.rows(), key=lambda row: row.endpoint)
        return [self._view(row) for row in rows]

    def node(self, endpoint: str) -> NodeView | None:
        """Return one node with its observations and pending commands."""
        row = self._presence.row(endpoint)
        return None if row is None else self._view(row)

    async def operate(self, endpoint: str, operation: Operation) -> OperationResult:
        """Perform an operation at a node that listens; raises operations.OperationFailed."""
        return await self._operations.perform(endpoint, operation)

    @contextlib.asynccontextmanager
    async def observe(
        self, endpoint: str, path: Path
    ) -> AsyncIterator[AsyncIterator[tuple[PathValue, ...]]]:
        """Give an iterator over what a node notifies of a path; raises OperationFailed."""
        session = self._operations.session(endpoint)
        async with self._observations.watching(session, path) as values:
            yield values

    async def submit(self, request: Request) -> CommandRow:
        """Queue a command, and send it if its node listens. Raises CommandRefused, StoreError."""
        if self.contexts is not None and self.contexts.is_revoked(request.endpoint):
            raise CommandRefused(f"the keys of {request.endpoint} are revoked")
        row = await self.runner.submit(request)
        session = self._sessions.get(row.endpoint)
        if session is not None:
            self._care.attend(session)
        self._wake.set()
        return row

    async def cancel(self, command_id: str) -> CommandRow:
        """End a command that still waits. Raises CommandRefused, StoreError."""
        return await self.runner.cancel(command_id)

    async def commands(self, with_ended: bool) -> list[CommandRow]:
        """Return the commands that wait, oldest first; or the newest of all, newest first."""
        return await self.runner.rows(with_ended)

    async def wait_result(self, command_id: str, timeout_s: float) -> CommandRow | None:
        """Return a command once it has ended, or as it is when the time is over."""
        return await self.runner.wait_result(command_id, timeout_s)

    async def status(self) -> Status:
        """Return the gateway at a glance."""
        now_ms = self._now_ms()
        states = Counter(
            self._sessions.state(row.endpoint, now_ms) for row in self._presence.rows()
        )
        return Status(
            version=version("faubourg"),
            id=self.settings.gateway.id,
            security=self.settings.gateway.security,
            uptime_s=int(self.clock.monotonic_s() - self._started_s),
            is_time_trusted=self.clock.is_trusted(),
            nodes=dict(states),
            readings_stored=await status.readable(self.store.readings_count(), None),
            store=await status.of_store(self.store),
            uplinks=await self.uplinks(),
            counters=self.counters(),
            incidents=await status.incidents(self.store),
            warnings=settings_warnings.warnings(self.settings),
        )

    async def uplinks(self) -> tuple[UplinkStatus, ...]:
        """Return how each uplink does."""
        return tuple([
            await status.of_uplink(self.store, name, uplink.state, pump.counters)
            for name, (pump, uplink) in self._uplinks.items()
        ])

    def counters(self) -> dict[str, int]:
        """Return what was counted, by part and name: "coap: duplicates"."""
        parts = {
            "coap": self._context,
            "requests": self._site,
            "registrations": self._presence,
            "reports": self._reports,
            "readings": self._readings,
            "observations": self._observations,
            "operations": self._operations,
            "time": self._time,
            "commands": self.runner,
            "care": self._care,
            "store": self._watch,
            "buffer": self._house,
            "bugs": self._works,
            "audit": self.audit,
        }
        if self.contexts is not None:
            parts["keys"] = self.contexts
            parts["rotations"] = self._rotations
        counted = {part: owner.counters for part, owner in parts.items()}
        counted["security"] = self._context.security_counters
        counted["http"] = self.http_counters
        return {
            f"{part}: {name}": count
            for part, counters in counted.items()
            for name, count in sorted(counters.items())
        }

    def addresses(self) -> list[Peer]:
        """Return where nodes reach this gateway."""
        return self._transport.addresses()

    # Inner

    def _view(self, row) -> NodeView:
        return fleet_view.view(
            row,
            self._sessions.state(row.endpoint, self._now_ms()),
            self._latest.of(row.endpoint),
            self._observations.paths_of(row.endpoint),
            self.runner.pending(row.endpoint),
        )

    async def _catch_up(self) -> None:
        """Store what a failing store would not take."""
        await self._presence.flush()
        await self.runner.expire()

    def _tell_result(self, row: CommandRow) -> None:
        _, uplink = self._uplinks.get(row.origin, (None, None))
        if isinstance(uplink, MqttUplink):
            uplink.result_ready()

    def _on_revoked(self, endpoint: str) -> None:
        ending = asyncio.get_running_loop().create_task(self._presence.end(endpoint))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _attend(self, endpoint: str) -> None:
        session = self._sessions.get(endpoint)
        if session is not None:
            self._care.attend(session)

    def _on_malformed(self, peer: Peer) -> None:
        # By the name that its requests have: one peer, one line.
        self._site.malformed(self._context.address(peer))

    def _is_awake(self, endpoint: str) -> bool:
        return self._sessions.is_awake(endpoint, self._now_ms())

    def _now_ms(self) -> int:
        return int(self.clock.monotonic_s() * 1000)

    async def _tick(self) -> None:
        """Let time pass: lifetimes, commands that expire or may be repeated."""
        while True:
            self._wake.clear()
            try:
                await self._presence.expire()
                await self.runner.expire()
                if self._rotations is not None:
                    await self._rotations.expire()
            except StoreError as error:
                log.error("the store: %s", error)
            for endpoint in self.runner.endpoints():
                session = self._sessions.get(endpoint)
                if session is not None:
                    self._care.attend(session)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_tick_s()):
                    await self._wake.wait()

    def _next_tick_s(self) -> float:
        times = (self._sessions.next_timeout_ms(), self.runner.next_timeout_ms())
        next_ms = min((each for each in times if each is not None), default=None)
        if next_ms is None:
            return TICK_MAX_S
        return min(max(next_ms - self._now_ms(), 1) / 1000, TICK_MAX_S)
