"""All nodes of a district register at the same moment with OSCORE, after a power return.

Two cases: the nodes were without power, the gateway was not; and both were: then the gateway has
no replay windows, and challenges every node first (RFC 8613 B.1.2). The nodes are sockets of one
process, which repeat what is not answered as RFC 7252 section 4.2 has it, with no jitter before
their first message: real nodes spread it over a minute.

    python -m tools.bench.oscore_storm [--nodes N]
"""

import argparse
import asyncio
import resource
import tempfile
from pathlib import Path
from random import Random

from protocol import coap_message as coap
from tools import figures
from tools.load_client import LINKS
from tools.protected_client import Protection, endpoint_of, serving

ACK_TIMEOUT_S, ACK_RANDOM_FACTOR, MAX_RETRANSMIT = 2.0, 1.5, 4
LIMIT_S = 300.0
NODES_PER_TURN = 50


class StormNode(asyncio.DatagramProtocol):
    """One node; `retransmissions`, and whether it `is_registered`."""

    def __init__(self, number: int, random: Random) -> None:
        self._number = number
        self._random = random
        self._protection = Protection(number)
        self._mid = random.getrandbits(16)
        self._timer: asyncio.TimerHandle | None = None
        self.retransmissions = self.challenges = self.failures = 0
        self.is_registered = False

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def prepare(self, *echo: tuple[int, bytes]) -> None:
        """Protect the Register that `send` is to send."""
        self._mid = self._mid + 1 & 0xFFFF
        queries = (f"ep={endpoint_of(self._number)}", "lt=3600", "lwm2m=1.1", "b=U")
        options = [(coap.URI_PATH, b"rd"), (coap.CONTENT_FORMAT, b"\x28")]
        options += [(coap.URI_QUERY, each.encode()) for each in queries]
        message = coap.Message(coap.CON, coap.POST, self._mid, self._mid.to_bytes(2, "big"),
                               [*options, *echo], LINKS)
        self._datagram = self._protection.request(message)

    def send(self, repetition: int = 0, timeout_s: float = 0.0) -> None:
        """Send what is prepared until it is answered."""
        if repetition > MAX_RETRANSMIT:
            # A node then waits and begins anew; what it waits is not the gateway's.
            self.failures += 1
            self.prepare()
            repetition = 0
        self.retransmissions += repetition > 0
        timeout_s = timeout_s or ACK_TIMEOUT_S * self._random.uniform(1, ACK_RANDOM_FACTOR)
        self._transport.sendto(self._datagram)
        self._timer = asyncio.get_running_loop().call_later(
            timeout_s, self.send, repetition + 1, timeout_s * 2)

    def datagram_received(self, data: bytes, address: tuple) -> None:
        if coap.is_request(data[1]):
            self._transport.sendto(self._protection.refusal(data))
            return
        if data[1] == coap.EMPTY or self.is_registered:
            return
        inner = self._protection.response(data)
        echo = coap.option(inner.options, coap.ECHO)
        self._timer.cancel()
        if echo is not None:
            self.challenges += 1
            self.prepare((coap.ECHO, echo))
            self.send()
        elif inner.code == coap.CREATED:
            self.is_registered = True
        else:
            self.failures += 1
            self._timer = asyncio.get_running_loop().call_later(ACK_TIMEOUT_S, self._begin_anew)

    def _begin_anew(self) -> None:
        self.prepare()
        self.send()


async def storm(port: int, nodes: list[StormNode]) -> float:
    """Have all nodes register at once; return the seconds until the last one is."""
    loop = asyncio.get_running_loop()
    for node in nodes:
        await loop.create_datagram_endpoint(lambda node=node: node,
                                            remote_addr=("127.0.0.1", port))
        node.is_registered = False
        node.prepare()
    began_s = loop.time()
    for index, node in enumerate(nodes):
        node.send()
        if index % NODES_PER_TURN == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT_S):
        while not all(node.is_registered for node in nodes):
            await asyncio.sleep(0.02)
    elapsed_s = loop.time() - began_s
    for node in nodes:
        node._transport.close()
    return elapsed_s


def peak_mb(pid: int) -> float:
    """Return the most memory that a process had so far."""
    fields = dict(line.split(":", 1) for line in
                  Path(f"/proc/{pid}/status").read_text().splitlines())
    return round(int(fields["VmHWM"].split()[0]) / 1024, 1)


async def measure(count: int) -> list[dict[str, object]]:
    """Measure both cases."""
    random = Random(1)
    rows = []
    with tempfile.TemporaryDirectory(prefix="faubourg-bench-") as folder:
        nodes = [StormNode(number, random) for number in range(count)]
        for case in ("nodes without power", "gateway killed as well"):
            # It is killed in the end, so the second one finds unfinished windows.
            async with serving(folder, "oscore", count) as (child, port):
                before = [(each.retransmissions, each.challenges, each.failures)
                          for each in nodes]
                elapsed_s = await storm(port, nodes)
                after = [(each.retransmissions, each.challenges, each.failures)
                         for each in nodes]
                spent = [sum(column) for column in zip(*after)]
                old = [sum(column) for column in zip(*before)]
                rows.append({
                    "case": case, "nodes": count, "registered_after_s": round(elapsed_s, 1),
                    "retransmissions": spent[0] - old[0], "challenges": spent[1] - old[1],
                    "given up": spent[2] - old[2], "peak_mb": peak_mb(child.pid)})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=2000)
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures.publish("oscore_storm", asyncio.run(measure(arguments.nodes)))


if __name__ == "__main__":
    main()
