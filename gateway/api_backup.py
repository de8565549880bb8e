"""The management API's backup: the whole gateway as one archive, while it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from gateway import backup, restoration
from gateway.api_requests import Wrong, json_object
from gateway.audit import Deed
from gateway.vault import VaultError

if TYPE_CHECKING:
    from gateway.service import Gateway


# What `faubourg keys list` looks for in the audit log: a backup counts once it is kept.
KEPT = "keep backup"


class BackupApi:
    """The handler; `begin` notes what is about to be done. One backup at a time."""

    def __init__(
        self, gateway: "Gateway", begin: Callable[[web.Request, Deed], Awaitable[None]]
    ) -> None:
        self._gateway = gateway
        self._begin = begin
        self._making = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; the first gives away the gateway's key and all else it keeps."""
        return [web.post("/v1/backup", self._backup), web.post("/v1/backup/kept", self._kept)]

    async def _backup(self, request: web.Request) -> web.StreamResponse:
        if self._making.locked():
            raise Wrong(409, "another backup is being made")
        async with self._making:
            await self._begin(request, Deed("backup"))
            # Before the copy: what is made from now on may not be in it ('faubourg keys list').
            made_ms = self._gateway.clock.unix_ms()
            data = Path(self._gateway.settings.gateway.data)
            copy = data / (backup.STORE + restoration.COPY)
            try:
                await self._gateway.store.copy_to(str(copy))
                contents = await asyncio.to_thread(self._contents)
                return await _sent(request, made_ms, backup.archive(contents, copy))
            finally:
                copy.unlink(missing_ok=True)

    async def _kept(self, request: web.Request) -> web.Response:
        """Note that the backup of a moment is whole in somebody's file."""
        made_ms = json_object(await request.read()).get("made_ms")
        is_time = isinstance(made_ms, int) and not isinstance(made_ms, bool)
        if not is_time or not 0 <= made_ms <= self._gateway.clock.unix_ms():
            raise Wrong(400, "made_ms: a time in the past, in Unix milliseconds")
        await self._begin(request, Deed(KEPT, value=str(made_ms)))
        return web.json_response({})

    def _contents(self) -> backup.Contents:
        gateway = self._gateway
        path = gateway.settings_path
        try:
            text = Path(path).read_bytes() if path else b""
            return restoration.contents(gateway.settings, text, gateway.clock.unix_ms())
        except (OSError, VaultError) as error:
            raise Wrong(503, str(error)) from error


async def _sent(request: web.Request, made_ms: int, pieces) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "application/x-tar", backup.MADE_HEADER: str(made_ms)})
    await response.prepare(request)
    try:
        while piece := await asyncio.to_thread(next, pieces, b""):
            await response.write(piece)
    except OSError:
        # A proper end would make half of it look like the whole.
        request.transport.abort()
        raise
    return response
