"""Values that a server wrote and that must survive a reset: one CBOR map in the board's store."""

from firmware.hardware import STORE_ENTRY_MAX
from firmware.lwm2m_object import Refused
from protocol import cbor, data_types, object_table
from protocol.coap_message import INTERNAL_SERVER_ERROR
from protocol.errors import ProtocolError

KEY = "saved"
# What a check may run into where a value is of another shape altogether.
_WRONG = (Refused, ProtocolError, ArithmeticError, AttributeError, LookupError, TypeError,
          ValueError)


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
        # The store refused: until something is put again it is not tried again.
        self._has_failed = False
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

    def keep(self, is_right):
        """Forget what `is_right(name, value)` does not find right: an older or newer format's.

        It may raise whatever a value of a wrong shape leads to. The store keeps it until the next
        commit of a change.
        """
        for name in tuple(self._values):
            try:
                is_kept = is_right(name, self._values[name])
            except _WRONG:
                is_kept = False
            if not is_kept:
                del self._values[name]
                self.is_damaged = True

    def get(self, name, default=None):
        """Return the value saved under `name`, or `default`."""
        return self._values.get(name, default)

    def overlay(self, values):
        """Put what is saved in the place of what `values` has by the same names."""
        for name in self._values:
            values[name] = self._values[name]

    def put(self, name, value):
        """Save a value; an unchanged one costs no flash."""
        if name in self._values and not self._has_failed:
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
        """Make what was put durable; return False if the store is broken or has no room for it.

        The values hold all the same, until the next reset.
        """
        if not self._is_changed:
            return True
        self._is_changed = False
        self._has_failed = True
        data = cbor.encode(self._values)
        if len(data) > STORE_ENTRY_MAX:
            return False
        try:
            self._store.write(self._key, data)
        except OSError:
            return False
        self._has_failed = False
        return True

    def commit_or_refuse(self):
        """Make what a server wrote durable; 5.00 if that cannot be done."""
        if not self.commit():
            raise Refused(INTERNAL_SERVER_ERROR)


def is_integer(value, lowest=0, highest=1 << 62):
    """Tell whether a stored value is an integer, no boolean, within these limits."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and lowest <= value <= highest


def check_type(path, value):
    """Raise DecodeError unless `value`, of a multiple resource each one, is of the path's type."""
    data_type = object_table.type_of(path)
    for each in list(value.values()) if isinstance(value, dict) else [value]:
        data_types.coerce(each, data_type)
