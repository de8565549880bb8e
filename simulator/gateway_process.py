"""The gateway as its users run it: `faubourg run` in a process of its own."""

import asyncio
import base64
import sys
from collections.abc import Iterable
from pathlib import Path

from gateway.cli.connection import ApiClient, ApiError
from simulator.child_process import ChildProcess, ProcessError

START_TIMEOUT_S = 30


def faubourg() -> Path:
    """Return the program `faubourg` that stands beside this Python."""
    return Path(sys.executable).with_name("faubourg")


class GatewayProcess(ChildProcess):
    """A gateway with its settings, data and log in `folder`."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.config.write_text(settings, encoding="utf-8")
        self.api = ApiClient(str(folder / "data" / "faubourg.sock"))
        command = (faubourg(), "run", "--config", self.config)
        super().__init__("the gateway", command, folder / "gateway.log")

    async def start(self) -> None:
        """Start it and wait until its management socket answers. Raises ProcessError."""
        await self.spawn()
        deadline_s = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not await self._answers():
            self.check_running()
            if asyncio.get_running_loop().time() > deadline_s:
                raise ProcessError(f"no answer in {START_TIMEOUT_S} s:\n{self.last_words()}")
            await asyncio.sleep(0.1)

    async def _answers(self) -> bool:
        try:
            await self.status()
        except ApiError:
            return False
        return True

    async def status(self) -> dict:
        """Return the gateway's own state (`GET /v1/status`). Raises ApiError."""
        return await asyncio.to_thread(self.api.get, "status")

    async def make_keys(self, endpoints: Iterable[str]) -> dict[str, bytes]:
        """Return new credentials for each node, as `faubourg keys add` writes them into a file.

        Raises ProcessError.
        """
        try:
            return await asyncio.to_thread(
                lambda: {endpoint: self._keys_of(endpoint) for endpoint in endpoints})
        except ApiError as error:
            raise ProcessError(f"the gateway makes no keys: {error}") from error

    def _keys_of(self, endpoint: str) -> bytes:
        made = self.api.post("keys", body={"endpoint": endpoint})
        return base64.b64decode(made["credentials"])
