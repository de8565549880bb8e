"""The gateway's state as Prometheus reads it: its text format, version 0.0.4."""

from collections.abc import Iterable, Iterator

from gateway.rows import Lane
from gateway.status import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float]


def text(status: Status, now_ms: int) -> str:
    """Return every metric; ages count up to `now_ms` (Unix milliseconds)."""
    lines = (line for family in _families(status, now_ms) for line in _family(*family))
    return "\n".join(lines) + "\n"


def _families(status: Status, now_ms: int) -> Iterator[tuple[str, str, str, Iterable[Sample]]]:
    about = {"version": status.version, "id": status.id, "security": status.security}
    yield "info", "gauge", "Which gateway this is.", [(about, 1)]
    yield "uptime_seconds", "gauge", "Since its start.", [({}, status.uptime_s)]
    trusted = int(status.is_time_trusted)
    yield "time_trusted", "gauge", "Whether its clock is synchronised.", [({}, trusted)]
    nodes = [({"state": state}, count) for state, count in sorted(status.nodes.items())]
    yield "nodes", "gauge", "Nodes by state.", nodes
    if status.readings_stored is not None:
        yield ("readings_stored", "gauge", "Readings in the store.",
               [({}, status.readings_stored)])
    failing = int(status.store.reason is not None)
    yield "store_failing", "gauge", "Whether the store takes nothing.", [({}, failing)]
    yield "readings_missing", "gauge", "Readings that nobody can explain.", [
        ({}, status.store.missing)]
    yield "readings_damaged", "gauge", "Readings that were set aside.", [
        ({}, status.store.damaged)]
    yield from _uplinks(status, now_ms)
    counts = [(dict(zip(("part", "event"), name.split(": ", 1), strict=True)), count)
              for name, count in sorted(status.counters.items())]
    yield "events_total", "counter", "What was counted since the start.", counts


def _uplinks(status: Status, now_ms: int) -> Iterator[tuple[str, str, str, list[Sample]]]:
    waiting: list[Sample] = []
    ages: list[Sample] = []
    counts: list[Sample] = []
    for uplink in status.uplinks:
        for lane in Lane:
            backlog = uplink.lanes[lane]
            labels = {"uplink": uplink.name, "lane": lane.name.lower()}
            age_ms = 0 if backlog.oldest_ms is None else max(0, now_ms - backlog.oldest_ms)
            waiting.append((labels, backlog.count))
            ages.append((labels, age_ms / 1000))
        counts += [({"uplink": uplink.name, "event": name}, count)
                   for name, count in sorted(uplink.counters.items())]
    yield "uplink_waiting", "gauge", "Readings that an uplink lacks.", waiting
    yield "uplink_oldest_seconds", "gauge", "Age of the oldest of them, 0 for none.", ages
    yield "uplink_events_total", "counter", "What an uplink counted since the start.", counts


def _family(name: str, kind: str, said: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP faubourg_{name} {said}"
    yield f"# TYPE faubourg_{name} {kind}"
    for labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"faubourg_{name}{{{shown}}} {value}" if shown else f"faubourg_{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
