"""What a run proves: the JSON object that `run`, `demo` and `soak` write, and its words."""

import json
from dataclasses import dataclass, replace
from typing import Any

from simulator.account import Account, Tally


@dataclass(frozen=True, slots=True)
class Check:
    """A promise that held or not, and what was seen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class FurnitureTally:
    """What came of one kind of furniture."""

    furniture: str
    nodes: int
    registered: int
    taken: int
    delivered: int


@dataclass(frozen=True, slots=True)
class FirstFailure:
    """What broke a check first: when (microseconds of the run), who, what, and in which event."""

    check: str
    time_us: int
    subject: str
    what: str
    event: str


@dataclass(frozen=True, slots=True)
class Score:
    """How well a detector did against the truth."""

    name: str
    value: float
    unit: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run. Datagrams that were lost are None where nobody could see it.

    `failures` has one for each check that failed, `scores` are those of detectors; a run in real
    time has neither. `replay` is the command that runs it again, "" where nothing can.
    """

    scenario: str
    seed: int
    nodes: int
    virtual_s: int
    wall_s: float
    registered: int
    readings: Tally
    datagrams_sent: int
    datagrams_lost: int | None
    datagram_bytes: int
    security: str
    furniture: tuple[FurnitureTally, ...]
    checks: tuple[Check, ...]
    trace_sha256: str | None = None
    failures: tuple[FirstFailure, ...] = ()
    scores: tuple[Score, ...] = ()
    replay: str = ""

    @property
    def is_ok(self) -> bool:
        """Return whether every check holds."""
        return all(check.ok for check in self.checks)

    def with_wall_s(self, wall_s: float) -> "Result":
        """Return this result with the wall time that the whole run took."""
        return replace(self, wall_s=wall_s)

    def to_json(self) -> str:
        """Return the JSON object of the contract (docs/simulation.md), with a final newline."""
        tally = self.readings
        value: dict[str, Any] = {
            "scenario": self.scenario, "seed": self.seed, "nodes": self.nodes,
            "virtual_s": self.virtual_s, "wall_s": round(self.wall_s, 3),
            "registered": self.registered,
            "readings": {"taken": tally.taken, "delivered": tally.delivered,
                         "duplicated": tally.duplicated, "explained": tally.explained,
                         "in_flight": tally.in_flight, "missing": tally.missing},
            "datagrams": {"sent": self.datagrams_sent, "lost": self.datagrams_lost,
                          "bytes": self.datagram_bytes},
            "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in self.checks],
            "security": self.security, "trace_sha256": self.trace_sha256,
            "failures": [{"check": f.check, "time_s": f.time_us / 1e6, "subject": f.subject,
                          "what": f.what, "event": f.event} for f in self.failures],
            "scores": [{"name": s.name, "value": s.value, "unit": s.unit, "detail": s.detail}
                       for s in self.scores],
            "replay": self.replay or None,
        }
        return json.dumps(value, indent=2) + "\n"


def protection_check(security: str, in_clear: int) -> tuple[Check, ...]:
    """Return what a run must keep if its messages are said to be protected."""
    if security == "none":
        return ()
    return (Check("every message protected", not in_clear, f"{in_clear} in clear"),)


def checks_of(nodes: int, registered: int, account: Account,
              furniture: tuple[FurnitureTally, ...]) -> tuple[Check, ...]:
    """Return what every run must keep, judged from the account of its readings."""
    tally = account.tally()
    strangers = len(account.strangers())
    silent = [each.furniture for each in furniture if each.nodes and not each.delivered]
    return (
        Check("every node registered", registered == nodes, f"{registered} of {nodes}"),
        Check("every furniture delivered", not silent, ", ".join(silent) or "lamp, bin, parking"),
        Check("no reading missing", tally.missing == 0, f"{tally.missing} missing"),
        Check("no reading counts twice", tally.duplicated == 0, f"{tally.duplicated} doubled"),
        Check("nothing left on the way", tally.in_flight == 0, f"{tally.in_flight} in flight"),
        Check("nothing delivered that nobody took", strangers == 0, f"{strangers} unknown"),
    )
