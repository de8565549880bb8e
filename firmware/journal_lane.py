"""A lane of the journal: readings of one class, oldest first, in segments on the board's store."""

from firmware import journal_record
from protocol.errors import ProtocolError

# Half a flash block of 4 KB, and little beside a heap of 96 KB: one is read at a time.
SEGMENT_LENGTH_MAX = 2048


class Segment:
    """A file of records with `count` readings.

    `spans` is a list of [boot, first, last sequence, readings up to there], one for each boot of
    which something is still wanted. `data` is None where the file is on flash; where that failed,
    it is what belongs there.
    """

    _fields = ("number", "length", "count", "spans", "data")

    def __init__(self, number, data=None):
        self.number = number
        self.length = 0
        self.count = 0
        self.spans = []
        self.data = data

    def add(self, boot, first, count):
        """Take a record into the account."""
        self.count += count
        if not first:
            return
        last = first + count - 1
        if self.spans and self.spans[-1][0] == boot:
            self.spans[-1][2:] = [last, self.count]
        else:
            self.spans.append([boot, first, last, self.count])


class Lane:
    """`segments`, of whose first one `acknowledged` readings are no longer wanted; `pending` are
    readings, encoded, that have no number yet.

    Its keys in the store are `name` and six hexadecimal digits, in rising order. What has been
    acknowledged is forgotten with its segment: a reset before that brings it back, with its
    numbers. After bytes that are no record nothing is appended to a segment.
    """

    # What the store last said, as an OSError's number.
    error = None

    def __init__(self, store, name):
        self._store = store
        self._name = name
        self._next_number = 0
        # Whether the last segment may grow.
        self._is_open = False
        self.segments = []
        self.acknowledged = 0
        self.pending = []

    def load(self):
        """Find what is on flash; return (stretches that could not be read, ranges lost there)."""
        damage = _Damage()
        for key in sorted(self._store.keys(self._name)):
            segment = Segment(int(key[len(self._name):], 16))
            self._next_number = segment.number + 1
            self._is_open = not self._index(segment, damage) and segment.count > 0
            if segment.count:
                self.segments.append(segment)
            elif segment.length is not None:
                self._remove(segment)
        return damage.stretches, damage.ranges

    def append(self, record, boot, first, count):
        """Keep a record behind all others; return False if the store did not take it."""
        is_saved = self.save() and first > 0
        segment = self._tail(len(record), is_saved, first)
        spans = [list(span) for span in segment.spans]
        # All that needs memory comes before the write: afterwards nothing may fail.
        segment.add(boot, first, count)
        if is_saved and not self._put(segment, record):
            segment.spans = spans
            segment.count -= count
            is_saved = False
            if not segment.count:
                self.segments.pop()
            segment = self._tail(len(record), False, first)
            segment.add(boot, first, count)
        if is_saved:
            segment.length += len(record)
        else:
            segment.data += record
        return is_saved

    def save(self):
        """Write what is only in memory; return whether no number is left there."""
        for segment in self.segments:
            if segment.data is not None and segment.spans:
                segment.number = self._take_number()
                if not self._put(segment, segment.data):
                    return False
                segment.length = len(segment.data)
                segment.data = None
                self._is_open = True
        return True

    def needs_segment(self, length):
        """Tell whether a record of this length begins a new segment."""
        return not self._is_open or self.segments[-1].length + length > SEGMENT_LENGTH_MAX

    def readings(self):
        """Give the Readings that are still wanted, up to what cannot be read."""
        skipped = self.acknowledged
        for segment in self.segments:
            data = self._read(segment)
            if _count(data) != segment.count:
                return
            for record in journal_record.scan(data):
                if record and skipped >= record[3]:
                    skipped -= record[3]
                    continue
                try:
                    for reading in journal_record.readings(data, record) if record else ():
                        if not skipped:
                            reading.lane = self
                            yield reading
                        else:
                            skipped -= 1
                except (ProtocolError, TypeError, ValueError):
                    # Whole, but not of a kind that this release knows.
                    return

    def ranges(self):
        """Give (boot, first, last) of the first segment's readings that are still wanted.

        Of readings without number boot and first are 0, and last is their count.
        """
        skipped = self.acknowledged
        for record in journal_record.scan(self._read(self.segments[0])):
            if record is None:
                continue
            boot, first, _, count, _, _ = record
            begin = min(skipped, count)
            skipped -= begin
            if begin < count:
                yield (boot, first + begin, first + count - 1) if first else (0, 0, count - begin)

    def forget(self, count):
        """Forget the first `count` readings, and the segments in which nothing else is."""
        count += self.acknowledged
        while self.segments and count >= self.segments[0].count:
            count -= self.segments[0].count
            self.forget_segment()
        self.acknowledged = count
        while count and self.segments[0].spans and self.segments[0].spans[0][3] <= count:
            del self.segments[0].spans[0]

    def forget_segment(self):
        """Forget the first segment."""
        segment = self.segments.pop(0)
        self.acknowledged = 0
        if not self.segments:
            self._is_open = False
        if segment.data is None:
            self._remove(segment)

    def oldest(self, boot):
        """Return the lowest sequence of a boot that is still wanted, None if there is none."""
        for index in range(len(self.segments)):
            for span in self.segments[index].spans:
                if span[0] == boot:
                    return self._oldest_of_head(boot) if index == 0 else span[1]
        return None

    def repair(self):
        """Read the first segment anew if it no longer is what it was; return the ranges lost."""
        segment = self.segments[0]
        if _count(self._read(segment)) == segment.count:
            return None
        damage = _Damage()
        spans = segment.spans
        segment.count, segment.spans = 0, []
        self._is_open = self._is_open and len(self.segments) > 1
        self._index(segment, damage)
        if segment.count:
            self.acknowledged = 0
            return damage.ranges
        # The file stays: what cannot be read now, a reset may bring back.
        self.segments.pop(0)
        self.acknowledged = 0
        return [tuple(span[:3]) for span in spans]

    def _oldest_of_head(self, boot):
        for found, first, _ in self.ranges():
            if found == boot:
                return first
        for segment in self.segments[1:]:
            for span in segment.spans:
                if span[0] == boot:
                    return span[1]
        return None

    def _read(self, segment):
        if segment.data is not None:
            return segment.data
        return self._store.read(self._key(segment)) or b""

    def _index(self, segment, damage):
        """Account for a segment on flash; return whether it holds anything but records.

        Its length is None if it cannot be read now: a reset may bring it back.
        """
        data = self._store.read(self._key(segment))
        if data is None:
            segment.length = None
            damage.note_stretch()
            return True
        segment.length = len(data)
        is_damaged = False
        for record in journal_record.scan(data):
            if record:
                segment.add(record[0], record[1], record[3])
                damage.note_record(record)
            else:
                is_damaged = True
                damage.note_stretch()
        return is_damaged

    def _tail(self, length, is_on_flash, first):
        """Return the segment for a record of this length; one without numbers stands apart."""
        last = self.segments[-1] if self.segments else None
        if is_on_flash and not self.needs_segment(length):
            return last
        if (not is_on_flash and last and last.data is not None and bool(last.spans) == bool(first)
                and len(last.data) + length <= SEGMENT_LENGTH_MAX):
            return last
        segment = Segment(self._take_number(), None if is_on_flash else b"")
        self.segments.append(segment)
        self._is_open = is_on_flash
        return segment

    def _put(self, segment, record):
        try:
            self._store.append(self._key(segment), record)
        except (OSError, MemoryError) as error:
            self.error = error.args[0] if error.args else None
            # A part of it may be there; what comes next begins a segment.
            if not segment.length:
                self._remove(segment)
            return False
        return True

    def _remove(self, segment):
        try:
            self._store.remove(self._key(segment))
        except OSError:
            # It comes back with the next reset, under its own numbers.
            pass

    def _take_number(self):
        self._next_number += 1
        return self._next_number - 1

    def _key(self, segment):
        return "%s%06x" % (self._name, segment.number)


def _count(data):
    return sum([record[3] for record in journal_record.scan(data) if record])


class _Damage:
    """What could not be read: how many stretches, and which numbers stood there."""

    def __init__(self):
        self.stretches = 0
        self.ranges = []
        self._boot = self._last = None
        self._is_open = False

    def note_stretch(self):
        self.stretches += 1
        self._is_open = True

    def note_record(self, record):
        boot, first, _, count, _, _ = record
        # A record that was cut off never had a number: the next one goes on with it.
        if self._is_open and boot == self._boot and first > self._last + 1:
            self.ranges.append((boot, self._last + 1, first - 1))
        self._is_open = False
        self._boot, self._last = boot, first + count - 1
