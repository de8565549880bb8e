"""The definitions of the objects that node and gateway know, without their names.

Looked up in a packed table, since a node has no room for a thousand small values. An object's
record: id (2 bytes), version (4 bits each for major and minor), flags (1 multiple instances,
2 mandatory), length of the rest; then for each resource the number of its kind and the step from
the id before it (the first from -1), 0 for an id of 2 bytes that follows. A kind is 16 bits: type,
operations, multiple, mandatory, reading class.
"""

from protocol.object_records import KINDS, RECORDS

ALARM = 0
EVENT = 1
MEASUREMENT = 2

# Below this the enabler's version (lwm2m=1.1) implies the objects' versions.
CORE_OBJECT_ID_MAX = 1023

_OPERATIONS = ("", "R", "W", "RW", "E")
_HEAD_LENGTH = 5


class Resource:
    """A resource's definition: `type` of data_types, `operations` "", "R", "W", "RW" or "E"."""

    _fields = ("type", "operations", "is_multiple", "is_mandatory", "reading_class")

    def __init__(self, type, operations, is_multiple, is_mandatory, reading_class):
        self.type = type
        self.operations = operations
        self.is_multiple = is_multiple
        self.is_mandatory = is_mandatory
        self.reading_class = reading_class


def resource(object_id, resource_id):
    """Return the Resource, or None if the table has no such object or resource."""
    start = _find(object_id)
    if start is None:
        return None
    end = start + _HEAD_LENGTH + RECORDS[start + 4]
    position = start + _HEAD_LENGTH
    found = -1
    while position < end and found < resource_id:
        kind = RECORDS[position]
        step = RECORDS[position + 1]
        position += 2
        if step:
            found += step
        else:
            found = RECORDS[position] << 8 | RECORDS[position + 1]
            position += 2
    return _resource(kind) if found == resource_id else None


def type_of(path):
    """Return the data type of the resource that `path` names or lies in; None if unknown."""
    if len(path) < 3:
        return None
    found = resource(path[0], path[2])
    return found.type if found else None


def reading_class(path):
    """Return ALARM, EVENT or MEASUREMENT; of an unknown resource MEASUREMENT."""
    found = resource(path[0], path[2])
    return found.reading_class if found else MEASUREMENT


def version(object_id):
    """Return the object's version in the registry, such as "2.0"; None if unknown."""
    start = _find(object_id)
    if start is None:
        return None
    return f"{RECORDS[start + 2] >> 4}.{RECORDS[start + 2] & 15}"


def link_version(object_id):
    """Return what `;ver=` must say where the object is registered, None where nothing.

    No `ver` means 1.0, and for a core object the version that comes with the enabler
    (LwM2M 1.1 Core 7.2.2).
    """
    if object_id <= CORE_OBJECT_ID_MAX:
        return None
    found = version(object_id)
    return None if found == "1.0" else found


def is_multiple(object_id):
    """Return whether the object may have several instances; of an unknown one True."""
    start = _find(object_id)
    return start is None or bool(RECORDS[start + 3] & 1)


def is_mandatory(object_id):
    """Return whether every client must have the object."""
    start = _find(object_id)
    return start is not None and bool(RECORDS[start + 3] & 2)


def _find(object_id):
    start = 0
    while start < len(RECORDS):
        if RECORDS[start] << 8 | RECORDS[start + 1] == object_id:
            return start
        start += _HEAD_LENGTH + RECORDS[start + 4]
    return None


def _resource(kind):
    bits = KINDS[2 * kind] << 8 | KINDS[2 * kind + 1]
    operations = _OPERATIONS[bits >> 4 & 7]
    return Resource(bits & 15, operations, bool(bits & 128), bool(bits & 256), bits >> 9)
