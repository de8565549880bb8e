"""The rows of the reference consumer in SQLite: each reading once, whatever comes how often."""

import sqlite3
import time
from collections import Counter
from collections.abc import Sequence

from gateway.city import TableError
from gateway.city_messages import MALFORMED, key_of, rows_of
from gateway.uplinks.mqtt_connection import Delivery

SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
    arrival INTEGER PRIMARY KEY,  -- rises in the order of the commits
    gateway TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    boot ANY NOT NULL,            -- an integer, or 'unsequenced:epoch'
    sequence INTEGER NOT NULL,
    topic TEXT NOT NULL,          -- 'alarms' or 'readings'
    path TEXT NOT NULL,
    kind TEXT NOT NULL,           -- 'v', 'vb', 'vs' or 'vd', as SenML has it
    value TEXT NOT NULL,          -- exactly as it was written
    unit TEXT NOT NULL,           -- '' where there is none
    time_ms INTEGER NOT NULL,     -- when it was taken, Unix milliseconds
    received_ms INTEGER NOT NULL,
    UNIQUE (endpoint, boot, sequence)
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (  -- of readings that came more than once
    arrival INTEGER PRIMARY KEY REFERENCES readings (arrival),
    copies INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refused (     -- messages that are no readings
    topic TEXT NOT NULL,
    id TEXT,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
"""
INSERT = f"""INSERT INTO readings VALUES (NULL, {", ".join("?" * 11)})
    ON CONFLICT (endpoint, boot, sequence) DO NOTHING"""
COUNT_COPY = """INSERT INTO deliveries SELECT arrival, 2 FROM readings
    WHERE (endpoint, boot, sequence) = (?, ?, ?) ON CONFLICT DO UPDATE SET copies = copies + 1"""
REFUSE = "INSERT INTO refused VALUES (?, ?, ?, ?, ?)"


class Rows:
    """The SQLite file; every call runs in one thread. `counters` say what came."""

    def __init__(self, path: str, counters: Counter[str]) -> None:
        """Open the file `path`, and make it if need be; raises TableError."""
        self._counters = counters
        try:
            self._open(path)
        except sqlite3.Error as error:
            raise TableError(str(error)) from error

    def _open(self, path: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        # On the disk means on the disk: WAL alone would lose the last commits with the power.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(SCHEMA)

    def commit(self, messages: Sequence[Delivery]) -> None:
        """Keep `messages`, all or none, and return when they are on the disk.

        Raises TableError when they cannot be kept.
        """
        try:
            self._commit(messages)
        except sqlite3.Error as error:
            raise TableError(str(error)) from error

    def _commit(self, messages: Sequence[Delivery]) -> None:
        counts: Counter[str] = Counter(messages=len(messages), commits=1)
        received_ms = time.time_ns() // 1_000_000
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for message in messages:
                counts += self._keep(message, received_ms)
            self._database.execute("COMMIT")
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
        self._counters += counts

    def _keep(self, message: Delivery, received_ms: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        self._database.execute("SAVEPOINT message")
        try:
            for row in rows_of(message, received_ms):
                is_new = self._database.execute(INSERT, row).rowcount == 1
                if not is_new:
                    self._database.execute(COUNT_COPY, row[1:4])
                counts["readings" if is_new else "duplicates"] += 1
        except MALFORMED as error:
            self._database.execute("ROLLBACK TO message")
            key, reason = key_of(message), ascii(error)
            values = message.topic, key, message.payload, reason, received_ms
            self._database.execute(REFUSE, values)
            counts = Counter(refused=1)
        self._database.execute("RELEASE message")
        return counts

    def close(self) -> None:
        """Close the file."""
        self._database.close()
