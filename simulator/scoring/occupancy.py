"""Parking bays: how much of the time and which changes were told right, and how soon."""

from dataclasses import dataclass

from simulator.happenings import TruthChanged
from simulator.result import Score
from simulator.scoring.figures import SECOND_US, quantile

OCCUPANCY, QUALITY = 1, 6042
# IPSO's measurement quality: below 3 a reading does not count (docs/parking.md).
TRUSTED_MIN = 3
# So long a change may be under way when the run ends.
GRACE_US = 60 * SECOND_US
LATENCIES_MAX = 200_000
# Changes that are on their way to the city.
UNDER_WAY_MAX = 20_000

ReadingId = tuple[str, int, int]


@dataclass(slots=True)
class _Bay:
    truth: bool
    since_us: int
    told: bool | None = None
    is_trusted: bool = False
    # A change of the truth that nobody has told yet.
    pending_us: int | None = None

    @property
    def said(self) -> bool | None:
        return self.told if self.is_trusted else None


class OccupancyScore:
    """Follows every bay; latency is from the first wheel on the loop, or off it."""

    def __init__(self) -> None:
        self._bays: dict[tuple[str, int], _Bay] = {}
        self._us = {True: 0, False: 0, None: 0}  # said what was true; something else; nothing
        self._changes = self._seen = self._wrong = 0
        self._at_node: list[float] = []
        self._at_city: list[float] = []
        self._under_way: dict[ReadingId, int] = {}

    def change(self, changed: TruthChanged) -> None:
        """Take a car that came or went."""
        number = int(changed.quantity.partition(".")[2])
        bay = self._bays.get((changed.place, number))
        truth = changed.value > 0
        if bay is None:
            self._bays[changed.place, number] = _Bay(truth, changed.time_us)
            return
        self._pass_time(bay, changed.time_us)
        bay.truth = truth
        bay.pending_us = None
        if bay.said is not None:
            self._changes += 1
            if bay.said != truth:
                bay.pending_us = changed.time_us

    def reading(self, reading_id: ReadingId, path: tuple[int, ...], value: int | bool,
                time_us: int) -> None:
        """Take what a node says of 3431."""
        bay = self._bays.get((reading_id[0], path[1]))
        if bay is None or path[2] not in (OCCUPANCY, QUALITY):
            return
        self._pass_time(bay, time_us)
        before = bay.said
        if path[2] == QUALITY:
            bay.is_trusted = value >= TRUSTED_MIN
        else:
            bay.told = bool(value)
        said = bay.said
        if before is None or said is None or said == before:
            return
        if said != bay.truth:
            self._wrong += 1
        elif bay.pending_us is not None:
            self._seen += 1
            _keep(self._at_node, time_us - bay.pending_us)
            self._under_way[reading_id] = bay.pending_us
            if len(self._under_way) > UNDER_WAY_MAX:
                del self._under_way[next(iter(self._under_way))]
            bay.pending_us = None

    def delivered(self, reading_id: ReadingId, time_us: int) -> None:
        """Take what came to the city."""
        since_us = self._under_way.pop(reading_id, None)
        if since_us is not None:
            _keep(self._at_city, time_us - since_us)

    def end(self, time_us: int) -> list[Score]:
        """Return the scores of a run that ends now."""
        changes = self._changes
        for bay in self._bays.values():
            self._pass_time(bay, time_us)
            if bay.pending_us is not None and time_us - bay.pending_us < GRACE_US:
                changes -= 1
        known_us = self._us[True] + self._us[False]
        if not known_us:
            return []
        unknown = 100 * self._us[None] / (known_us + self._us[None])
        scores = [Score(
            "occupancy of bays, share of the time told right", 100 * self._us[True] / known_us,
            "%", f"{len(self._bays)} bays; unknown for another {unknown:.2f} % of the time")]
        if changes:
            scores.append(Score(
                "changes of bays told", 100 * self._seen / changes, "%",
                f"{changes} changes, {changes - self._seen} not told, {self._wrong} told wrongly"))
        for name, latencies in (("at the node", self._at_node), ("at the city", self._at_city)):
            if latencies:
                scores.append(Score(
                    f"a bay's change is known {name}, median", quantile(latencies, 0.5), "s",
                    f"95 % within {quantile(latencies, 0.95):.1f} s, "
                    f"the latest after {max(latencies):.1f} s"))
        return scores

    def _pass_time(self, bay: _Bay, now_us: int) -> None:
        said = bay.said
        self._us[None if said is None else said == bay.truth] += now_us - bay.since_us
        bay.since_us = now_us


def _keep(latencies: list[float], latency_us: int) -> None:
    if len(latencies) < LATENCIES_MAX:
        latencies.append(latency_us / SECOND_US)
