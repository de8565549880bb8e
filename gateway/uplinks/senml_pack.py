"""Stored readings as packs for a back end: SenML JSON (RFC 8428, units of RFC 8798 and 9100)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway import sequence_ranges
from gateway.rows import ReadingRow, StoredReading, Value
from protocol import lwm2m_path, object_names, object_table, senml
from protocol.data_types import ObjectLink
from protocol.number import Decimal

READINGS_MAX = 50

# The units of RFC 8428 section 12.1 and RFC 8798 section 3 that need no newer version.
PRIMARY_UNITS = frozenset(
    "m kg g s A K cd mol Hz rad sr N Pa J W C V F Ohm S Wb T H Cel lm lx Bq Gy Sv kat m2 m3 l m/s"
    " m/s2 m3/s l/s W/m2 cd/m2 bit bit/s lat lon pH dB dBW Bspl count / % %RH %EL EL 1/s 1/min"
    " beat/min beats S/m B VA VAs var vars J/m kg/m3 deg".split()
)
SECONDARY_UNITS = frozenset(object_names.SECONDARY_UNITS)

# The IPSO sensors (3300 and up): resource 5701 of an instance says in what these are measured.
SENSOR_UNITS = 5701
_SENSOR_VALUES = (5601, 5602, 5603, 5604, 5700)

# (endpoint, path of a resource 5701) -> the node's text, or None if it is not known.
UnitsOf = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Pack:
    """Readings of one node that travel together: one boot, one kind of topic, in order."""

    readings: tuple[StoredReading, ...]

    @property
    def endpoint(self) -> str:
        """Return the node's endpoint name."""
        return self.readings[0].row.endpoint

    @property
    def is_alarm(self) -> bool:
        """Return whether these are alarms."""
        return self.readings[0].row.reading_class == object_table.ALARM

    def boot_key(self, epoch: int) -> str:
        """Return the key's part that all numbers share: the boot, or "unsequenced:epoch"."""
        first = self.readings[0].row
        return f"unsequenced:{epoch}" if first.sequence is None else str(first.boot)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the sequence numbers in order; of readings without, the store's own ids."""
        if self.readings[0].row.sequence is None:
            return tuple(each.id for each in self.readings)
        return tuple(each.row.sequence for each in self.readings)

    def key(self, epoch: int) -> str:
        """Return the pack's idempotency key: "boot:ranges" of its sequence numbers, in order.

        Readings without sequence number have "unsequenced:epoch:ranges", by the store's own ids.
        """
        return f"{self.boot_key(epoch)}:{sequence_ranges.render(self.numbers)}"

    def row_key(self, origin: int | str) -> str:
        """Return "origin:ranges" of the readings' ids in this gateway's store."""
        return f"{origin}:{sequence_ranges.render(each.id for each in self.readings)}"


def travels_with(first: StoredReading, other: StoredReading) -> bool:
    """Return whether two readings of one node may be in one pack."""
    return (
        first.row.boot == other.row.boot
        and (first.row.sequence is None) == (other.row.sequence is None)
        and (first.row.reading_class == object_table.ALARM)
        == (other.row.reading_class == object_table.ALARM)
    )


def no_units(endpoint: str, path: str) -> None:
    """Know no node's own units."""


def encode(
    pack: Pack, labels: Sequence[tuple[str, str]] = (), units_of: UnitsOf = no_units
) -> str:
    """Return a pack as SenML JSON: absolute times, exact numbers, object links as texts.

    The first record has the endpoint name as base name, and `labels` (name, text) besides; a
    receiver ignores labels that it does not know (RFC 8428 section 4.4).
    """
    units = [_unit(each.row, units_of) for each in pack.readings]
    records = [_record(each, unit) for each, unit in zip(pack.readings, units, strict=True)]
    head = f'"bn":{json.dumps(pack.endpoint)}'
    if not SECONDARY_UNITS.isdisjoint(units):
        head += f',"bver":{senml.VERSION_SECONDARY_UNITS}'
    for name, text in labels:
        head += f',"{name}":{json.dumps(text)}'
    return "[{" + head + "," + "},{".join(records) + "}]"


def _record(reading: StoredReading, unit: str) -> str:
    row = reading.row
    unit = f'"u":"{unit}",' if unit else ""
    return f'"n":"{row.path}",{unit}{_value(row.value)},"t":{_seconds(row.time_ms)}'


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return f'"vb":{"true" if value else "false"}'
    if isinstance(value, (int, Decimal)):
        return f'"v":{value if isinstance(value, int) else value.to_text()}'
    if isinstance(value, bytes):
        return f'"vd":"{urlsafe_b64encode(value).decode().rstrip("=")}"'
    return f'"vs":{json.dumps(value.to_text() if isinstance(value, ObjectLink) else value)}'


def _seconds(time_ms: int) -> str:
    return str(time_ms // 1000) if time_ms % 1000 == 0 else Decimal(time_ms, -3).to_text()


def _unit(row: ReadingRow, units_of: UnitsOf) -> str:
    """Return the unit of a number, if SenML knows it; the registry of objects has others too."""
    if isinstance(row.value, bool) or not isinstance(row.value, (int, Decimal)):
        return ""
    unit, units_path = _units(row.path)
    return unit if units_path is None else _known(units_of(row.endpoint, units_path) or "")


def _known(unit: str) -> str:
    return unit if unit in PRIMARY_UNITS or unit in SECONDARY_UNITS else ""


@lru_cache(maxsize=4096)
def _units(path: str) -> tuple[str, str | None]:
    """Return the registry's unit of a resource, if SenML knows it; or the path of the resource
    that says it."""
    object_id, instance_id, resource_id = lwm2m_path.parse(path)[:3]
    facts = object_names.resource_facts(object_id, resource_id)
    if facts is None or facts.units or resource_id not in _SENSOR_VALUES:
        return _known(facts.units) if facts else "", None
    return "", lwm2m_path.render((object_id, instance_id, SENSOR_UNITS))
