"""Commands to nodes: a queue per node with expiry, each at most once per id, with its result.

A core: it decides, and the service stores each CommandRow it returns before it acts on it.
`now_ms` is the uptime, by which commands expire; `unix_ms` the time of day, for the record.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.readings import plain_value
from gateway.rows import CommandRow, CommandState, Value
from protocol import data_types, lwm2m_path, object_table
from protocol.errors import DecodeError

OPERATIONS = ("dim", "resume", "write", "execute")
LAMP = (3416, 0)
COMMAND, OVERRIDE_END = 1, 51

ID_LENGTH_MAX = 128
ARGUMENTS_LENGTH_MAX = 256
FOR_S_MAX = 31 * 86_400
EXPIRES_S_MAX = 366 * 86_400
ATTEMPTS_MAX = 10
# Between two attempts that nobody answered; each has by then been retransmitted for 45 s or more.
RETRY_DELAY_MS = 30_000


class CommandRefused(Exception):
    """A command that cannot be taken, or cannot be cancelled; the text says why."""


class CommandForbidden(CommandRefused):
    """A command that whoever sent it may not give; the text says what is not allowed."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command as somebody wishes it; what it has no use for is None."""

    id: str
    endpoint: str
    operation: str
    path: str | None = None
    value: object = None  # as JSON gives it: bytes as base64url, object links as "3416:0"
    level: int | None = None
    for_s: int | None = None
    expires_s: int | None = None
    origin: str = "api"
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes to a node: a Write of `leaves` (partial if of an instance), or an Execute."""

    command_id: str
    endpoint: str
    is_execute: bool
    path: tuple[int, ...]
    leaves: tuple[tuple[tuple[int, ...], Value], ...] = ()
    arguments: str = ""
    until_s: int | None = None  # Unix seconds at which the override it starts ends


def new_command(request: Request, unix_ms: int, expires_s: int) -> CommandRow:
    """Return the row of a valid `request`; it expires after `expires_s` where it says nothing.

    Raises CommandRefused with what is wrong and what is allowed.
    """
    _check(request)
    path, value = None, None
    if request.operation in ("write", "execute"):
        path = _resource_path(request.path)
        value = _value(request, path)
    if request.expires_s is not None:
        expires_s = _whole("expires_s", request.expires_s, 1, EXPIRES_S_MAX)
    return CommandRow(
        id=request.id,
        endpoint=request.endpoint,
        operation=request.operation,
        created_ms=unix_ms,
        expires_ms=unix_ms + expires_s * 1000,
        path=None if path is None else lwm2m_path.render(path),
        value=value,
        level=request.level,
        for_s=request.for_s,
        origin=request.origin,
        response_topic=request.response_topic,
        correlation=request.correlation,
    )


def _check(request: Request) -> None:
    if not isinstance(request.id, str) or not 0 < len(request.id) <= ID_LENGTH_MAX:
        raise CommandRefused(f"id: allowed are texts of 1 to {ID_LENGTH_MAX} characters")
    try:
        plain_value(request.id)
    except DecodeError as error:
        raise CommandRefused(f"id: {error}") from error
    if request.operation not in OPERATIONS:
        raise CommandRefused("operation: allowed are " + ", ".join(OPERATIONS))
    if request.operation == "dim":
        _whole("level", request.level, 0, 100)
        if request.for_s is not None:
            _whole("for_s", request.for_s, 1, FOR_S_MAX)
        return
    if request.level is not None or request.for_s is not None:
        raise CommandRefused("level, for_s: allowed only in a dim")


def _whole(name: str, value: object, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise CommandRefused(f"{name}: allowed are whole numbers from {lowest} to {highest}")
    return value


def _resource_path(text: object) -> tuple[int, ...]:
    try:
        path = lwm2m_path.parse(text) if isinstance(text, str) else ()
    except DecodeError as error:
        raise CommandRefused(f"path: {error}") from error
    if len(path) < 3:
        raise CommandRefused("path: allowed is a resource, such as /3416/0/1")
    return path


def _value(request: Request, path: tuple[int, ...]) -> Value | None:
    value = request.value
    if request.operation == "execute":
        arguments = "" if value is None else value
        if not isinstance(arguments, str) or not arguments.isascii():
            raise CommandRefused("value: allowed are an execute's arguments as ASCII text")
        if len(arguments) > ARGUMENTS_LENGTH_MAX:
            raise CommandRefused(f"value: allowed are {ARGUMENTS_LENGTH_MAX} characters")
        return arguments or None
    data_type = object_table.type_of(path)
    try:
        if data_type == data_types.OPAQUE and isinstance(value, str):
            padding = "=" * (-len(value) % 4)
            value = base64.b64decode(value + padding, altchars=b"-_", validate=True)
        return data_types.coerce(plain_value(value), data_type)
    except (DecodeError, binascii.Error, ValueError, RecursionError) as error:
        raise CommandRefused(f"value: {error}") from error


@dataclass(slots=True)
class _Entry:
    row: CommandRow
    deadline_ms: int
    not_before_ms: int = 0


class Commands:
    """The commands that have not ended; in each node's queue the first goes first."""

    def __init__(self, per_node_max: int) -> None:
        self._per_node_max = per_node_max
        self._entries: dict[str, _Entry] = {}
        self._queues: dict[str, list[str]] = {}

    def restore(self, rows: Iterable[CommandRow], now_ms: int, unix_ms: int) -> list[CommandRow]:
        """Take the unfinished commands of the store, oldest first; return those that changed.

        What was sent before the restart is sent again if it is a write, else its result is
        unknown. A time of day that has stepped back lengthens no command's life.
        """
        changed = []
        for row in rows:
            left_ms = min(row.expires_ms - unix_ms, row.expires_ms - row.created_ms)
            self._add(row, now_ms + max(left_ms, 0))
            if row.state == CommandState.SENT:
                changed.append(self.no_answer(row.id, now_ms, unix_ms))
        return changed

    def submit(self, row: CommandRow, now_ms: int) -> CommandRow:
        """Queue a new command; return it, or the one of that id that is queued already.

        Raises CommandRefused when the node's queue is full.
        """
        known = self._entries.get(row.id)
        if known is not None:
            return known.row
        self.check_room(row.endpoint)
        self._add(row, now_ms + row.expires_ms - row.created_ms)
        return row

    def check_room(self, endpoint: str) -> None:
        """Raise CommandRefused if the node's queue is full."""
        if len(self._queues.get(endpoint, ())) >= self._per_node_max:
            raise CommandRefused(f"{self._per_node_max} commands wait for this node already")

    def _add(self, row: CommandRow, deadline_ms: int) -> None:
        self._entries[row.id] = _Entry(row, deadline_ms)
        self._queues.setdefault(row.endpoint, []).append(row.id)

    def pending(self, endpoint: str) -> list[CommandRow]:
        """Return the node's commands that have not ended, in their order."""
        return [self._entries[command_id].row for command_id in self._queues.get(endpoint, ())]

    def endpoints(self) -> list[str]:
        """Return the nodes that commands wait for."""
        return list(self._queues)

    def next_to_send(self, endpoint: str, now_ms: int, unix_s: int | None) -> Sending | None:
        """Return what to send to a node that listens now, or None.

        None while one is under way. `unix_s` is the time of day if it is trusted: without it a dim
        that ends at a time has to wait.
        """
        queue = self._queues.get(endpoint)
        if not queue:
            return None
        entry = self._entries[queue[0]]
        if entry.row.state != CommandState.QUEUED or now_ms < entry.not_before_ms:
            return None
        if now_ms >= entry.deadline_ms or (_needs_time(entry.row) and unix_s is None):
            return None
        return _sending(entry.row, unix_s)

    def sent(self, sending: Sending, now_ms: int) -> CommandRow:
        """Note that `sending` is about to leave: store the row that this returns first."""
        entry = self._entries[sending.command_id]
        attempts = entry.row.attempts + 1
        if sending.until_s is not None and attempts == 1:
            # An override that is over need not be repeated.
            entry.deadline_ms = min(entry.deadline_ms, now_ms + entry.row.for_s * 1000)
        entry.row = replace(
            entry.row, state=CommandState.SENT, attempts=attempts, until_s=sending.until_s
        )
        return entry.row

    def not_sent(self, command_id: str) -> CommandRow:
        """Note that nothing left after all: it waits as before."""
        entry = self._entries[command_id]
        attempts = entry.row.attempts - 1
        entry.row = replace(entry.row, state=CommandState.QUEUED, attempts=attempts)
        return entry.row

    def answered(self, command_id: str, code: str, unix_ms: int, detail: str = "") -> CommandRow:
        """Return the ended command: done if the node answered 2.xx, else failed."""
        state = CommandState.DONE if code.startswith("2.") else CommandState.FAILED
        return self._end(command_id, state, unix_ms, code=code, detail=detail)

    def no_answer(self, command_id: str, now_ms: int, unix_ms: int) -> CommandRow:
        """Return the command, queued again if it is a write, else ended as unknown."""
        entry = self._entries[command_id]
        row = entry.row
        if row.operation == "execute" or row.attempts >= ATTEMPTS_MAX:
            detail = f"no answer to {row.attempts} attempts" if row.attempts > 1 else "no answer"
            return self._end(command_id, CommandState.UNKNOWN, unix_ms, detail=detail)
        entry.row = replace(row, state=CommandState.QUEUED)
        entry.not_before_ms = now_ms + RETRY_DELAY_MS
        return entry.row

    def cancel(self, command_id: str, unix_ms: int) -> CommandRow:
        """Return the command, ended; raises CommandRefused if it is under way, or has ended."""
        entry = self._entries.get(command_id)
        if entry is None or entry.row.state != CommandState.QUEUED:
            raise CommandRefused("only a command that waits can be cancelled")
        return self._end_unsent(entry.row, CommandState.CANCELLED, unix_ms)

    def expire(self, now_ms: int, unix_ms: int) -> list[CommandRow]:
        """Return the commands whose time is over, ended; not one that is under way."""
        over = [
            entry.row
            for entry in self._entries.values()
            if entry.deadline_ms <= now_ms and entry.row.state == CommandState.QUEUED
        ]
        return [self._end_unsent(row, CommandState.EXPIRED, unix_ms) for row in over]

    def next_timeout_ms(self, now_ms: int) -> int | None:
        """Return when a command expires, or may be sent again, next."""
        times = []
        for entry in self._entries.values():
            if entry.row.state == CommandState.QUEUED:
                times.append(entry.deadline_ms)
                if entry.not_before_ms > now_ms:
                    times.append(entry.not_before_ms)
        return min(times, default=None)

    def _end_unsent(self, row: CommandRow, state: CommandState, unix_ms: int) -> CommandRow:
        if row.attempts == 0:
            return self._end(row.id, state, unix_ms)
        # An attempt that was not answered may have been heard: nobody can say that it was not.
        detail = f"{state} after {row.attempts} attempts without answer"
        return self._end(row.id, CommandState.UNKNOWN, unix_ms, detail=detail)

    def _end(
        self, command_id: str, state: CommandState, unix_ms: int, **changes: object
    ) -> CommandRow:
        row = self._entries.pop(command_id).row
        queue = self._queues[row.endpoint]
        queue.remove(command_id)
        if not queue:
            del self._queues[row.endpoint]
        return replace(row, state=state, finished_ms=unix_ms, **changes)


def _needs_time(row: CommandRow) -> bool:
    return row.operation == "dim" and row.for_s is not None and row.until_s is None


def _sending(row: CommandRow, unix_s: int | None) -> Sending:
    if row.operation == "resume":
        leaves = (((*LAMP, OVERRIDE_END), 0),)
        return Sending(row.id, row.endpoint, False, LAMP, leaves)
    if row.operation == "dim":
        return _dim(row, unix_s)
    path = lwm2m_path.parse(row.path)
    if row.operation == "execute":
        return Sending(row.id, row.endpoint, True, path, arguments=row.value or "")
    return Sending(row.id, row.endpoint, False, path, ((path, row.value),))


def _dim(row: CommandRow, unix_s: int | None) -> Sending:
    """Return one partial Write with the end first; without it resource 53's duration counts."""
    until_s = row.until_s
    if row.for_s is not None and until_s is None:
        until_s = unix_s + row.for_s
    leaves = (((*LAMP, COMMAND), row.level),)
    if until_s is not None:
        leaves = (((*LAMP, OVERRIDE_END), until_s), *leaves)
    return Sending(row.id, row.endpoint, False, LAMP, leaves, until_s=until_s)
