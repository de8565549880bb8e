"""LwM2M operations towards nodes, one at a time each, in formats they know (OMA Core 6.3)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from aiocoap import Message, error
from aiocoap.numbers import codes
from aiocoap.numbers.codes import Code

from gateway import coap_content as content
from gateway.coap_content import Leaf, Path
from gateway.coap_context import CoapContext
from gateway.coap_message_layer import GatewayTuning
from gateway.names import name_of, unit_of
from gateway.rows import Value
from gateway.sessions import Session, Sessions
from protocol import link_format
from protocol.errors import ProtocolError
from protocol.link_format import Link

TIMEOUT_S = 30.0
IN_FLIGHT_MAX = 48
"""Operations begun at the same time: the answers to more overflow a socket's buffer."""
SLOT_S = 3.0
"""A node that has not answered by then no longer counts: the dead hold up nobody."""
ATTEMPTS_MAX = 4
DETAIL_LENGTH_MAX = 200

NOT_ACCEPTABLE = "4.06"
UNSUPPORTED_FORMAT = "4.15"


class OperationFailed(Exception):
    """No answer to an operation; `reason` says which of the reasons below."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


UNKNOWN_NODE = "unknown node"
ASLEEP = "asleep"
BUSY = "busy"  # nothing was sent: its turn did not come in time
NO_ANSWER = "no answer"
IMPOSSIBLE = "impossible"  # the operation makes no sense, or its value cannot be written


@dataclass(frozen=True, slots=True)
class Operation:
    """What to do at a node.

    `kind`: "read", "write" (one resource, `value`; or several, `leaves`), "execute" (`arguments`),
    "discover", "ping", "write-attributes" (`attributes`, as queries), "create" (`leaves`),
    "delete", "read-composite" (`paths`), "write-composite" (`leaves`). A write of leaves is
    partial unless `is_replacing`.
    """

    kind: str
    path: Path = ()
    value: Value | None = None
    leaves: tuple[Leaf, ...] = ()
    paths: tuple[Path, ...] = ()
    attributes: tuple[str, ...] = ()
    arguments: str = ""
    is_replacing: bool = False
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class PathValue:
    """A value with what the object table knows of its resource ("" where it knows nothing)."""

    path: Path
    name: str
    value: Value
    unit: str

    @classmethod
    def of(cls, leaf: Leaf) -> "PathValue":
        """Return a leaf with its name and unit."""
        path, value = leaf
        return cls(path, name_of(path), value, unit_of(path))


@dataclass(frozen=True, slots=True)
class OperationResult:
    """A node's answer. `code` as the standards write it; `detail` is its diagnostic text.

    `elapsed_s` runs from the first transmission of the last request to its answer.
    """

    code: str
    values: tuple[PathValue, ...] = ()
    links: tuple[Link, ...] = ()
    detail: str = ""
    location: Path | tuple[str, ...] = ()
    retransmissions: int = 0
    elapsed_s: float = 0.0

    @property
    def is_success(self) -> bool:
        """Return whether the code is of class 2."""
        return self.code.startswith("2.")


class Operations:
    """Performs operations at registered, awake nodes."""

    def __init__(
        self,
        context: CoapContext,
        sessions: Sessions,
        now_ms: Callable[[], int],
    ) -> None:
        self._context = context
        self._sessions = sessions
        self._now_ms = now_ms
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._usable_formats: dict[tuple[str, str], int | None] = {}
        self._tuning = GatewayTuning()
        self.counters: Counter[str] = Counter()

    async def perform(self, endpoint: str, operation: Operation) -> OperationResult:
        """Return the node's answer, a refusal too; raises OperationFailed if there is none."""
        self.counters[operation.kind] += 1
        has_turn = False
        try:
            async with asyncio.timeout(operation.timeout_s), self.turn(endpoint) as session:
                has_turn = True
                return await _PERFORM[operation.kind](self, session, operation)
        except (TimeoutError, error.NetworkError):
            if not has_turn:
                raise OperationFailed(BUSY, f"{endpoint}: others came first") from None
            self.did_not_answer(endpoint)
            raise OperationFailed(NO_ANSWER, f"{endpoint} did not answer") from None
        except error.MessageError:
            raise OperationFailed(NO_ANSWER, f"{endpoint} rejected the message") from None
        except error.Error as failure:
            raise OperationFailed(NO_ANSWER, f"{endpoint}: {failure!r}") from None
        except ProtocolError as failure:
            raise OperationFailed(IMPOSSIBLE, str(failure)) from None

    def forget(self, session: Session) -> None:
        """Forget which formats a registration could do."""
        for key in [key for key in self._usable_formats if key[0] == session.id]:
            del self._usable_formats[key]

    def did_not_answer(self, endpoint: str) -> None:
        """Note that a request ran out without an answer."""
        self._sessions.did_not_answer(endpoint)
        self.counters["no answer"] += 1

    def session(self, endpoint: str) -> Session:
        """Return the session of an awake node; raises OperationFailed."""
        session = self._sessions.get(endpoint)
        if session is None:
            raise OperationFailed(UNKNOWN_NODE, f"{endpoint} is not registered")
        if not self._sessions.is_awake(endpoint, self._now_ms()):
            raise OperationFailed(ASLEEP, f"{endpoint} sleeps until it speaks again")
        return session

    @asynccontextmanager
    async def turn(self, endpoint: str) -> AsyncIterator[Session]:
        """Wait for this node's turn and for a slot; give the session as it then is.

        Raises OperationFailed if the node is unknown or asleep when its turn comes.
        """
        lock = self._locks.setdefault(endpoint, asyncio.Lock())
        async with lock, self._slot():
            yield self.session(endpoint)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        await self._slots.acquire()
        slot = _Slot(self._slots)
        timer = asyncio.get_running_loop().call_later(SLOT_S, slot.release)
        try:
            yield
        finally:
            if not slot.is_released:
                timer.cancel()
                slot.release()

    # The operations

    async def _read(self, session: Session, operation: Operation) -> OperationResult:
        def message(accept: int | None) -> Message:
            return _message(session, codes.GET, operation.path, accept=accept)

        accepted = content.formats_to_accept(session.registration, operation.path)
        kind = "read in text" if accepted[0] == content.TEXT else "read"
        return await self._negotiate(session, kind, accepted, message, operation.path)

    async def _write(self, session: Session, operation: Operation) -> OperationResult:
        is_several = bool(operation.leaves)
        leaves = operation.leaves or ((operation.path, operation.value),)
        formats = content.formats_to_write(
            session.registration, operation.path, None if is_several else operation.value
        )
        code = codes.PUT if operation.is_replacing or not is_several else codes.POST

        def message(number: int) -> Message:
            payload = content.encode(number, operation.path, leaves)
            return _message(session, code, operation.path, payload, number)

        kind = "write several" if is_several else f"write {type(operation.value).__name__}"
        return await self._negotiate(session, kind, formats, message, operation.path)

    async def _create(self, session: Session, operation: Operation) -> OperationResult:
        formats = content.formats_to_write(session.registration, operation.path, None)
        if not operation.leaves:
            # An empty SenML pack is malformed; TLV has a form for nothing.
            formats = (content.TLV,)

        def message(number: int) -> Message:
            payload = content.encode(number, operation.path, operation.leaves)
            return _message(session, codes.POST, operation.path, payload, number)

        return await self._negotiate(session, "create", formats, message, operation.path)

    async def _delete(self, session: Session, operation: Operation) -> OperationResult:
        return await self._ask(_message(session, codes.DELETE, operation.path), operation.path)

    async def _execute(self, session: Session, operation: Operation) -> OperationResult:
        message = _message(session, codes.POST, operation.path)
        if operation.arguments:
            message.payload = operation.arguments.encode()
            message.opt.content_format = content.TEXT
        return await self._ask(message, operation.path)

    async def _discover(self, session: Session, operation: Operation) -> OperationResult:
        message = _message(session, codes.GET, operation.path, accept=content.LINK_FORMAT)
        return await self._ask(message, operation.path)

    async def _write_attributes(self, session: Session, operation: Operation) -> OperationResult:
        message = _message(session, codes.PUT, operation.path)
        message.opt.uri_query = operation.attributes
        return await self._ask(message, operation.path)

    async def _read_composite(self, session: Session, operation: Operation) -> OperationResult:
        if session.registration.version == "1.0":
            return await self._read_each(session, operation)

        def message(number: int) -> Message:
            payload = content.encode_paths(number, operation.paths)
            return _message(session, codes.FETCH, (), payload, number, number)

        formats = content.composite_formats(session.registration)
        return await self._negotiate(session, "composite", formats, message, ())

    async def _read_each(self, session: Session, operation: Operation) -> OperationResult:
        """Read path by path: 1.0 has no composite operations. Ends at the first refusal."""
        values: list[PathValue] = []
        for path in operation.paths:
            result = await self._read(session, replace(operation, path=path))
            if not result.is_success:
                return result
            values.extend(result.values)
        return OperationResult("2.05", tuple(values))

    async def _write_composite(self, session: Session, operation: Operation) -> OperationResult:
        def message(number: int) -> Message:
            payload = content.encode(number, (), operation.leaves)
            return _message(session, codes.iPATCH, (), payload, number)

        formats = content.composite_formats(session.registration)
        return await self._negotiate(session, "composite", formats, message, ())

    async def _ping(self, session: Session, operation: Operation) -> OperationResult:
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        await self._context.ping(session.peer)
        return OperationResult("0.00", elapsed_s=loop.time() - sent_s)

    async def _negotiate(
        self,
        session: Session,
        kind: str,
        formats: Sequence[int | None],
        message: Callable[[int | None], Message],
        path: Path,
    ) -> OperationResult:
        """Ask with the first format, and with the next ones while the node knows none of them."""
        key = (session.id, kind)
        if key in self._usable_formats:
            formats = (self._usable_formats[key],)
        for number in formats[:ATTEMPTS_MAX]:
            result = await self._ask(message(number), path)
            if result.code not in (NOT_ACCEPTABLE, UNSUPPORTED_FORMAT):
                break
        else:
            self._usable_formats.pop(key, None)
            return result
        if number is not formats[0] and result.is_success:
            self._usable_formats[key] = number
        return result

    async def _ask(self, message: Message, path: Path) -> OperationResult:
        message.transport_tuning = self._tuning
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        response = await self._context.request(message).response
        elapsed_s = loop.time() - sent_s
        retransmissions = getattr(message, "retransmissions", 0)
        return _result(response, path, elapsed_s, retransmissions)


