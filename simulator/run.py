"""`faubourg-sim run`: a plan carried out and judged, with all that it leaves behind."""

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from firmware.timezone import Timezone
from simulator import virtual_time
from simulator.checks import bounds
from simulator.checks.bounds import Bounds
from simulator.checks.roster import Roster
from simulator.life import Life
from simulator.plan import Plan
from simulator.record import NodeFacts, Outcome, Record, RunFacts
from simulator.recording.recorder import Recorder
from simulator.result import FurnitureTally, Result, Score
from simulator.run_screen import RunPicture
from simulator.scores import Scores
from simulator.simulation import Simulation
from simulator.stream import Stream
from simulator.trace import Trace
from simulator.versions import versions

SHM = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over: its result, and its record for a report."""

    result: Result
    record: Record


class Run:
    """One plan in a process that has nothing else to do; `show(picture)` is its progress.

    `say` is given the life of the node `life_of` (a name or an endpoint), line by line.
    """

    def __init__(self, plan: Plan, *, show: Callable[[RunPicture], None] = lambda picture: None,
                 trace_file: IO[bytes] | None = None, life_of: str | None = None,
                 say: Callable[[str], None] = print, until_s: float | None = None) -> None:
        self._plan = plan
        self._show = show
        self._trace = Trace(trace_file)
        self._life_of = life_of
        self._say = say
        self._until_s = until_s
        self._timezone = Timezone(plan.scenario.place.timezone)
        self._simulation: Simulation | None = None
        self._scores: tuple[Score, ...] = ()

    def carry_out(self) -> Finished:
        """Run it to its end."""
        self._began_s = time.perf_counter()
        with _folder() as folder:
            return virtual_time.run(lambda: self._carry_out(folder))

    async def _carry_out(self, folder: Path) -> Finished:
        stream = Stream()
        stream.subscribe_all(self._trace.take)
        simulation = self._simulation = Simulation(self._plan, folder, stream, self._step)
        self._roster = Roster(self._bounds(), self._check_facts())
        self._roster.subscribe(stream.subscribe)
        scores = Scores(self._plan.sites())
        stream.subscribe(Scores.wants, scores.take)
        simulation.on_drain = partial(self._score, scores)
        recorder = Recorder(self._run_facts())
        recorder.subscribe(stream)
        if self._life_of is not None:
            self._follow(stream)
        await simulation.run(self._until_s)
        stream.close()
        now_us = simulation.loop.now_us()
        if self._until_s is None:
            self._roster.end(now_us)
        result = self._result(now_us)
        counts = {check.name: check.count for check in self._roster.checks}
        return Finished(result, recorder.finish(now_us, Outcome.of(result, counts)))

    def _score(self, scores: Scores) -> None:
        """Judge the detectors while the world still lives: the drain is no part of it."""
        self._scores = scores.end(self._simulation.loop.now_us())

    def _follow(self, stream: Stream) -> None:
        wanted = (self._life_of, )
        node = next(node for node in self._simulation.nodes.values()
                    if node.site.name in wanted or node.endpoint in wanted)
        life = Life(node.site, node.address[0], self._plan.scenario.start_unix_s,
                    self._timezone.offset_s, self._say)
        stream.subscribe(Life.kinds, life.take)

    def _step(self, now_s: float) -> None:
        account = self._simulation.account
        nodes = self._simulation.nodes.values()
        self._show(RunPicture(
            now_s, self._plan.duration_s, time.perf_counter() - self._began_s,
            self._local(now_s), self._plan.nodes, sum(node.is_registered for node in nodes),
            len(account.account.taken), len(account.account.delivered),
            tuple(self._simulation.injector.under_way.values()),
            tuple(check.name for check in self._roster.checks if check.count)))

    def _local(self, now_s: float) -> datetime:
        unix_s = int(self._plan.scenario.start_unix_s + now_s)
        return datetime.fromtimestamp(unix_s + self._timezone.offset_s(unix_s), UTC)

    def _bounds(self) -> Bounds:
        checks = self._plan.scenario.checks
        stated = {name: getattr(checks, name) for name in checks.__struct_fields__}
        return Bounds(**{name: value for name, value in stated.items()
                         if name in Bounds.__dataclass_fields__})

    def _check_facts(self) -> bounds.Facts:
        simulation = self._simulation
        return bounds.Facts(
            nodes={endpoint: bounds.NodeFacts(
                endpoint, node.site.name, node.site.furniture, simulation.gateway_of(endpoint),
                node.address, node.site.circuit, node.site.street)
                for endpoint, node in simulation.nodes.items()},
            gateways={name: gateway.address for name, gateway in simulation.gateways.items()},
            start_unix_s=self._plan.scenario.start_unix_s,
            security=self._plan.scenario.fleet.security)

    def _run_facts(self) -> RunFacts:
        plan, simulation = self._plan, self._simulation
        scenario, place = plan.scenario, plan.scenario.place
        return RunFacts(
            scenario.name, scenario.about.summary, plan.seed, plan.command_line(),
            scenario.start_unix_s, int(plan.duration_s), place.name, place.timezone,
            place.latitude, place.longitude, scenario.fleet.security,
            tuple(NodeFacts(
                endpoint, node.site.name, node.site.furniture, node.site.street,
                node.site.circuit, simulation.gateway_of(endpoint), node.site.latitude_e6,
                node.site.longitude_e6) for endpoint, node in simulation.nodes.items()),
            tuple(simulation.gateways), versions())

    def _result(self, now_us: int) -> Result:
        plan, account = self._plan, self._simulation.account
        return Result(
            scenario=plan.scenario.name, seed=plan.seed, nodes=plan.nodes,
            virtual_s=round(now_us / 1e6), wall_s=time.perf_counter() - self._began_s,
            registered=len(account.registered), readings=self._roster.book.tally(),
            datagrams_sent=account.datagrams_sent, datagrams_lost=account.datagrams_lost,
            datagram_bytes=account.datagram_bytes, security=plan.scenario.fleet.security,
            furniture=self._tallies(), checks=self._roster.verdicts(),
            trace_sha256=self._trace.sha256(), failures=self._roster.first_failures(),
            scores=self._scores, replay=plan.command_line())

    def _tallies(self) -> tuple[FurnitureTally, ...]:
        account = self._simulation.account
        kind = {endpoint: node.site.furniture
                for endpoint, node in self._simulation.nodes.items()}
        nodes = Counter(kind.values())
        registered = Counter(kind[endpoint] for endpoint in account.registered)
        taken = Counter(kind[endpoint] for endpoint, _, _ in account.account.taken)
        delivered = Counter(kind.get(endpoint) for endpoint, _, _ in account.account.delivered)
        return tuple(FurnitureTally(each, nodes[each], registered[each], taken[each],
                                    delivered[each]) for each in sorted(nodes))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder for the gateways' disks: in memory where this machine has such a place."""
    with tempfile.TemporaryDirectory(
            prefix="faubourg-", dir=SHM if SHM.is_dir() else None) as folder:
        yield Path(folder)
