"""How fast a backlog leaves `faubourg run`, and what memory that takes.

The store is filled through `Store.commit_pack`, packs of 8 from 1,000 nodes in turns, as a town
would have filled it while its back end was away. Then the gateway starts. Counted is at the back
end: the readings in the lines of the file, or in the messages that a subscriber of the broker
gets. Memory is what is resident (1 MB = 1,000,000 bytes): `rest` of a gateway with an empty store
and the same uplink, `most` until the backlog is gone, `after` once it is.

    python -m tools.bench.drain [--readings N]
"""

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from gateway.ledger import Statement
from gateway.rows import ReadingRow, TimeSource
from gateway.store import Store
from protocol import object_table
from protocol.number import Decimal
from tests.gateway.mosquitto import Broker
from tools import figures
from tools.gateway_process import GatewayProcess, running

READINGS = 500_000
NODES = 1000
PACK = 8
UNIX_MS = 1_765_000_000_000
MEMORY_MAX_MB = 80
POLL_S = 0.1
LIMIT_S = 900.0
REST_S = 2.0
# So every reading begins in SenML JSON.
RECORD = b'"n":'
UPLINKS = {
    "file": '[uplink.file]\ntype = "file"\n',
    "mqtt": '[uplink.city]\ntype = "mqtt"\nurl = "{url}"\nack = "broker"\n'
            'messages_per_s = 100000\n',
}


def pack(number: int) -> tuple[list[ReadingRow], Statement]:
    """Return the pack of that number: the nodes take turns."""
    node, turn = number % NODES, number // NODES
    endpoint = f"urn:dev:mac:0200fffe{node:08x}"
    received_ms = UNIX_MS + number
    first = turn * PACK + 1
    rows = [
        ReadingRow(endpoint, 1, sequence, "/3303/0/5700", Decimal(2000 + sequence % 500, -2),
                   UNIX_MS + sequence * 1000, TimeSource.NODE, object_table.MEASUREMENT,
                   received_ms)
        for sequence in range(first, first + PACK)
    ]
    return rows, Statement(endpoint, 1, received_ms, first, first + PACK - 1, 1)


async def fill(path: Path, readings: int) -> None:
    """Write a backlog into a new store."""
    path.parent.mkdir()
    store = Store(str(path))
    await store.open(UNIX_MS)
    group = 500
    for start in range(0, readings // PACK, group):
        packs = [pack(number) for number in range(start, min(start + group, readings // PACK))]
        await asyncio.gather(*(store.commit_pack(rows, True, said) for rows, said in packs))
    await store.close()


class Lines:
    """Counts the readings in the file of the file uplink as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self.readings = 0

    def count(self) -> int:
        """Return how many readings there are by now."""
        if self._path.exists():
            with open(self._path, "rb") as file:
                file.seek(self._position)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self.readings += whole.count(RECORD)
            self._position += len(whole)
        return self.readings


class Subscriber:
    """Counts the readings that come from a broker."""

    def __init__(self, port: int) -> None:
        self.readings = 0
        self._client = Client(CallbackAPIVersion.VERSION2, "bench-city", protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("faubourg/#", qos=1)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_message(self, client: Client, _: object, message: object) -> None:
        self.readings += message.payload.count(RECORD)

    def count(self) -> int:
        """Return how many readings there are by now."""
        return self.readings

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()


async def drain(gateway: GatewayProcess, count: Callable[[], int], readings: int) -> dict:
    """Return what the drain took, once everything has come."""
    begun_s = time.monotonic()
    begun_ns = gateway.cpu_ns()
    while count() < readings:
        gateway.check()
        if time.monotonic() - begun_s > LIMIT_S:
            raise RuntimeError(f"only {count()} readings came in {LIMIT_S} s")
        await asyncio.sleep(POLL_S)
    took_s = time.monotonic() - begun_s
    cpu_s = (gateway.cpu_ns() - begun_ns) / 1e9
    if count() != readings:
        raise RuntimeError(f"{count()} readings came, {readings} are stored")
    return {
        "readings": readings,
        "seconds": round(took_s, 1),
        "readings_per_s": round(readings / took_s),
        "cpu_us_per_reading": round(cpu_s / readings * 1e6, 1),
        "most_mb": megabytes(gateway.memory_kb()[1]),
        "after_mb": megabytes(gateway.memory_kb()[0]),
        "goal_mb": MEMORY_MAX_MB,
    }


def megabytes(kb: int) -> float:
    """Return units of 1024 bytes as megabytes."""
    return round(kb * 1024 / 1e6, 1)


async def memory_at_rest(folder: Path, text: str) -> float:
    """Return the megabytes of a gateway that has nothing to do."""
    folder.mkdir()
    async with running(folder, text) as gateway:
        await asyncio.sleep(REST_S)
        return megabytes(gateway.memory_kb()[0])


async def measure(kind: str, backlog: Path, readings: int) -> dict:
    """Return the figures of one kind of uplink."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faubourg-bench-")))
        shutil.copytree(backlog.parent, folder / "data")
        text = UPLINKS[kind]
        if kind == "mqtt":
            broker = stack.enter_context(Broker(folder / "broker", "max_queued_messages 0"))
            subscriber = Subscriber(broker.port)
            stack.callback(subscriber.close)
            text, count = text.format(url=broker.url), subscriber.count
        else:
            count = Lines(folder / "data/readings.jsonl").count
        rest_mb = await memory_at_rest(folder / "rest", text)
        async with running(folder, text) as gateway:
            return {"uplink": kind, **await drain(gateway, count, readings), "rest_mb": rest_mb}


async def bench(readings: int) -> list[dict]:
    """Measure every kind of uplink with the same backlog."""
    with tempfile.TemporaryDirectory(prefix="faubourg-bench-") as folder:
        path = Path(folder, "data/faubourg.db")
        await fill(path, readings)
        return [await measure(kind, path, readings) for kind in UPLINKS]


def main() -> int:
    """Measure and print; 1 if the gateway took more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readings", type=int, default=READINGS)
    rows = asyncio.run(bench(parser.parse_args().readings))
    figures.publish("drain", rows)
    return int(any(row["most_mb"] > MEMORY_MAX_MB for row in rows))


if __name__ == "__main__":
    sys.exit(main())
