"""A journal over a store in memory, and what tests do with it."""

from firmware.clock import Clock
from firmware.journal import Journal, ReadingDropped
from tests.firmware.board import Board, MemoryStore

FAILURE = (3416, 0, 5)
OCCUPANCY = (3431, 0, 1)
POWER = (3418, 0, 4)
NOW_S = 1795000000
FIRST_BOOT = 7
ENOSPC, EIO = 28, 5


class Bench:
    """A journal in its seventh boot; reset() is the next one, over the same store."""

    def __init__(self, store=None, memory_max=100, segments=64, writes_per_hour=3600,
                 burst=100000, is_patient=True):
        self.store = store or MemoryStore()
        if store is None:
            self.store.entries["boot"] = b"\x00\x00\x00\x06"
        self.settings = (memory_max, segments, writes_per_hour, burst, is_patient)
        board = Board(store=self.store)
        board.journal_segments = segments
        board.journal_writes_per_hour = writes_per_hour
        board.journal_writes_burst = burst
        self.events = []
        self.counters = {}
        self.clock = Clock("UTC0")
        self.journal = Journal(board, self.clock, self.events, self.counters, memory_max,
                               is_patient)

    def reset(self):
        """Return the bench after a power cut now."""
        return Bench(self.store, *self.settings)

    def take(self, path, *values):
        """Take readings and write them."""
        for value in values:
            self.journal.take(path, value, self.clock.now_ms)
        self.journal.flush(self.clock.now_ms)

    def held(self, is_urgent):
        """Return (boot, sequence, value) of all readings that would be sent first."""
        readings = self.journal.oldest(is_urgent, 10000, 1000000)
        return [(reading.boot, reading.sequence, reading.value) for reading in readings]

    def numbers(self, is_urgent):
        return [sequence for _, sequence, _ in self.held(is_urgent)]

    def send(self, is_urgent, count, length=1000000):
        """Let the gateway take the first readings; return their numbers."""
        readings = self.journal.oldest(is_urgent, count, length)
        positions = self.journal.positions(readings)
        sequences = [reading.sequence for reading in readings]
        self.journal.acknowledge(readings[0].boot, sequences, positions)
        return sequences

    def files(self, lane="j"):
        return sorted(self.store.keys(lane))

    def dropped(self):
        return [event.sequence for event in self.events if isinstance(event, ReadingDropped)]


def fail_with(error):
    def fail(*arguments):
        raise OSError(error)
    return fail


