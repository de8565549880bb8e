"""Converts a TOML table to a frozen struct, key by key, so that an error can name the key."""

from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import inspect

SHOWN_LENGTH_MAX = 80

S = TypeVar("S", bound=msgspec.Struct)


class SettingsError(Exception):
    """The settings cannot be used; the text names the key, its value, and what is allowed."""

    @classmethod
    def of(cls, key: str, value: object, remark: str) -> "SettingsError":
        """Return the error about `key` (dotted) and its value; `remark` says what is allowed."""
        return cls(f"{key} = {_shown(value)}: {remark}")


def convert(table: object, kind: type[S], key: str) -> S:
    """Return the struct `kind` that `table` holds; `key` is its dotted name."""
    if not isinstance(table, dict):
        raise SettingsError.of(key, table, f"allowed is a table [{key}]")
    # A key may be a word of Python ("for"): the struct's field then has another name.
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, value in table.items():
        if name not in fields:
            remark = "no such key; allowed are " + ", ".join(fields)
            raise SettingsError.of(joined(key, name), value, remark)
    values = {}
    for name, field in fields.items():
        if name in table:
            values[field.name] = _value(table[name], field.type, joined(key, name))
        elif field.required:
            allowed = allowed_by(field.type)
            raise SettingsError(f"{joined(key, name)} is missing: allowed is {allowed}")
    return kind(**values)


def joined(key: str, name: str) -> str:
    """Return the dotted name of `name` in the table `key`."""
    return f"{key}.{name}" if key else name


def allowed_by(kind: Any) -> str:
    """Return in words what a value of the annotated type `kind` may be."""
    return _described(inspect.type_info(kind))


def _value(value: object, kind: Any, key: str) -> Any:
    if get_origin(kind) is tuple and _is_struct(get_args(kind)[0]):
        return _tables(value, get_args(kind)[0], key)
    for part in (kind, *get_args(kind)):
        if _is_struct(part):
            return convert(value, part, key)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise SettingsError.of(key, value, "allowed is " + allowed_by(kind)) from error


def _tables(values: object, kind: type[S], key: str) -> tuple[S, ...]:
    if not isinstance(values, list):
        raise SettingsError.of(key, values, f"allowed are tables [[{key}]]")
    return tuple(convert(value, kind, f"{key}[{number}]") for number, value in enumerate(values))


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _described(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        description = (info.extra_json_schema or {}).get("description")
        return description or _described(info.type)
    if isinstance(info, inspect.LiteralType):
        return " or ".join(f'"{value}"' for value in info.values)
    if isinstance(info, inspect.IntType):
        return f"a whole number from {info.ge} to {info.le}"
    if isinstance(info, inspect.FloatType):
        return f"a number from {info.ge} to {info.le}"
    if isinstance(info, inspect.BoolType):
        return "true or false"
    if isinstance(info, (inspect.StructType, inspect.UnionType, inspect.DictType)):
        return "a table"
    return "text"


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[:SHOWN_LENGTH_MAX] + "..."
