"""How many erasures the writes of a node cost its littlefs, measured inside MicroPython."""

from firmware.adapters.file_store import FileStore
from firmware.clock import Clock
from firmware.furniture.counters import Counters
from firmware.journal import Journal
from firmware.keys import SEQUENCE_STEP, Keys
from protocol.number import Decimal
from tests.firmware import nor_flash
from tests.firmware.board import Board
from tests.firmware.secure_street import provisioned

# As many as a lamp has for its data, in blocks of 4 KB.
BLOCKS = 240
WRITES = 400
FAILURE = (3416, 0, 5)
# The measurements of a lamp's periodic report.
REPORT = ((3416, 0, 3), (3416, 0, 15), (3418, 0, 1), (3418, 0, 2), (3418, 0, 4), (3418, 0, 5),
          (3418, 0, 6), (3301, 0, 5700), (3302, 0, 5501))


class Bench:
    """A journal and counters on a fresh flash, with other files of the store there."""

    def __init__(self):
        self.flash = nor_flash.NorFlash(BLOCKS)
        board = Board(store=FileStore(nor_flash.format_and_mount(self.flash)))
        board.journal_writes_burst = 100000
        for key in ("settings", "saved", "lamp", "3452", "3453", "3454"):
            board.store.write(key, bytes(300))
        self.journal = Journal(board, Clock("UTC0"), [], {}, 100)
        self.counters = Counters(board.store)
        provisioned(board)
        self.keys = Keys(board.store, board.aes, Clock("UTC0"), {})

    def write(self, paths, number):
        """Take one reading of each path and write them."""
        for path in paths:
            self.journal.take(path, Decimal(23000 + number, -2), number * 900000)
        self.journal.flush(0)

    def acknowledge(self, is_urgent):
        """Let the gateway take all that waits in a lane."""
        while self.journal.has(is_urgent):
            readings = self.journal.oldest(is_urgent, 64, 900)
            sequences = [reading.sequence for reading in readings]
            self.journal.acknowledge(readings[0].boot, sequences,
                                     self.journal.positions(readings))

    def erasures_by(self, write):
        """Return the erasures of one call of write(number), on the average of many."""
        before = sum(self.flash.erasures)
        for number in range(WRITES):
            write(number)
            del self.flash.operations[:]
        return (sum(self.flash.erasures) - before) / WRITES


def erasures_by_write():
    """Return [an alarm that is acknowledged, a batch that is, one behind others, counters, keys].

    In erasures; what is acknowledged is removed, and counts with its write.
    """
    bench = Bench()

    def alarm(number):
        bench.write((FAILURE,), number)
        bench.acknowledge(True)

    def batch(number):
        bench.write(REPORT, number)
        bench.acknowledge(False)

    def backlog(number):
        bench.write(REPORT, number)
        if number % 40 == 39:
            bench.acknowledge(False)

    def counters(number):
        bench.counters.add_energy(number * 1000, number * 60000)
        bench.counters.save()

    def numbers(number):
        for _ in range(SEQUENCE_STEP):
            bench.keys.take_sequence(bench.keys.current)

    writes = (alarm, batch, backlog, counters, numbers)
    figures = [bench.erasures_by(write) for write in writes]
    nor_flash.unmount()
    return figures
