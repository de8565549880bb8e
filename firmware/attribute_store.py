"""The notification attributes that a server wrote, by path (OMA Core 5.1.2)."""

from firmware.lwm2m_object import Refused
from protocol import data_types, lwm2m_attributes, object_table
from protocol.coap_message import BAD_REQUEST
from protocol.lwm2m_attributes import Attributes
from protocol.lwm2m_path import is_prefix

PATHS_MAX = 24
# Shared, never changed: most paths have none.
_NONE = Attributes()


class AttributeStore:
    """Attributes at any level; a deeper level's win, one by one."""

    def __init__(self):
        self._own = {}

    def write(self, path, queries):
        """Apply a Write-Attributes; DecodeError if a rule is broken, 4.00 if there is no room."""
        changes = lwm2m_attributes.decode(queries)
        is_numeric = object_table.type_of(path) in data_types.NUMERIC
        updated = lwm2m_attributes.updated(
            self._own.get(path, _NONE), changes, len(path), is_numeric)
        if updated.is_empty():
            self._own.pop(path, None)
            return
        if path not in self._own and len(self._own) >= PATHS_MAX:
            raise Refused(BAD_REQUEST)
        self._own[path] = updated

    def forget(self, path):
        """Drop what was written at and below an instance that is no more."""
        for known in tuple(self._own):
            if is_prefix(path, known):
                del self._own[known]

    def at(self, path):
        """Return the Attributes in force at `path`."""
        if not self._own:
            return _NONE
        levels = [self._own[path[:length]] for length in range(1, len(path) + 1)
                  if path[:length] in self._own]
        return lwm2m_attributes.merged(levels) if levels else _NONE

    def own(self, path):
        """Return what was written at `path` itself, as a tuple of (name, text)."""
        return lwm2m_attributes.parameters(self._own.get(path, _NONE))

    def effective(self, path):
        """Return what is in force at `path`, as a tuple of (name, text)."""
        return lwm2m_attributes.parameters(self.at(path))
