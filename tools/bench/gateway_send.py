"""The gateway's CPU time per confirmable Send over that of aiocoap's own plain resource.

Two servers, each a process of its own: aiocoap's udp6 context with a Site and one Resource that
answers 2.04, and the whole gateway, its store and its file uplink included. The same load, round
by round in turns: `CLIENTS` sockets, each with one confirmable Send under way, once with one
reading in each and once with eight. What counts is the processes' CPU time (schedstat of every
thread), the least of all rounds: wall time says more about the machine's other work.

    python -m tools.bench.gateway_send [--sends N] [--rounds N] [--json FILE]
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.coap_codec import code_text
from protocol import coap_message as coap
from protocol import senml
from protocol.number import Decimal
from protocol.senml import Record

CLIENTS = 64
READINGS = (1, 8)
SERVERS = ("aiocoap", "gateway")
GOAL = 1.5
LINKS = b"</3/0>,</3303/0>,</42800/0>"
ANSWER_TIMEOUT_S = 5.0


class LoadClient(asyncio.DatagramProtocol):
    """One registered client; sends packs one after the other."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._mid = 0
        self._sequence = 0
        self._answer: asyncio.Future | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple) -> None:
        message = coap.decode(data)
        if coap.is_request(message.code):
            # The gateway asks what it is; in this bench nothing is served.
            refusal = coap.Message(coap.ACK, coap.NOT_FOUND, message.mid, message.token)
            self.transport.sendto(coap.encode(refusal))
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(data)

    async def register(self) -> None:
        """Register; a server that has no /rd says so, and is none the worse for it."""
        options = [(coap.URI_PATH, b"rd"), (coap.CONTENT_FORMAT, b"\x28")]
        options += [(coap.URI_QUERY, b"ep=bench%d" % self._number), (coap.URI_QUERY, b"lt=3600")]
        options += [
            (coap.URI_QUERY, b"lwm2m=1.1"),
            (coap.URI_QUERY, b"b=U"),
            (coap.URI_QUERY, b"Q"),
        ]
        await self._ask(options, LINKS)

    async def send(self, readings: int) -> None:
        """Send one pack. Raises RuntimeError if it is not answered 2.04."""
        options = [(coap.URI_PATH, b"dp"), (coap.CONTENT_FORMAT, b"\x70")]
        answer = await self._ask(options, self._pack(readings))
        if answer[1] != coap.CHANGED:
            raise RuntimeError(f"a Send was answered {code_text(answer[1])} {answer[6:]!r}")

    def _pack(self, readings: int) -> bytes:
        first, last = self._sequence + 1, self._sequence + readings
        self._sequence = last
        records = [
            Record("/3303/0/5700", Decimal(2000 + number, -2), 1_765_000_000 + number)
            for number in range(first, last + 1)
        ]
        records.append(Record("/42800/0/0", 1))
        records.append(Record("/42800/0/1", f"{first}-{last}"))
        return senml.encode_cbor(records)

    async def _ask(self, options: list[tuple[int, bytes]], payload: bytes) -> bytes:
        self._mid = self._mid + 1 & 0xFFFF
        token = self._mid.to_bytes(2, "big")
        message = coap.Message(coap.CON, coap.POST, self._mid, token, options, payload)
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.sendto(coap.encode(message))
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await self._answer


def cpu_ns(pid: int) -> int:
    """Return the CPU time that every thread of a process has used."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


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


async def measure(sends: int, rounds: int, readings: int) -> dict[str, list[float]]:
    """Return the CPU microseconds per Send of each server, round by round."""
    spent: dict[str, list[float]] = {name: [] for name in SERVERS}
    async with contextlib.AsyncExitStack() as stack:
        running = {}
        for name in SERVERS:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faubourg-bench-"))
            pid, port = await stack.enter_async_context(server(name, folder))
            running[name] = pid, await clients_of(port)
        for number in range(rounds + 1):
            for name, (pid, clients) in running.items():
                before_ns = cpu_ns(pid)
                await send_all(clients, sends, readings)
                if number:  # the first round warms up
                    spent[name].append((cpu_ns(pid) - before_ns) / 1000 / sends)
    return spent


async def clients_of(port: int) -> list[LoadClient]:
    """Return registered clients of the server on `port`."""
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(CLIENTS):
        _, client = await loop.create_datagram_endpoint(
            lambda number=number: LoadClient(number), remote_addr=("127.0.0.1", port)
        )
        await client.register()
        clients.append(client)
    return clients


async def send_all(clients: list[LoadClient], sends: int, readings: int) -> None:
    """Send `sends` packs, as many from each client."""

    async def one(client: LoadClient) -> None:
        for _ in range(sends // len(clients)):
            await client.send(readings)

    await asyncio.gather(*(one(client) for client in clients))


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


async def serve_gateway(folder: str) -> None:
    """Serve the whole gateway, as `faubourg run` puts it together."""
    import gc
    from random import SystemRandom

    from gateway import service, settings
    from gateway.composition import clock_of, transport_of

    text = """
    [gateway]
    id = "bench"
    data = "data"
    listen = "127.0.0.1:0"
    security = "none"
    time = "system"
    """
    parsed = settings.parse(text, Path(folder))
    gc.set_threshold(*service.GC_THRESHOLDS)
    gateway = service.Gateway(
        parsed, transport=transport_of(parsed), clock=clock_of(parsed), random=SystemRandom()
    )
    await gateway.start()
    print(gateway.addresses()[0][1], flush=True)
    await asyncio.get_running_loop().create_future()


def report(sends: int, rounds: int, readings: int) -> dict[str, float]:
    """Measure packs of so many readings, print it, and return it."""
    started_s = time.monotonic()
    spent = asyncio.run(measure(sends, rounds, readings))
    least = {name: min(each) for name, each in spent.items()}
    ratio = least["gateway"] / least["aiocoap"]
    print(f"{readings} reading(s) in each Send, {time.monotonic() - started_s:.0f} s")
    for name in SERVERS:
        shown = " ".join(f"{each:.0f}" for each in spent[name])
        print(f"  {name:8} {least[name]:6.0f} us CPU per Send   (rounds: {shown})")
    print(f"  ratio    {ratio:6.2f}   (goal: at most {GOAL})")
    return {"readings": readings, "ratio": ratio, **least}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sends", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        is_gateway = arguments.serve == "gateway"
        asyncio.run(serve_gateway(arguments.folder) if is_gateway else serve_aiocoap())
    results = [report(arguments.sends, arguments.rounds, count) for count in READINGS]
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("AIOCOAP_REUSE_PORT", "0")
    main()
