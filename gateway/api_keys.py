"""The management API's requests about nodes' keys; docs/internals.md lists them.

Two answers hold secrets: of an addition, for the node's file, and of an export. All are POST, so
that nobody who may only look gets them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Set
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway import exported_keys
from gateway.api_backup import KEPT
from gateway.api_requests import Wrong, json_object
from gateway.audit import Deed
from gateway.contexts import ContextError, ContextRow, Contexts, VaultError
from gateway.exported_keys import ExportedKeys, is_endpoint
from gateway.fleet_view import NodeView
from gateway.registration import ENDPOINT_LENGTH_MAX
from gateway.rows import ContextState
from protocol.credentials import SALT_LENGTH, SECRET_LENGTH, Credentials
from protocol.errors import DecodeError

if TYPE_CHECKING:
    from gateway.service import Gateway

IMPORTED_MAX = 1000
AUDIT_SEARCHED = 10_000


class KeysApi:
    """The handlers; `find_node` gives the node of a name, `begin` notes what is about to be done.
    """

    def __init__(
        self,
        gateway: "Gateway",
        find_node: Callable[[object], NodeView],
        begin: Callable[[web.Request, Deed], Awaitable[None]],
    ) -> None:
        self._gateway = gateway
        self._find_node = find_node
        self._begin = begin
        # An id that was allocated is taken only once its context is stored.
        self._changing = asyncio.Lock()

    @property
    def _contexts(self) -> Contexts:
        found = self._gateway.contexts
        if found is None:
            raise Wrong(409, 'gateway.security = "none": this gateway keeps no keys')
        return found

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/v1/keys", self._list),
            web.post("/v1/keys", _worded(self._add)),
            web.post("/v1/keys/export", _worded(self._export)),
            web.post("/v1/keys/import", _worded(self._import)),
            web.post("/v1/keys/{node}/rotation", _worded(self._rotate)),
            web.delete("/v1/keys/{node}", _worded(self._revoke)),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        backed_up_ms = await self._backed_up_ms()
        return web.json_response(
            [self._view(row) | {"in_backup": row.created_ms < backed_up_ms}
             for row in self._contexts.rows()])

    async def _backed_up_ms(self) -> int:
        """Return when the newest backup that is kept was made, as far as the audit log goes."""
        found = await self._gateway.audit.rows(None, AUDIT_SEARCHED)
        return max((int(row.value) for row in found
                    if row.action == KEPT and row.result == "done"), default=0)

    def _view(self, row: ContextRow) -> dict[str, Any]:
        return {"endpoint": row.endpoint, "kid": row.kid.hex(), "state": row.state.value,
                "id_context": row.id_context and row.id_context.hex(),
                "rotation": self._contexts.rotations.get(row.endpoint),
                "created_ms": row.created_ms, "used_ms": row.used_ms or None}

    async def _add(self, request: web.Request) -> web.Response:
        endpoint = json_object(await request.read()).get("endpoint")
        if not is_endpoint(endpoint):
            raise Wrong(400, f"endpoint: allowed are 1 to {ENDPOINT_LENGTH_MAX} bytes without "
                             "spaces and control characters")
        await self._begin(request, Deed("add keys", endpoint))
        async with self._changing:
            sender_id, recipient_id = self._contexts.allocate_ids()
            secret = self._gateway.random.randbytes(SECRET_LENGTH)
            salt = self._gateway.random.randbytes(SALT_LENGTH)
            of_node = Credentials(secret, salt, sender_id, recipient_id)
            row = await self._contexts.add(endpoint, of_node)
        made = exported_keys.to_json(ExportedKeys(endpoint, of_node))
        return web.json_response(self._view(row) | made, status=201)

    async def _rotate(self, request: web.Request) -> web.Response:
        endpoint = self._named(request.match_info["node"])
        await self._begin(request, Deed("rotate keys", endpoint))
        async with self._changing:
            await self._contexts.rotate(endpoint)
        shown = {"endpoint": endpoint, "rotation": self._contexts.rotations[endpoint]}
        return web.json_response(shown, status=202)

    async def _revoke(self, request: web.Request) -> web.Response:
        endpoint = self._named(request.match_info["node"])
        await self._begin(request, Deed("revoke keys", endpoint))
        async with self._changing:
            await self._contexts.revoke(endpoint)
        return web.json_response({"endpoint": endpoint, "state": ContextState.REVOKED.value})

    async def _export(self, request: web.Request) -> web.Response:
        wanted = json_object(await request.read()).get("nodes") or []
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise Wrong(400, "nodes: allowed is a list of names")
        names = {self._named(each) for each in wanted} or {
            row.endpoint for row in self._contexts.rows()
            if row.state is not ContextState.REVOKED}
        await self._begin(request, _deed("export keys", names))
        found = [ExportedKeys(name, self._contexts.credentials_of_node(name))
                 for name in sorted(names)]
        return web.json_response({"keys": [exported_keys.to_json(each) for each in found]})

    async def _import(self, request: web.Request) -> web.Response:
        body = json_object(await request.read())
        written = body.get("keys")
        if not isinstance(written, list) or len(written) > IMPORTED_MAX:
            raise Wrong(400, f"keys: allowed is a list of at most {IMPORTED_MAX}")
        keys = [exported_keys.from_json(each) for each in written]
        await self._begin(request, _deed("import keys", {each.endpoint for each in keys}))
        async with self._changing:
            return web.json_response(await self._imported(keys, body.get("with_revoked") is True))

    async def _imported(self, keys: list[ExportedKeys], with_revoked: bool) -> dict[str, Any]:
        rows = self._contexts.rows()
        holders = {row.kid: row.endpoint for row in rows}
        known = {row.endpoint for row in rows
                 if not (with_revoked and row.state is ContextState.REVOKED)}
        skipped = [each.endpoint for each in keys if each.endpoint in known]
        fresh = [each for each in keys if each.endpoint not in known]
        taken = [each.endpoint for each in fresh
                 if holders.get(each.credentials.sender_id, each.endpoint) != each.endpoint]
        added = [(each.endpoint, each.credentials) for each in fresh
                 if each.endpoint not in taken]
        if added:
            # Whoever holds the file may have used these keys: they never protect anything here.
            await self._contexts.add_all(added, ContextState.RESTORED)
        return {"imported": [name for name, _ in added], "skipped": skipped, "taken": taken}

    def _named(self, written: str) -> str:
        """Return the node with keys that `written` names: endpoint, an ending of it, or a name."""
        names = {row.endpoint for row in self._contexts.rows()}
        if written in names:
            return written
        found = [name for name in names if name.lower().endswith(written.lower())]
        if len(found) > 1:
            raise Wrong(409, f"{written!r} names {len(found)} nodes: write more of it")
        name = found[0] if found else self._by_other_name(written)
        if name not in names:
            raise Wrong(404, f"no node {written!r} has keys here; see 'faubourg keys list'")
        return name

    def _by_other_name(self, written: str) -> str | None:
        try:
            return self._find_node(written).row.endpoint
        except Wrong:
            return None


def _deed(action: str, names: Set[str]) -> Deed:
    one = next(iter(names)) if len(names) == 1 else None
    return Deed(action, one, value=None if one else f"{len(names)} nodes")


def _worded(handler: Callable[..., Awaitable[web.Response]]) -> Callable[..., Awaitable]:
    """Turn what the contexts refuse into an answer in words."""
    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except ContextError as error:
            raise Wrong(409, str(error)) from error
        except DecodeError as error:
            raise Wrong(400, str(error)) from error
        except VaultError as error:
            raise Wrong(503, str(error)) from error

    return handle
