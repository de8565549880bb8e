"""Queues and memory stay bounded."""

from simulator.checks.bounds import Bounds, Facts
from simulator.checks.check import Check, Handler
from simulator.checks.readings_book import BootBook, ReadingsBook
from simulator.happenings import NodeSaid, Sampled


class Bounded(Check):
    """What is sampled stays within its bound; so does what each node holds.

    A name is held to the bound that its first words have: "uplink_depth_city/gateway-1" to that of
    "uplink_depth". Names without a bound are for plots alone.
    """

    name = "queues and memory are bounded"

    def __init__(self, bounds: Bounds, facts: Facts, book: ReadingsBook) -> None:
        super().__init__()
        self._facts = facts
        self._book = book
        self._journal_max = bounds.journal_readings_max
        self._bounds = {
            "uplink_depth": bounds.queue_rows_max, "gateway_readings": bounds.queue_rows_max,
            "tasks": bounds.tasks_max, "gateway_tasks": bounds.tasks_max,
            "datagrams_under_way": bounds.tasks_max,
        }
        self._bound_of: dict[str, int | None] = {}
        self._beyond: set[str] = set()
        book.on_taken.append(self._judge_journal)

    def handlers(self) -> dict[type, Handler]:
        return {Sampled: self._sample}

    def _sample(self, sampled: Sampled) -> None:
        for name, value in sampled.values.items():
            if name not in self._bound_of:
                self._bound_of[name] = next(
                    (bound for words, bound in self._bounds.items() if name.startswith(words)),
                    None)
            bound = self._bound_of[name]
            if bound is not None:
                self._judge(sampled, name, name.partition("/")[2] or "the run", value, bound)

    def _judge_journal(self, said: NodeSaid, book: BootBook, is_new: bool) -> None:
        held = self._book.held(said.endpoint)
        name = f"readings held by {said.endpoint}"
        if held > self._journal_max or name in self._beyond:
            self._judge(said, name, self._facts.name_of(said.endpoint), held, self._journal_max)

    def _judge(self, happening: Sampled | NodeSaid, name: str, subject: str, value: float,
               bound: int) -> None:
        if value <= bound:
            self._beyond.discard(name)
        elif name not in self._beyond:
            self._beyond.add(name)
            self.fail(happening.time_us, subject, f"{name.partition('/')[0]} is {value:g}, "
                      f"allowed are {bound}")
