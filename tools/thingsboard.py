"""ThingsBoard's IoT gateway, installed by pip into a place of its own, for comparison only.

MQTT in, SQLite as its storage, MQTT out. All is as shipped but for what would leave the machine:
remote configuration, remote shell and statistics are off, its update check meets a proxy that is
not there, and pip, which it calls by itself for what it misses, may not use an index.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

ENVIRONMENT = Path(__file__).resolve().parents[1] / "build/thingsboard"
VERSION = "3.8.5"
INSTALL_TIMEOUT_S = 900
NOWHERE = "http://127.0.0.1:9"
ISOLATION = {
    "PIP_NO_INDEX": "1",
    **{name: NOWHERE for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")},
}
REQUESTS, RESPONSES = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
# Without an answer it sends nothing; these are no limits.
NO_LIMITS = dict.fromkeys(("messages", "telemetryMessages", "telemetryDataPoints"))
SESSION_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": NO_LIMITS,
                  "gatewayRateLimits": NO_LIMITS}
DEVICE_NAME = "(?<=lamp/)(.*?)(?=/report)"


class Platform:
    """The part of ThingsBoard's platform, at a broker, that its gateway cannot do without."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{REQUESTS}+", qos=1)
        self._client.on_message = self._on_request
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_request(self, client: Client, _: object, message: object) -> None:
        number = message.topic.removeprefix(REQUESTS)
        client.publish(f"{RESPONSES}{number}", json.dumps(SESSION_LIMITS), qos=1)

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()


class NotInstallable(Exception):
    """pip cannot have it on this machine; the message says why."""


def install() -> Path:
    """Return the interpreter of its environment, made at first. Raises NotInstallable."""
    python = ENVIRONMENT / "bin/python"
    package = f"thingsboard-gateway=={VERSION}"
    try:
        if not python.exists():
            _run([sys.executable, "-m", "venv", ENVIRONMENT])
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [str(error)]
        raise NotInstallable(said[-1]) from error
    except subprocess.TimeoutExpired as error:
        raise NotInstallable(str(error)) from error
    return python


def _run(command: list[object]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)


def configure(folder: Path, south_port: int, north_port: int, fields: list[str]) -> None:
    """Write its configuration: JSON objects with `fields` on lamp/NAME/report become telemetry."""
    shipped = next(ENVIRONMENT.glob("lib/*/site-packages/thingsboard_gateway/config"))
    gateway = json.loads((shipped / "tb_gateway.json").read_text())
    gateway["thingsboard"] |= {
        "host": "127.0.0.1", "port": north_port, "remoteShell": False,
        "remoteConfiguration": False, "security": {"accessToken": "bench"},
        "statistics": {"enable": False},
    }  # fmt: skip
    gateway["storage"] = {"type": "sqlite", "data_file_path": f"{folder}/data/"}
    gateway["connectors"] = [{"type": "mqtt", "name": "south", "configuration": "south.json"}]
    mqtt = json.loads((shipped / "mqtt.json").read_text())
    mqtt["broker"] |= {"host": "127.0.0.1", "port": south_port}
    device = {
        "deviceNameExpressionSource": "topic", "deviceNameExpression": DEVICE_NAME,
        "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "lamp",
    }  # fmt: skip
    values = [{"type": "double", "key": each, "value": f"${{{each}}}"} for each in fields]
    converter = {"type": "json", "deviceInfo": device, "timeout": 60000, "attributes": [],
                 "timeseries": values}
    south = {"broker": mqtt["broker"],
             "mapping": [{"topicFilter": "lamp/+/report", "subscriptionQos": 1,
                          "converter": converter}]}
    (folder / "tb_gateway.json").write_text(json.dumps(gateway))
    (folder / "south.json").write_text(json.dumps(south))
    (folder / "logs.json").write_text((shipped / "logs.json").read_text())


@contextlib.asynccontextmanager
async def running(python: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run it with the configuration in `folder`; it may take some seconds to be ready."""
    environment = {**os.environ, **ISOLATION, "TB_GW_CONFIG_DIR": str(folder)}
    with open(folder / "output.log", "wb") as output:
        process = await asyncio.create_subprocess_exec(
            python, "-c", "from thingsboard_gateway.tb_gateway import main; main()",
            cwd=folder, env=environment, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
