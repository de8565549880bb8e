"""What every request of the management API passes: its role, and the audit log."""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.api_requests import Wrong
from gateway.audit import Audit, Deed
from gateway.doors import SOCKET, Caller, is_local, needed_role

CALLER = web.RequestKey("caller", Caller)
ENTRY = web.RequestKey("entry", int | None)
IS_READING = web.RequestKey("is_reading", bool)
IS_PENDING = web.RequestKey("is_pending", bool)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Of requests whose handlers note nothing themselves.
_ACTIONS = {
    ("DELETE", "/v1/commands/{id}"): "cancel command",
    ("DELETE", "/v1/tokens/{name}"): "remove token",
    ("POST", "/v1/backup"): "backup",
    ("POST", "/v1/buffer/replays"): "replay",
    ("DELETE", "/v1/buffer/replays/{id}"): "cancel replay",
}


def route_of(request: web.Request) -> str:
    """Return the request's route as the router has it, "" where there is none."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


@web.middleware
async def authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a caller do what its role may; raises Wrong with 403."""
    caller = request[CALLER]
    route = route_of(request)
    if is_local(request.method, route) and caller.actor.door != SOCKET:
        raise Wrong(403, "this is done at the gateway itself, by its socket")
    role = needed_role(request.method, route)
    if caller.role < role:
        raise Wrong(403, f"{caller.actor.who}: the role {caller.role.word} may not do this; "
                         f"it needs {role.word}")
    return await handler(request)


class Noting:
    """Notes in the audit log what changes something; `audit()` is there once requests come."""

    def __init__(self, audit: Callable[[], Audit]) -> None:
        self._audit = audit

    async def begin(self, request: web.Request, deed: Deed) -> None:
        """Note what a handler is about to do; what came of it is noted when it has answered."""
        request[ENTRY] = await self._audit().begin(request[CALLER].actor, deed)

    def middleware(self) -> Callable:
        """Return the middleware that notes what came of it."""

        @web.middleware
        async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                response = await handler(request)
            except Exception:
                if ENTRY in request:
                    await self._audit().end(request[ENTRY], "failed (500)")
                raise
            if ENTRY in request:
                await self._end(request, response)
            elif request.method not in ("GET", "HEAD") and not request.get(IS_READING):
                await self._note(request, response)
            return response

        return noted

    async def _end(self, request: web.Request, response: web.StreamResponse) -> None:
        # A command that waits has no result yet: its end becomes one.
        if not request.get(IS_PENDING):
            await self._audit().end(request[ENTRY], _result(response))

    async def _note(self, request: web.Request, response: web.StreamResponse) -> None:
        # What is refused for its form has changed nothing, and would crowd out what has.
        if response.status >= 400 and response.status != 403:
            return
        route = route_of(request)
        names = request.match_info
        deed = Deed(
            _ACTIONS.get((request.method, route), f"{request.method} {route}"),
            names.get("endpoint") or names.get("node"), value=names.get("id") or names.get("name"))
        audit = self._audit()
        note = audit.refused if response.status == 403 else audit.note
        await note(request[CALLER].actor, deed, _result(response))


def _result(response: web.StreamResponse) -> str:
    try:
        body = getattr(response, "text", None)
        answer = json.loads(body) if body else {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    if response.status >= 400:
        word = "refused" if response.status in (401, 403, 409) else f"failed ({response.status})"
        return f"{word}: {answer.get('error', response.reason)}"
    code = answer.get("code")
    return f"done {code}" if isinstance(code, str) else "done"
