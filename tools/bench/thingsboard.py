"""The same values through Faubourg's gateway and through ThingsBoard's, in turns.

A message is what a lamp reports every quarter of an hour: 7 values. LAMPS lamps send MESSAGES of
them as fast as they are taken, and a collector at one mosquitto counts them, by lamp and energy.

* `faubourg`: a confirmable Send each (SenML CBOR with a journal), acknowledged after the commit
  that holds it (synchronous=FULL); SQLite; uplink `mqtt`, ack = "broker". A lamp sends its next
  message when the last one is acknowledged.
* `thingsboard`: its IoT gateway (tools/thingsboard.py), a JSON object of 7 fields each, published
  with QoS 1 to a mosquitto of its own, where the gateway takes it and acknowledges once it is in
  a queue in memory; its SQLite storage (synchronous=NORMAL) at the code's own defaults; MQTT out.

`cpu_us` is the CPU time of the gateway's process per message, threads that have ended included;
brokers, publisher and collector are not in it. It needs the network once, for pip.

    python -m tools.bench.thingsboard [--messages N] [--rounds N] [--lamps N]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from protocol import json_text, lwm2m_path, object_names
from tests.gateway.mosquitto import MOSQUITTO, Broker
from tools import figures, gateway_process, thingsboard
from tools.load_client import clients_of, lamp_report, packs_of, send_all

KIND = "a lamp's report"
PATHS = [record.name for record in lamp_report(1)]
# The one value that no lamp reports twice.
ENERGY = PATHS[1]
LAMPS, MESSAGES, ROUNDS = 512, 8192, 5
POLL_S = 0.02
READY_TIMEOUT_S = 120.0
SUBSCRIBED_S = 1.0
READ_MAX = 1 << 16
# A message that has not come so long after the last one that came is lost.
SILENCE_S = 15.0
UPLINK = '[uplink.north]\ntype = "mqtt"\nurl = "{url}"\nack = "broker"\nmessages_per_s = 100000\n'


def field_of(path: str) -> str:
    """Return the name that a value has in JSON."""
    object_id, _, resource_id = lwm2m_path.parse(path)
    return object_names.resource_facts(object_id, resource_id).name.lower().replace(" ", "_")


class Collector:
    """Counts the messages that come to a broker: `mosquitto_sub`, so that it costs little.

    `mark` stands once in each; `parse(line)` gives the (lamp, energy) pairs in one payload.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, mark: bytes, parse: Callable[[bytes], list]
    ) -> None:
        self._process = process
        self._mark = mark
        self._parse = parse
        self._text = bytearray()
        self.came = 0
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while text := await self._process.stdout.read(READ_MAX):
            # A mark may be cut in two: count from a little before.
            start = max(0, len(self._text) - len(self._mark) + 1)
            self._text += text
            self.came += self._text.count(self._mark, start)

    def clear(self) -> None:
        """Forget what came."""
        self._text.clear()
        self.came = 0

    def counts(self) -> Counter:
        """Return how often each (lamp, energy) has come."""
        return Counter(pair for line in self._text.splitlines() for pair in self._parse(line))


