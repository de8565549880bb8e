"""The gateway as its users run it: `faubourg run` in a process of its own."""

import asyncio
import contextlib
import ctypes
import secrets
import signal
import socket
import sys
from pathlib import Path

from gateway.cli.connection import ApiClient, ApiError

START_TIMEOUT_S = 30
PR_SET_PDEATHSIG = 1
STOP_TIMEOUT_S = 20
# Below those that Linux gives to any socket (32768 and up), such as the nodes': one of those that
# is free now may be taken before the gateway has started.
FIRST_PORT, PORTS = 20_000, 12_000


class GatewayError(Exception):
    """The gateway did not start, or ended by itself; the text holds what it last said."""


class GatewayProcess:
    """A gateway with its settings, data and log in `folder`."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.log = folder / "gateway.log"
        self.config.write_text(settings, encoding="utf-8")
        self.api = ApiClient(str(folder / "data" / "faubourg.sock"))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until its management socket answers."""
        program = Path(sys.executable).with_name("faubourg")
        with open(self.log, "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(program), "run", "--config", str(self.config),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with_parent)
        deadline_s = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not await self._answers():
            if self._process.returncode is not None:
                raise GatewayError(f"the gateway ended at its start:\n{self.last_words()}")
            if asyncio.get_running_loop().time() > deadline_s:
                raise GatewayError(f"no answer in {START_TIMEOUT_S} s:\n{self.last_words()}")
            await asyncio.sleep(0.1)

    async def _answers(self) -> bool:
        try:
            await self.status()
        except ApiError:
            return False
        return True

    async def status(self) -> dict:
        """Return the gateway's own state (`GET /v1/status`)."""
        return await asyncio.to_thread(self.api.get, "status")

    async def stop(self) -> None:
        """End it by SIGTERM; kill it if it does not end in time."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        """Return the end of the gateway's log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])


def _end_with_parent() -> None:
    """In the child: be ended by the kernel when the parent is killed (prctl(2), Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_udp_port() -> int:
    """Return a UDP port of the loopback interface that nobody uses now."""
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
