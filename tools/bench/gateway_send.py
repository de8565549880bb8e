"""The gateway's CPU time per confirmable Send over that of aiocoap's own plain resource.

Two servers, each a process of its own: aiocoap's udp6 context with a Site and one Resource that
answers 2.04, and the whole gateway, its store and its file uplink included. The same load, round
by round in turns: `CLIENTS` sockets, each with one confirmable Send under way: packs of one
reading, of eight, and a lamp's own report. What counts is the processes' CPU time (schedstat of
every thread), the least of all rounds: wall time says more about the machine's other work.

Where the gateway's time goes is found with three more servers, each with one part less: without
uplink, with neither uplink nor store, and with none but the CoAP part, which answers at once.
`ratio` is of everything; `ratio_until_ack` leaves out the uplink, whose work comes after the
node has its answer.

    python -m tools.bench.gateway_send [--sends N] [--rounds N]
"""

import argparse
import asyncio
import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom

from gateway import process, service, settings
from gateway.coap_context import CoapContext
from gateway.coap_server import GatewayResource, Incoming
from gateway.coap_transport import UdpTransport
from gateway.composition import UplinkBuilder, clock_of, transport_of
from gateway.readings import Readings
from tools import figures
from tools.gateway_process import cpu_ns
from tools.load_client import PACKS, UNIX_S, clients_of, packs_of, send_all

CLIENTS = 64
SERVERS = ("aiocoap", "coap", "decoding", "storing", "gateway")
GOAL = 1.5


@contextlib.asynccontextmanager
async def server(name: str, folder: str) -> AsyncIterator[tuple[int, int]]:
    """Run one of the servers in a process: gives (pid, port)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.bench.gateway_send", "--serve", name, "--folder", folder,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process.pid, int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def measure(sends: int, rounds: int, kind: str) -> dict[str, list[float]]:
    """Return the CPU microseconds per Send of each server, round by round."""
    spent: dict[str, list[float]] = {name: [] for name in SERVERS}
    async with contextlib.AsyncExitStack() as stack:
        running = {}
        for name in SERVERS:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faubourg-bench-"))
            pid, port = await stack.enter_async_context(server(name, folder))
            running[name] = pid, await clients_of(port, CLIENTS)
        for number in range(rounds + 1):
            for name, (pid, clients) in running.items():
                packs = packs_of(clients, sends, kind)
                before_ns = cpu_ns(pid)
                await send_all(clients, packs)
                if number:  # the first round warms up
                    spent[name].append((cpu_ns(pid) - before_ns) / 1000 / sends)
    return spent


async def serve_aiocoap() -> None:
    """Serve aiocoap's own way: a Site, a Resource, its default transport."""
    import aiocoap
    from aiocoap import resource

    class Accept(resource.Resource):
        async def render_post(self, request):
            return aiocoap.Message(code=aiocoap.CHANGED)

    site = resource.Site()
    site.add_resource(["dp"], Accept())
    site.add_resource(["rd"], Accept())
    context = await aiocoap.Context.create_server_context(
        site, bind=("127.0.0.1", 0), transports=["udp6"]
    )
    # The bound port is nowhere in its public API.
    interface = context.request_interfaces[0].token_interface.message_interface
    print(interface._local_port(), flush=True)
    await asyncio.get_running_loop().create_future()


class CoapOnly:
    """Registers everybody and answers every pack at once; the registry and the reports of one."""

    async def register(self, request: Incoming) -> str:
        return "1"

    async def receive(self, request: Incoming) -> None:
        pass


class Decoding(CoapOnly):
    """Makes rows of packs, and forgets them."""

    def __init__(self) -> None:
        self._readings = Readings()

    async def receive(self, request: Incoming) -> None:
        records = self._readings.decode(request.content_format, request.payload)
        self._readings.pack_to_rows("bench", records, UNIX_S * 1000)


class NoUplinks(UplinkBuilder):
    """A gateway that delivers nothing."""

    def build(self, *parts: object) -> dict:
        return {}


async def serve_part(part: CoapOnly) -> None:
    """Serve with the gateway's own CoAP, and `part` instead of all else."""
    transport = UdpTransport([("127.0.0.1", 0)])
    site = GatewayResource(part, part, payload_bytes_max=65_536)
    CoapContext(transport, SystemRandom(), site).open()
    print(transport.addresses()[0][1], flush=True)
    await asyncio.get_running_loop().create_future()


async def serve_gateway(folder: str, uplinks: UplinkBuilder) -> None:
    """Serve the whole gateway, as `faubourg run` puts it together, with these uplinks."""
    text = """
    [gateway]
    id = "bench"
    data = "data"
    listen = "127.0.0.1:0"
    security = "none"
    time = "system"
    """
    parsed = settings.parse(text, Path(folder))
    gateway = service.Gateway(
        parsed,
        transport=transport_of(parsed),
        clock=clock_of(parsed),
        random=SystemRandom(),
        uplinks=uplinks,
    )
    await gateway.start()
    print(gateway.addresses()[0][1], flush=True)
    await asyncio.get_running_loop().create_future()


def serve(name: str, folder: str) -> None:
    """Run one of the servers until the process ends."""
    if name == "aiocoap":
        asyncio.run(serve_aiocoap())
    gc.set_threshold(*process.GC_THRESHOLDS)
    if name == "coap":
        asyncio.run(serve_part(CoapOnly()))
    if name == "decoding":
        asyncio.run(serve_part(Decoding()))
    asyncio.run(serve_gateway(folder, NoUplinks() if name == "storing" else UplinkBuilder()))


def report(sends: int, rounds: int, kind: str) -> dict[str, object]:
    """Measure one of PACKS; return microseconds of CPU per Send, and their ratio."""
    spent = asyncio.run(measure(sends, rounds, kind))
    least = {name: min(each) for name, each in spent.items()}
    parts = SERVERS[1:]
    steps = {
        f"{name}_us": round(least[name] - (least[parts[index - 1]] if index else 0))
        for index, name in enumerate(("coap", "decoding", "storing"))
    }
    return {
        "pack": kind,
        "aiocoap_us": round(least["aiocoap"]),
        "gateway_us": round(least["gateway"]),
        "ratio": round(least["gateway"] / least["aiocoap"], 2),
        "ratio_until_ack": round(least["storing"] / least["aiocoap"], 2),
        "goal": GOAL,
        **steps,
        "uplink_us": round(least["gateway"] - least["storing"]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sends", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.folder)
    figures.publish(
        "gateway_send", [report(arguments.sends, arguments.rounds, kind) for kind in PACKS]
    )


if __name__ == "__main__":
    os.environ.setdefault("AIOCOAP_REUSE_PORT", "0")
    main()
