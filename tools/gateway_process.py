"""`faubourg run` as a process of its own, for benches: what it costs in CPU time and memory."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.ports import free_port

PROGRAM = Path(sys.executable).with_name("faubourg")
START_TIMEOUT_S = 60.0
POLL_S = 0.05


class GatewayProcess:
    """A running gateway: its process and the port that nodes find it at."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def cpu_ns(self) -> int:
        """Return the CPU time that all its threads have used."""
        return cpu_ns(self._process.pid)

    def memory_kb(self) -> tuple[int, int]:
        """Return (resident memory now, the most it was so far), in 1024 bytes."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in text.splitlines())
        return int(fields["VmRSS"].split()[0]), int(fields["VmHWM"].split()[0])

    def pin(self, core: int) -> None:
        """Let all its threads run on one core only."""
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})

    def check(self) -> None:
        """Raise RuntimeError if it runs no more."""
        if self._process.returncode is not None:
            raise RuntimeError(f"the gateway ended with {self._process.returncode}")


def cpu_ns(pid: int) -> int:
    """Return the CPU time that every thread of a process has used; of the living ones only."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            total += int((task / "schedstat").read_text().split()[0])
    return total


@contextlib.asynccontextmanager
async def running(folder: Path, text: str = "") -> AsyncIterator[GatewayProcess]:
    """Run a gateway whose data lie in `folder`/data; `text` is added to its settings."""
    port = free_port()
    config = folder / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "bench"\ndata = "data"\nlisten = "127.0.0.1:{port}"\n'
        f'security = "none"\ntime = "system"\nlog_level = "warning"\n{text}')
    process = await asyncio.create_subprocess_exec(PROGRAM, "run", "--config", config)
    gateway = GatewayProcess(process, port)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not (folder / "data/faubourg.sock").exists():
                gateway.check()
                await asyncio.sleep(POLL_S)
        yield gateway
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
