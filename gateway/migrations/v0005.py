"""Schema version 5: the audit log, an entry for all that somebody changed or tried to change.

`command` is the id of the command that an entry has queued: its end becomes the entry's result.
"""

SQL = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    door TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    endpoint TEXT,
    path TEXT,
    value TEXT,
    command TEXT,
    result TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_commands ON audit (command) WHERE command IS NOT NULL;
"""