class _Slot:
    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self.is_released = False

    def release(self) -> None:
        self.is_released = True
        self._slots.release()


_PERFORM = {
    "read": Operations._read,
    "write": Operations._write,
    "create": Operations._create,
    "delete": Operations._delete,
    "execute": Operations._execute,
    "discover": Operations._discover,
    "ping": Operations._ping,
    "write-attributes": Operations._write_attributes,
    "read-composite": Operations._read_composite,
    "write-composite": Operations._write_composite,
}
KINDS = tuple(_PERFORM)


def _message(
    session: Session,
    code: Code,
    path: Path,
    payload: bytes = b"",
    content_format: int | None = None,
    accept: int | None = None,
) -> Message:
    """Return a request to a node; its path stands under the node's alternate root."""
    segments = session.registration.objects.root + tuple(str(id) for id in path)
    message = Message(code=code, payload=payload, uri_path=segments)
    message.opt.content_format = content_format
    message.opt.accept = accept
    message.remote = session.peer
    return message


def request_to_observe(session: Session, path: Path, accept: int | None) -> Message:
    """Return the request that begins an observation."""
    message = _message(session, codes.GET, path, accept=accept)
    message.opt.observe = 0
    return message


def _result(
    response: Message, path: Path, elapsed_s: float, retransmissions: int
) -> OperationResult:
    code = response.code.dotted
    if not response.code.is_successful():
        detail = response.payload[:DETAIL_LENGTH_MAX].decode(errors="replace")
        return OperationResult(
            code, detail=detail, retransmissions=retransmissions, elapsed_s=elapsed_s
        )
    values: tuple[PathValue, ...] = ()
    links: tuple[Link, ...] = ()
    detail = ""
    try:
        if response.opt.content_format == content.LINK_FORMAT:
            links = tuple(link_format.decode(response.payload))
        elif response.code == codes.CONTENT:
            values = decode_values(response, path)
    except ProtocolError as failure:
        detail = f"the answer cannot be read: {failure}"
    return OperationResult(
        code, values, links, detail, response.opt.location_path, retransmissions, elapsed_s
    )


def decode_values(response: Message, path: Path) -> tuple[PathValue, ...]:
    """Return the values in a node's answer about `path`. Raises ProtocolError."""
    leaves = content.decode(response.opt.content_format, path, response.payload)
    return tuple(PathValue.of(leaf) for leaf in leaves)
