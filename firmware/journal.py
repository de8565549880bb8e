"""The journal: every reading gets its number when it is on flash, and stays there until 2.04."""

from firmware import boot_number, journal_record, losses
from firmware.boot_number import age
from firmware.journal_lane import Lane
from firmware.saved import SavedValues, is_integer
from protocol import object_table

# So much waits in memory for the flash: what a power cut costs at most.
PENDING_LENGTH_MAX = 1024
ENOSPC = 28
# When each boot was, in Unix ms, for its readings that were written before the clock was known.
DATES_KEY = "dates"

_HOUR_MS = 3600000


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
    """Event: a numbered reading is lost on the node; `reason` is one of firmware.losses."""

    _fields = ("boot", "sequence", "reason")

    def __init__(self, boot, sequence, reason):
        self.boot = boot
        self.sequence = sequence
        self.reason = reason


class Journal:
    """Three lanes of readings, alarms and events (together urgent) and measurements.

    take() holds a reading in memory, flush() makes it durable and gives it the next number of
    this boot: urgent ones at once, measurements when the board's write budget, a full batch or a
    hurry says so. Where the flash takes nothing, readings stay in memory, `memory_readings_max`
    of them, numbered only if the boot number is durable. A full journal sheds the oldest segment
    of measurements first, then of events, then of alarms. `events` and `counters` are the node's.
    `has_news`: a reading was taken since somebody set it to False.
    """

    def __init__(self, board, clock, events, counters, memory_readings_max, is_patient=True):
        self._board = board
        self._clock = clock
        self._events = events
        self._counters = counters
        self._memory_readings_max = memory_readings_max
        # A node that sleeps writes once for each report: it has no second wake for it.
        self._is_patient = is_patient
        # Until when measurements wait: the board's bucket of writes is empty.
        self._budget_ms = -(1 << 29)
        store = board.store
        self.losses = losses.Losses(store)
        # In the order in which a full journal gives them up, last one first.
        self._lanes = (Lane(store, "ja"), Lane(store, "je"), Lane(store, "jm"))
        self._load()
        held = [span[0] for span in self._spans()] + [known[0] for known in self.losses.ranges]
        self._number = boot_number.next_number(store, board.random_bytes, held)
        # None as long as it is not durable.
        self.boot = self._number if boot_number.make_durable(store, self._number) else None
        self._last_sequence = 0
        self._is_undated = self._is_batch_full = False
        self.has_failed = self.has_news = False

    def take(self, path, value, uptime_ms):
        """Hold a reading for the next flush(), which is due at next_timeout_ms()."""
        self.has_news = True
        kind = object_table.reading_class(path)
        lane = self._lanes[2 if kind == object_table.MEASUREMENT else kind == object_table.EVENT]
        lane.pending.append(journal_record.encode_reading(path, value, uptime_ms))
        if kind == object_table.MEASUREMENT and _is_batch(lane.pending):
            self._is_batch_full = True

    def hurry(self):
        """Let measurements wait for nothing any more."""
        self._is_patient = False

    def flush(self, now_ms):
        """Write what is due."""
        for lane in self._lanes[:2]:
            self._write(lane, now_ms)
        due_ms = self.next_timeout_ms()
        if due_ms is not None and due_ms <= now_ms:
            self._write(self._lanes[2], now_ms)
            self._is_batch_full = False
        if self._is_undated and self._clock.source is not None:
            self._is_undated = False
            self._keep_date()

    def next_timeout_ms(self):
        """Return when flush() is due (in the past: now), None while nothing waits for it."""
        alarms, events, measurements = self._lanes
        if (alarms.pending or events.pending
                or self._is_undated and self._clock.source is not None):
            return 0
        if not measurements.pending:
            return None
        if self._is_batch_full or not self._is_patient:
            return 0
        return self._budget_ms

    def has(self, is_urgent):
        """Tell whether the lane holds a reading that can be sent."""
        alarms, events, measurements = self._lanes
        if is_urgent:
            return bool(alarms.segments or events.segments)
        return bool(measurements.segments)

    def is_empty(self):
        """Tell whether nothing waits for the gateway, the losses included."""
        return not (self.has(True) or self.has(False) or self._lanes[2].pending
                    or self.losses.ranges)

    def oldest(self, is_urgent, count, length):
        """Return up to `count` Readings from the head of a lane: of one boot, in order.

        They take about `length` bytes at most, one reading excepted.
        """
        lanes = self._lanes[:2] if is_urgent else self._lanes[2:]
        for lane in lanes:
            ranges = lane.repair() if lane.segments else None
            if ranges is not None:
                self._note_damage(1, ranges)
        return self._merge([lane for lane in lanes if lane.segments], count, length)

    def positions(self, readings):
        """Return where these, the first ones of their lanes, stand: for acknowledge()."""
        found = []
        for lane in self._lanes:
            count = sum([reading.lane is lane for reading in readings])
            if count:
                found.append((lane, lane.segments[0], lane.acknowledged, count))
        return found

    def acknowledge(self, boot, sequences, positions):
        """Forget readings that the gateway has; what has been shed meanwhile is passed over."""
        self._forget(positions)
        if boot is not None and sequences:
            self._events.append(ReadingsAcknowledged(boot, sequences))

    def refuse(self, boot, sequence, positions):
        """Drop the one reading that the gateway will never take."""
        if boot is None:
            self._count("unnumbered dropped")
        elif _is_there(positions[0]):
            self._lose(boot, sequence, sequence, losses.REFUSED)
            self.losses.save()
        self._forget(positions)

    def told(self, ranges):
        """Forget losses that the gateway knows."""
        if ranges:
            self.losses.forget(ranges)
            self.losses.save()

    def oldest_sequence(self, boot):
        """Return the lowest number of a boot that is held or lost untold, else the next one."""
        found = [lane.oldest(boot) for lane in self._lanes]
        found += [known[1] for known in self.losses.ranges if known[0] == boot]
        return min([sequence for sequence in found if sequence is not None]
                   or [self.last_sequence(boot) + 1])

    def last_sequence(self, boot):
        """Return the highest number given in a boot; of an earlier one the highest known here."""
        found = [span[2] for span in self._spans() if span[0] == boot]
        found += [known[2] for known in self.losses.ranges if known[0] == boot]
        if boot == self._number:
            found.append(self._last_sequence)
        return max(found or [0])

    def oldest_boot(self):
        """Return the oldest boot of which a reading is held or a loss untold, else this one."""
        number = oldest = self._number
        for boot in [span[0] for span in self._spans()] + [
                known[0] for known in self.losses.ranges]:
            if age(number, boot) > age(number, oldest):
                oldest = boot
        return oldest

    def unix_ms(self, reading):
        """Return the Unix time of a reading, None if it will never be known.

        A reading of this boot is dated once the clock is known: then firmware.clock knows it.
        """
        start_ms = reading.boot_unix_ms
        if not start_ms and reading.boot != self._number:
            start_ms = SavedValues(self._board.store, DATES_KEY).get(reading.boot)
            if not is_integer(start_ms, 1):
                return None
        return start_ms + reading.uptime_ms if start_ms else None

    def _load(self):
        for lane in self._lanes:
            stretches, ranges = lane.load()
            self._note_damage(stretches, ranges)
        if self.losses.is_damaged:
            self._count("damaged store")

    def _note_damage(self, stretches, ranges):
        if stretches:
            self._count("journal unreadable", stretches)
        for boot, first, last in ranges:
            self._lose(boot, first, last, losses.DAMAGED)
        if ranges:
            self.losses.save()

    def _merge(self, lanes, count, length):
        """Return the oldest readings of these lanes, as oldest() does."""
        streams = [lane.readings() for lane in lanes]
        heads = [next(stream, None) for stream in streams]
        for lane, head in zip(lanes, heads):
            if head is None:
                # Neither now nor later: another release wrote it.
                self._drop_segment(lane, losses.DAMAGED)
                return []
        found = []
        while len(found) < count:
            index = self._oldest_index(heads)
            if index is None:
                break
            reading = heads[index]
            length -= reading.length
            if found and (length < 0 or reading.boot != found[0].boot):
                break
            found.append(reading)
            heads[index] = next(streams[index], None)
        return found

    def _oldest_index(self, heads):
        """Return where the oldest of one or two Readings is, None where there is none left."""
        found = None
        for index in range(len(heads)):
            if heads[index] is not None and (
                    found is None or self._place(heads[index]) < self._place(heads[found])):
                found = index
        return found

    def _place(self, reading):
        boot = self._number if reading.boot is None else reading.boot
        return -age(self._number, boot), reading.sequence or 0

    def _write(self, lane, now_ms):
        while lane.pending:
            readings = _batch(lane.pending)
            if self.boot is None and boot_number.make_durable(self._board.store, self._number):
                self.boot = self._number
            first = 0 if self.boot is None else self._last_sequence + 1
            start_ms = self._clock.boot_unix_ms() or 0
            count = len(readings)
            record = journal_record.encode(self.boot or 0, first, start_ms, readings)
            self._make_room(lane, len(record))
            self.has_failed = not lane.append(record, self.boot or 0, first, count)
            # Before anything that may find no memory: what is written has its numbers.
            if first:
                self._last_sequence += count
            del lane.pending[:count]
            self._is_undated = self._is_undated or not start_ms
            self._charge(now_ms)
            self._note_failure(lane)
            self._tell_taken(record)

    def _charge(self, now_ms):
        """Count a write; what must wait for it waits an hour at most."""
        board = self._board
        interval_ms = _HOUR_MS // board.journal_writes_per_hour
        burst_ms = (board.journal_writes_burst - 1) * interval_ms
        # The generic cell rate algorithm: the bucket is full again at budget_ms + burst_ms.
        budget_ms = max(now_ms - burst_ms, self._budget_ms) + interval_ms
        self._budget_ms = min(budget_ms, now_ms + _HOUR_MS)

    def _make_room(self, lane, length):
        if lane.needs_segment(length):
            while sum([len(each.segments) for each in self._lanes]) >= (
                    self._board.journal_segments):
                self._shed(self._lanes)

    def _note_failure(self, lane):
        if self.has_failed and lane.error == ENOSPC:
            # What counts least goes, if that is on flash: no alarm for a measurement, and none for
            # another alarm while a measurement is held.
            held = [each for each in self._lanes[self._lanes.index(lane):] if each.segments]
            if _is_saved(held[-1]):
                self._shed(held[-1:])
                self.has_failed = not lane.save()
        if self.has_failed:
            self._count("journal failed")
            self._bound_memory()

    def _bound_memory(self):
        """Shed what is in memory beyond what may be there."""
        while sum([segment.count for lane in self._lanes for segment in lane.segments
                   if segment.data is not None]) > self._memory_readings_max:
            # Where the head of a lane is on flash and its tail is not, the head goes first.
            self._shed([lane for lane in self._lanes
                        if lane.segments and lane.segments[-1].data is not None])

    def _shed(self, lanes):
        """Give up the oldest segment: of measurements if `lanes` has any, of alarms last."""
        for lane in reversed(lanes):
            if lane.segments:
                self._drop_segment(lane, losses.FULL)
                return

    def _drop_segment(self, lane, reason):
        for boot, first, last in lane.ranges():
            if first:
                self._lose(boot, first, last, reason)
            else:
                self._count("unnumbered dropped", last)
        # First the note, then the readings: a power cut between must not lose both.
        is_noted = self.losses.save()
        lane.forget_segment()
        if not is_noted:
            self.losses.save()

    def _lose(self, boot, first, last, reason):
        self.losses.add(boot, first, last, reason)
        for sequence in range(first, last + 1):
            self._events.append(ReadingDropped(boot, sequence, reason))

    def _forget(self, positions):
        for position in positions:
            if _is_there(position):
                position[0].forget(position[3])

    def _spans(self):
        return [span for lane in self._lanes for segment in lane.segments
                for span in segment.spans]

    def _keep_date(self):
        """Keep when this boot began; forget that of boots of which nothing is held."""
        held = [span[0] for span in self._spans()]
        dates = SavedValues(self._board.store, DATES_KEY)
        dates.keep(lambda boot, start_ms: boot in held)
        dates.put(self._number, self._clock.boot_unix_ms())
        dates.commit()

    def _tell_taken(self, record):
        for found in journal_record.scan(record):
            for reading in journal_record.readings(record, found):
                if reading.sequence is None:
                    self._count("unnumbered")
                else:
                    self._events.append(ReadingTaken(reading.boot, reading.sequence, reading.path,
                                                     reading.value, reading.uptime_ms))

    def _count(self, name, count=1):
        self._counters[name] = self._counters.get(name, 0) + count


def _is_there(position):
    lane, segment, acknowledged, _ = position
    return (bool(lane.segments) and lane.segments[0] is segment
            and lane.acknowledged == acknowledged)


def _is_saved(lane):
    return bool(lane.segments) and lane.segments[0].data is None


def _is_batch(pending):
    return (len(pending) >= journal_record.READINGS_MAX
            or sum([len(reading) for reading in pending]) >= PENDING_LENGTH_MAX)


def _batch(pending):
    """Return as many of the first readings as one record should hold, one at least."""
    count = length = 0
    while count < min(len(pending), journal_record.READINGS_MAX):
        length += len(pending[count])
        if count and length > PENDING_LENGTH_MAX:
            break
        count += 1
    return pending[:count]
