"""The gateway's values as the JSON of the management API; docs/internals.md lists the keys."""

from typing import TYPE_CHECKING, Any

from gateway.fleet_view import NodeView
from gateway.names import Path, json_reading, json_value, name_of, unit_of
from gateway.operations import OperationResult, PathValue
from gateway.rows import CommandRow, CommandState, Lane, ReadingRow
from gateway.status import StoreStatus, UplinkStatus
from protocol import lwm2m_path
from protocol.link_format import Link

if TYPE_CHECKING:
    from gateway.service import Status

# What a glance at the fleet shows of each furniture, in this order.
MAIN_RESOURCES = {
    "lamp": ((3416, 3), (3418, 4)),
    "bin": ((3435, 2), (3411, 1)),
    "parking": ((3431, 1),),
}

# Power that is older than its lamp's level by more than this is another level's.
TOGETHER_MS = 5000


def status(shown: "Status", now_ms: int) -> dict[str, Any]:
    """Return the gateway's own state."""
    return {
        "version": shown.version, "id": shown.id, "security": shown.security,
        "uptime_s": shown.uptime_s, "is_time_trusted": shown.is_time_trusted,
        "warnings": list(shown.warnings),
        "nodes": shown.nodes, "readings_stored": shown.readings_stored,
        "store": store(shown.store),
        "uplinks": [uplink(each, now_ms) for each in shown.uplinks],
        "counters": shown.counters,
        "incidents": [{"time_ms": each.time_ms, "kind": each.kind, "subject": each.subject,
                       "detail": each.detail} for each in shown.incidents],
    }


def store(shown: StoreStatus) -> dict[str, Any]:
    """Return whether the store works, and what its ledger cannot explain."""
    return {
        "state": "ok" if shown.reason is None else "failing", "reason": shown.reason,
        "detail": shown.detail, "since_ms": shown.since_ms,
        "missing": shown.missing, "damaged": shown.damaged,
    }


def uplink(shown: UplinkStatus, now_ms: int) -> dict[str, Any]:
    """Return what waits for one uplink, in all and in each lane."""
    urgent, measurements = (shown.lanes[lane] for lane in Lane)
    return {
        "name": shown.name, "state": shown.state, "depth": urgent.count + measurements.count,
        "urgent": urgent.count, "measurements": measurements.count,
        "urgent_age_s": _age_s(urgent.oldest_ms, now_ms),
        "measurements_age_s": _age_s(measurements.oldest_ms, now_ms),
        "oldest_age_s": _age_s(shown.oldest_ms, now_ms), "counters": shown.counters,
    }


def summary(view: NodeView, security: str, now_ms: int, missing: int = 0) -> dict[str, Any]:
    """Return one line of the fleet; `missing` readings are in the ledger's gaps."""
    row = view.row
    return {
        "endpoint": row.endpoint, "name": view.name, "asset": view.asset,
        "furniture": view.furniture, "state": view.state, "address": row.address,
        "lifetime_s": row.lifetime_s, "registered_ms": row.registered_ms,
        "last_seen_ms": row.seen_ms, "age_s": _age_s(row.seen_ms, now_ms),
        "lwm2m_version": row.lwm2m_version, "binding": row.binding,
        "queue_mode": row.queue_mode,
        "objects": [lwm2m_path.render(path) for path in view.objects],
        "main_values": [_reading(each) for each in _main_readings(view)],
        "pending_commands": len(view.pending), "missing": missing, "security": security,
    }


def node(view: NodeView, security: str, now_ms: int, missing: int = 0) -> dict[str, Any]:
    """Return all that is known of one node."""
    return summary(view, security, now_ms, missing) | {
        "observed": [lwm2m_path.render(path) for path in view.observed],
        "readings": [_reading(each) for each in view.latest],
        "commands": [command(each) for each in view.pending],
        "facts": {path: json_value(value) for path, value in view.row.facts},
    }


def _main_readings(view: NodeView) -> list[ReadingRow]:
    """Return the readings of a glance; of a lamp no power from before its level."""
    wanted = MAIN_RESOURCES.get(view.furniture, ())
    found = []
    for object_id, resource_id in wanted:
        for reading in view.latest:
            path = lwm2m_path.parse(reading.path)
            if (path[0], path[2]) == (object_id, resource_id):
                found.append(reading)
    if view.furniture != "lamp" or not found:
        return found
    return [each for each in found if each.time_ms >= found[0].time_ms - TOGETHER_MS]


def _reading(row: ReadingRow) -> dict[str, Any]:
    return json_reading(lwm2m_path.parse(row.path), row.value) | {
        "time_ms": row.time_ms, "time_source": row.time_source,
        "boot": row.boot, "sequence": row.sequence,
    }


def _age_s(time_ms: int | None, now_ms: int) -> float | None:
    return None if time_ms is None else max(0, now_ms - time_ms) / 1000


def operation_result(result: OperationResult, asked: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return a node's answer; of what was `asked` and is not there, null as the value.

    A node leaves out of a composite answer what it does not have (OMA Core 6.3.3).
    """
    there = {leaf.path[:length] for leaf in result.values for length in range(len(leaf.path) + 1)}
    missing = [{"path": lwm2m_path.render(path), "name": name_of(path), "value": None,
                "unit": unit_of(path)} for path in asked if path not in there]
    return {
        "code": result.code,
        "values": values(result.values) + missing,
        "links": [_link(link) for link in result.links],
        "location": list(result.location),
        "round_trip_ms": round(result.elapsed_s * 1000),
        "retransmissions": result.retransmissions,
    }


def values(leaves: tuple[PathValue, ...]) -> list[dict[str, Any]]:
    """Return what was read or notified."""
    return [{"path": lwm2m_path.render(leaf.path), "name": leaf.name,
             "value": json_value(leaf.value), "unit": leaf.unit} for leaf in leaves]


def objects_as_links(view: NodeView) -> list[dict[str, Any]]:
    """Return what a node registered, as links without attributes."""
    return [{"path": lwm2m_path.render(path), "name": name_of(path), "attributes": {}}
            for path in view.objects]


def _link(link: Link) -> dict[str, Any]:
    # Attributes on a path are about the resource that it names.
    try:
        path = lwm2m_path.parse(link.target)
        name, unit = name_of(path), unit_of(path)
    except ValueError:
        name, unit = "", ""
    return {"path": link.target, "name": name, "unit": unit, "attributes": dict(link.attributes)}


def command(row: CommandRow) -> dict[str, Any]:
    """Return a command; `result` is None until it has ended."""
    is_final = CommandState(row.state).is_final
    return {
        "id": row.id, "node": row.endpoint, "operation": row.operation, "path": row.path,
        "value": None if row.value is None else json_value(row.value), "level": row.level,
        "for_s": row.for_s, "until_s": row.until_s, "state": row.state,
        "result": row.state if is_final else None,
        "code": row.code, "detail": row.detail, "attempts": row.attempts, "origin": row.origin,
        "created_ms": row.created_ms, "expires_ms": row.expires_ms, "finished_ms": row.finished_ms,
    }
