"""A program of ours or of others as a child process: started, killed, started again, ended."""

import asyncio
import contextlib
import ctypes
import signal
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_TIMEOUT_S = 20
LAST_WORDS_LINES = 12


class ProcessError(Exception):
    """A process did not start, or ended by itself; the text holds what it last said."""


class ChildProcess:
    """`command` as a process that writes what it says to the file `log`.

    It never outlives its parent: the kernel ends it when the parent is killed.
    """

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        self.name = name
        self._command = [str(part) for part in command]
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def spawn(self) -> None:
        """Start it; it may need a while until it serves."""
        with open(self._log, "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with_parent)

    def check_running(self) -> None:
        """Raise ProcessError if it has ended."""
        if not self.is_running:
            raise ProcessError(f"{self.name} has ended by itself:\n{self.last_words()}")

    async def kill(self) -> None:
        """End it by SIGKILL: it finishes nothing. Nothing happens if it is not running."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it by SIGTERM; kill it if it does not end in time."""
        if not self.is_running:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            await self.kill()

    def last_words(self) -> str:
        """Return the end of its log."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LAST_WORDS_LINES:])


def _end_with_parent() -> None:
    """In the child: be ended by the kernel when the parent is killed (prctl(2), Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
