"""The soak's three processes on this machine: gateway, MQTT broker, the city's consumer."""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from collections import Counter
from pathlib import Path

from simulator.child_process import ChildProcess, ProcessError
from simulator.gateway_process import GatewayProcess, faubourg
from simulator.ports import free_port
from simulator.soak_kills import VICTIMS, Kill

BROKER_START_TIMEOUT_S = 30

GATEWAY_SETTINGS = """\
[gateway]
id = "soak"
listen = "127.0.0.1:{udp_port}"
data = "data"
security = "{security}"
time = "scaled"

[scaled_time]
real_s = {real_s}
shown_s = {shown_s}
speed = {speed}

[uplink.city]
type = "mqtt"
url = "{url}"
ack = "application"
ack_timeout_s = 5
"""

BROKER_SETTINGS = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
set_tcp_nodelay true
max_queued_messages 0
"""


def find_mosquitto() -> Path | None:
    """Return the broker's program: of this checkout's own tools, or of this machine."""
    ours = Path(sys.prefix).parent / ".tools/bin/mosquitto"
    if ours.exists():
        return ours
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return Path(found) if found else None


class Chain:
    """Gateway, broker and consumer in `folder`, each killed and started again on demand.

    `kills` counts by process. The consumer's table is the SQLite file `city`.
    """

    def __init__(self, folder: Path, mosquitto: Path, real_s: int, shown_s: int,
                 speed: int, security: str) -> None:
        self.udp_port = free_port(socket.SOCK_DGRAM)
        self._mqtt_port = free_port(socket.SOCK_STREAM)
        self.data = folder / "data"
        self.city = folder / "city.db"
        url = f"mqtt://127.0.0.1:{self._mqtt_port}"
        self.gateway = GatewayProcess(folder, GATEWAY_SETTINGS.format(
            udp_port=self.udp_port, url=url, real_s=real_s, shown_s=shown_s, speed=speed,
            security=security))
        self._processes: dict[str, ChildProcess] = {
            "gateway": self.gateway,
            "broker": _broker(folder / "broker", mosquitto, self._mqtt_port),
            "city": ChildProcess(
                "the consumer",
                (faubourg(), "city", "--mqtt", url, "--into", f"sqlite:{self.city}"),
                folder / "city.log"),
        }
        self._down: set[str] = set()
        self.kills: Counter[str] = Counter()

    async def start(self) -> None:
        """Start all three; return when broker and gateway serve. Raises ProcessError."""
        await self._processes["broker"].spawn()
        await self._wait_for_broker()
        await self._processes["city"].spawn()
        await self.gateway.start()

    async def _wait_for_broker(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + BROKER_START_TIMEOUT_S
        while not self._broker_listens():
            self._processes["broker"].check_running()
            if loop.time() > deadline_s:
                raise ProcessError(f"the broker does not listen on port {self._mqtt_port}")
            await asyncio.sleep(0.05)

    def _broker_listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._mqtt_port)) == 0

    async def kill(self, kill: Kill) -> None:
        """Kill a process as it stands, and start it again after the pause.

        A process that is down when its next kill is due is killed again as soon as it lives.
        """
        process = self._processes[kill.victim]
        self._down.add(kill.victim)
        await process.kill()
        self.kills[kill.victim] += 1
        await asyncio.sleep(kill.pause_s)
        await process.spawn()
        self._down.discard(kill.victim)

    def states(self) -> dict[str, str]:
        """Return for each process "runs", "down" or "ended" (by itself: it should not)."""
        return {name: "down" if name in self._down
                else "runs" if self._processes[name].is_running else "ended" for name in VICTIMS}

    def check(self) -> None:
        """Raise ProcessError if a process has ended that nobody killed."""
        for name, process in self._processes.items():
            if name not in self._down:
                process.check_running()

    async def stop(self) -> None:
        """End all three in order; what they hold is on the disk."""
        for name in ("gateway", "city", "broker"):
            with contextlib.suppress(ProcessLookupError):
                await self._processes[name].stop()


def _broker(folder: Path, program: Path, port: int) -> ChildProcess:
    folder.mkdir()
    settings = folder / "mosquitto.conf"
    settings.write_text(BROKER_SETTINGS.format(port=port, folder=folder), encoding="utf-8")
    return ChildProcess("the broker", (program, "-c", settings), folder / "broker.log")
