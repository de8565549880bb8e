"""Carries commands to nodes that listen, one at a time, and results to whoever asked."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakValueDictionary

from gateway.clock import Clock
from gateway.commands import Commands, Request, Sending, new_command
from gateway.operations import (
    ASLEEP,
    BUSY,
    UNKNOWN_NODE,
    Operation,
    OperationFailed,
    Operations,
)
from gateway.rows import CommandRow
from gateway.store import Store, StoreError

API = "api"
NOT_DURABLE = "not durable, the store fails"
VOLATILE_MAX = 256
SHOWN_MAX = 1000

log = logging.getLogger("gateway.commands")


class CommandRunner:
    """The shell of the command queue: every step is durable before the next one is taken.

    Where the store fails, light must still be switched: commands of the API then live in memory,
    and writes that wait are sent all the same. What may not be done twice is not sent.
    """

    def __init__(
        self,
        commands: Commands,
        operations: Operations,
        store: Store,
        clock: Clock,
        expires_s: int,
        is_awake: Callable[[str], bool],
    ) -> None:
        self._commands = commands
        self._operations = operations
        self._store = store
        self._clock = clock
        self._expires_s = expires_s
        self._is_awake = is_awake
        # Ends that the store would not take: the queue knows these commands no more.
        self._unsaved: dict[str, CommandRow] = {}
        # Commands of which the store does not know all: what became of them.
        self._volatile: dict[str, CommandRow] = {}
        self._entrances: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._changed = asyncio.Condition()
        self._listeners: list[Callable[[CommandRow], None]] = []
        self.counters: Counter[str] = Counter()

    def call_on_result(self, listener: Callable[[CommandRow], None]) -> None:
        """Have `listener(row)` called with every command that has ended and is stored."""
        self._listeners.append(listener)

    async def restore(self) -> None:
        """Take over the unfinished commands of the store."""
        rows = await self._store.unfinished_commands()
        for row in self._commands.restore(rows, self._now_ms(), self._clock.unix_ms()):
            await self._save(row)

    async def submit(self, request: Request) -> CommandRow:
        """Queue a command, durably; the same id again gives the command it has become.

        A command of the API that cannot be kept is queued in memory, and its `detail` says so.
        Raises CommandRefused, or StoreError if one of an uplink cannot be kept.
        """
        row = new_command(request, self._clock.unix_ms(), self._expires_s)
        known = await self._known(row)
        if known is not None:
            return self._shown(known)
        # One after the other: room that was found must still be there after the commit.
        async with self._entrances.setdefault(row.endpoint, asyncio.Lock()):
            self._commands.check_room(row.endpoint)
            stored = await self._add(row)
            if stored == row:
                self.counters["submitted"] += 1
                return self._shown(self._commands.submit(row, self._now_ms()))
        return stored

    async def _known(self, row: CommandRow) -> CommandRow | None:
        try:
            return self._volatile.get(row.id) or await self._store.command(row.id)
        except StoreError:
            if row.origin != API:
                raise
            return None

    async def _add(self, row: CommandRow) -> CommandRow:
        try:
            return await self._store.add_command(row)
        except StoreError:
            if row.origin != API or not self._keep_in_memory(row):
                raise
            return row

    def _keep_in_memory(self, row: CommandRow) -> bool:
        """Keep what the store does not take; return False if there is no room."""
        ended = [each.id for each in self._volatile.values() if each.state.is_final]
        if row.id not in self._volatile and len(self._volatile) >= VOLATILE_MAX:
            if not ended:
                return False
            del self._volatile[ended[0]]
        self._volatile[row.id] = row
        self.counters["kept in memory"] += 1
        return True

    def _shown(self, row: CommandRow) -> CommandRow:
        if row.id not in self._volatile:
            return row
        return replace(row, detail=f"{NOT_DURABLE}; {row.detail}".rstrip("; "))

    async def cancel(self, command_id: str) -> CommandRow:
        """End a command that still waits; raises CommandRefused."""
        row = self._commands.cancel(command_id, self._clock.unix_ms())
        await self._save(row)
        return row

    def pending(self, endpoint: str) -> list[CommandRow]:
        """Return the commands that wait for a node."""
        return [self._shown(row) for row in self._commands.pending(endpoint)]

    async def rows(self, with_ended: bool) -> list[CommandRow]:
        """Return the commands that wait, oldest first; or the newest of all, newest first."""
        volatile = [row for row in self._volatile.values() if with_ended or not row.state.is_final]
        try:
            if with_ended:
                stored = await self._store.commands(SHOWN_MAX)
            else:
                stored = await self._store.unfinished_commands()
        except StoreError:
            if not volatile:
                raise
            stored = []
        known = {row.id: row for row in stored} | {row.id: row for row in volatile}
        found = sorted(known.values(), key=lambda row: row.created_ms, reverse=with_ended)
        return [self._shown(row) for row in found]

    def is_due(self, endpoint: str) -> bool:
        """Return whether there is a command for this node, and it listens."""
        return bool(self._commands.pending(endpoint)) and self._is_awake(endpoint)

    def endpoints(self) -> list[str]:
        """Return the nodes that commands wait for."""
        return self._commands.endpoints()

    def next_timeout_ms(self) -> int | None:
        """Return when `expire` has something to do, or a command may be repeated."""
        return self._commands.next_timeout_ms(self._now_ms())

    async def run(self, endpoint: str) -> None:
        """Send what waits for a node while it listens. Called by one task per node."""
        while self._is_awake(endpoint):
            unix_s = self._clock.unix_ms() // 1000 if self._clock.is_trusted() else None
            sending = self._commands.next_to_send(endpoint, self._now_ms(), unix_s)
            if sending is None:
                return
            await self._send(sending)

    async def expire(self) -> None:
        """End the commands whose time is over; note what could not be noted before."""
        for row in self._commands.expire(self._now_ms(), self._clock.unix_ms()):
            self._unsaved[row.id] = row
        for row in [*self._unsaved.values(), *self._volatile.values()]:
            await self._save(row)

    async def wait_result(self, command_id: str, timeout_s: float) -> CommandRow | None:
        """Return the command once it has ended, or as it is when the time is over."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while True:
                    row = await self._row(command_id)
                    if row is None or row.state.is_final:
                        return row
                    await self._changed.wait()
        except TimeoutError:
            return await self._row(command_id)

    async def _row(self, command_id: str) -> CommandRow | None:
        volatile = self._volatile.get(command_id)
        return self._shown(volatile) if volatile else await self._store.command(command_id)

    async def _send(self, sending: Sending) -> None:
        row = self._commands.sent(sending, self._now_ms())
        try:
            await self._save(row)
        except StoreError:
            # After a restart the store would send it once more: only a write may be repeated.
            if sending.is_execute or not self._keep_in_memory(row):
                self._commands.not_sent(sending.command_id)
                raise
        try:
            result = await self._operations.perform(sending.endpoint, _operation(sending))
        except OperationFailed as failure:
            await self._save(self._failed(sending, failure))
            return
        unix_ms = self._clock.unix_ms()
        await self._save(
            self._commands.answered(sending.command_id, result.code, unix_ms, result.detail)
        )

    def _failed(self, sending: Sending, failure: OperationFailed) -> CommandRow:
        if failure.reason in (ASLEEP, BUSY, UNKNOWN_NODE):
            return self._commands.not_sent(sending.command_id)
        log.info("command %r to %r: %s", sending.command_id, sending.endpoint, failure)
        return self._commands.no_answer(sending.command_id, self._now_ms(), self._clock.unix_ms())

    async def _save(self, row: CommandRow) -> None:
        """Store a row; one of a command that lives in memory may wait there."""
        if row.id in self._volatile:
            self._volatile[row.id] = row
        if row.state.is_final:
            self._unsaved[row.id] = row
        try:
            await self._store.save_command(row)
        except StoreError:
            if row.id not in self._volatile:
                raise
        else:
            self._saved(row)
        async with self._changed:
            self._changed.notify_all()

    def _saved(self, row: CommandRow) -> None:
        if self._volatile.get(row.id) == row:
            del self._volatile[row.id]
        if row.state.is_final and self._unsaved.pop(row.id, None) is not None:
            self.counters[str(row.state)] += 1
            for listener in self._listeners:
                listener(row)

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)


def _operation(sending: Sending) -> Operation:
    if sending.is_execute:
        return Operation("execute", sending.path, arguments=sending.arguments)
    if len(sending.path) > 2:
        return Operation("write", sending.path, sending.leaves[0][1])
    return Operation("write", sending.path, leaves=sending.leaves)
