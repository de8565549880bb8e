"""Takes the commands that come by uplinks: only what is allowed there, each in the audit log."""

from collections.abc import Awaitable, Callable

from gateway.audit import Actor, Audit, command_deed, command_result
from gateway.command_rights import CommandRights
from gateway.commands import CommandForbidden, CommandRefused, Request
from gateway.rows import CommandRow
from gateway.settings import MqttUplink, Settings
from gateway.store import StoreError

UPLINK = "uplink"


class CityDoor:
    """`submit(request)` queues a command, as `Gateway.submit` does."""

    def __init__(
        self,
        settings: Settings,
        audit: Audit,
        submit: Callable[[Request], Awaitable[CommandRow]],
    ) -> None:
        self._audit = audit
        self._submit = submit
        self._rights = {
            name: CommandRights(each.commands.allow, each.commands.paths, each.commands.nodes)
            for name, each in settings.uplink.items() if isinstance(each, MqttUplink)
        }  # fmt: skip

    async def take(self, request: Request) -> CommandRow:
        """Return the command's row once it is durable.

        Raises CommandForbidden for what its uplink may not do, else what `submit` raises.
        """
        actor, deed = Actor(UPLINK, request.origin), command_deed(request)
        try:
            self._rights[request.origin].check(request)
        except CommandForbidden as error:
            await self._audit.refused(actor, deed, f"refused: {error}")
            raise
        entry = await self._audit.begin(actor, deed)
        try:
            row = await self._submit(request)
        except (CommandRefused, StoreError) as error:
            await self._audit.end(entry, f"refused: {error}")
            raise
        if row.state.is_final:
            await self._audit.end(entry, command_result(row))
        return row
