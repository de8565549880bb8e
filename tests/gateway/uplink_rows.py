"""Readings for the uplinks' tests."""

from gateway.rows import ReadingRow, StoredReading
from protocol import object_table

EPOCH = 77
TIME_MS = 1_765_000_000_000


def row(sequence, endpoint="lamp", value=50, path="/3416/0/3", boot=1, **fields):
    """Return a ReadingRow; `reading_class` defaults to a measurement."""
    fields = {"time_ms": TIME_MS, "reading_class": object_table.MEASUREMENT, **fields}
    return ReadingRow(
        endpoint=endpoint,
        boot=boot,
        sequence=sequence,
        path=path,
        value=value,
        time_source="node",
        received_ms=TIME_MS,
        **fields,
    )


def alarm(sequence, endpoint="lamp", **fields):
    """Return a ReadingRow of class alarm: a lamp failure."""
    fields = {"path": "/3416/0/5", "value": True, **fields}
    return row(sequence, endpoint, reading_class=object_table.ALARM, **fields)


def stored(reading_id, *arguments, **fields):
    """Return the StoredReading `row(*arguments)` with the id `reading_id`."""
    return StoredReading(reading_id, row(*arguments, **fields))