@contextlib.asynccontextmanager
async def collecting(
    port: int, topic_filter: str, mark: str, parse: Callable[[bytes], list]
) -> AsyncIterator[Collector]:
    """Give a Collector of what comes to `topic_filter` at the broker on `port`."""
    process = await asyncio.create_subprocess_exec(
        MOSQUITTO.with_name("mosquitto_sub"), "-V", "5", "-h", "127.0.0.1", "-p", str(port),
        "-q", "1", "-t", topic_filter, "-F", "%p", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await asyncio.sleep(SUBSCRIBED_S)
        yield Collector(process, mark.encode(), parse)
    finally:
        process.terminate()
        await process.wait()


def parse_ours(line: bytes) -> list[tuple[str, float]]:
    """Return the (lamp, energy) in a SenML pack."""
    records = json.loads(line)
    return [(records[0]["bn"], each["v"]) for each in records if each["n"] == ENERGY]


def parse_theirs(line: bytes) -> list[tuple[str, float]]:
    """Return the (lamp, energy) in a message of their gateway API."""
    telemetry = json.loads(line)
    key = field_of(ENERGY)
    return [(lamp, each["values"][key]) for lamp, series in telemetry.items() for each in series
            if key in each.get("values", {})]


def process_cpu_ns(pid: int) -> int:
    """Return the CPU time of a process, threads that have ended included."""
    text = Path(f"/proc/{pid}/stat").read_text()
    user, system = text[text.rindex(")") + 2 :].split()[11:13]
    return (int(user) + int(system)) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Contender:
    """A gateway under test: `send(make(messages))` gives it messages, `collector` counts them."""

    def __init__(
        self,
        pid: int,
        collector: Collector,
        make: Callable[[int], list],
        send: Callable[[list], Awaitable[None]],
    ) -> None:
        self._pid = pid
        self._collector = collector
        self._make = make
        self._send = send
        self.rates: list[float] = []
        self.cpu_us: list[float] = []
        self.lost = self.copies = 0

    async def round(self, messages: int) -> None:
        """Send messages and wait until all have come, or no more come."""
        made = self._make(messages)
        self._collector.clear()
        begun_ns, begun_s = process_cpu_ns(self._pid), time.monotonic()
        sending = asyncio.ensure_future(self._send(made))
        came_s = await self._all_came(messages)
        await sending
        counts = self._collector.counts()
        came = len(counts)
        self.rates.append(came / (came_s - begun_s))
        self.cpu_us.append((process_cpu_ns(self._pid) - begun_ns) / 1000 / messages)
        self.lost += messages - came
        self.copies += counts.total() - came

    async def _all_came(self, messages: int) -> float:
        """Return when the last message came."""
        came, came_s = 0, time.monotonic()
        wanted = messages
        while time.monotonic() < came_s + SILENCE_S:
            await asyncio.sleep(POLL_S)
            if self._collector.came > came:
                came, came_s = self._collector.came, time.monotonic()
            if came >= wanted:
                # What came twice is not yet another one.
                wanted = came + messages - len(self._collector.counts())
                if came >= wanted:
                    break
        return came_s

    def forget(self) -> None:
        """Begin anew: the first round only warms up."""
        self.rates.clear()
        self.cpu_us.clear()
        self.lost = self.copies = 0


@contextlib.asynccontextmanager
async def ours(folder: Path, north: Broker, lamps: int) -> AsyncIterator[Contender]:
    """Give Faubourg's gateway as a Contender."""
    async with gateway_process.running(folder, UPLINK.format(url=north.url)) as gateway:
        clients = await clients_of(gateway.port, lamps)

        def make(messages: int) -> list:
            return packs_of(clients, messages, KIND)

        async def send(made: list) -> None:
            await send_all(clients, made)

        mark = f'"n":"{ENERGY}"'
        topics = "faubourg/v1/+/+/readings"
        async with collecting(north.port, topics, mark, parse_ours) as collector:
            yield Contender(gateway.pid, collector, make, send)


@contextlib.asynccontextmanager
async def theirs(
    python: Path, folder: Path, north: Broker, lamps: int
) -> AsyncIterator[Contender]:
    """Give ThingsBoard's gateway as a Contender, once the first message has come through."""
    with (
        Broker(folder / "south", "max_queued_messages 0") as south,
        contextlib.closing(thingsboard.Platform(north.port)),
    ):
        thingsboard.configure(folder, south.port, north.port, [field_of(path) for path in PATHS])
        async with thingsboard.running(python, folder) as process:
            publisher = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
            publisher.connect("127.0.0.1", south.port)
            publisher.loop_start()
            numbers = Counter()

            def make(messages: int) -> list:
                return [report(number % lamps) for number in range(messages)]

            def report(lamp: int) -> tuple[str, bytes]:
                numbers[lamp] += 7
                values = {field_of(each.name): each.value for each in lamp_report(numbers[lamp])}
                return f"lamp/bench{lamp}/report", json_text.encode(values)

            async def send(made: list) -> None:
                for number, (topic, payload) in enumerate(made):
                    publisher.publish(topic, payload, qos=1)
                    if number % 50 == 0:
                        await asyncio.sleep(0)

            mark = f'"{field_of(ENERGY)}"'
            topic = "v1/gateway/telemetry"
            async with collecting(north.port, topic, mark, parse_theirs) as collector:
                await first_came(collector, lambda: publisher.publish(*report(0), qos=1))
                yield Contender(process.pid, collector, make, send)
            publisher.disconnect()
            publisher.loop_stop()


async def first_came(collector: Collector, publish: Callable[[], None]) -> None:
    """Publish until something comes; raises TimeoutError."""
    async with asyncio.timeout(READY_TIMEOUT_S):
        while not collector.came:
            publish()
            await asyncio.sleep(1)


async def compare(python: Path, messages: int, rounds: int, lamps: int) -> list[dict]:
    """Return the figures of both, measured in turns."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faubourg-bench-")))
        for name in ("ours", "theirs"):
            (folder / name).mkdir()
        north = Broker(folder / "north", "max_queued_messages 0")
        north.allow("pattern readwrite #")  # theirs comes with a user name
        stack.enter_context(north)
        contenders = {
            "faubourg": await stack.enter_async_context(ours(folder / "ours", north, lamps)),
            "thingsboard": await stack.enter_async_context(
                theirs(python, folder / "theirs", north, lamps)
            ),
        }
        for contender in contenders.values():
            await contender.round(messages)
            contender.forget()
        for _ in range(rounds):
            for contender in contenders.values():
                await contender.round(messages)
        return [row(name, contender) for name, contender in contenders.items()]


def row(name: str, contender: Contender) -> dict:
    """Return one gateway's figures: medians with the least and the most."""
    rates, cpu_us = sorted(contender.rates), sorted(contender.cpu_us)
    return {
        "gateway": name,
        "messages_per_s": round(statistics.median(rates)),
        "slowest": round(rates[0]),
        "fastest": round(rates[-1]),
        "cpu_us": round(statistics.median(cpu_us)),
        "least_cpu_us": round(cpu_us[0]),
        "most_cpu_us": round(cpu_us[-1]),
        "lost": contender.lost,
        "copies": contender.copies,
    }


def main() -> int:
    """Measure and print; 1 if ours is not ahead in both figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--lamps", type=int, default=LAMPS)
    arguments = parser.parse_args()
    try:
        python = thingsboard.install()
    except thingsboard.NotInstallable as error:
        print(f"thingsboard: not measured: pip cannot install it here: {error}")
        return 0
    rows = asyncio.run(compare(python, arguments.messages, arguments.rounds, arguments.lamps))
    figures.publish("thingsboard", rows)
    first, second = rows
    is_ahead = (first["messages_per_s"] > second["messages_per_s"]
                and first["cpu_us"] < second["cpu_us"])
    return 0 if is_ahead else 1


if __name__ == "__main__":
    sys.exit(main())
