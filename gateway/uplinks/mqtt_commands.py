"""Commands and their results as JSON in MQTT messages; `docs/internals.md`, "MQTT"."""

import json
from dataclasses import dataclass

from gateway.commands import CommandForbidden, CommandRefused, Request
from gateway.rows import CommandRow, CommandState
from gateway.uplinks import topics
from gateway.uplinks.mqtt_connection import Delivery, Publication
from protocol.errors import DecodeError
from protocol.number import from_text

PAYLOAD_LENGTH_MAX = 65_536
KEYS = ("id", "operation", "path", "value", "level", "for_s", "expires_s")
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is no command, or none that may be done; what of it can be answered."""

    id: str | None
    endpoint: str | None
    reason: str
    is_forbidden: bool = False


def parse(delivery: Delivery, origin: str) -> Request | Malformed:
    """Return the command in a message that came by the uplink `origin`, or why it is none."""
    command_id = endpoint = None
    try:
        endpoint = topics.node_of(delivery.topic)
        fields = _fields(delivery.payload)
        command_id = fields.get("id") if isinstance(fields.get("id"), str) else None
        unknown = [name for name in fields if name not in KEYS]
        if unknown:
            raise ValueError(f"{unknown[0][:40]}: no such key; allowed are {', '.join(KEYS)}")
        if "id" not in fields or "operation" not in fields:
            raise ValueError("id and operation are needed")
    except (ValueError, RecursionError, DecodeError) as error:
        return Malformed(command_id, endpoint, str(error))
    return Request(
        **fields,
        endpoint=endpoint,
        origin=origin,
        response_topic=delivery.response_topic,
        correlation=delivery.correlation,
    )


def _fields(payload: bytes) -> dict[str, object]:
    if len(payload) > PAYLOAD_LENGTH_MAX:
        raise ValueError(f"longer than {PAYLOAD_LENGTH_MAX} bytes")
    # A number with a point stays exact; NaN and infinities are no JSON.
    try:
        fields = json.loads(payload, parse_float=from_text, parse_constant=_refuse)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def result(gateway: str, row: CommandRow) -> Publication:
    """Return the message that tells how a command ended; to `/results` if it names no topic."""
    fields = {
        "id": row.id,
        "node": row.endpoint,
        "result": _RESULTS[row.state],
        "code": row.code,
        "detail": row.detail or ("cancelled" if row.state == CommandState.CANCELLED else ""),
        "time": row.finished_ms // 1000,
    }
    return _answer(gateway, row.endpoint, row.response_topic, row.correlation, fields)


# Who has cancelled a command was told so; who had sent it hears that it was not done.
_RESULTS = {
    CommandState.DONE: "done",
    CommandState.FAILED: "failed",
    CommandState.CANCELLED: "failed",
    CommandState.EXPIRED: "expired",
    CommandState.UNKNOWN: "unknown",
}


def refusal(
    gateway: str, delivery: Delivery, wrong: Malformed, unix_s: int
) -> Publication | None:
    """Return the message that tells why a command was not taken; None if nobody can be told."""
    if wrong.endpoint is None and delivery.response_topic is None:
        return None
    fields = {
        "id": wrong.id,
        "node": wrong.endpoint,
        "result": "refused" if wrong.is_forbidden else "failed",
        "code": None,
        "detail": wrong.reason,
        "time": unix_s,
    }
    endpoint = wrong.endpoint or ""
    return _answer(gateway, endpoint, delivery.response_topic, delivery.correlation, fields)


def refused(request: Request, error: CommandRefused) -> Malformed:
    """Return why a command in good form was not taken."""
    command_id = request.id if isinstance(request.id, str) else None
    is_forbidden = isinstance(error, CommandForbidden)
    return Malformed(command_id, request.endpoint, str(error), is_forbidden)


def _answer(
    gateway: str,
    endpoint: str,
    response_topic: str | None,
    correlation: bytes | None,
    fields: dict[str, object],
) -> Publication:
    topic = response_topic or ""
    if not topics.is_publishable(topic):
        topic = topics.of_node(gateway, endpoint, topics.RESULTS)
    payload = json.dumps(fields).encode()
    return Publication(topic, payload, correlation=correlation, content_type=JSON)
