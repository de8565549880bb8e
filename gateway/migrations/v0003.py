"""Schema version 3: replays, jobs that send a range of stored readings to one uplink again.

`urgent_to` and `measurement_to` are the uplink's cursors when the job was made: what it has not
had yet it gets anyway. `position` is the id up to which everything has gone again.
"""

SQL = """
CREATE TABLE replays (
    id INTEGER PRIMARY KEY,
    uplink TEXT NOT NULL,
    endpoint TEXT,
    first_id INTEGER,
    last_id INTEGER,
    from_ms INTEGER,
    to_ms INTEGER,
    urgent_to INTEGER NOT NULL,
    measurement_to INTEGER NOT NULL,
    position INTEGER NOT NULL,
    resent INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    is_cancelled INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX unfinished_replays ON replays (uplink) WHERE finished_ms IS NULL;
"""
