"""Schema version 2: a checksum on every row, and the gap ledger.

`boots` is an account of `gateway/ledger.py` each; `gaps` are the numbers that are not here, and
why, never overlapping. `sheds` are readings that were deleted before an uplink had them: of
readings without sequence (`boot` NULL) `first` and `last` are ids. `damaged_readings` are rows
that were set aside because they are not what was written. `payloads` are digests of packs
without any identity of their own, to recognise a repetition.

What version 1 has stored counts as received; what is missing between may have been delivered and
deleted long ago, so the ledger begins without it.
"""

_CHECKED = {
    "properties": "name, value",
    "nodes": """endpoint, registration_id, address, lwm2m_version, binding, queue_mode,
        lifetime_s, links, registered_ms, updated_ms, seen_ms""",
    "facts": "endpoint, path, kind, value",
    "observations": "endpoint, path, attributes",
    "endpoints": "id, name",
    "readings": """id, endpoint_id, boot, sequence, path, kind, value, time_ms, time_source,
        stated_time, class, lane, received_ms""",
    "cursors": "uplink, lane, reading_id",
    "commands": """id, endpoint, operation, created_ms, expires_ms, state, path, kind, value,
        level, for_s, until_s, attempts, code, detail, finished_ms, origin, response_topic,
        correlation, is_reported""",
    "counters": "name, value",
    "incidents": "id, time_ms, kind, subject, detail",
}

_CHECKSUMS = "\n".join(
    f"""ALTER TABLE {table} ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    UPDATE {table} SET checksum = row_checksum({columns});"""
    for table, columns in _CHECKED.items()
)

SQL = f"""
DELETE FROM readings WHERE sequence IS NULL AND time_source = 'node' AND id NOT IN (
    SELECT min(id) FROM readings WHERE sequence IS NULL AND time_source = 'node'
    GROUP BY endpoint_id, path, time_ms, kind, value);

CREATE UNIQUE INDEX timed_readings ON readings (endpoint_id, path, time_ms, kind, value)
    WHERE sequence IS NULL AND time_source = 'node';

{_CHECKSUMS}

CREATE TABLE boots (
    id INTEGER PRIMARY KEY,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    boot INTEGER NOT NULL,
    oldest INTEGER,
    last INTEGER NOT NULL,
    oldest_boot INTEGER,
    is_closed INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    received TEXT NOT NULL,
    explained TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (endpoint_id, boot)
) STRICT;

CREATE INDEX open_boots ON boots (endpoint_id) WHERE is_closed = 0;

CREATE TABLE gaps (
    boot_id INTEGER NOT NULL REFERENCES boots (id),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    noted_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (boot_id, first)
) STRICT, WITHOUT ROWID;

CREATE INDEX missing_gaps ON gaps (boot_id) WHERE reason = 'missing';

CREATE TABLE sheds (
    id INTEGER PRIMARY KEY,
    uplink TEXT NOT NULL,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    boot INTEGER,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX node_sheds ON sheds (endpoint_id);

CREATE TABLE damaged_readings (
    id INTEGER PRIMARY KEY,
    reading_id INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    boot INTEGER,
    sequence INTEGER,
    lane INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE payloads (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    message BLOB NOT NULL,
    start INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL,
    unix_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX payload_digests ON payloads (digest);

INSERT INTO boots (endpoint_id, boot, last, is_closed, settled, received, explained, changed_ms,
    checksum)
SELECT endpoint_id, boot, max(last), 0, 0,
    group_concat(iif(first = last, first, first || '-' || last), ',' ORDER BY first), '',
    max(received_ms), 0
FROM (
    SELECT endpoint_id, boot, min(sequence) AS first, max(sequence) AS last,
        max(received_ms) AS received_ms
    FROM (
        SELECT endpoint_id, boot, sequence, received_ms, sequence - row_number() OVER (
            PARTITION BY endpoint_id, boot ORDER BY sequence) AS island
        FROM readings WHERE sequence >= 1)
    GROUP BY endpoint_id, boot, island)
GROUP BY endpoint_id, boot;

UPDATE boots SET checksum = row_checksum(id, endpoint_id, boot, oldest, last, oldest_boot,
    is_closed, settled, received, explained, changed_ms);
"""
