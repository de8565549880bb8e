"""What an operator sees of a node, put together from what is known of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from gateway.refusal import Refused
from gateway.registration import LINK_FORMAT, parse_objects
from gateway.rows import CommandRow, NodeRow, ReadingRow, Value

NAME, ASSET = "/3410/0/3", "/3410/0/4"
# An object that only one kind of furniture has.
FURNITURE = {3416: "lamp", 3435: "bin", 3431: "parking"}
LATEST_PER_NODE_MAX = 256
KINDS_REMEMBERED_MAX = 256


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the management API tells it."""

    row: NodeRow
    state: str  # "registered", "sleeping", "late", "gone"
    name: str
    asset: str
    furniture: str  # "lamp", "bin", "parking", or "" where it is none of these
    objects: tuple[tuple[int, ...], ...]
    latest: tuple[ReadingRow, ...]  # the newest reading of each path
    observed: tuple[tuple[int, ...], ...] = ()
    pending: tuple[CommandRow, ...] = ()


class LatestReadings:
    """The newest reading of each resource of each node, in bounded memory."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, ReadingRow]] = {}

    def take(self, rows: Iterable[ReadingRow]) -> None:
        """Take readings as they are stored; an older one never takes a newer one's place."""
        endpoint, known = None, {}
        for row in rows:
            if row.endpoint != endpoint:
                endpoint = row.endpoint
                known = self._rows.setdefault(endpoint, {})
            before = known.get(row.path)
            if before is None and len(known) >= LATEST_PER_NODE_MAX:
                continue
            if before is None or _is_newer(row, before):
                known[row.path] = row

    def of(self, endpoint: str) -> tuple[ReadingRow, ...]:
        """Return what is known of a node, by path."""
        known = self._rows.get(endpoint, {})
        return tuple(known[path] for path in sorted(known))


def _is_newer(row: ReadingRow, before: ReadingRow) -> bool:
    # A time ahead of the clock is no argument: the clock was put back, or a node's was wrong.
    return row.time_ms >= before.time_ms or before.time_ms > row.received_ms


def view(
    row: NodeRow,
    state: str,
    latest: tuple[ReadingRow, ...],
    observed: Iterable[tuple[int, ...]] = (),
    pending: Iterable[CommandRow] = (),
) -> NodeView:
    """Return a node as an operator sees it."""
    facts = dict(row.facts)
    objects = _objects(row.links)
    kinds = (FURNITURE[path[0]] for path in objects if path[0] in FURNITURE)
    return NodeView(
        row=row,
        state=state,
        name=_text(facts.get(NAME)),
        asset=_text(facts.get(ASSET)),
        furniture=next(kinds, ""),
        objects=objects,
        latest=latest,
        observed=tuple(observed),
        pending=tuple(pending),
    )


# A fleet has few kinds of nodes, and whoever lists it must not keep the event loop for seconds.
@lru_cache(maxsize=KINDS_REMEMBERED_MAX)
def _objects(links: str) -> tuple[tuple[int, ...], ...]:
    try:
        return tuple(sorted(parse_objects(LINK_FORMAT, links.encode()).instances))
    except Refused:
        return ()


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""
