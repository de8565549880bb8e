"""`faubourg city` as a process, and what it has written."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

LIMIT_S = 60
IDENTITIES = "SELECT endpoint, boot, sequence FROM readings ORDER BY arrival"
PROGRAM = "from gateway.cli import main; main()"


class CityProcess:
    """The reference consumer of the broker at `url`; its file stays over `kill` and `start`."""

    def __init__(self, folder, url, *options):
        self.path = folder / "city.db"
        self._arguments = ["--mqtt", url, "--into", f"sqlite:{self.path}", "--json", *options]
        self._process = None
        self.said = ""

    def start(self):
        """Start, and return when it is subscribed."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "city", *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while "connected" not in (line := self._process.stderr.readline()):
            assert self._process.poll() is None, self.said + line
            self.said += line
        return self

    def kill(self):
        """End it at once, wherever it is."""
        self._process.kill()
        self._process.communicate()
        self._process = None

    def stop(self):
        """End it in order and return its summary."""
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        output, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said
        return json.loads(output)

    def rows(self, query=IDENTITIES):
        """Return what `query` finds in the file; nothing while there is no table."""
        try:
            with closing(sqlite3.connect(self.path, timeout=LIMIT_S)) as database:
                return database.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error), error
            return []

    def wait(self, condition, query=IDENTITIES):
        """Return what `query` finds once `condition(rows)` is true."""
        deadline_s = time.monotonic() + LIMIT_S
        while not condition(rows := self.rows(query)):
            assert time.monotonic() < deadline_s, rows
            time.sleep(0.05)
        return rows

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self._process is not None:
            self.kill()
