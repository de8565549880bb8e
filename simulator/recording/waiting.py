"""Readings on their way from a node to the city: how long each takes, and which never arrive."""

from dataclasses import dataclass

from protocol import lwm2m_path
from simulator.account import ReadingId
from simulator.record import LostReading

# So many readings are followed at a time; of those beyond, only the numbers are known.
WAITING_MAX = 400_000
LOST_MAX = 100


@dataclass(slots=True)
class Waiting:
    """A reading that was taken and is not at the city yet."""

    taken_us: int
    path: tuple[int, ...]
    acknowledged_us: int | None = None


class Way:
    """Follows each reading by its identity until it has arrived or its node has given it up."""

    def __init__(self) -> None:
        self._waiting: dict[ReadingId, Waiting] = {}
        self.not_followed = 0

    def take(self, reading: ReadingId, path: tuple[int, ...], time_us: int) -> None:
        """A node took it."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting[reading] = Waiting(time_us, path)
        else:
            self.not_followed += 1

    def acknowledge(self, reading: ReadingId, time_us: int) -> None:
        """Its gateway has it: the node has forgotten it."""
        waiting = self._waiting.get(reading)
        if waiting is not None and waiting.acknowledged_us is None:
            waiting.acknowledged_us = time_us

    def arrive(self, reading: ReadingId) -> int | None:
        """Return when a reading was taken that arrives for the first time; else None."""
        waiting = self._waiting.pop(reading, None)
        return None if waiting is None else waiting.taken_us

    def drop(self, reading: ReadingId) -> None:
        """Its node gave it up and says why."""
        self._waiting.pop(reading, None)

    def rest(self) -> list[tuple[ReadingId, int]]:
        """Return (reading, when it was taken) of all that are still waiting."""
        return [(reading, waiting.taken_us) for reading, waiting in self._waiting.items()]

    def lost(self) -> tuple[LostReading, ...]:
        """Return the first of those that are still waiting, by the time they were taken."""
        first = sorted(self._waiting.items(), key=lambda pair: (pair[1].taken_us, pair[0]))
        return tuple(
            LostReading(*reading, lwm2m_path.render(waiting.path), waiting.taken_us,
                        waiting.acknowledged_us)
            for reading, waiting in first[:LOST_MAX])
