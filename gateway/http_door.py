"""The HTTP port: the management API and the metrics for whoever has a token.

Off by default. A port that others than this machine reach wants TLS; without, it must be written
that this is meant, and then no caller has more than the role `operate`.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from gateway import http_files
from gateway.api import STOP_S, new_api
from gateway.api_entrance import CALLER, Handler
from gateway.audit import Actor
from gateway.coap_log import PeerLog
from gateway.composition import StartError
from gateway.doors import HTTP, Caller, Role
from gateway.http_connections import Connections, Listener
from gateway.settings_doors import Http
from gateway.tokens import Token, Tokens, TokensError

if TYPE_CHECKING:
    from gateway.service import Gateway

BODY_S = 10.0
HANDSHAKE_S = 10.0
HEADER_BYTES_MAX = 4096
HEADERS_MAX = 64
# Who has guessed wrong waits, so many at a time; the others are sent away at once.
REFUSAL_S = 1.0
REFUSALS_WAITING_MAX = 16

log = logging.getLogger("gateway.http")


class HttpDoor:
    """Lets in who has a token; `counters` count who had none."""

    def __init__(self, gateway: "Gateway", refusal_s: float = REFUSAL_S) -> None:
        self._gateway = gateway
        self._settings = gateway.settings.http
        self._tokens = Tokens(self._settings.tokens_file)
        self._refusal_s = refusal_s
        self._waiting = 0
        self._peer_log = PeerLog(log)
        self.counters: Counter[str] = gateway.http_counters

    @web.middleware
    async def entrance(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who has a token, with the whole request there."""
        connection = request.transport.get_protocol()
        token = self._token(request)
        if token is None:
            return await self._refused(request)
        try:
            async with asyncio.timeout(BODY_S):
                await request.read()
        except TimeoutError:
            self.counters["requests too slow"] += 1
            raise web.HTTPRequestTimeout from None
        connection.request_began()
        try:
            request[CALLER] = Caller(Actor(HTTP, token.name), self._role(token))
            self.counters["requests"] += 1
            return await handler(request)
        finally:
            connection.wait_for_request()

    def _role(self, token: Token) -> Role:
        return min(token.role, Role.OPERATE) if self._settings.is_exposed else token.role

    def _token(self, request: web.Request) -> Token | None:
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return self._tokens.find(presented.strip())
        except TokensError as error:
            now_s = self._gateway.clock.monotonic_s()
            self._peer_log.warning("http.tokens_file", str(error), now_s)
            return None

    async def _refused(self, request: web.Request) -> web.Response:
        self.counters["requests without token"] += 1
        self._peer_log.warning(
            str(request.remote), "no valid token", self._gateway.clock.monotonic_s())
        if self._waiting < REFUSALS_WAITING_MAX:
            self._waiting += 1
            try:
                await asyncio.sleep(self._refusal_s)
            finally:
                self._waiting -= 1
        answer = {"error": "a token is needed: 'faubourg token add' makes one"}
        response = web.json_response(
            answer, status=401, headers={"WWW-Authenticate": "Bearer"})
        response.force_close()
        return response


async def _quiet(request: web.Request, response: web.StreamResponse) -> None:
    """Tell strangers nothing about our software, and caches nothing at all."""
    response.headers.pop("Server", None)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"


@asynccontextmanager
async def serving(
    gateway: "Gateway", refusal_s: float = REFUSAL_S, **bounds: float
) -> AsyncIterator[int]:
    """Listen as `[http]` says until the end; gives the port, 0 where it is off.

    Raises SettingsError for certificate, key or tokens that cannot be used, StartError where
    nothing can listen. `bounds` are those of Connections.
    """
    settings = gateway.settings.http
    if not settings.listen:
        yield 0
        return
    http_files.check(settings)
    door = HttpDoor(gateway, refusal_s)
    application = new_api(gateway).application(door.entrance)
    application.on_response_prepare.append(_quiet)
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=STOP_S, lingering_time=0,
        max_line_size=HEADER_BYTES_MAX, max_field_size=HEADER_BYTES_MAX, max_headers=HEADERS_MAX,
    )  # fmt: skip
    await runner.setup()
    server = None
    try:
        server = await _listen(settings, Connections(runner.server, door.counters, **bounds))
        host, port = server.sockets[0].getsockname()[:2]
        log.info("the HTTP port listens on %s%s", _address(host, port),
                 " with TLS" if settings.cert else ", without TLS")
        yield port
    finally:
        if server is not None:
            server.close()
        await runner.cleanup()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _listen(settings: Http, connections: Connections) -> asyncio.Server:
    context = http_files.tls(settings) if settings.cert else None
    host, _, port = settings.listen.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name may stand for both: then IPv4's.
        family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        return await loop.create_server(
            connections, sock=Listener(family, address, connections.counters), ssl=context,
            ssl_handshake_timeout=HANDSHAKE_S if context else None,
        )  # fmt: skip
    except OSError as error:
        text = f"http.listen = {settings.listen}: {error.strerror or error}"
        raise StartError(text) from error
