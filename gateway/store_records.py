"""What the store keeps besides nodes and readings: commands, counters, incidents, audit."""

from gateway import store_audit, store_commands
from gateway.rows import AuditRow, CommandRow, IncidentRow
from gateway.store_part import StorePart


class Records(StorePart):
    """The part of `Store` that keeps commands, counters, incidents and the audit log."""

    _measurement_ms: int

    async def add_command(self, row: CommandRow) -> CommandRow:
        """Store a new command and return it; or return the stored one that has its id."""
        return await self._write(store_commands.add, row)

    async def save_command(self, row: CommandRow) -> None:
        """Add or replace a command."""
        await self._write(store_commands.save, row)

    async def command(self, command_id: str) -> CommandRow | None:
        """Return the command of that id."""
        return await self._read(store_commands.one, command_id)

    async def commands(self, limit: int) -> list[CommandRow]:
        """Return the newest `limit` commands, newest first."""
        return await self._read(store_commands.recent, limit)

    async def unfinished_commands(self) -> list[CommandRow]:
        """Return the commands that are queued or sent, oldest first."""
        return await self._read(store_commands.unfinished)

    async def unreported_commands(self, origin: str, limit: int) -> list[CommandRow]:
        """Return finished commands whose result the uplink `origin` has yet to pass on."""
        return await self._read(store_commands.unreported, origin, limit)

    async def mark_reported(self, command_id: str) -> None:
        """Note that a command's result was passed on."""
        await self._write(store_commands.mark_reported, command_id, wait_ms=self._measurement_ms)

    async def delete_finished_commands(self, before_ms: int, limit: int) -> int:
        """Delete up to `limit` commands that ended before `before_ms`; return how many."""
        return await self._write(store_commands.delete_finished, before_ms, limit)

    async def add_counts(self, counts: dict[str, int]) -> None:
        """Add to counters that last over restarts."""
        work = dict(counts)
        await self._write(store_commands.add_counts, work, wait_ms=self._measurement_ms)

    async def counts(self) -> dict[str, int]:
        """Return the counters that last over restarts."""
        return await self._read(store_commands.all_counts)

    async def add_incident(self, row: IncidentRow) -> None:
        """Note something an operator should know; the newest 10,000 are kept."""
        await self._write(store_commands.add_incident, row, wait_ms=self._measurement_ms)

    async def incidents(self, limit: int) -> list[IncidentRow]:
        """Return the newest `limit` incidents, newest first."""
        return await self._read(store_commands.recent_incidents, limit)

    async def add_audit(self, row: AuditRow, rows_max: int) -> int:
        """Add an entry to the audit log, the newest `rows_max` are kept; return its id."""
        return await self._write(store_audit.add, row, rows_max)

    async def end_audit(self, number: int, result: str) -> None:
        """Note what came of an entry of the audit log."""
        await self._write(store_audit.end, number, result)

    async def end_audit_of_command(self, command: str, result: str) -> None:
        """Note what became of a command that is in the audit log."""
        arguments = (command, result)
        await self._write(store_audit.end_command, *arguments, wait_ms=self._measurement_ms)

    async def audit(self, endpoint: str | None, limit: int) -> list[AuditRow]:
        """Return the newest `limit` entries of the audit log, newest first."""
        return await self._read(store_audit.recent, endpoint, limit)
