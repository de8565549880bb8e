"""Observations of nodes: stored where a node cannot Send, live for whoever looks (OMA Core 6.4).

A notification that is stored is acknowledged after its commit; until then the node repeats it and
the repetitions are ignored. Order is kept: notifications are handed to the store as they arrive.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiocoap import Message, error
from msgspec.structs import replace

from gateway import coap_content as content
from gateway.clock import Clock
from gateway.coap_content import Path
from gateway.coap_context import CoapContext
from gateway.coap_log import PeerLog
from gateway.code_words import code_text
from gateway.operations import (
    IMPOSSIBLE,
    NO_ANSWER,
    NOT_ACCEPTABLE,
    OperationFailed,
    OperationResult,
    Operations,
    PathValue,
    request_to_observe,
)
from gateway.readings import Readings
from gateway.rows import ReadingRow
from gateway.sessions import Session
from gateway.store import Store, StoreError
from protocol import lwm2m_path, object_table
from protocol.errors import ProtocolError
from protocol.senml import Record

PER_NODE_MAX = 64
SUBSCRIBER_QUEUE_MAX = 64
ANSWER_TIMEOUT_S = 30.0
REORDERING_S = 128.0  # RFC 7641 section 3.4
OBSERVE_HALF = 1 << 23

LOCATION = 6
CITY_OBJECTS_FROM = 3200
IPSO_OBJECTS = (range(3200, 3204), range(3300, 3351))
"""Sensors and actuators of a common form, observed without a definition."""
# Asset, time and schedule objects describe a node; nothing in them is measured.
DESCRIPTIVE_OBJECTS = frozenset((3410, 3415, 3417, 3452, 3453, 3454, 3455, 3456, 3457))

log = logging.getLogger("gateway.observations")


def paths_to_observe(session: Session) -> list[Path]:
    """Return the object instances whose resources are measurements, alarms or events."""
    return [
        path
        for path in sorted(session.registration.objects.instances)
        if len(path) == 2 and _is_measured(path[0])
    ][:PER_NODE_MAX]


def _is_measured(object_id: int) -> bool:
    if any(object_id in ids for ids in IPSO_OBJECTS):
        return True
    if object_table.version(object_id) is None or object_id in DESCRIPTIVE_OBJECTS:
        return False
    return object_id >= CITY_OBJECTS_FROM or object_id == LOCATION


@dataclass(eq=False, slots=True)
class _Observation:
    session: Session
    path: Path
    is_stored: bool
    subscribers: list[asyncio.Queue] = field(default_factory=list)
    request: Message | None = None
    stop: Callable[[], None] | None = None
    answered: asyncio.Future | None = None
    newest: tuple[int, float, int] | None = None  # Observe value, uptime in s, Unix ms
    shown: tuple[PathValue, ...] = ()  # the newest values


class Observations:
    """The observations of all nodes. `on_stored(rows)` hears of each commit, `on_heard(session)`
    of each notification."""

    def __init__(
        self,
        context: CoapContext,
        operations: Operations,
        readings: Readings,
        store: Store,
        clock: Clock,
        on_stored: Callable[[tuple[ReadingRow, ...]], None],
        on_heard: Callable[[Session], None],
    ) -> None:
        self._on_heard = on_heard
        self._context = context
        self._operations = operations
        self._readings = readings
        self._store = store
        self._clock = clock
        self._on_stored = on_stored
        # By endpoint, then by path: with thousands of nodes nothing may look through all.
        self._by_node: dict[str, dict[Path, _Observation]] = {}
        self._tasks: set[asyncio.Task] = set()
        self._peer_log = PeerLog(log)
        self.counters: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(len(each) for each in self._by_node.values())

    def paths_of(self, endpoint: str) -> list[Path]:
        """Return what is observed at a node."""
        return sorted(self._by_node.get(endpoint, ()))

    def is_kept(self, endpoint: str, path: Path) -> bool:
        """Return whether this path is observed, or about to be, and what comes is stored."""
        observation = self._find(endpoint, path)
        return observation is not None and observation.is_stored

    async def keep(self, session: Session, path: Path) -> OperationResult:
        """Observe a path of a node and store what it notifies, until its registration ends.

        Raises OperationFailed.
        """
        observation = self._find(session.endpoint, path)
        if observation is not None:
            observation.is_stored = True
            return OperationResult("2.05")
        return await self._begin(_Observation(session, path, is_stored=True))

    @asynccontextmanager
    async def watching(
        self, session: Session, path: Path
    ) -> AsyncIterator[AsyncIterator[tuple[PathValue, ...]]]:
        """Give an iterator over what a node notifies of a path, from its first answer on.

        It ends when the observation does. A consumer that is slower than the node misses the
        oldest values, not the newest. The last one to leave ends an observation that was live
        only. Raises OperationFailed.
        """
        queue: asyncio.Queue = asyncio.Queue(SUBSCRIBER_QUEUE_MAX)
        observation = self._find(session.endpoint, path)
        if observation is None:
            observation = _Observation(session, path, is_stored=False, subscribers=[queue])
            result = await self._begin(observation)
            if not result.is_success:
                reason = code_text(result.code, result.detail)
                raise OperationFailed(IMPOSSIBLE, f"not observable: {reason}")
        else:
            observation.subscribers.append(queue)
            if observation.shown:
                queue.put_nowait(observation.shown)
        try:
            yield _drain(queue)
        finally:
            observation.subscribers.remove(queue)
            is_standing = self._find(session.endpoint, path) is observation
            if is_standing and not observation.subscribers and not observation.is_stored:
                self._cancel(observation)

    def end(self, session: Session) -> None:
        """Forget the observations of a registration that is over; the node has forgotten them."""
        for observation in list(self._by_node.get(session.endpoint, {}).values()):
            if observation.session.id == session.id:
                self._finish(observation)

    async def close(self) -> None:
        """Wait for the notifications that are being stored."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _find(self, endpoint: str, path: Path) -> _Observation | None:
        return self._by_node.get(endpoint, {}).get(path)

    # Setting up

    async def _begin(self, observation: _Observation) -> OperationResult:
        of_node = self._by_node.setdefault(observation.session.endpoint, {})
        if len(of_node) >= PER_NODE_MAX:
            raise OperationFailed(IMPOSSIBLE, f"more than {PER_NODE_MAX} observations of a node")
        of_node[observation.path] = observation
        try:
            return await self._request(observation)
        except BaseException:
            self._finish(observation)
            raise

    async def _request(self, observation: _Observation) -> OperationResult:
        endpoint = observation.session.endpoint
        async with self._operations.turn(endpoint) as session:
            observation.session = session
            for accept in content.formats_to_accept(session.registration, observation.path):
                try:
                    response = await self._ask(observation, accept)
                except OperationFailed:
                    self._operations.did_not_answer(endpoint)
                    raise
                if response.code.dotted != NOT_ACCEPTABLE:
                    break
        self.counters["requested"] += 1
        detail = ""
        if not response.code.is_successful():
            detail = response.payload[:200].decode(errors="replace")
        if not response.code.is_successful() or response.opt.observe is None:
            self.counters["not observable"] += 1
            self._finish(observation)
        return OperationResult(response.code.dotted, detail=detail)

    async def _ask(self, observation: _Observation, accept: int | None) -> Message:
        """Send the request; the first response ends this call, the others are notifications."""
        message = request_to_observe(observation.session, observation.path, accept)
        observation.request = message
        answered = observation.answered = asyncio.get_running_loop().create_future()
        observation.stop = self._context.send(
            message, lambda response: self._take(observation, response)
        )
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answered
        except TimeoutError:
            observation.stop()
            raise _no_answer(observation, "no answer") from None

    # Notifications

    def _take(self, observation: _Observation, response: Message | Exception) -> bool:
        """Take a response at once, in the order of arrival; return whether more is wanted."""
        answered, is_first = observation.answered, not observation.answered.done()
        if isinstance(response, Exception):
            if is_first:
                answered.set_exception(_no_answer(observation, repr(response)))
            else:
                self._finish(observation)
            return False
        if is_first:
            answered.set_result(response)
        else:
            self.counters["notifications"] += 1
            self._on_heard(observation.session)
        if not response.code.is_successful():
            if not is_first:
                self._finish(observation)
            return False
        self._spawn(self._handle(observation, response))
        return True

    def _spawn(self, coroutine) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _handle(self, observation: _Observation, response: Message):
        """Return the coroutine that deals with a response, whose acknowledgement is held now."""
        acknowledgement = getattr(response, "acknowledgement", None)
        if acknowledgement is not None and observation.is_stored:
            acknowledgement.hold()
        time_ms, is_newest = self._order(observation, response)
        return self._keep_and_show(observation, response, acknowledgement, time_ms, is_newest)

    async def _keep_and_show(
        self, observation, response: Message, acknowledgement, time_ms: int, is_newest: bool
    ) -> None:
        try:
            if response.opt.block2 is not None and response.opt.block2.more:
                response = await self._whole(observation)
            leaves = content.decode(
                response.opt.content_format, observation.path, response.payload
            )
            if observation.is_stored:
                await self._store_leaves(observation, leaves, time_ms)
        except (StoreError, error.Error, TimeoutError) as failure:
            self._warn(observation, f"notification not kept: {failure}")
            self.counters["not stored"] += 1
            if acknowledgement is not None and acknowledgement.is_held:
                acknowledgement.drop()
            return
        except ProtocolError as failure:
            # Repeating it would not make it better: it is acknowledged, and counted.
            self._warn(observation, f"notification malformed: {failure}")
            self.counters["malformed"] += 1
            leaves = []
        if acknowledgement is not None and acknowledgement.is_held:
            acknowledgement.send()
        if is_newest and leaves:
            self._show(observation, tuple(PathValue.of(leaf) for leaf in leaves))

    def _warn(self, observation: _Observation, what: str) -> None:
        self._peer_log.warning(observation.session.endpoint, what, self._clock.monotonic_s())

    async def _store_leaves(self, observation: _Observation, leaves: list, time_ms: int) -> None:
        records = [Record(lwm2m_path.render(path), value) for path, value in leaves]
        if not records:
            return
        endpoint = observation.session.endpoint
        pack = self._readings.pack_to_rows(endpoint, records, time_ms, has_journal=False)
        received_ms = self._clock.unix_ms()
        rows = tuple(replace(row, received_ms=received_ms) for row in pack.rows)
        is_urgent = pack.is_urgent or observation.session.registration.is_queue_mode
        await self._store.commit_pack(rows, is_urgent)
        self._on_stored(rows)

    async def _whole(self, observation: _Observation) -> Message:
        """Return the whole representation, of which the notification is the first block."""
        message = request_to_observe(
            observation.session, observation.path, observation.request.opt.accept
        )
        message.opt.observe = None
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await self._context.request(message).response

    def _order(self, observation: _Observation, response: Message) -> tuple[int, bool]:
        """Return (the time to store it with, whether it is the newest) by RFC 7641 section 3.4.

        One that was overtaken is a reading all the same; it is dated before the one in front.
        """
        now_s, unix_ms = self._clock.monotonic_s(), self._clock.unix_ms()
        value = response.opt.observe
        if observation.newest is not None and value is not None:
            newest, newest_s, newest_ms = observation.newest
            is_ahead = 0 < (value - newest) % (2 * OBSERVE_HALF) < OBSERVE_HALF
            if not is_ahead and now_s <= newest_s + REORDERING_S:
                self.counters["overtaken"] += 1
                return newest_ms - 1, False
        observation.newest = (value or 0, now_s, unix_ms)
        return unix_ms, True

    def _show(self, observation: _Observation, values: tuple[PathValue, ...]) -> None:
        observation.shown = values
        for queue in observation.subscribers:
            if queue.full():
                queue.get_nowait()
                self.counters["live values dropped"] += 1
            queue.put_nowait(values)

    # Ending

    def _cancel(self, observation: _Observation) -> None:
        """End an observation at the node too: a GET with Observe 1 and the same token."""
        request = observation.request
        self._finish(observation)
        message = request_to_observe(observation.session, observation.path, request.opt.accept)
        message.opt.observe = 1
        message.token = request.token
        self._context.send(message, lambda response: False)

    def _finish(self, observation: _Observation) -> None:
        endpoint = observation.session.endpoint
        if self._find(endpoint, observation.path) is observation:
            del self._by_node[endpoint][observation.path]
            if not self._by_node[endpoint]:
                del self._by_node[endpoint]
        if observation.stop is not None:
            observation.stop()
        for queue in observation.subscribers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)


def _no_answer(observation: _Observation, what: str) -> OperationFailed:
    return OperationFailed(NO_ANSWER, f"{observation.session.endpoint}: {what}")


async def _drain(queue: asyncio.Queue) -> AsyncIterator[tuple[PathValue, ...]]:
    while (values := await queue.get()) is not None:
        yield values
