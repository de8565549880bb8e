"""The data types of a resource and their values (LwM2M 1.1 Core, appendix C)."""

from protocol import number
from protocol.errors import DecodeError

NONE = 0
STRING = 1
INTEGER = 2
UNSIGNED_INTEGER = 3
FLOAT = 4
BOOLEAN = 5
OPAQUE = 6
TIME = 7
OBJLNK = 8
CORELNK = 9

NUMERIC = (INTEGER, UNSIGNED_INTEGER, FLOAT, TIME)


class ObjectLink:
    """The object instance that a resource of type Objlnk points to; 65535:65535 points to none."""

    _fields = ("object_id", "instance_id")

    def __init__(self, object_id, instance_id):
        self.object_id = object_id
        self.instance_id = instance_id

    def __eq__(self, other):
        return isinstance(other, ObjectLink) and self.to_text() == other.to_text()

    def __hash__(self):
        return hash((self.object_id, self.instance_id))

    def __repr__(self):
        return f"ObjectLink({self.object_id}, {self.instance_id})"

    def to_text(self):
        """Return the link as the standard writes it: "3416:0"."""
        return f"{self.object_id}:{self.instance_id}"


def object_link(text):
    """Return the ObjectLink that `text` writes, such as "3416:0"; raises DecodeError."""
    ids = text.split(":")
    if len(ids) != 2:
        raise DecodeError("not an object link")
    return ObjectLink(_link_id(ids[0]), _link_id(ids[1]))


def _link_id(text):
    value = number.to_integer(number.from_text(text))
    if not number.is_digits(text) or not 0 <= value <= 65535:
        raise DecodeError("not an object link")
    return value


def coerce(value, data_type):
    """Return `value`, as any content format gave it, as a value of `data_type`.

    Whole numbers pass as Integer, Unsigned Integer and Time whatever they were written as, text
    "3416:0" as an object link. `data_type` None (an unknown resource) lets a value of any
    type pass. Raises DecodeError where it is of another type or out of the type's range.
    """
    if data_type is None:
        is_other = isinstance(value, (bool, str, bytes, ObjectLink))
        return value if is_other else number.from_number(value)
    if data_type == FLOAT:
        return number.from_number(value)
    if data_type in NUMERIC:
        return _numeric(value, data_type)
    if data_type == OBJLNK and isinstance(value, str):
        return object_link(value)
    if data_type == NONE or not isinstance(value, _class_of(data_type)):
        raise DecodeError("value of a wrong type")
    return value


def _class_of(data_type):
    if data_type == BOOLEAN:
        return bool
    if data_type == OPAQUE:
        return bytes
    return ObjectLink if data_type == OBJLNK else str


def _numeric(value, data_type):
    value = number.to_integer(number.from_number(value))
    lowest, highest = (0, 1 << 64) if data_type == UNSIGNED_INTEGER else (-1 << 63, 1 << 63)
    if value is None or not lowest <= value < highest:
        raise DecodeError("number not whole, or out of range")
    return value
