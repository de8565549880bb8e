"""Values that a server wrote and that must survive a reset: one CBOR map in the board's store."""

from firmware.hardware import STORE_ENTRY_MAX
from protocol import cbor
from protocol.errors import ProtocolError

KEY = "saved"


class SavedValues:
    """Values by name, such as "3416/0/4", of the types that CBOR holds, lists and maps included.

    A put is durable after the next commit(), which the node calls before any answer leaves.
    A furniture keeps its own map under a `key` of its own.
    """

    def __init__(self, store, key=KEY):
        self._store = store
        self._key = key
        self._values = {}
        self._is_changed = False
        self.is_damaged = False
        data = store.read(key)
        if data is None:
            return
        try:
            self._values = cbor.decode(data)
        except ProtocolError:
            self._values = None
        if not isinstance(self._values, dict):
            self._values = {}
            self.is_damaged = True

    def get(self, name, default=None):
        """Return the value saved under `name`, or `default`."""
        return self._values.get(name, default)

    def put(self, name, value):
        """Save a value; an unchanged one costs no flash."""
        if name in self._values:
            known = self._values[name]
            # 1 == True, yet they are two values on the wire.
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return
        self._values[name] = value
        self._is_changed = True

    def remove(self, name):
        """Forget `name`, if it is there."""
        if name in self._values:
            del self._values[name]
            self._is_changed = True

    def clear(self):
        """Forget everything: the settings hold again."""
        self._values = {}
        self._is_changed = True

    def commit(self):
        """Make what was put durable; return False if it does not fit into one store entry."""
        if not self._is_changed:
            return True
        data = cbor.encode(self._values)
        if len(data) > STORE_ENTRY_MAX:
            return False
        self._store.write(self._key, data)
        self._is_changed = False
        return True
