"""The management API: HTTP with JSON on a Unix socket (docs/internals.md lists the requests)."""

import asyncio
import grp
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway import api_views, metrics, settings_check, status
from gateway.api_audit import AuditApi
from gateway.api_backup import BackupApi
from gateway.api_buffer import BufferApi
from gateway.api_deeds import api_command_deed, operation_deed
from gateway.api_entrance import CALLER, IS_PENDING, IS_READING, Noting, authorised
from gateway.api_keys import KeysApi
from gateway.api_requests import (
    Wrong,
    command_request,
    json_object,
    operation_request,
    seconds,
)
from gateway.api_tokens import TokensApi
from gateway.audit import Actor
from gateway.code_words import code_text
from gateway.commands import LAMP, CommandRefused
from gateway.composition import start_error
from gateway.doors import SOCKET, Caller, Role, user_at
from gateway.fleet_view import NodeView
from gateway.names import UnknownName, parse_path
from gateway.operations import ASLEEP, BUSY, NO_ANSWER, UNKNOWN_NODE, Operation, OperationFailed
from gateway.rows import CommandRow
from gateway.store import StoreError

if TYPE_CHECKING:
    from gateway.service import Gateway

BODY_BYTES_MAX = 256 * 1024
WAIT_MAX_S = 180
OBSERVE_MAX_S = 366 * 86_400
# An observer that sees nothing still gets an empty line, so that a dead connection ends.
KEEP_ALIVE_S = 15
STOP_S = 2.0
COMMAND_ID_BYTES = 8
# So many of the nodes that a text may mean are named.
SHOWN_MAX = 5

_STATUS_OF_REASON = {UNKNOWN_NODE: 404, ASLEEP: 409, BUSY: 503, NO_ANSWER: 504}


