"""The journal against a simple model: resets and failures at any operation of its store."""

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware.clock import Clock
from firmware.journal import Journal, ReadingDropped, ReadingTaken
from tests.firmware.board import Board, MemoryStore

ALARM, EVENT, MEASUREMENT = (3416, 0, 5), (3431, 0, 1), (3418, 0, 4)
SEGMENTS = 5
LANES = 3
BEFORE, TORN, AFTER = range(3)


class PowerCut(BaseException):
    """The node's power went."""


class FaultyStore(MemoryStore):
    """A store whose operation number `cut_in` from now is cut; `error` makes all of them fail."""

    def __init__(self):
        super().__init__()
        self.cut_in = None
        self.how = BEFORE
        self.error = None

    def write(self, key, data):
        self._do(lambda part: super(FaultyStore, self).write(key, data), is_atomic=True)

    def append(self, key, data):
        self._do(lambda part: super(FaultyStore, self).append(key, data[:part]), len(data))

    def remove(self, key):
        self._do(lambda part: super(FaultyStore, self).remove(key), is_atomic=True)

    def _do(self, operate, length=0, is_atomic=False):
        if self.error is not None:
            if not is_atomic and self.how == TORN:
                operate(length // 2)
            raise OSError(self.error)
        if self.cut_in is not None:
            self.cut_in -= 1
        is_cut = self.cut_in is not None and self.cut_in < 0
        if not is_cut or self.how == AFTER:
            operate(length)
        elif self.how == TORN and not is_atomic:
            operate(length // 2)
        if is_cut:
            self.cut_in = None
            raise PowerCut


class JournalMachine(RuleBasedStateMachine):
    """The model: which value got which number, and what became of it."""

    def __init__(self):
        super().__init__()
        self.store = FaultyStore()
        self.value = 0
        self.paths = {}
        # By value: the one number it ever had. By number: the one value.
        self.number_of = {}
        self.value_of = {}
        self.taken = set()
        self.acknowledged = set()
        self.dropped = set()
        # Dropped, and not yet told to the gateway.
        self.untold = set()
        self.now_ms = 0
        self.boots = []
        self.boot()

    def boot(self):
        board = Board(store=self.store)
        board.journal_segments = SEGMENTS
        board.journal_writes_per_hour, board.journal_writes_burst = 60, 3
        self.events = []
        self.now_ms = 0
        self.clock = Clock("UTC0")
        self.journal = Journal(board, self.clock, self.events, {}, 40)
        assert self.journal.boot not in self.boots
        self.note_events()
        # What was given up when the power went may be there again.
        back = {number for lane in self.held() for number in lane}
        self.dropped -= back
        self.untold -= back
        # A failed write's remains, which could not be removed, may be too many for once; and a
        # lane whose write fails has another segment in memory.
        self.segments_max = max(SEGMENTS, self.segments()) + LANES

    def guarded(self, work):
        """Do `work`; if the power goes meanwhile, boot again."""
        try:
            work()
        except PowerCut:
            self.note_events()
            self.reset()
        self.note_events()

    def note_events(self):
        if self.journal.boot not in [None] + self.boots:
            self.boots.append(self.journal.boot)
        while self.events:
            event = self.events.pop(0)
            if isinstance(event, ReadingTaken):
                self.see(event.boot, event.sequence, value_in(event.value))
                self.taken.add((event.boot, event.sequence))
            elif isinstance(event, ReadingDropped):
                self.dropped.add((event.boot, event.sequence))
                self.untold.add((event.boot, event.sequence))
                self.check_order_of_dropping(event)

    def check_order_of_dropping(self, event):
        value = self.value_of.get((event.boot, event.sequence))
        if event.reason == "full" and self.paths.get(value) == ALARM:
            others = [segment for lane in self.journal._lanes[1:] for segment in lane.segments
                      if segment.data is None]
            # What was just written, at most.
            assert len(others) <= 1

    def see(self, boot, sequence, value):
        """A value was seen under a number: always this value, always this number."""
        assert value in self.paths
        assert self.number_of.setdefault(value, (boot, sequence)) == (boot, sequence)
        assert self.value_of.setdefault((boot, sequence), value) == value

    def held(self):
        """Return the numbers that the journal holds, by lane, in order."""
        found = []
        for lane in self.journal._lanes:
            readings = [reading for reading in lane.readings() if reading.boot is not None]
            for reading in readings:
                self.see(reading.boot, reading.sequence, value_in(reading.value))
            found.append([(reading.boot, reading.sequence) for reading in readings])
        return found

    @rule(path=strategies.sampled_from((ALARM, EVENT, MEASUREMENT, MEASUREMENT)),
          count=strategies.integers(1, 5), length=strategies.sampled_from((0, 30, 300)))
    def take(self, path, count, length):
        for _ in range(count):
            self.value += 1
            self.paths[self.value] = path
            self.journal.take(path, "%d %s" % (self.value, "x" * length), self.now_ms)
        self.guarded(lambda: self.journal.flush(self.now_ms))

    @rule(seconds=strategies.integers(1, 300))
    def wait(self, seconds):
        self.now_ms += seconds * 1000
        self.guarded(lambda: self.journal.flush(self.now_ms))

    @rule(is_urgent=strategies.booleans(), count=strategies.sampled_from((1, 3, 64)),
          answer=strategies.sampled_from(("heard", "heard", "lost", "refused", "late")))
    def send(self, is_urgent, count, answer):
        self.guarded(lambda: self._send(is_urgent, 1 if answer == "refused" else count, answer))

    def _send(self, is_urgent, count, answer):
        journal = self.journal
        readings = journal.oldest(is_urgent, count, 900)
        if not readings:
            return
        assert len({reading.boot for reading in readings}) == 1
        boot = readings[0].boot
        sequences = [reading.sequence for reading in readings]
        positions = journal.positions(readings)
        told = journal.losses.of_boot(boot)
        if answer == "late":
            # Meanwhile there is more, perhaps so much that what is under way is shed.
            self.take(MEASUREMENT, 5, 300)
            if journal is not self.journal:
                return
        if answer == "refused":
            self.note_refusal(boot, sequences[0])
            journal.refuse(boot, sequences[0], positions)
        elif answer != "lost":
            self.note_acknowledgement(boot, sequences, told)
            journal.acknowledge(boot, sequences, positions)
            journal.told(told)

    def note_refusal(self, boot, sequence):
        if boot is not None:
            self.dropped.add((boot, sequence))

    def note_acknowledgement(self, boot, sequences, told):
        if boot is not None:
            self.acknowledged |= {(boot, sequence) for sequence in sequences}
        for known, first, last, _ in told:
            self.untold -= {(known, sequence) for sequence in range(first, last + 1)}

    @rule(operations=strategies.integers(0, 6), how=strategies.sampled_from((BEFORE, TORN, AFTER)))
    def arm_a_power_cut(self, operations, how):
        self.store.cut_in, self.store.how = operations, how

    @rule()
    def reset(self):
        # What no flash took goes with the memory.
        volatile = {(boot, sequence) for lane in self.journal._lanes for segment in lane.segments
                    if segment.data is not None for boot, first, last, _ in segment.spans
                    for sequence in range(first, last + 1)}
        self.taken -= volatile
        self.untold -= volatile
        self.store.cut_in = None
        if self.store.error is not None:
            # A loss that could not be noted is forgotten: the gateway will miss its numbers.
            self.taken -= self.dropped
            self.untold.clear()
        self.boot()

    @rule(error=strategies.sampled_from((5, 28)), how=strategies.sampled_from((BEFORE, TORN)))
    def break_the_flash(self, error, how):
        self.store.error, self.store.how = error, how

    @precondition(lambda self: self.store.error is not None)
    @rule()
    def mend_the_flash(self):
        self.store.error = None

    @invariant()
    def nothing_that_had_a_number_vanishes(self):
        held = {number for lane in self.held() for number in lane}
        assert self.taken <= held | self.acknowledged | self.dropped

    @invariant()
    def each_lane_is_in_order(self):
        for numbers in self.held():
            # A write that failed after all was written has left a copy.
            numbers = list(dict.fromkeys(numbers))
            ranks = [(self.boots.index(boot), sequence) for boot, sequence in numbers]
            assert ranks == sorted(ranks)

    @invariant()
    def losses_are_kept_until_they_are_told(self):
        kept = {(boot, sequence) for boot, first, last, _ in self.journal.losses.ranges
                for sequence in range(first, last + 1)}
        assert self.untold <= kept

    @invariant()
    def oldest_and_last_are_what_is_held_or_lost(self):
        journal = self.journal
        numbers = {number for lane in self.held() for number in lane}
        lost = {(boot, first) for boot, first, _, _ in journal.losses.ranges}
        for boot in self.boots:
            known = [sequence for found, sequence in numbers | lost if found == boot]
            if known:
                assert journal.oldest_sequence(boot) == min(known)
                assert journal.last_sequence(boot) >= max(known)
        boots = [boot for boot, _ in numbers | lost] + [journal._number]
        assert journal.oldest_boot() == min(boots, key=self.rank)

    def rank(self, boot):
        return self.boots.index(boot) if boot in self.boots else len(self.boots)

    @invariant()
    def the_journal_is_bounded(self):
        assert self.segments() <= self.segments_max

    def segments(self):
        return sum(len(lane.segments) for lane in self.journal._lanes)


def value_in(value):
    return int(value.split(" ")[0])


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(stateful_step_count=40)
