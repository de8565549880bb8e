"""What the management API is asked: JSON objects as operations and commands, judged in words."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from gateway.commands import Request
from gateway.names import Path, parse_path, parse_value
from gateway.operations import KINDS, TIMEOUT_S, Operation
from protocol import lwm2m_path

TIMEOUT_MAX_S = 180
# How long a dim waits that says neither that nor how long it lasts.
DIM_EXPIRES_S = 3600
PATHS_MAX = 64

_OPERATION_KEYS = {"operation", "path", "paths", "value", "values", "arguments", "attributes",
                   "timeout_s", "is_replacing"}
_COMMAND_KEYS = {"id", "node", "operation", "path", "value", "level", "for_s", "expires_s"}


class Wrong(Exception):
    """A request that cannot be done: an answer with `status` and {"error": text}."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def operation_request(body: dict[str, Any], instances: Sequence[Path]) -> Operation:
    """Return the operation that `body` asks for, of a node with these object `instances`.

    `values` is {path or name: value}, for write-composite, create and a write of an instance.
    Raises Wrong, and UnknownName for paths, names and values.
    """
    _refuse_unknown(body, _OPERATION_KEYS)
    kind = body.get("operation")
    if kind not in KINDS:
        raise Wrong(400, f"operation: {kind!r}; allowed are {', '.join(KINDS)}")
    path = parse_path(_text(body, "path", "/"), instances)
    value = parse_value(path, body["value"]) if "value" in body else None
    if kind == "write" and value is None and "values" not in body:
        raise Wrong(400, "value: a write needs one")
    return Operation(
        kind=kind, path=path, value=value, leaves=_leaves(body, instances),
        paths=_paths(body, instances), attributes=tuple(_texts(body, "attributes")),
        arguments=_text(body, "arguments", ""), is_replacing=body.get("is_replacing") is True,
        timeout_s=seconds(body.get("timeout_s"), TIMEOUT_S, TIMEOUT_MAX_S))


def command_request(body: dict[str, Any], endpoint: str, instances: Sequence[Path],
                    new_id: Callable[[], str]) -> Request:
    """Return the command that `body` asks for; a path may be a name.

    A dim waits for its lamp as long as it lasts, where it does not say otherwise. Raises Wrong,
    UnknownName.
    """
    _refuse_unknown(body, _COMMAND_KEYS)
    path, value = body.get("path"), body.get("value")
    if isinstance(path, str):
        ids = parse_path(path, instances)
        path = lwm2m_path.render(ids)
        if body.get("operation") == "write" and not isinstance(value, bytes):
            value = parse_value(ids, value)
    expires_s = body.get("expires_s")
    if expires_s is None and body.get("operation") == "dim":
        # Hours later nobody means it any more.
        expires_s = body.get("for_s") or DIM_EXPIRES_S
    return Request(
        id=body.get("id") or new_id(), endpoint=endpoint, operation=body.get("operation"),
        path=path, value=value, level=body.get("level"), for_s=body.get("for_s"),
        expires_s=expires_s)


def seconds(written: Any, default: float, most: float) -> float:
    """Return a time from JSON or a query; raises Wrong if it is not one from 0 to `most`."""
    if written is None:
        return default
    try:
        value = float(written)
    except (TypeError, ValueError):
        value = -1.0
    if isinstance(written, bool) or not 0 <= value <= most:
        raise Wrong(400, f"seconds: {written!r}; allowed are 0 to {most:g}")
    return value


def _leaves(body: dict[str, Any], instances: Sequence[Path]):
    written = body.get("values", {})
    if not isinstance(written, dict) or len(written) > PATHS_MAX:
        raise Wrong(400, f"values: allowed is an object with at most {PATHS_MAX} paths")
    paths = {text: parse_path(text, instances) for text in written}
    return tuple((paths[text], parse_value(paths[text], value)) for text, value in written.items())


def _paths(body: dict[str, Any], instances: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(parse_path(text, instances) for text in _texts(body, "paths"))


def _texts(body: dict[str, Any], key: str) -> list[str]:
    written = body.get(key, [])
    if (not isinstance(written, list) or len(written) > PATHS_MAX
            or not all(isinstance(each, str) for each in written)):
        raise Wrong(400, f"{key}: allowed is a list of at most {PATHS_MAX} texts")
    return written


def _text(body: dict[str, Any], key: str, default: str) -> str:
    written = body.get(key, default)
    if not isinstance(written, str):
        raise Wrong(400, f"{key}: allowed is text")
    return written


def _refuse_unknown(body: dict[str, Any], known: set[str]) -> None:
    for key in body:
        if key not in known:
            raise Wrong(400, f"{key}: unknown; allowed are {', '.join(sorted(known))}")


def json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a request's body; raises Wrong."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Wrong(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Wrong(400, "the body is not a JSON object")
    return body