class Api:
    """The handlers over one running gateway; `new_command_id()` names commands without an id."""

    def __init__(self, gateway: "Gateway", new_command_id: Callable[[], str]) -> None:
        self._gateway = gateway
        self._new_command_id = new_command_id
        self._noting = Noting(lambda: gateway.audit, self._endpoint_of)

    def application(self, entrance: Callable) -> web.Application:
        """Return the aiohttp application with every route.

        `entrance` is a middleware that knows who asks: it sets the request's CALLER.
        """
        middlewares = [_errors, entrance, self._noting.middleware(), _errors, authorised]
        application = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=middlewares)
        application.add_routes([
            web.get("/metrics", self._metrics),
            web.get("/v1/status", self._status),
            web.get("/v1/nodes", self._nodes),
            web.get("/v1/nodes/{node}", self._node),
            web.post("/v1/nodes/{node}/operations", self._operate),
            web.get("/v1/nodes/{node}/observe", self._observe),
            web.post("/v1/commands", self._submit),
            web.get("/v1/commands", self._commands),
            web.get("/v1/commands/{id}", self._command),
            web.delete("/v1/commands/{id}", self._cancel),
            *BufferApi(self._gateway, self._view).routes(),
            *BackupApi(self._gateway, self._noting.begin).routes(),
            *KeysApi(self._gateway, self._view, self._noting.begin).routes(),
            *AuditApi(self._gateway, self._view).routes(),
            *TokensApi(self._gateway, self._noting).routes(),
        ])
        return application

    async def _status(self, request: web.Request) -> web.Response:
        return _json(api_views.status(await self._gateway.status(), self._now_ms()))

    async def _metrics(self, request: web.Request) -> web.Response:
        text = metrics.text(await self._gateway.status(), self._now_ms())
        return web.Response(text=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _nodes(self, request: web.Request) -> web.Response:
        now_ms, security = self._now_ms(), self._gateway.settings.gateway.security
        missing = await self._missing()
        return _json([api_views.summary(view, security, now_ms, missing.get(view.row.endpoint, 0))
                      for view in self._gateway.nodes()])

    async def _node(self, request: web.Request) -> web.Response:
        view = self._view(request.match_info["node"])
        security = self._gateway.settings.gateway.security
        missing = (await self._missing()).get(view.row.endpoint, 0)
        return _json(api_views.node(view, security, self._now_ms(), missing))

    async def _missing(self) -> dict[str, int]:
        return await status.readable(self._gateway.store.missing_by_node(), {})

    async def _operate(self, request: web.Request) -> web.Response:
        view = self._view(request.match_info["node"])
        operation = operation_request(json_object(await request.read()), view.objects)
        deed = operation_deed(view.row.endpoint, operation)
        request[IS_READING] = deed is None
        if operation.kind == "discover" and not operation.path:
            return _json({"code": "2.05", "values": [],
                          "links": api_views.objects_as_links(view)})
        if deed is not None:
            await self._noting.begin(request, deed)
        result = await self._perform(view, operation)
        return _json(api_views.operation_result(result, operation.paths))

    async def _perform(self, view: NodeView, operation: Operation):
        result = await self._gateway.operate(view.row.endpoint, operation)
        if not result.is_success and operation.kind != "ping":
            written = operation.path if operation.kind == "write" else ()
            reason = code_text(result.code, result.detail, written)
            raise Wrong(422, f"{view.row.endpoint} answered {reason}")
        return result

    async def _observe(self, request: web.Request) -> web.StreamResponse:
        view = self._view(request.match_info["node"])
        path = parse_path(request.query.get("path", ""), view.objects)
        for_s = seconds(request.query.get("for_s"), OBSERVE_MAX_S, OBSERVE_MAX_S)
        async with self._gateway.observe(view.row.endpoint, path) as notifications:
            response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
            await response.prepare(request)
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(for_s), aclosing(_with_pauses(notifications)) as paced:
                    async for values in paced:
                        await response.write(self._line(values))
        return response

    def _line(self, values) -> bytes:
        if values is None:
            return b"\n"
        shown = {"time_ms": self._now_ms(), "values": api_views.values(values)}
        return json.dumps(shown, ensure_ascii=False).encode() + b"\n"

    async def _submit(self, request: web.Request) -> web.Response:
        body = json_object(await request.read())
        view = self._view(body.get("node"))
        if body.get("operation") in ("dim", "resume") and not _is_lamp(view):
            reason = code_text("4.04", f"it has no object /{LAMP[0]}")
            raise Wrong(409, f"{view.row.endpoint} is no lamp ({reason})")
        wanted = command_request(body, view.row.endpoint, view.objects, self._new_command_id)
        await self._noting.begin(request, api_command_deed(wanted))
        row = await self._gateway.submit(wanted)
        request[IS_PENDING] = not row.state.is_final
        return _json(api_views.command(row), status=202)

    async def _commands(self, request: web.Request) -> web.Response:
        rows = await self._gateway.commands(with_ended="all" in request.query)
        return _json([api_views.command(row) for row in rows])

    async def _command(self, request: web.Request) -> web.Response:
        wait_s = seconds(request.query.get("wait_s"), 0, WAIT_MAX_S)
        return _json(api_views.command(await self._known(request.match_info["id"], wait_s)))

    async def _cancel(self, request: web.Request) -> web.Response:
        row = await self._known(request.match_info["id"], 0)
        return _json(api_views.command(await self._gateway.cancel(row.id)))

    async def _known(self, command_id: str, wait_s: float) -> CommandRow:
        row = await self._gateway.wait_result(command_id, wait_s)
        if row is None:
            raise Wrong(404, f"no command {command_id}; see 'faubourg commands list --all'")
        return row

    def _view(self, written: object) -> NodeView:
        """Return the node that `written` names: endpoint, asset, name, or a unique ending."""
        if not isinstance(written, str) or not written.strip():
            raise Wrong(400, "node: empty; allowed is an endpoint name, an asset number or a name")
        exact = self._gateway.node(written)
        if exact is not None:
            return exact
        views = self._gateway.nodes()
        wanted = written.lower()
        named = [(view, _names(view)) for view in views]
        found = ([view for view, names in named if wanted in names]
                 or [view for view, names in named
                     if any(name.endswith(wanted) for name in names)])
        if len(found) == 1:
            return found[0]
        if not found:
            raise Wrong(404, f"no node {written!r} ever registered here; see 'faubourg nodes'")
        names = ", ".join(view.row.endpoint for view in found[:SHOWN_MAX])
        more = ", ..." if len(found) > SHOWN_MAX else ""
        raise Wrong(409, f"{written!r} names {len(found)} nodes ({names}{more}): write more of it")

    def _endpoint_of(self, written: object) -> str | None:
        try:
            return self._view(written).row.endpoint
        except Wrong:
            return written if isinstance(written, str) else None

    def _now_ms(self) -> int:
        return self._gateway.clock.unix_ms()


def _is_lamp(view: NodeView) -> bool:
    # Of a node whose objects cannot be read nothing is known: it will answer for itself.
    return not view.objects or any(path[0] == LAMP[0] for path in view.objects)


def _names(view: NodeView) -> tuple[str, ...]:
    return view.row.endpoint.lower(), view.asset.lower(), view.name.lower()


async def _with_pauses(notifications):
    """Yield each notification, and None where there was none for KEEP_ALIVE_S."""
    upcoming = asyncio.ensure_future(anext(notifications, notifications))
    try:
        while True:
            done, _ = await asyncio.wait([upcoming], timeout=KEEP_ALIVE_S)
            if not done:
                yield None
                continue
            if upcoming.result() is notifications:
                return
            yield upcoming.result()
            upcoming = asyncio.ensure_future(anext(notifications, notifications))
    finally:
        upcoming.cancel()


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


@web.middleware
async def _errors(request: web.Request, handler: Callable[..., Awaitable]) -> web.StreamResponse:
    """Turn what a request may do wrong into an answer in words."""
    try:
        return await handler(request)
    except Wrong as error:
        return _json({"error": str(error)}, error.status)
    except UnknownName as error:
        return _json({"error": str(error)}, 400)
    except OperationFailed as error:
        return _json({"error": str(error)}, _STATUS_OF_REASON.get(error.reason, 400))
    except CommandRefused as error:
        return _json({"error": str(error)}, 409)
    except StoreError as error:
        return _json({"error": f"the store: {error}"}, 503)
    except web.HTTPException as error:
        return _json({"error": error.reason}, error.status)


def new_api(gateway: "Gateway") -> Api:
    """Return the handlers for one door."""
    return Api(gateway, lambda: gateway.random.randbytes(COMMAND_ID_BYTES).hex())


@web.middleware
async def _socket_entrance(request: web.Request, handler: Callable) -> web.StreamResponse:
    """Let in whoever the socket's mode lets connect, by the name of the machine's user."""
    request[CALLER] = Caller(Actor(SOCKET, user_at(request.transport)), Role.ADMIN)
    return await handler(request)


@asynccontextmanager
async def serving(gateway: "Gateway", socket_path: str, group: str) -> AsyncIterator[None]:
    """Listen on `socket_path`, open to its owner and to `group` if one is named, until the end.

    A socket that a gateway left behind is replaced. Raises SettingsError where it cannot be made,
    StartError where it can be later, LookupError for a group that this machine does not have.
    """
    group_id = grp.getgrnam(group).gr_gid if group else None
    settings_check.check_folder("management.socket", socket_path)
    application = new_api(gateway).application(_socket_entrance)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        try:
            await _listen(runner, socket_path, group_id)
        except OSError as error:
            raise start_error("management.socket", socket_path, error) from error
        yield
    finally:
        await runner.cleanup()
        with suppress(FileNotFoundError):
            os.unlink(socket_path)


async def _listen(runner: web.AppRunner, socket_path: str, group_id: int | None) -> None:
    with suppress(FileNotFoundError):
        os.unlink(socket_path)
    # From its first moment nobody else may connect.
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, socket_path).start()
    finally:
        os.umask(before)
    if group_id is not None:
        os.chown(socket_path, -1, group_id)
        os.chmod(socket_path, 0o660)
