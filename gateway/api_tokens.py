"""The management API of the HTTP port's tokens, at the gateway's own socket alone."""

from typing import TYPE_CHECKING

from aiohttp import web

from gateway.api_entrance import Noting
from gateway.api_requests import Wrong, json_object
from gateway.audit import Deed
from gateway.doors import ROLES
from gateway.tokens import Tokens, TokensError

if TYPE_CHECKING:
    from gateway.service import Gateway


class TokensApi:
    """The handlers; a token is in the one answer that made it, and nowhere else."""

    def __init__(self, gateway: "Gateway", noting: Noting) -> None:
        self._gateway = gateway
        self._noting = noting

    def routes(self) -> list[web.RouteDef]:
        """Return every route of the tokens."""
        return [
            web.get("/v1/tokens", self._list),
            web.post("/v1/tokens", self._add),
            web.delete("/v1/tokens/{name}", self._remove),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        try:
            tokens = self._tokens().all()
        except TokensError as error:
            raise Wrong(409, str(error)) from error
        return web.json_response([{"name": each.name, "role": each.role.word} for each in tokens])

    async def _add(self, request: web.Request) -> web.Response:
        body = json_object(await request.read())
        name, role = str(body.get("name")), ROLES.get(str(body.get("role")))
        if role is None:
            raise Wrong(400, f"role: allowed are {', '.join(ROLES)}")
        await self._noting.begin(request, Deed("add token", value=f"{name} {role.word}"))
        try:
            token = self._tokens().add(name, role)
        except TokensError as error:
            raise Wrong(409, str(error)) from error
        return web.json_response({"name": name, "role": role.word, "token": token})

    async def _remove(self, request: web.Request) -> web.Response:
        try:
            removed = self._tokens().remove(request.match_info["name"])
        except TokensError as error:
            raise Wrong(409, str(error)) from error
        return web.json_response({"name": removed.name, "role": removed.role.word})

    def _tokens(self) -> Tokens:
        return Tokens(self._gateway.settings.http.tokens_file)
