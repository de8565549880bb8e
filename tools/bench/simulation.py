"""How much of `district` a second of processor time carries out, and what takes that second.

A part of the scenario's nodes live its first hours, registrations and all. Every 2 ms of
processor time the stack is looked at, and the time goes to the innermost part that stands on it:
what protocol code takes is whose it works for. The memory is that of the whole run, divided by
its nodes.

    python -m tools.bench.simulation [--nodes N] [--hours H]
"""

import argparse
import logging
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import aiocoap

from simulator import scenario
from simulator.plan import Plan
from simulator.run import Run
from tools import figures

ROOT = Path(__file__).resolve().parents[2]
SCENARIO, SEED, NODES, HOURS = "district", 1, 100, 2.0
INTERVAL_S = 0.002
# By the beginning of a file's path, the first that fits.
PARTS = (
    ("OSCORE", ("protocol/oscore", "protocol/aes_ccm", "protocol/hkdf", "protocol/coap_security",
                "protocol/replay_window", "firmware/keys", "firmware/adapters/unix",
                "gateway/security_context", "gateway/coap_security", "gateway/protected_address",
                "gateway/contexts", "gateway/context_durability")),
    ("store", ("gateway/store", "simulator/disk", "simulator/gateway_disk", "simulator/unsynced")),
    ("world", ("simulator/world", "simulator/sensors", "simulator/fitting")),
    ("checks and records", ("simulator/checks", "simulator/recording", "simulator/record",
                            "simulator/trace", "simulator/run_account", "simulator/account",
                            "simulator/scores", "simulator/scoring", "simulator/stream")),
    ("node", ("firmware/",)),
    ("gateway", ("gateway/",)),
    ("network and clock", ("simulator/",)),
)
AIOCOAP, LOOP = "aiocoap", "event loop and all else"


class Sampler:
    """Counts in which part the process is, every INTERVAL_S of its time."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._parts: dict[str, str | None] = {}

    def __enter__(self) -> "Sampler":
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)
        return self

    def __exit__(self, *what: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, number: int, frame: FrameType | None) -> None:
        part = None
        while frame is not None and part is None:
            part = self._part_of(frame.f_code.co_filename)
            frame = frame.f_back
        self.counts[part or LOOP] += 1

    def _part_of(self, file: str) -> str | None:
        if file not in self._parts:
            self._parts[file] = part_of(file)
        return self._parts[file]


def part_of(file: str) -> str | None:
    """Return whose the time in a file is; None if it is that of its caller."""
    path = Path(file)
    if path.is_relative_to(Path(aiocoap.__file__).parent):
        return AIOCOAP
    if "asyncio" in path.parts:
        return LOOP
    if not path.is_relative_to(ROOT):
        return None
    inner = path.relative_to(ROOT).as_posix()
    return next((part for part, heads in PARTS if inner.startswith(heads)), None)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools.bench.simulation")
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--hours", type=float, default=HOURS)
    options = parser.parse_args(arguments)
    plan = Plan.of(scenario.load(SCENARIO), SEED, options.nodes, options.hours, None)
    logging.disable(logging.CRITICAL)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun_s = time.process_time()
    with Sampler() as sampler:
        finished = Run(plan).carry_out()
    spent_s = time.process_time() - begun_s
    if not finished.result.is_ok:
        print("a check of the run has failed: these are no figures")
        return 1
    used_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    node_hours = plan.nodes * finished.result.virtual_s / 3600
    rows = [{"figure": "node-hours per second", "value": round(node_hours / spent_s, 1)},
            {"figure": "kB per node", "value": round(used_kb / plan.nodes)}]
    rows += [{"figure": f"{part}, ms per node-hour",
              "value": round(spent_s / node_hours * 1000 * count / sampler.counts.total(), 2)}
             for part, count in sampler.counts.most_common()]
    figures.publish("simulation", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
