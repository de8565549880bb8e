"""Sensor Measurement Lists (RFC 8428), with the object links of LwM2M 1.1 Core 7.4.5."""

from protocol import cbor, data_types, number
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal

# Labels of the CBOR representation (RFC 8428 table 4).
BASE_VERSION = -1
BASE_NAME = -2
BASE_TIME = -3
BASE_UNIT = -4
BASE_VALUE = -5
BASE_SUM = -6
NAME = 0
UNIT = 1
VALUE = 2
STRING_VALUE = 3
BOOLEAN_VALUE = 4
SUM = 5
TIME = 6
UPDATE_TIME = 7
DATA_VALUE = 8
OBJECT_LINK_VALUE = "vlo"

VERSION = 10
# Version 10 and the feature bit of secondary units (RFC 9100 section 3).
VERSION_SECONDARY_UNITS = 26

RECORDS_MAX = 1024
NAME_LENGTH_MAX = 256
# Times below are relative to now (RFC 8428 4.5.3).
ABSOLUTE_TIME_MIN_S = 1 << 28

# Of names, digits first: what is looked for most stands first.
_NAME_CHARACTERS = (
    "/0123456789-:._abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
_VALUE_LABELS = (VALUE, STRING_VALUE, BOOLEAN_VALUE, DATA_VALUE, OBJECT_LINK_VALUE)


class Record:
    """A resolved record (RFC 8428 4.6).

    `name` absolute; `value` int, Decimal, str, bool, bytes or ObjectLink, or None where there is
    only a name or a sum; `time` int or Decimal in seconds as it stands, None for none and for 0,
    which mean the same; `unit` and `sum` or None.
    """

    _fields = ("name", "value", "time", "unit", "sum")

    def __init__(self, name, value=None, time=None, unit=None, sum=None):
        self.name = name
        self.value = value
        self.time = time
        self.unit = unit
        self.sum = sum

    def __eq__(self, other):
        return isinstance(other, Record) and _fields(self) == _fields(other)

    def __repr__(self):
        return f"Record{_fields(self)!r}"


def encode_cbor(records):
    """Return the SenML CBOR pack of `records`."""
    return cbor.encode_array(len(records), build(records))


def decode_cbor(data):
    """Return the resolved records of the SenML CBOR pack `data`; raises DecodeError."""
    return resolve(cbor.decode(data))


def absolute_s(time, now_s):
    """Return a record's `time` as Unix seconds, int or Decimal, `now_s` being now."""
    if time is None:
        return now_s
    if number.compare(time, ABSOLUTE_TIME_MIN_S) < 0:
        return number.add(now_s, time)
    return time


def resolve(items, exact=number.from_number):
    """Return the records of a pack: `items` are maps with CBOR labels, from any CBOR decoder.

    `exact(value)` makes an int or a Decimal of any number in them, as number.from_number does.
    Raises DecodeError on a version or a must-understand label that is not known, on a name empty
    or with characters not allowed, on two values in one record, on numbers that are not finite.
    Names may begin with "/", as LwM2M's do.
    """
    if not isinstance(items, (list, tuple)) or len(items) > RECORDS_MAX:
        raise DecodeError("not a SenML pack, or too long")
    base = _Base(exact)
    return [base.resolved(item) for item in items]


def build(records, version=None):
    """Give the items of a pack one by one, with base names and base times where they save bytes.

    `version` goes into the first record; a pack with secondary units must say
    VERSION_SECONDARY_UNITS.
    """
    base_name = ""
    base_time = 0
    for index in range(len(records)):
        record = records[index]
        item = {}
        if index == 0 and version is not None:
            item[BASE_VERSION] = version
        name = _base_name(records, index, base_name)
        if name != base_name:
            base_name = item[BASE_NAME] = name
        time = _base_time(records, index, base_time)
        if time != base_time:
            base_time = item[BASE_TIME] = time
        _fill(item, record, base_name, base_time)
        yield item


def _fields(record):
    return record.name, record.value, record.time, record.unit, record.sum


class _Base:
    """The base fields in force (RFC 8428 4.1)."""

    def __init__(self, exact):
        self.exact = exact
        self.version = None
        self.name = ""
        self.time = 0
        self.unit = None
        self.value = None
        self.sum = None

    def resolved(self, item):
        # One pass over the labels: on a gateway this is most of what a pack costs.
        if not isinstance(item, dict):
            raise DecodeError("SenML record not a map")
        name = ""
        value = total = value_label = None
        time = 0
        unit = None
        for label, given in item.items():
            if label == NAME:
                name = _text(given)
            elif label == TIME:
                time = self.exact(given)
            elif label in _VALUE_LABELS:
                if value_label is not None:
                    raise DecodeError("record with two values")
                value_label = label
                value = self.exact(given) if label == VALUE else _value(label, given)
            elif label == UNIT:
                unit = _text(given)
            elif label == SUM:
                total = self.exact(given)
            else:
                self._take(label, given)
        return self._record(name, value_label, value, time, unit, total)

    def _record(self, name, value_label, value, time, unit, total):
        name = self.name + name
        _check_name(name)
        if self.sum is not None:
            total = number.add(self.sum, total or 0)
        if self.value is not None and value_label == VALUE:
            value = number.add(self.value, value)
        elif value_label is None and total is None:
            value = self.value
        if self.time:
            time = number.add(self.time, time) if time else self.time
        return Record(name, value, time or None, self.unit if unit is None else unit, total)

    def _take(self, label, given):
        """Take a base field, or a label that has no place in a Record."""
        if label == BASE_NAME:
            self.name = _text(given)
        elif label == BASE_TIME:
            self.time = self.exact(given)
        elif label == BASE_UNIT:
            self.unit = _text(given)
        elif label == BASE_VALUE:
            self.value = self.exact(given)
        elif label == BASE_SUM:
            self.sum = self.exact(given)
        elif label == BASE_VERSION:
            self._take_version(self.exact(given))
        elif label == UPDATE_TIME:
            self.exact(given)
        elif isinstance(label, str) and label[-1:] == "_":
            raise DecodeError("label that must be understood")

    def _take_version(self, version):
        if not _is_supported(version):
            raise DecodeError("SenML version not supported")
        if self.version is not None and version != self.version:
            raise DecodeError("SenML version changes within the pack")
        self.version = version


def _value(label, value):
    if label == OBJECT_LINK_VALUE and isinstance(value, str):
        return data_types.object_link(value)
    expected = {STRING_VALUE: str, BOOLEAN_VALUE: bool, DATA_VALUE: bytes}.get(label)
    if expected is None or not isinstance(value, expected):
        raise DecodeError("value not of its label's type")
    return value


def _is_supported(version):
    # Above 10 a version is 10 and a bit for each feature that a reader must know (RFC 9100).
    in_order = number.compare(version, 0) > 0 and number.compare(version, VERSION) <= 0
    return in_order or version == VERSION_SECONDARY_UNITS


def _text(value):
    if not isinstance(value, str):
        raise DecodeError("label needs a text")
    return value


def _check_name(name):
    if not 0 < len(name) <= NAME_LENGTH_MAX or name[0] in "-:._":
        raise DecodeError("no name, or one not allowed")
    if name.strip(_NAME_CHARACTERS):
        raise DecodeError("character not allowed in a name")


def _fill(item, record, base_name, base_time):
    rest = record.name[len(base_name) :]
    if rest:
        item[NAME] = rest
    time = _difference(record.time or 0, base_time)
    if time != 0:
        item[TIME] = time
    if record.unit is not None:
        item[UNIT] = record.unit
    if record.sum is not None:
        item[SUM] = record.sum
    value = record.value
    if value is None:
        return
    if isinstance(value, bool):
        item[BOOLEAN_VALUE] = value
    elif isinstance(value, str):
        item[STRING_VALUE] = value
    elif isinstance(value, bytes):
        item[DATA_VALUE] = value
    elif isinstance(value, ObjectLink):
        item[OBJECT_LINK_VALUE] = value.to_text()
    else:
        item[VALUE] = _shortest(value)


def _shortest(value):
    try:
        value = number.from_number(value)
    except DecodeError:
        raise EncodeError("not a value of SenML")
    whole = number.to_integer(value)
    return value if whole is None else whole


def _base_name(records, index, current):
    """Return the base name for records[index] on: `current`, or what saves most bytes."""
    name = records[index].name
    fits = name.startswith(current)
    best, best_gain, covered = (current, 0, len(current)) if fits else ("", -2, 0)
    for end in range(covered + 1, len(name) + 1):
        if name[end - 1] != "/":
            continue
        run = _run(records, index, name[:end])
        gain = run * (end - covered) - 2 - end
        if covered and index + run < len(records):
            # The rest of the pack would want the current one back.
            gain -= 2 + covered
        if gain > best_gain:
            best, best_gain = name[:end], gain
    return best


def _run(records, index, prefix):
    run = 0
    while index + run < len(records) and records[index + run].name.startswith(prefix):
        run += 1
    return run


def _base_time(records, index, current):
    """Return the base time for records[index] on: `current`, or its own if that is shorter."""
    time = records[index].time or 0
    if time == current:
        return current
    run = 0
    while index + run < len(records) and (records[index + run].time or 0) == time:
        run += 1
    keeping = run * (1 + _size(_difference(time, current)))
    is_first = current == 0 and index + 1 < len(records)
    return time if is_first or keeping > 1 + _size(time) else current


def _difference(time, base):
    return _shortest(number.subtract(time, base))


def _size(value):
    if isinstance(value, Decimal):
        return 9
    value = -1 - value if value < 0 else value
    return 1 if value < 24 else 2 if value < 256 else 3 if value < 65536 else 5
