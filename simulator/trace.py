"""The canonical trace of a run: a line of text for everything that happens, and its SHA-256.

Two runs are the same if their traces are the same, byte for byte. A line is the time in
microseconds, the kind of happening, and its fields; bytes are in hexadecimal.
"""

import hashlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import IO, Any

from protocol.data_types import ObjectLink
from protocol.number import Decimal
from simulator.happenings import Happening

Fields = Callable[[Happening], tuple]


class Trace:
    """Takes every happening of a run; writes the lines to `file` where one is given."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._digest = hashlib.sha256()
        self._file = file
        self._fields: dict[type, Fields] = {}
        self.lines = 0

    def take(self, happening: Happening) -> None:
        """Write a happening down."""
        line = self.line(happening).encode()
        self._digest.update(line)
        self.lines += 1
        if self._file is not None:
            self._file.write(line)

    def line(self, happening: Happening) -> str:
        """Return a happening as a line, with its line feed."""
        kind = type(happening)
        values = self._fields.get(kind)
        if values is None:
            values = attrgetter(*(field.name for field in fields(kind)))
            self._fields[kind] = values
        time_us, *rest = values(happening)
        return f"{time_us} {kind.__name__} {' '.join(map(text_of, rest))}\n"

    def sha256(self) -> str:
        """Return the digest of all lines so far."""
        return self._digest.hexdigest()


def text_of(value: Any) -> str:
    """Return a value as a text that is the same for equal values, in any process."""
    kind = type(value)
    if kind is str:
        return value if value.isprintable() else repr(value)
    if kind is int or kind is float or kind is bool or value is None:
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (Decimal, ObjectLink)):
        return value.to_text()
    if isinstance(value, (tuple, list)):
        return f"[{' '.join(map(text_of, value))}]"
    if isinstance(value, dict):
        return f"{{{' '.join(f'{key}={text_of(value[key])}' for key in sorted(value))}}}"
    names = _field_names(value)
    if names is None:
        return str(value)
    inner = " ".join(f"{name}={text_of(getattr(value, name))}" for name in names)
    return f"{kind.__name__}({inner})"


def _field_names(value: Any) -> list[str] | tuple[str, ...] | None:
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    # The firmware's events name their fields themselves; MicroPython has no dataclasses.
    return getattr(value, "_fields", () if "object at 0x" in repr(value) else None)
