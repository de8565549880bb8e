"""The audit log: who did what by which door, with what result; durable before it is done.

Where the store fails light must still be switched: what cannot be kept stands in the log, and is
counted. Nothing that may be secret is shown: values of application objects and of a few others
that are known to hold none, never a body of anything else.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.command_rights import APPLICATION_FIRST, APPLICATION_LAST
from gateway.commands import LAMP, Request
from gateway.names import json_value
from gateway.rows import AuditRow, CommandRow
from gateway.store import Store, StoreError
from protocol import lwm2m_path
from protocol.errors import DecodeError

ROWS_MAX = 50_000
# Of a small store the log takes an eighth at most.
SHARE_BYTES = 8192
TEXT_LENGTH_MAX = 128
REFUSED_EVERY_S = 60.0
REFUSED_KINDS_MAX = 256
# Server, Device, Connectivity Monitoring, Location, Connectivity Statistics: nothing secret.
OPEN_OBJECTS = (1, 3, 4, 6, 7)

log = logging.getLogger("gateway.audit")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at a door: a user at the socket, a token at HTTP, an uplink."""

    door: str
    who: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody wants done; `command` is the id of the command that is to do it."""

    action: str
    endpoint: str | None = None
    path: str | None = None
    value: str | None = None
    command: str | None = None


class Audit:
    """The log of one gateway, in `store`, whose file is to have `size_bytes_max` at most."""

    def __init__(self, store: Store, clock: Clock, size_bytes_max: int) -> None:
        self._store = store
        self._clock = clock
        self._rows_max = min(ROWS_MAX, size_bytes_max // SHARE_BYTES)
        self._refused_s: dict[tuple[Actor, str], float] = {}
        self._ending: set[asyncio.Task] = set()
        self.counters: Counter[str] = Counter()

    async def begin(self, actor: Actor, deed: Deed) -> int | None:
        """Note what is about to be done; return its number, None where it could not be kept."""
        row = AuditRow(
            self._clock.unix_ms(), actor.door, _bounded(actor.who), _bounded(deed.action),
            _bounded(deed.endpoint), _bounded(deed.path), _bounded(deed.value),
            _bounded(deed.command),
        )  # fmt: skip
        try:
            return await self._store.add_audit(row, self._rows_max)
        except StoreError as error:
            self.counters["not kept"] += 1
            log.warning("not kept (%s): %s", error, row)
            return None

    async def end(self, number: int | None, result: str) -> None:
        """Note what came of it."""
        if number is None:
            return
        try:
            await self._store.end_audit(number, _bounded(result))
        except StoreError as error:
            self.counters["not kept"] += 1
            log.warning("not kept (%s): entry %d ended: %s", error, number, result)

    async def note(self, actor: Actor, deed: Deed, result: str) -> None:
        """Note what is done already."""
        await self.end(await self.begin(actor, deed), result)

    async def refused(self, actor: Actor, deed: Deed, result: str) -> None:
        """Note what somebody may not do: of the same kind once a minute, or it would push out
        what was done."""
        now_s = self._clock.monotonic_s()
        kind = (actor, deed.action)
        if now_s < self._refused_s.get(kind, -REFUSED_EVERY_S) + REFUSED_EVERY_S:
            self.counters["refusals not noted"] += 1
            return
        if len(self._refused_s) >= REFUSED_KINDS_MAX:
            del self._refused_s[next(iter(self._refused_s))]
        self._refused_s.pop(kind, None)
        self._refused_s[kind] = now_s
        await self.note(actor, deed, result)

    def command_ended(self, row: CommandRow) -> None:
        """Note what became of a command."""
        task = asyncio.ensure_future(self._end_command(row))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_command(self, row: CommandRow) -> None:
        try:
            await self._store.end_audit_of_command(row.id, command_result(row))
        except StoreError as error:
            self.counters["not kept"] += 1
            log.warning("not kept (%s): command %r ended: %s", error, row.id, row.state)

    async def close(self) -> None:
        """Make durable what is known."""
        await asyncio.gather(*self._ending)

    async def rows(self, endpoint: str | None, limit: int) -> list[AuditRow]:
        """Return the newest entries, newest first. Raises StoreError."""
        return await self._store.audit(endpoint, limit)


def command_deed(request: Request) -> Deed:
    """Return what a command is to change, also of one that is malformed."""
    action, value = str(request.operation), None
    path = request.path if isinstance(request.path, str) else None
    if action == "dim":
        value = value_text({"level": request.level, "for_s": request.for_s}, [LAMP])
    elif request.value is not None:
        value = value_text(request.value, [path_ids(path)])
    command = request.id if isinstance(request.id, str) else None
    return Deed(action, request.endpoint, path, value, command)


def path_ids(written: object) -> tuple[int, ...]:
    """Return the ids of a path, () of what is none."""
    try:
        return lwm2m_path.parse(written) if isinstance(written, str) else ()
    except DecodeError:
        return ()


def command_result(row: CommandRow) -> str:
    """Return what became of a command, in a few words: "done 2.04"."""
    said = f"{row.state} {row.code}" if row.code else str(row.state)
    return _bounded(f"{said}: {row.detail}" if row.detail else said)


def value_text(written: object, paths: Sequence[Sequence[int]]) -> str:
    """Return as text what is written to `paths`; "(not shown)" where it may be secret."""
    if not all(path and _is_open(path[0]) for path in paths):
        return "(not shown)"
    try:
        return _bounded(json.dumps(written, ensure_ascii=False, default=json_value))
    except (RecursionError, TypeError, ValueError):
        # What was read at one depth of calls may be too deep to write at another.
        return "(not shown)"


def _is_open(object_id: int) -> bool:
    return object_id in OPEN_OBJECTS or APPLICATION_FIRST <= object_id <= APPLICATION_LAST


def _bounded(text: str | None) -> str | None:
    if text is None:
        return None
    # JSON may give half of a surrogate pair, which no file can hold.
    text = text.encode(errors="replace").decode()
    return text if len(text) <= TEXT_LENGTH_MAX else text[: TEXT_LENGTH_MAX - 3] + "..."
