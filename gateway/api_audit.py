"""The management API of the audit log."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.api_requests import Wrong
from gateway.fleet_view import NodeView

if TYPE_CHECKING:
    from gateway.service import Gateway

LISTED_DEFAULT, LISTED_MAX = 100, 10_000


class AuditApi:
    """The handlers; `find_node(written)` gives the node of that name, or raises Wrong."""

    def __init__(self, gateway: "Gateway", find_node: Callable[[object], NodeView]) -> None:
        self._gateway = gateway
        self._find_node = find_node

    def routes(self) -> list[web.RouteDef]:
        """Return every route of the audit log."""
        return [web.get("/v1/audit", self._list)]

    async def _list(self, request: web.Request) -> web.Response:
        written = request.query.get("limit", str(LISTED_DEFAULT))
        if not (written.isascii() and written.isdigit()) or not 0 < int(written) <= LISTED_MAX:
            raise Wrong(400, f"limit: {written!r}; allowed are 1 to {LISTED_MAX}")
        rows = await self._gateway.audit.rows(self._endpoint(request), int(written))
        return web.json_response([asdict(row) for row in rows])

    def _endpoint(self, request: web.Request) -> str | None:
        node = request.query.get("node")
        if node is None:
            return None
        try:
            return self._find_node(node).row.endpoint
        except Wrong as wrong:
            # A node that never registered may stand in the log all the same.
            if wrong.status != 404:
                raise
            return node
