"""A node's stores through a power cut at each operation of its flash, inside MicroPython.

One workload runs on a littlefs; its flash remembers each operation, and a diary what the world
outside has seen by then. For each operation the flash is made as it was after it, or amid it; a
node that boots from that must keep what the diary promises.
"""

from firmware.adapters.file_store import FileStore
from firmware.clock import Clock
from firmware.furniture.counters import Counters
from firmware.journal import Journal, ReadingDropped, ReadingTaken
from tests.firmware import nor_flash
from tests.firmware.board import Board, Randomness

FAILURE, OCCUPANCY, POWER = (3416, 0, 5), (3431, 0, 1), (3418, 0, 4)
PATHS = (POWER, POWER, POWER, OCCUPANCY, POWER, FAILURE, POWER, OCCUPANCY, POWER)
BLOCKS = 32
# Small, so that the workload fills the journal too.
SEGMENTS = 5
STEPS = 120
BOOTS = 3
MWH_A_STEP = 700

OFFERED, TAKEN, RECEIVED, DROPPED, SHOWN, USED = range(6)


class Node:
    """The parts of a node that are on flash; `diary` takes (operations by then, what, facts)."""

    def __init__(self, flash, folder, diary):
        self._flash = flash
        self._diary = diary
        board = Board(store=FileStore(folder))
        board.random_bytes = Randomness(len(flash.operations))
        board.journal_segments = SEGMENTS
        board.journal_writes_burst = 1000
        self.events = []
        self.journal = Journal(board, Clock("UTC0"), self.events, {}, 100)
        self.counters = Counters(board.store)
        self.now_ms = 0

    def note(self, what, *facts):
        self._diary.append((len(self._flash.operations), what) + facts)

    def take(self, path, *values):
        for value in values:
            self.note(OFFERED, value_of(value))
            self.journal.take(path, value, self.now_ms)
        self.journal.flush(self.now_ms)
        self.note_events()

    def note_events(self):
        while self.events:
            event = self.events.pop(0)
            if isinstance(event, ReadingTaken):
                self.note(TAKEN, event.boot, event.sequence, value_of(event.value))
            elif isinstance(event, ReadingDropped):
                self.note(DROPPED, event.boot, event.sequence)

    def send(self, is_urgent, is_answered, is_refused=False):
        """Let the gateway receive a pack, and the node perhaps its answer; tell its count."""
        journal = self.journal
        readings = journal.oldest(is_urgent, 1 if is_refused else 64, 900)
        if not readings:
            return 0
        boot = readings[0].boot
        sequences = [reading.sequence for reading in readings]
        positions = journal.positions(readings)
        losses = journal.losses.of_boot(boot)
        if is_refused:
            journal.refuse(boot, sequences[0], positions)
        else:
            for reading in readings:
                self.note(RECEIVED, boot, reading.sequence, value_of(reading.value))
            for _, first, last, _ in losses:
                for sequence in range(first, last + 1):
                    self.note(DROPPED, boot, sequence)
            if is_answered:
                journal.acknowledge(boot, sequences, positions)
                journal.told(losses)
        self.note_events()
        return len(readings)

    def count_energy(self, step):
        self.note(USED, step * MWH_A_STEP)
        self.counters.add_energy(step * MWH_A_STEP, step * 10000)
        if step % 3 == 0:
            self.counters.save()
        self.note(SHOWN, self.counters.shown_energy_mwh)


def value_of(value):
    """Return the number that a test's reading is told by, without its padding."""
    return value if isinstance(value, int) else int(value.split(" ")[0])


def run_workload():
    """Return the flash's image at the start, its operations, and the diary."""
    flash = nor_flash.NorFlash(BLOCKS)
    folder = nor_flash.format_and_mount(flash)
    start = bytearray(flash.image)
    del flash.operations[:]
    diary = []
    value = 0
    for boot in range(BOOTS):
        # As after a reset by the watchdog: the chip of the meter goes on.
        node = Node(flash, folder, diary)
        for step in range(STEPS):
            path = PATHS[step % len(PATHS)]
            count = 1 + (step * 7 + boot) % 4
            node.take(path, *["%d %s" % (value + index, "x" * (step * 13 % 90))
                              for index in range(count)])
            value += count
            node.count_energy(boot * STEPS + step)
            # For a while the gateway is away, then it catches up, not always heard.
            if step % 120 > 95:
                node.send(True, step % 3 > 0)
                node.send(False, step % 4 > 0, step % 17 == 0)
    nor_flash.unmount()
    return start, flash.operations, diary


def survey(first, stride):
    """Cut the power amid and after each `stride`-th operation from `first` on.

    Return [moments tried, complaints].
    """
    image, operations, diary = run_workload()
    tried = 0
    complaints = []
    for count in range(len(operations)):
        if count >= first and (count - first) % stride == 0:
            for is_half in (True, False):
                broken = bytearray(image)
                nor_flash.replay(broken, operations[count], is_half)
                # What was noted before the next operation began had happened by then.
                seen = [entry[1:] for entry in diary if entry[0] <= count + (not is_half)]
                found = judge(broken, seen)
                tried += 1
                if found:
                    complaints.append("%d%s: %s" % (count, "+" if is_half else "", found))
        nor_flash.replay(image, operations[count])
    return [tried, complaints[:20]]


def judge(image, seen):
    """Boot from `image` and let the gateway receive all; return what is wrong with it, or None."""
    flash = nor_flash.NorFlash(BLOCKS, image)
    diary = []
    try:
        node = Node(flash, nor_flash.mount(flash), diary)
        node.note_events()
        node.take(FAILURE, -1)
        node.take(POWER, -2)
        for is_urgent in (True, False):
            while node.send(is_urgent, True):
                pass
        shown = node.counters.shown_energy_mwh
        kept = [value for what, value in _of(seen, SHOWN)]
        used = [value for what, value in _of(seen, USED)]
        if shown < max(kept or [0]):
            return "energy fell from %d to %d" % (max(kept), shown)
        if shown > max(used or [0]):
            return "energy %d counted, %d used" % (shown, max(used or [0]))
        lost = node.journal.losses.ranges
    except OSError as error:
        return "it does not boot: %r" % error
    finally:
        nor_flash.unmount()
    return _judge_readings(seen, [entry[1:] for entry in diary], lost)


def _judge_readings(before, after, lost):
    """Compare what the world saw before the cut with what the gateway received after it."""
    offered = {entry[1] for entry in _of(before, OFFERED)} | {-1, -2}
    numbers = {}
    values = {}
    for _, boot, sequence, value in (_of(before, TAKEN) + _of(before, RECEIVED) + _of(after, TAKEN)
                                     + _of(after, RECEIVED)):
        if value not in offered:
            return "value %d was never taken" % value
        if numbers.setdefault((boot, sequence), value) != value:
            return "number %d/%d was given twice" % (boot, sequence)
        if values.setdefault(value, (boot, sequence)) != (boot, sequence):
            return "reading %d has two numbers" % value
    arrived = {entry[1:3] for entry in _of(before, RECEIVED) + _of(after, RECEIVED)}
    explained = {entry[1:3] for entry in _of(before, DROPPED) + _of(after, DROPPED)}
    for boot, first, last, _ in lost:
        explained |= {(boot, sequence) for sequence in range(first, last + 1)}
    for entry in _of(before, TAKEN):
        if entry[1:3] not in arrived and entry[1:3] not in explained:
            return "reading %d/%d vanished" % entry[1:3]
    return None


def _of(diary, what):
    return [entry for entry in diary if entry[0] == what]
