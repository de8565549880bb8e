"""Attributes that govern notifications (LwM2M 1.1 Core 5.1.2)."""

from protocol import number
from protocol.errors import DecodeError

# On the wire, in Attributes, and whether it is a period in whole seconds.
_NAMES = (
    ("pmin", "pmin_s", True), ("pmax", "pmax_s", True), ("gt", "gt", False), ("lt", "lt", False),
    ("st", "st", False), ("epmin", "epmin_s", True), ("epmax", "epmax_s", True),
)  # fmt: skip


class Attributes:
    """What holds for one path: periods int in seconds, gt, lt and st int or Decimal, or None."""

    _fields = ("pmin_s", "pmax_s", "gt", "lt", "st", "epmin_s", "epmax_s")

    def __init__(
        self, pmin_s=None, pmax_s=None, gt=None, lt=None, st=None, epmin_s=None, epmax_s=None
    ):
        self.pmin_s = pmin_s
        self.pmax_s = pmax_s
        self.gt = gt
        self.lt = lt
        self.st = st
        self.epmin_s = epmin_s
        self.epmax_s = epmax_s

    def __eq__(self, other):
        return isinstance(other, Attributes) and _values(self) == _values(other)

    def is_empty(self):
        """Return whether no attribute is set."""
        return _values(self) == (None,) * len(_NAMES)


def decode(queries):
    """Return the changes that the Uri-Query texts of a Write-Attributes ask for.

    They are a dict of field names to values, None (from "pmax" without a value) to unset one.
    Raises DecodeError on names and values not known, and on a name that comes twice.
    """
    changes = {}
    for query in queries:
        name, has_value, value = query.partition("=")
        field, is_period = _field(name)
        if field in changes:
            raise DecodeError("attribute twice")
        changes[field] = _decode_value(value, is_period) if has_value else None
    return changes


def updated(attributes, changes, path_length, is_numeric):
    """Return Attributes as they are after `changes` (of `decode`).

    `path_length` is the number of ids in the path that they are attached to, `is_numeric` whether
    that is a numeric resource. Raises DecodeError where the rules of Core 5.1.2 are broken: gt,
    lt and st below numeric resources only, lt < gt, lt + 2 st < gt, epmin < epmax.
    """
    values = {field: getattr(attributes, field) for field in Attributes._fields}
    for field in changes:
        values[field] = changes[field]
    result = Attributes(**values)
    has_conditions = (result.gt, result.lt, result.st) != (None, None, None)
    if has_conditions and (path_length < 3 or not is_numeric):
        raise DecodeError("gt, lt and st are for numeric resources")
    _check(result)
    return result


def merged(levels):
    """Return the Attributes in force for a path, given those of its levels, object first."""
    values = {}
    for attributes in levels:
        for field in Attributes._fields:
            value = getattr(attributes, field)
            if value is not None:
                values[field] = value
    return Attributes(**values)


def parameters(attributes):
    """Return the attributes set as a tuple of (name, text), as links show them in a Discover."""
    shown = []
    for name, field, _ in _NAMES:
        value = getattr(attributes, field)
        if value is not None:
            shown.append((name, str(value) if isinstance(value, int) else value.to_text()))
    return tuple(shown)


def _values(attributes):
    return tuple([getattr(attributes, field) for field in Attributes._fields])


def _field(name):
    for known, field, is_period in _NAMES:
        if known == name:
            return field, is_period
    raise DecodeError("attribute not known")


def _decode_value(text, is_period):
    value = number.from_text(text)
    whole = number.to_integer(value)
    if not is_period:
        return value if whole is None else whole
    if whole is None or not 0 <= whole < 1 << 31:
        raise DecodeError("period not in whole seconds")
    return whole


def _check(attributes):
    lt, gt, st = attributes.lt, attributes.gt, attributes.st
    if st is not None and number.compare(st, 0) <= 0:
        raise DecodeError("st not above 0")
    if lt is not None and gt is not None:
        margin = number.add(st, st) if st is not None else 0
        if number.compare(number.add(lt, margin), gt) >= 0:
            raise DecodeError("lt + 2 st not below gt")
    epmin_s, epmax_s = attributes.epmin_s, attributes.epmax_s
    if epmin_s is not None and epmax_s is not None and epmin_s >= epmax_s:
        raise DecodeError("epmin not below epmax")
