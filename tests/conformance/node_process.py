"""The node under test: boards/UNIX as a process of CPython or of MicroPython."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from pathlib import Path

from protocol import credentials, settings
from tests import debian
from tests.conformance.wire import LIMIT_S
from tests.interrupting import interrupt

ROOT = Path(__file__).resolve().parents[2]
INTERPRETERS = {
    "cpython": lambda: [sys.executable],
    "micropython": lambda: [debian.program("micropython"), "-X", "heapsize=1m"],
    "micropython-i386": lambda: [debian.program("micropython-i386"), "-X", "heapsize=512k"],
}
RESTART_EXIT_CODE = 3


class NodeProcess:
    """One node with its state folder; it may be started again when it has ended.

    `keys` are its Credentials, None for a node without security.
    """

    def __init__(self, interpreter: str, furniture: str, folder: Path, server_port: int,
                 keys: credentials.Credentials | None, **given) -> None:
        settings_file, keys_file = folder / "settings.cbor", folder / "keys.cbor"
        settings_file.write_bytes(settings.encode(settings.Settings(
            server_uri=f"coap://127.0.0.1:{server_port}", registration_spread_s=0,
            security="none" if keys is None else "oscore", **given)))
        if keys is not None:
            keys_file.write_bytes(credentials.encode(keys))
        self._errors = folder / "stderr"
        self._command = [
            *INTERPRETERS[interpreter](), str(ROOT / "boards/UNIX/main.py"),
            "--settings", str(settings_file), "--state", str(folder / "state"),
            "--furniture", furniture, *(["--keys", str(keys_file)] if keys else [])]
        self._process: Process | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        environment = dict(os.environ, MICROPYPATH=f"{ROOT}:.frozen", PYTHONPATH=str(ROOT))
        with open(self._errors, "ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdout=asyncio.subprocess.DEVNULL, stderr=errors, cwd=ROOT,
                env=environment)

    async def interrupt(self) -> None:
        """Ask it to take its leave."""
        await asyncio.to_thread(interrupt, self._process.pid)

    async def ended(self) -> int:
        """Return the exit code, once there is one."""
        async with asyncio.timeout(LIMIT_S):
            return await self._process.wait()

    async def close(self) -> None:
        """End it."""
        if self.is_running:
            self._process.kill()
            await self._process.wait()

    def bugs(self) -> str:
        """Return the tracebacks that it printed."""
        return self._errors.read_text() if self._errors.exists() else ""
