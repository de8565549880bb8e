"""Readings that wait for the gateway's acknowledgement, in memory: bounded, numbered, in order."""

from protocol import cbor, object_table
from protocol.data_types import ObjectLink

DROPPED_RANGES_MAX = 16
FULL, REFUSED = "full", "refused"


class Reading:
    """A value that a resource had at an uptime; `record_length` is its size in the queue."""

    _fields = ("sequence", "path", "value", "uptime_ms", "record_length")

    def __init__(self, sequence, path, value, uptime_ms, record_length):
        self.sequence = sequence
        self.path = path
        self.value = value
        self.uptime_ms = uptime_ms
        self.record_length = record_length


class ReadingTaken:
    """Event: a reading has its number."""

    _fields = ("boot", "sequence", "path", "value", "uptime_ms")

    def __init__(self, boot, sequence, path, value, uptime_ms):
        self.boot = boot
        self.sequence = sequence
        self.path = path
        self.value = value
        self.uptime_ms = uptime_ms


class ReadingsAcknowledged:
    """Event: the gateway has these readings of a boot; `sequences` is a list."""

    _fields = ("boot", "sequences")

    def __init__(self, boot, sequences):
        self.boot = boot
        self.sequences = sequences


class ReadingDropped:
    """Event: a reading is lost on the node; `reason` is FULL or REFUSED."""

    _fields = ("boot", "sequence", "reason")

    def __init__(self, boot, sequence, reason):
        self.boot = boot
        self.sequence = sequence
        self.reason = reason


class ReadingQueue:
    """Two lanes of readings of one boot: urgent (alarms and events) and measurements.

    A full queue sheds the oldest measurement first, then the oldest event, then the oldest alarm.
    What it shed is kept as ranges until the gateway knows them. `events` is a list that takes
    the queue's events.
    """

    def __init__(self, boot, length_max, events):
        self.boot = boot
        self._length_max = length_max
        self._events = events
        self._last_sequence = 0
        # Encoded records take a third of the memory of tuples.
        self._urgent = []
        self._measurements = []
        # [first, last, reason] each.
        self.dropped = []

    def __len__(self):
        return len(self._urgent) + len(self._measurements)

    def take(self, path, value, uptime_ms):
        """Number a reading and keep it."""
        sequence = self._last_sequence + 1
        if isinstance(value, ObjectLink):
            value_item = [value.object_id, value.instance_id]
        else:
            value_item = value
        record = cbor.encode([sequence, uptime_ms, path, value_item])
        is_measurement = object_table.reading_class(path) == object_table.MEASUREMENT
        (self._measurements if is_measurement else self._urgent).append(record)
        # Only now: a reading that found no memory leaves no gap.
        self._last_sequence = sequence
        self._events.append(ReadingTaken(self.boot, sequence, path, value, uptime_ms))
        if len(self) > self._length_max:
            self._shed()

    def has(self, is_urgent):
        """Tell whether the lane holds a reading."""
        return bool(self._lane(is_urgent))

    def oldest(self, is_urgent, count):
        """Return up to `count` Readings from the head of a lane, in order."""
        return [_decode(record) for record in self._lane(is_urgent)[:count]]

    def oldest_sequence(self):
        """Return the lowest number that is still kept, or the next one where none is."""
        heads = [_sequence(lane[0]) for lane in (self._urgent, self._measurements) if lane]
        return min(heads) if heads else self._last_sequence + 1

    def acknowledge(self, sequences):
        """Forget readings that the gateway has; those already shed are passed over."""
        self._remove(sequences)
        self._events.append(ReadingsAcknowledged(self.boot, sequences))

    def refuse(self, sequence):
        """Drop a reading that the gateway will never take."""
        if self._remove([sequence]):
            self._drop(sequence, REFUSED)

    def forget_dropped(self, ranges):
        """Forget ranges that the gateway knows, as `dropped` held them when it was told."""
        for known in ranges:
            for index in range(len(self.dropped)):
                first, last, reason = self.dropped[index]
                if first == known[0] and reason == known[2]:
                    # It may have grown since.
                    self.dropped[index:index + 1] = (
                        [[known[1] + 1, last, reason]] if last > known[1] else [])
                    break

    def _lane(self, is_urgent):
        return self._urgent if is_urgent else self._measurements

    def _remove(self, sequences):
        removed = 0
        last = max(sequences)
        for lane in (self._urgent, self._measurements):
            index = 0
            while index < len(lane) and _sequence(lane[index]) <= last:
                if _sequence(lane[index]) in sequences:
                    del lane[index]
                    removed += 1
                else:
                    index += 1
        return removed

    def _shed(self):
        lane, index = self._measurements, 0
        if not lane:
            lane = self._urgent
            for position in range(len(lane)):
                if object_table.reading_class(_decode(lane[position]).path) == object_table.EVENT:
                    index = position
                    break
        sequence = _sequence(lane.pop(index))
        self._drop(sequence, FULL)

    def _drop(self, sequence, reason):
        self._events.append(ReadingDropped(self.boot, sequence, reason))
        dropped = self.dropped
        for entry in dropped:
            if entry[2] == reason and entry[1] + 1 == sequence:
                entry[1] = sequence
                return
        dropped.append([sequence, sequence, reason])
        dropped.sort()
        if len(dropped) > DROPPED_RANGES_MAX:
            # Covers readings in between that the gateway has or will get: those count for it.
            dropped[0][1] = dropped[1][1]
            del dropped[1]


def render_ranges(sequences):
    """Return numbers in their order as "17-24,30"."""
    texts = []
    first = last = None
    for sequence in tuple(sequences) + (None,):
        if first is not None and sequence != last + 1:
            texts.append(str(first) if first == last else "%d-%d" % (first, last))
            first = None
        if first is None:
            first = sequence
        last = sequence
    return ",".join(texts)


def render_dropped(ranges):
    """Return dropped ranges as "12-16:full,20:refused"."""
    return ",".join([
        "%s:%s" % (first if first == last else "%d-%d" % (first, last), reason)
        for first, last, reason in ranges])


def _sequence(record):
    # An array of four, then the number as an integer of 1, 2, 3, 5 or 9 bytes.
    size = record[1] - 24
    return record[1] if size < 0 else int.from_bytes(record[2:2 + (1 << size)], "big")


def _decode(record):
    sequence, uptime_ms, path, value = cbor.decode(record)
    if isinstance(value, list):
        value = ObjectLink(*value)
    return Reading(sequence, tuple(path), value, uptime_ms, len(record))
