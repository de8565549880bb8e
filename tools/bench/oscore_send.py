"""The gateway's CPU time per protected Send over that of an unprotected one.

Two whole gateways without uplinks, each a process of its own, one with `security = "oscore"`; the
same load, round by round in turns: `CLIENTS` sockets, each with one confirmable Send under way.
What counts is the processes' CPU time (schedstat of every thread), the least of all rounds.

    python -m tools.bench.oscore_send [--sends N] [--rounds N]
"""

import argparse
import asyncio
import contextlib
import tempfile

from tools import figures
from tools.gateway_process import cpu_ns
from tools.load_client import PACKS, clients_of, packs_of, send_all
from tools.protected_client import protected_clients_of, serving

CLIENTS = 64
SECURITIES = ("none", "oscore")


async def measure(sends: int, rounds: int, kind: str) -> dict[str, float]:
    """Return the CPU microseconds per Send of each gateway."""
    spent: dict[str, list[float]] = {security: [] for security in SECURITIES}
    async with contextlib.AsyncExitStack() as stack:
        running = {}
        for security in SECURITIES:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faubourg-bench-"))
            child, port = await stack.enter_async_context(serving(folder, security, CLIENTS))
            connect = protected_clients_of if security == "oscore" else clients_of
            running[security] = child.pid, await connect(port, CLIENTS)
        for number in range(rounds + 1):
            for security, (pid, clients) in running.items():
                packs = packs_of(clients, sends, kind)
                before_ns = cpu_ns(pid)
                await send_all(clients, packs)
                if number:  # the first round warms up
                    spent[security].append((cpu_ns(pid) - before_ns) / 1000 / sends)
    return {security: min(each) for security, each in spent.items()}


def report(sends: int, rounds: int, kind: str) -> dict[str, object]:
    """Measure one of PACKS."""
    least = asyncio.run(measure(sends, rounds, kind))
    return {
        "pack": kind,
        "none_us": round(least["none"]),
        "oscore_us": round(least["oscore"]),
        "added_us": round(least["oscore"] - least["none"]),
        "ratio": round(least["oscore"] / least["none"], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sends", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    figures.publish(
        "oscore_send", [report(arguments.sends, arguments.rounds, kind) for kind in PACKS])


if __name__ == "__main__":
    main()
