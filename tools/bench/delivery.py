"""What it costs to make readings durable and to acknowledge them: rate, latency, CPU time.

`faubourg run` with its default file uplink, packs of 8 readings with a journal (object 42800).

* `delivery_rate`: the gateway has one core to itself, CLIENTS nodes send as fast as they are
  acknowledged, and the load comes from another core. `cpu` is what the gateway's threads used;
  1,000,000 / `cpu` packs a second is what an undisturbed core would do.
* `delivery_latency`: 100 packs a second from 200 nodes, evenly spread, for each commit class: from
  the datagram's departure to the acknowledgement's arrival.
* `delivery_cpu`: microseconds of CPU per pack in CoAP, decoding and storing, by what a server with
  one part more takes (as `gateway_send` does); the least of the rounds.

    python -m tools.bench.delivery [--packs N] [--seconds N] [--rounds N]
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tools import figures
from tools.bench import gateway_send
from tools.gateway_process import running
from tools.load_client import LoadClient, clients_of, packs_of, send_all

KIND = "8 readings"
READINGS = 8
# So many that the commits' 50 ms are no limit to the rate.
CLIENTS = 512
# At 100 packs a second each of these sends every other second: longer than any commit waits.
PACED_CLIENTS = 200
PACKS_PER_S = 100
CLASSES = {"urgent, 50 ms": True, "measurement, 1 s": False}


async def rate(packs: int, rounds: int) -> dict:
    """Return how many packs a second one core acknowledges: the median of the rounds."""
    core, *others = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="faubourg-bench-") as folder:
        async with running(Path(folder)) as gateway:
            gateway.pin(core)
            os.sched_setaffinity(0, others or {core})
            try:
                clients = await clients_of(gateway.port, CLIENTS)
                rates, spent_us = [], []
                for _ in range(rounds + 1):  # the first one warms up
                    ready = packs_of(clients, packs, KIND)
                    begun_s, begun_ns = time.monotonic(), gateway.cpu_ns()
                    await send_all(clients, ready)
                    rates.append(packs / (time.monotonic() - begun_s))
                    spent_us.append((gateway.cpu_ns() - begun_ns) / 1000 / packs)
            finally:
                os.sched_setaffinity(0, {core, *others})
    per_s = statistics.median(rates[1:])
    return {
        "packs_per_s": round(per_s),
        "slowest": round(min(rates[1:])),
        "fastest": round(max(rates[1:])),
        "readings_per_s": round(per_s * READINGS),
        "cpu_us_per_pack": round(statistics.median(spent_us[1:])),
        "least_cpu_us": round(min(spent_us[1:])),
    }


async def latency(name: str, is_queue_mode: bool, seconds: int) -> dict:
    """Return how long acknowledgements of one commit class take."""
    with tempfile.TemporaryDirectory(prefix="faubourg-bench-") as folder:
        async with running(Path(folder)) as gateway:
            clients = await clients_of(gateway.port, PACED_CLIENTS, is_queue_mode)
            packs = packs_of(clients, seconds * PACKS_PER_S, KIND)
            latencies_ms = await paced(clients, packs)
    hundredths = statistics.quantiles(latencies_ms, n=100)
    return {
        "commit class": name,
        "packs": len(latencies_ms),
        "p50_ms": round(hundredths[49], 1),
        "p99_ms": round(hundredths[98], 1),
        "most_ms": round(max(latencies_ms), 1),
    }


async def paced(clients: list[LoadClient], packs: list[list[bytes]]) -> list[float]:
    """Send the packs, one of each client in turn, evenly spread; return milliseconds of each."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()

    async def one(number: int, client: LoadClient, payload: bytes) -> float:
        await asyncio.sleep(begun_s + number / PACKS_PER_S - loop.time())
        sent_s = loop.time()
        await client.send(payload)
        return (loop.time() - sent_s) * 1000

    sends = [send for turn in zip(*packs, strict=True) for send in zip(clients, turn, strict=True)]
    return await asyncio.gather(*(one(number, *send) for number, send in enumerate(sends)))


def cpu(packs: int, rounds: int) -> dict:
    """Return the microseconds of CPU per pack, by part."""
    found = gateway_send.report(packs, rounds, KIND)
    names = ("coap_us", "decoding_us", "storing_us", "uplink_us", "gateway_us")
    return {name: found[name] for name in names}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=int, default=4096)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    figures.publish("delivery_rate", [asyncio.run(rate(arguments.packs, arguments.rounds))])
    figures.publish("delivery_latency", [
        asyncio.run(latency(name, is_queue_mode, arguments.seconds))
        for name, is_queue_mode in CLASSES.items()
    ])
    figures.publish("delivery_cpu", [cpu(arguments.packs // 4, arguments.rounds)])


if __name__ == "__main__":
    sys.exit(main())
