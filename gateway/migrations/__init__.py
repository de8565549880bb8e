"""The store's schema in numbered steps; a step that was released never changes."""

from gateway.migrations import v0001, v0002, v0003, v0004, v0005

# MIGRATIONS[n - 1] makes version n of version n - 1; version 0 is an empty file.
MIGRATIONS = (v0001.SQL, v0002.SQL, v0003.SQL, v0004.SQL, v0005.SQL)
