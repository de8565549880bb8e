"""The management API of the buffer (docs/internals.md lists the requests)."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from gateway import buffer_views
from gateway.api_requests import Wrong, json_object
from gateway.buffer import LISTED_MAX
from gateway.fleet_view import NodeView
from gateway.rows import Lane
from gateway.store import StoreError
from gateway.store_selection import Selection

if TYPE_CHECKING:
    from gateway.service import Gateway

LISTED_DEFAULT = 100
LANES = {lane.name.lower(): lane for lane in Lane}
_NUMBERS = {"first_id", "last_id", "from_ms", "to_ms"}


class BufferApi:
    """The handlers; `find_node(written)` gives the node of that name, or raises Wrong."""

    def __init__(self, gateway: "Gateway", find_node: Callable[[object], NodeView]) -> None:
        self._gateway = gateway
        self._find_node = find_node

    def routes(self) -> list[web.RouteDef]:
        """Return every route of the buffer."""
        return [
            web.get("/v1/buffer", self._status),
            web.get("/v1/buffer/readings", self._list),
            web.get("/v1/buffer/verify", self._verify),
            web.get("/v1/buffer/ledger/{node}", self._explain),
            web.get("/v1/buffer/export", self._export),
            web.post("/v1/buffer/replays", self._replay),
            web.delete("/v1/buffer/replays/{id}", self._cancel_replay),
        ]

    async def _status(self, request: web.Request) -> web.Response:
        shown = await self._gateway.buffer.status(await self._gateway.uplinks())
        return web.json_response(buffer_views.status(shown, self._gateway.clock.unix_ms()))

    async def _list(self, request: web.Request) -> web.Response:
        uplink = request.query.get("uplink")
        if uplink is not None:
            self._check_uplink(uplink)
        limit = _number(request.query.get("limit", str(LISTED_DEFAULT)), "limit", LISTED_MAX)
        selection = await self._selection(request.query)
        found = await self._gateway.buffer.readings(selection, uplink, limit)
        return web.json_response([buffer_views.reading(each) for each in found])

    async def _verify(self, request: web.Request) -> web.Response:
        return web.json_response(buffer_views.check(await self._gateway.buffer.verify()))

    async def _explain(self, request: web.Request) -> web.Response:
        endpoint = await self._endpoint(request.match_info["node"])
        shown = await self._gateway.buffer.explain(endpoint)
        return web.json_response(buffer_views.explanation(shown))

    async def _export(self, request: web.Request) -> web.StreamResponse:
        selection = await self._selection(request.query)
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        await response.prepare(request)
        try:
            async for lines in self._lines(selection, request.query.get("format") == "csv"):
                await response.write("".join(line + "\n" for line in lines).encode())
        except StoreError:
            # A proper end would make half of it look like the whole.
            request.transport.abort()
            raise
        return response

    async def _lines(self, selection: Selection, as_csv: bool) -> AsyncIterator[list[str]]:
        if as_csv:
            yield [",".join(buffer_views.COLUMNS)]
        epoch, units_of = self._gateway.buffer.epoch, self._gateway.buffer.units_of
        async for page in self._gateway.buffer.export(selection):
            if as_csv:
                yield buffer_views.csv_lines(page)
            else:
                yield buffer_views.senml_lines(page, epoch, units_of)

    async def _replay(self, request: web.Request) -> web.Response:
        wanted = {name: str(value) for name, value in json_object(await request.read()).items()}
        uplink = wanted.pop("uplink", "")
        self._check_uplink(uplink)
        selection = await self._selection(wanted)
        job = await self._gateway.buffer.replay(uplink, selection, self._gateway.clock.unix_ms())
        if job is None:
            raise Wrong(409, f"too many replays of {uplink} wait already; see 'buffer status'")
        return web.json_response(buffer_views.replay(job), status=202)

    async def _cancel_replay(self, request: web.Request) -> web.Response:
        number = _number(request.match_info["id"], "id")
        job = await self._gateway.buffer.cancel_replay(number, self._gateway.clock.unix_ms())
        if job is None:
            raise Wrong(404, f"no replay {number}; see 'faubourg buffer status'")
        if not job.is_cancelled:
            raise Wrong(409, f"replay {number} was done before")
        return web.json_response(buffer_views.replay(job))

    def _check_uplink(self, uplink: str) -> None:
        if uplink not in self._gateway.settings.uplink:
            allowed = ", ".join(self._gateway.settings.uplink)
            raise Wrong(404, f"uplink: {uplink!r} is none; allowed are {allowed}")

    async def _selection(self, query: Mapping[str, str]) -> Selection:
        lane = query.get("lane")
        if lane is not None and lane not in LANES:
            raise Wrong(400, f"lane: {lane!r}; allowed are {' and '.join(LANES)}")
        numbers = {name: _number(query[name], name) for name in _NUMBERS if name in query}
        node = query.get("node")
        endpoint = None if node is None else await self._endpoint(node)
        return Selection(endpoint, None if lane is None else LANES[lane], **numbers)

    async def _endpoint(self, written: str) -> str:
        """Return an endpoint name; also one that is known by its readings only."""
        try:
            return self._find_node(written).row.endpoint
        except Wrong:
            if (await self._gateway.buffer.explain(written)).boots:
                return written
            raise


def _number(written: str, name: str, most: int = (1 << 63) - 1) -> int:
    if not (written.isascii() and written.isdigit()) or not 0 <= int(written) <= most:
        raise Wrong(400, f"{name}: {written!r}; allowed are 0 to {most}")
    return int(written)
