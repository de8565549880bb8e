"""Schema version 1: nodes, observations, readings, cursors, commands, counters, incidents.

`value` columns hold what `kind` says (see `gateway/store_values.py`). Times are Unix milliseconds.
The unique key of a reading also finds a node's readings; in it NULLs differ from each other, so
readings without sequence never collide. The urgent lane has its own small index; the measurement
lane is nearly the whole table and is read along the primary key.
"""

SQL = """
CREATE TABLE properties (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes (
    endpoint TEXT PRIMARY KEY,
    registration_id TEXT UNIQUE,
    address TEXT NOT NULL,
    lwm2m_version TEXT NOT NULL,
    binding TEXT NOT NULL,
    queue_mode INTEGER NOT NULL,
    lifetime_s INTEGER NOT NULL,
    links TEXT NOT NULL,
    registered_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    value ANY NOT NULL,
    PRIMARY KEY (endpoint, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE observations (
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (endpoint, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    boot INTEGER,
    sequence INTEGER,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    value ANY NOT NULL,
    time_ms INTEGER NOT NULL,
    time_source TEXT NOT NULL,
    stated_time TEXT,
    class INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    UNIQUE (endpoint_id, boot, sequence)
) STRICT;

CREATE INDEX urgent_readings ON readings (id) WHERE lane = 0;

CREATE TABLE cursors (
    uplink TEXT NOT NULL,
    lane INTEGER NOT NULL,
    reading_id INTEGER NOT NULL,
    PRIMARY KEY (uplink, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    operation TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    path TEXT,
    kind TEXT,
    value ANY,
    level INTEGER,
    for_s INTEGER,
    until_s INTEGER,
    attempts INTEGER NOT NULL,
    code TEXT,
    detail TEXT NOT NULL,
    finished_ms INTEGER,
    origin TEXT NOT NULL,
    response_topic TEXT,
    correlation BLOB,
    is_reported INTEGER NOT NULL
) STRICT;

CREATE INDEX unfinished_commands ON commands (created_ms) WHERE finished_ms IS NULL;
CREATE INDEX unreported_commands ON commands (origin, finished_ms)
    WHERE is_reported = 0 AND finished_ms IS NOT NULL;
CREATE INDEX finished_commands ON commands (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
"""
