"""The node's keys: the contents of its hidden objects 0 and 21, and its sequence numbers.

At most two contexts: the *current* one, and one *on trial* that a server wrote (object 42802) or
answered under (protocol.coap_security). Requests go under the trial; it becomes the current one
with the first authentic message under it, else it is dropped. One entry of the store holds both
and the limit below which sequence numbers may be used, which is raised before it is reached
(RFC 8613 B.1.1). All contexts share the numbers: whatever comes and goes, none is used twice.
"""

from binascii import crc32

from protocol import cbor, credentials, oscore
from protocol.coap_security import HeldContext
from protocol.errors import DecodeError, ProtocolError

KEY = "keys"
SEQUENCE_STEP = 128
TRIAL_MS_MAX = 5 * 60 * 1000

_VERSION = 1
_CRC_LENGTH = 4


class Keys:
    """The contexts of a node, as protocol.coap_security.SecurityLayer asks for them.

    `aes` is the board's block function (protocol.aes_ccm), `clock` the node's. A store without
    keys, or with an entry that is damaged, leaves the node without a voice.
    """

    def __init__(self, store, aes, clock, counters):
        self._store = store
        self._aes = aes
        self._clock = clock
        self._counters = counters
        self._is_changed = False
        self._trial_end_ms = None
        self.step = SEQUENCE_STEP
        self.current = self.trial = None
        self.is_damaged = False
        self._limit = 0
        data = store.read(KEY)
        if data is not None:
            self._load(data)
        self._next = self._limit

    def _load(self, data):
        try:
            self._limit, current, trial = _decode(data)
            self.current = self._derived(current, False)
            if trial is not None:
                self.trial = self._derived(trial, False)
        except ProtocolError:
            self.is_damaged = True

    def start(self):
        """Begin to work: what was on trial has its time once more."""
        if self.trial:
            self._trial_end_ms = self._clock.now_ms + TRIAL_MS_MAX

    def held(self):
        """Return the contexts under which messages are understood."""
        return [held for held in (self.current, self.trial) if held]

    def sending(self):
        """Return the context for the node's own requests, or None."""
        return self.trial or self.current

    def take_sequence(self, held):
        """Return a number never used before, under any context; None if the store is broken."""
        if self._next >= self._limit and not self._save(
                self._limit + self.step, self.current, self.trial):
            return None
        self._next += 1
        return self._next - 1

    def is_right(self, data):
        """Tell whether `data` are credentials for this node: its ids stay what they are."""
        try:
            given = credentials.decode(data)
        except ProtocolError:
            return False
        context = self.current.context
        return (given.sender_id, given.recipient_id) == (context.sender_id, context.recipient_id)

    def install(self, data):
        """Put credentials that are right on trial; False if the store does not take them."""
        if data in [held.credentials for held in self.held()]:
            return True
        return self.adopt(self._derived(data, True))

    def renewed(self, held, id_context):
        """Return the context of the same secret with `id_context`; EncodeError if it is none."""
        given = credentials.decode(held.credentials).renewed(id_context)
        return self._derived(credentials.encode(given), True)

    def adopt(self, held):
        """Put a context on trial, durably; False if the store does not take it."""
        if not self._save(self._limit, self.current, held):
            return False
        self._trial_end_ms = self._clock.now_ms + TRIAL_MS_MAX
        self._is_changed = True
        return True

    def confirm(self, held):
        """A message under `held` was authentic: what was on trial is the current context."""
        if held is self.trial:
            self._trial_end_ms = None
            # If that cannot be written, the next message under it tries again.
            self._save(self._limit, held, None)

    def next_timeout_ms(self):
        """Return when handle_timeout() is due, or None."""
        return self._trial_end_ms

    def handle_timeout(self):
        """Drop what was on trial for too long."""
        if self._trial_end_ms is not None and self._clock.now_ms >= self._trial_end_ms:
            self._trial_end_ms = None
            self._is_changed = True
            if not self._save(self._limit, self.current, None):
                # The store has it still: a reset brings it back, for as long once more.
                self.trial = None

    def take_change(self):
        """Tell, once, whether the node's requests go under another context than before."""
        was_changed = self._is_changed
        self._is_changed = False
        return was_changed

    def _derived(self, encoded, is_new):
        return HeldContext(self._aes, credentials.decode(encoded), encoded, is_new)

    def _save(self, limit, current, trial):
        """Make this state durable, and only then ours."""
        is_saved = limit <= oscore.SEQUENCE_MAX + 1
        if is_saved:
            try:
                self._store.write(KEY, encode(limit, current.credentials,
                                              trial.credentials if trial else None))
            except OSError:
                is_saved = False
        if is_saved:
            self._limit, self.current, self.trial = limit, current, trial
        else:
            name = "security: store failed"
            self._counters[name] = self._counters.get(name, 0) + 1
        return is_saved


def encode(limit, current, trial=None):
    """Return the store's entry: CRC-32, then CBOR [version, limit, credentials, credentials]."""
    data = cbor.encode([_VERSION, limit, current, trial])
    return crc32(data).to_bytes(_CRC_LENGTH, "big") + data


def _decode(data):
    """Return (limit, current, trial) of an entry; DecodeError if it is none."""
    body = data[_CRC_LENGTH:]
    items = cbor.decode(body)
    is_whole = data[:_CRC_LENGTH] == crc32(body).to_bytes(_CRC_LENGTH, "big")
    if not is_whole or not isinstance(items, list) or items[:1] != [_VERSION] or len(items) != 4:
        raise DecodeError("another entry")
    for value, kinds in zip(items[1:], (int, bytes, (bytes, type(None)))):
        if not isinstance(value, kinds):
            raise DecodeError("an entry of other values")
    return items[1:]
