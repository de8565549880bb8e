"""Which numbers a node has lost, and why: kept until the gateway knows."""

from protocol import cbor
from protocol.errors import ProtocolError

KEY = "lost"
FULL, REFUSED, DAMAGED = "full", "refused", "damaged"
RANGES_MAX = 32


class Losses:
    """`ranges` is a list of [boot, first, last, reason]; the store's copy follows with save().

    Beyond RANGES_MAX neighbours become one: readings in between that the gateway has, or will
    get, count for it all the same.
    """

    def __init__(self, store):
        self._store = store
        self.ranges = []
        self.is_damaged = False
        data = store.read(KEY)
        if data is not None:
            try:
                self.ranges = cbor.decode(data)
                self.is_damaged = not _are_ranges(self.ranges)
            except ProtocolError:
                self.is_damaged = True
        if self.is_damaged:
            self.ranges = []

    def add(self, boot, first, last, reason):
        """Take a range, next to its like if there is one."""
        for known in self.ranges:
            if known[0] == boot and known[3] == reason and known[1] <= first <= known[2] + 1:
                known[2] = max(known[2], last)
                return
        self.ranges.append([boot, first, last, reason])
        self.ranges.sort(key=_place)
        if len(self.ranges) > RANGES_MAX:
            self._merge()

    def save(self):
        """Make it durable; return False if the store does not take it."""
        try:
            if self.ranges:
                self._store.write(KEY, cbor.encode(self.ranges))
            else:
                self._store.remove(KEY)
        except OSError:
            return False
        return True

    def of_boot(self, boot):
        """Return the ranges of a boot, in order."""
        return [tuple(known) for known in self.ranges if known[0] == boot]

    def forget(self, told):
        """Forget ranges that the gateway knows, as they were when it was told."""
        for boot, first, last, reason in told:
            for index in range(len(self.ranges)):
                known = self.ranges[index]
                if (known[0], known[1], known[3]) == (boot, first, reason):
                    # It may have grown since.
                    known[1] = last + 1
                    if known[1] > known[2]:
                        del self.ranges[index]
                    break

    def _merge(self):
        ranges = self.ranges
        for index in range(len(ranges) - 1):
            if ranges[index][0] == ranges[index + 1][0]:
                ranges[index][2] = max(ranges[index][2], ranges[index + 1][2])
                del ranges[index + 1]
                return
        # As many boots as ranges: the gateway will miss the first one's numbers, and say so.
        del ranges[0]


def render(ranges):
    """Return ranges of one boot as "12-16:full,20:refused"."""
    return ",".join([
        "%s:%s" % (first if first == last else "%d-%d" % (first, last), reason)
        for _, first, last, reason in ranges])


def render_sequences(sequences):
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


def _place(known):
    return known[0], known[1]


def _are_ranges(ranges):
    if not isinstance(ranges, list):
        return False
    for known in ranges:
        if not isinstance(known, list) or len(known) != 4 or not isinstance(known[3], str):
            return False
        for number in known[:3]:
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                return False
    return True
