"""The SQL of choosing stored readings: by node, lane, ids, or the time they were taken."""

from dataclasses import dataclass

import apsw

from gateway.rows import Lane
from gateway.store_readings import Found, found_where


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stored readings; None does not matter. Ids and times include both ends."""

    endpoint: str | None = None
    lane: Lane | None = None
    first_id: int | None = None
    last_id: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None

    def conditions(self) -> tuple[str, tuple]:
        """Return an SQL expression over `readings` and `endpoints`, and its bindings."""
        wanted = (
            # "+": along the primary key, in the order of the ids.
            ("+name = ?", self.endpoint),
            ("lane = ?", self.lane),
            ("readings.id >= ?", self.first_id),
            ("readings.id <= ?", self.last_id),
            ("time_ms >= ?", self.from_ms),
            ("time_ms <= ?", self.to_ms),
        )
        given = [(text, value) for text, value in wanted if value is not None]
        text = " AND ".join(text for text, _ in given) or "true"
        return text, tuple(value for _, value in given)


def select(
    connection: apsw.Connection, selection: Selection, after_id: int, limit: int
) -> Found:
    """Return the `limit` readings of `selection` that follow `after_id`, by their ids."""
    text, bindings = selection.conditions()
    condition = f"WHERE readings.id > ? AND {text} ORDER BY readings.id LIMIT ?"
    return found_where(connection, condition, (after_id, *bindings, limit))


def newest(connection: apsw.Connection, selection: Selection, limit: int) -> Found:
    """Return the newest `limit` readings of `selection`, newest first."""
    text, bindings = selection.conditions()
    condition = f"WHERE {text} ORDER BY readings.id DESC LIMIT ?"
    return found_where(connection, condition, (*bindings, limit))
