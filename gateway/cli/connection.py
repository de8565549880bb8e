"""HTTP over the gateway's Unix socket, as the commands need it: one request, one JSON answer."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import click

CONFIG_PLACES = ("gateway.toml", "/etc/faubourg/gateway.toml")
# A node may be asked for up to the longest a confirmable request can take (RFC 7252 4.8.2), twice.
ANSWER_TIMEOUT_S = 200
LINES_READ_BYTES = 65_536
CHUNK_BYTES = 1 << 20
GONE_AWAY = "the gateway has gone away"


class ApiError(Exception):
    """The gateway could not be reached, or it refused; the text says what to do next."""

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float):
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class ApiClient:
    """The management API of the gateway that listens on the Unix socket `socket_path`."""

    def __init__(self, socket_path: str):
        self._socket_path = socket_path

    def get(self, *segments: str, query: str = "") -> Any:
        return self._json("GET", segments, query, None)

    def post(self, *segments: str, body: dict[str, Any]) -> Any:
        return self._json("POST", segments, "", body)

    def delete(self, *segments: str) -> Any:
        return self._json("DELETE", segments, "", None)

    def chunks(self, *segments: str, query: str = "") -> Iterator[bytes]:
        """Yield an answer that is no JSON, as it comes; ApiError where it breaks off."""
        return _pieces(self._open("GET", segments, query, None))

    def download(
        self, *segments: str, body: dict[str, Any], header: str
    ) -> tuple[str | None, Iterator[bytes]]:
        """Return `header` of the answer to a POST, and what follows as `chunks` gives it."""
        response = self._open("POST", segments, "", body)
        return response.headers[header], _pieces(response)

    def lines(self, *segments: str, query: str = "") -> Iterator[dict[str, Any]]:
        """Yield the objects of an endless JSON lines answer; blank lines keep it alive.

        Raises ApiError where the connection breaks; it ends where the gateway ends the answer.
        """
        response = self._open("GET", segments, query, None)
        begun = b""
        try:
            # Not readline(): it takes a broken connection for the answer's end.
            while piece := response.read1(LINES_READ_BYTES):
                *lines, begun = (begun + piece).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApiError(GONE_AWAY) from error

    def _json(self, method: str, segments: tuple[str, ...], query: str, body: Any) -> Any:
        response = self._open(method, segments, query, body)
        with _answering(method):
            text = response.read()
        try:
            return json.loads(text)
        except ValueError as error:
            raise ApiError(f"the gateway's answer is not JSON: {error}") from error

    def _open(self, method: str, segments: tuple[str, ...], query: str, body: Any):
        if not all(segment.strip() for segment in segments):
            raise click.UsageError("an empty name or id names nothing")
        path = "/v1/" + "/".join(quote(segment, safe="") for segment in segments)
        connection = _UnixConnection(self._socket_path, ANSWER_TIMEOUT_S)
        payload = None if body is None else json.dumps(body)
        try:
            connection.connect()
        except OSError as error:
            raise ApiError(self._unreachable(error)) from error
        with _answering(method):
            connection.request(method, path + (f"?{query}" if query else ""), payload,
                               {"Content-Type": "application/json"} if payload else {})
            response = connection.getresponse()
            if response.status >= 400:
                raise ApiError(_refusal(response), response.status)
        return response

    def _unreachable(self, error: OSError) -> str:
        return (f"no gateway answers on {self._socket_path} ({error.strerror or error}). Is it "
                "running? Start it with 'faubourg run', or name its socket with --socket.")


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(CHUNK_BYTES):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise ApiError(GONE_AWAY) from error


@contextmanager
def _answering(method: str) -> Iterator[None]:
    """Tell in words that a gateway which took a request did not answer it."""
    try:
        yield
    except TimeoutError as error:
        reason = f"the gateway has not answered within {ANSWER_TIMEOUT_S} s"
        raise ApiError(reason + _doubt(method)) from error
    except (OSError, http.client.HTTPException) as error:
        raise ApiError(f"{GONE_AWAY} before it answered" + _doubt(method)) from error


def _doubt(method: str) -> str:
    if method == "GET":
        return ""
    return (". What you asked for may have been done or kept: 'faubourg commands list --all' "
            "shows the dims, 'faubourg read' what a write has changed.")


def _refusal(response: http.client.HTTPResponse) -> str:
    text = response.read().decode("utf-8", "replace")
    try:
        return json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {response.status}: {text[:200]}"


def api_client() -> ApiClient:
    """Return the client of the gateway that this command line names (options, then settings)."""
    options = click.get_current_context().find_root().obj
    if options["socket"]:
        return ApiClient(options["socket"])
    from gateway.settings import SettingsError, load

    path = settings_path()
    try:
        return ApiClient(load(path).management.socket)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def settings_path() -> str:
    """Return the settings file to use; UsageError where none is named and none is found."""
    named = click.get_current_context().find_root().obj["config"]
    for place in (named,) if named else CONFIG_PLACES:
        if os.path.exists(place):
            return place
    looked = named or " and ".join(CONFIG_PLACES)
    raise click.UsageError(f"no settings file: looked for {looked}. Name one with "
                           "'faubourg --config FILE …', or the socket with --socket PATH.")
