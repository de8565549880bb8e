"""What every request of the management API passes: its role, and the audit log."""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.api_requests import Wrong, json_object
from gateway.audit import Audit, Deed
from gateway.commands import OPERATIONS
from gateway.doors import SOCKET, Caller, is_local, needed_role
from gateway.operations import KINDS

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

# Of a request that was refused before anybody looked what it asks for.
_OPERATIONS = (*OPERATIONS, *KINDS)


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
    """Notes in the audit log what changes something, and what is refused.

    `audit()` is there once requests come; `endpoint_of` gives the name of the node that somebody
    wrote, or what was written.
    """

    def __init__(
        self, audit: Callable[[], Audit], endpoint_of: Callable[[object], str | None]
    ) -> None:
        self._audit = audit
        self._endpoint_of = endpoint_of

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
            elif response.status == 403:
                await self._note_refused(request, response)
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
        if response.status < 400:
            deed = Deed(_action(request), _named(request), value=_value(request))
            await self._audit().note(request[CALLER].actor, deed, _result(response))

    async def _note_refused(self, request: web.Request, response: web.StreamResponse) -> None:
        body = await _body(request)
        named = _named(request) or request.query.get("node") or body.get("node")
        word = body.get("operation")
        action = word if word in _OPERATIONS else _action(request)
        deed = Deed(action, self._endpoint_of(named), value=_value(request))
        await self._audit().refused(request[CALLER].actor, deed, _result(response))


def _action(request: web.Request) -> str:
    route = route_of(request)
    return _ACTIONS.get((request.method, route), f"{request.method} {route}")


def _named(request: web.Request) -> str | None:
    return request.match_info.get("endpoint") or request.match_info.get("node")


def _value(request: web.Request) -> str | None:
    return request.match_info.get("id") or request.match_info.get("name")


async def _body(request: web.Request) -> dict:
    try:
        return json_object(await request.read())
    except (Wrong, web.HTTPException):
        return {}


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
