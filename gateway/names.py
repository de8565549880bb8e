"""Resources and values as people write them: by number or by name, and as text or JSON."""

import difflib
from collections.abc import Sequence
from typing import Any

from gateway import resource_types
from gateway.rows import Value
from protocol import data_types, lwm2m_path, object_names, text
from protocol.data_types import ObjectLink
from protocol.errors import ProtocolError
from protocol.number import Decimal
from protocol.object_facts import OBJECTS

Path = tuple[int, ...]


class UnknownName(ValueError):
    """A path, a name or a value that means nothing here; the text says what would."""


def parse_path(written: str, instances: Sequence[Path]) -> Path:
    """Return the path that `written` names on a node with these object `instances`.

    "/3416/0/3" as it is; "dimming-level", "outdoor-lamp-controller/dimming-level" and, where an
    object has several instances, "parking-sensor/1/occupancy" by the objects' definitions.
    Raises UnknownName.
    """
    if written[:1] in ("/", *"0123456789"):
        try:
            return lwm2m_path.parse(written if written.startswith("/") else "/" + written)
        except ProtocolError as error:
            raise UnknownName(f"{written!r} is no path: write /3416/0/3 or a name; "
                              f"numbers go from 0 to {lwm2m_path.ID_MAX}") from error
    name, instance_id = _without_instance(written)
    object_ids = {path[0] for path in instances}
    found = object_names.resource_by_name(name, object_ids or None)
    if found is None:
        raise UnknownName(f"no object of this node has a resource {written!r}"
                          + _nearest(name, object_ids))
    object_id, resource_id = found
    return object_id, _instance(written, object_id, instance_id, instances), resource_id


def _nearest(name: str, object_ids: set[int]) -> str:
    names = {object_names.command_name(row[0])
             for object_id in object_ids
             for row in OBJECTS.get(object_id, ("", {}))[1].values()}
    wanted = object_names.command_name(name).rpartition("/")[2]
    found = difflib.get_close_matches(wanted, sorted(names), n=1)
    if not found:
        return ": 'faubourg discover NODE' lists its objects, 'faubourg discover NODE /3' one's"
    object_id, _ = object_names.resource_by_name(found[0], object_ids)
    return (f"; did you mean {found[0]!r}? 'faubourg discover NODE /{object_id}' "
            "lists what is there")


def _without_instance(written: str) -> tuple[str, int | None]:
    parts = written.split("/")
    if len(parts) == 3 and parts[1].isdecimal():
        return f"{parts[0]}/{parts[2]}", int(parts[1])
    return written, None


def _instance(written: str, object_id: int, wanted: int | None, instances: Sequence[Path]) -> int:
    there = sorted(path[1] for path in instances if len(path) > 1 and path[0] == object_id)
    if wanted is not None:
        return wanted
    if len(there) > 1:
        choices = ", ".join(str(instance_id) for instance_id in there)
        raise UnknownName(f"{written!r} is in several instances ({choices}) of object "
                          f"{object_id}: write the path, such as /{object_id}/{there[0]}/...")
    return there[0] if there else 0


def name_of(path: Path) -> str:
    """Return the name of the resource at `path` in the command line's form, or ""."""
    if len(path) < 3:
        name = object_names.object_name(path[0]) if path else None
        return object_names.command_name(name) if name else ""
    facts = object_names.resource_facts(path[0], path[2])
    return object_names.command_name(facts.name) if facts else ""


def unit_of(path: Path) -> str:
    """Return the unit of the resource at `path`, or ""."""
    facts = object_names.resource_facts(path[0], path[2]) if len(path) >= 3 else None
    return facts.units if facts else ""


def parse_value(path: Path, written: Any) -> Value:
    """Return the value for the resource at `path` that `written` means.

    `written` is JSON: text is read as the resource's type wants it ("true", "21.5", "3416:0",
    hexadecimal for Opaque); a number or a boolean is taken as it is. Of a resource that the table
    does not know, text stays text. Raises UnknownName with what the type allows.
    """
    data_type = resource_types.type_of(path)
    try:
        if isinstance(written, str):
            return _from_text(written, data_type)
        return data_types.coerce(written, data_type)
    except (ProtocolError, ValueError) as error:
        raise UnknownName(f"{written!r} does not fit {lwm2m_path.render(path)} "
                          f"({name_of(path)}): {_ALLOWED.get(data_type, error)}") from error


_ALLOWED = {
    data_types.INTEGER: "a whole number is wanted",
    data_types.UNSIGNED_INTEGER: "a whole number from 0 is wanted",
    data_types.FLOAT: "a number is wanted",
    data_types.BOOLEAN: "true or false is wanted",
    data_types.TIME: "Unix seconds are wanted",
    data_types.OPAQUE: "hexadecimal bytes are wanted",
    data_types.OBJLNK: "an object link such as 3416:0 is wanted",
}


def _from_text(written: str, data_type: int | None) -> Value:
    if data_type == data_types.OPAQUE:
        return bytes.fromhex(written)
    if data_type == data_types.BOOLEAN:
        written = {"true": "1", "on": "1", "false": "0", "off": "0"}.get(written.lower(), written)
    if data_type is None:
        return written
    return text.decode(written.encode(), data_type)


def json_value(value: Value) -> Any:
    """Return a value as JSON has it; bytes are hexadecimal text, links text such as "3416:0"."""
    if isinstance(value, Decimal):
        return float(value.to_text())
    if isinstance(value, bytes):
        return value.hex()
    return value.to_text() if isinstance(value, ObjectLink) else value


def json_reading(path: Path, value: Value) -> dict[str, Any]:
    """Return {path, name, value, unit} of one value."""
    return {"path": lwm2m_path.render(path), "name": name_of(path), "value": json_value(value),
            "unit": unit_of(path)}
