"""Names, units, ranges and enumerations of the objects, for people; not part of a node's image."""

from protocol.object_facts import OBJECTS

# Units that SenML knows only with bver 26 (RFC 8798 section 4, RFC 9100 section 3).
SECONDARY_UNITS = (
    *("ms", "min", "h", "MHz", "kW", "kVA", "kvar", "Ah", "Wh", "kWh", "varh", "kvarh", "kVAh"),
    *("Wh/km", "KiB", "GB", "Mbit/s", "B/s", "MB/s", "mV", "mA", "dBm", "ug/m3", "mm/h", "m/h"),
    *("ppm", "/100", "/1000", "hPa", "mm", "cm", "km", "km/h"),
)

# What a name that several objects share means first.
_NAME_ORDER = (3416, 3435, 3431, 3418, 3410, 3, 3411, 3303)


class ResourceFacts:
    """A resource's `name`, `units`, `range` (all text), `enumeration` {value as text: meaning}."""

    _fields = ("name", "units", "range", "enumeration")

    def __init__(self, name, units, range, enumeration):
        self.name = name
        self.units = units
        self.range = range
        self.enumeration = enumeration


def object_name(object_id):
    """Return the object's name, or None if the table has no such object."""
    return OBJECTS[object_id][0] if object_id in OBJECTS else None


def resource_facts(object_id, resource_id):
    """Return the ResourceFacts, or None if the table has no such resource."""
    row = OBJECTS.get(object_id, ("", {}))[1].get(resource_id)
    return ResourceFacts(*row) if row else None


def resource_by_name(name, object_ids=None):
    """Return (object id, resource id) of `name` as the command line writes it; None if unknown.

    Takes "dimming-level", or with its object "outdoor-lamp-controller/dimming-level", in any case.
    A name in several objects is the one of `object_ids` (a node's objects), and among these the
    one of a furniture's own object first.
    """
    wanted_object, _, wanted = command_name(name).rpartition("/")
    for object_id in sorted(OBJECTS if object_ids is None else object_ids, key=_order):
        found_name, resources = OBJECTS.get(object_id, ("", {}))
        if wanted_object and command_name(found_name) != wanted_object:
            continue
        for resource_id, row in resources.items():
            if command_name(row[0]) == wanted:
                return object_id, resource_id
    return None


def command_name(name):
    """Return `name` in the command line's form: lower case, runs of anything else one hyphen."""
    cleaned = "".join(each if each.isalnum() or each == "/" else " " for each in name.lower())
    return "-".join(cleaned.split())


def _order(object_id):
    position = _NAME_ORDER.index(object_id) if object_id in _NAME_ORDER else len(_NAME_ORDER)
    return position, object_id
