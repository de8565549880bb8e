"""The buffer's answers as JSON, and readings as the lines of an export."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from gateway import api_views, range_set
from gateway.buffer import BufferStatus, Explanation
from gateway.ledger import MISSING
from gateway.names import json_reading
from gateway.rows import StoredReading, lane_of
from gateway.store_explain import BootStory
from gateway.store_replays import Replay
from gateway.store_values import to_columns
from gateway.store_verify import StoreCheck
from gateway.uplinks import senml_pack
from gateway.uplinks.file import KEY_LABEL
from gateway.uplinks.json_lines import ROWS_LABEL
from gateway.uplinks.senml_pack import Pack, UnitsOf, travels_with
from protocol import lwm2m_path, object_table

CLASSES = {object_table.ALARM: "alarm", object_table.EVENT: "event",
           object_table.MEASUREMENT: "measurement"}
COLUMNS = ("id", "endpoint", "boot", "sequence", "class", "path", "name", "value", "unit",
           "time", "time_source", "received")


def status(shown: BufferStatus, now_ms: int) -> dict[str, Any]:
    """Return how full and how sound the buffer is."""
    size = shown.size
    oldest_ms = None if size is None else size.oldest_ms
    return {
        "readings": shown.readings, "oldest_ms": oldest_ms,
        "oldest_age_s": None if oldest_ms is None else (now_ms - oldest_ms) / 1000,
        "file_bytes": None if size is None else size.file,
        "free_bytes": None if size is None else size.free,
        "store": api_views.store(shown.store),
        "uplinks": [api_views.uplink(each, now_ms) for each in shown.uplinks],
        "size_max_bytes": shown.size_max_bytes, "disk_reserve_bytes": shown.disk_reserve_bytes,
        "missing": shown.missing, "damaged": shown.damaged, "shed": shown.shed,
        "replays": [replay(each) for each in shown.replays],
    }


def replay(job: Replay) -> dict[str, Any]:
    """Return one replay: what it is of, and how far it has come."""
    state = "under way" if job.finished_ms is None else "done"
    return {
        "id": job.id, "uplink": job.uplink, "state": "cancelled" if job.is_cancelled else state,
        "node": job.endpoint, "first_id": job.first_id, "last_id": job.last_id,
        "from_ms": job.from_ms, "to_ms": job.to_ms, "position": job.position, "end": job.end,
        "resent": job.resent, "created_ms": job.created_ms, "finished_ms": job.finished_ms,
    }


def reading(stored: StoredReading) -> dict[str, Any]:
    """Return one stored reading; without number it is "unsequenced"."""
    row = stored.row
    return {
        "id": stored.id, "endpoint": row.endpoint, "boot": row.boot, "sequence": row.sequence,
        "is_unsequenced": row.sequence is None, "class": CLASSES[row.reading_class],
        "lane": lane_of(row.reading_class).name.lower(),
        **json_reading(lwm2m_path.parse(row.path), row.value),
        "time_ms": row.time_ms, "time_source": row.time_source, "received_ms": row.received_ms,
    }


def check(found: StoreCheck) -> dict[str, Any]:
    """Return what a check of the whole store found."""
    return {
        "is_sound": found.is_sound, "integrity": list(found.integrity),
        "damaged": found.damaged,
        "tables": {name: {"rows": table.rows, "damaged": table.damaged,
                          "examples": [[_plain(cell) for cell in row] for row in table.examples]}
                   for name, table in found.tables.items()},
    }


def _plain(cell: object) -> object:
    return cell.hex() if isinstance(cell, bytes) else cell


def explanation(shown: Explanation) -> dict[str, Any]:
    """Return what became of every number that a node has given."""
    return {
        "endpoint": shown.endpoint, "missing": shown.missing,
        "boots": [_boot(each) for each in shown.boots],
        "shed": [{"uplink": each.uplink, "boot": each.boot, "first": each.first,
                  "last": each.last, "noted_ms": each.noted_ms} for each in shown.sheds],
    }


def _boot(story: BootStory) -> dict[str, Any]:
    account = story.account
    gaps = [{"first": gap.first, "last": gap.last, "count": gap.last - gap.first + 1,
             "reason": gap.reason, "noted_ms": noted_ms} for gap, noted_ms in story.gaps]
    return {
        "boot": account.boot, "is_over": account.is_closed, "last": account.last,
        "oldest": account.oldest, "changed_ms": story.changed_ms,
        "received": _ranges(story.received), "pending": _ranges(account.pending),
        "missing": _ranges(story.missing),
        "explained": [gap for gap in gaps if gap["reason"] != MISSING],
    }


def _ranges(ranges: range_set.Ranges) -> dict[str, Any]:
    return {"count": range_set.count(ranges), "ranges": range_set.to_text(ranges)}


def senml_lines(readings: Iterable[StoredReading], epoch: int, units_of: UnitsOf) -> list[str]:
    """Return readings as the uplink `file` writes them: SenML JSON packs, one a line."""
    lines = []
    for _, of_node in groupby(readings, key=lambda each: each.row.endpoint):
        packs: list[list[StoredReading]] = []
        for each in of_node:
            if (packs and travels_with(packs[-1][0], each)
                    and len(packs[-1]) < senml_pack.READINGS_MAX):
                packs[-1].append(each)
            else:
                packs.append([each])
        for readings_of_pack in packs:
            pack = Pack(tuple(readings_of_pack))
            labels = ((KEY_LABEL, pack.key(epoch)), (ROWS_LABEL, pack.row_key(epoch)))
            lines.append(senml_pack.encode(pack, labels, units_of))
    return lines


def csv_lines(readings: Iterable[StoredReading]) -> list[str]:
    """Return readings as rows of a CSV file with COLUMNS; values as exact text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for each in readings:
        row = each.row
        shown = json_reading(lwm2m_path.parse(row.path), row.value)
        _, value = to_columns(row.value)
        if isinstance(row.value, bool):
            value = "true" if row.value else "false"
        writer.writerow((
            each.id, row.endpoint, row.boot, row.sequence, CLASSES[row.reading_class], row.path,
            shown["name"], value.hex() if isinstance(value, bytes) else value, shown["unit"],
            _iso(row.time_ms), row.time_source, _iso(row.received_ms)))
    return buffer.getvalue().splitlines()


def _iso(time_ms: int) -> str:
    """Return a time of day in UTC (ISO 8601), to the millisecond."""
    whole = datetime.fromtimestamp(time_ms // 1000, UTC)
    return whole.strftime("%Y-%m-%dT%H:%M:%S") + f".{time_ms % 1000:03}Z"
