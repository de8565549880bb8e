"""Nodes of earlier releases in a run: their own firmware, loaded beside today's.

A release's wheel holds `firmware` and `protocol` under the names that today's have. Its modules
get an `import` of their own, which finds those two in the wheel alone, and everything else where
it is for everybody.
"""

import builtins
import types
import zipimport
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from firmware import journal, lwm2m_client
from protocol.data_types import ObjectLink
from protocol.number import Decimal
from protocol.settings import Settings
from simulator.checks.obedience import deeds_of

FOLDER = Path(__file__).resolve().parents[1] / "tests/releases"
"""Where a checkout keeps what was released (`tools/release.py`); an installed wheel has none."""
TODAY, EVERY = "today", "every"
PACKAGES = ("firmware", "protocol")
# What hears of a node's life knows today's classes; an event of a release has the same fields.
_EVENTS = {
    kind.__name__: kind for kind in (
        journal.ReadingTaken, journal.ReadingsAcknowledged, journal.ReadingDropped,
        lwm2m_client.Registered, lwm2m_client.RegistrationLost, lwm2m_client.RegistrationRefused,
        lwm2m_client.Stopped)}


class ReleaseMissing(Exception):
    """A release is not kept here; the text says which there are."""


def versions(names: tuple[str, ...], folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the releases that `names` stand for, "every" spelt out.

    Raises ReleaseMissing, also for "every" of none.
    """
    kept = sorted(each.name for each in folder.glob("*") if each.is_dir())
    found: list[str] = []
    for name in names:
        if name not in (TODAY, *kept) and (name != EVERY or not kept):
            known = ", ".join(kept) or "none (a checkout of Faubourg has them)"
            raise ReleaseMissing(f'release "{name}" is not kept here; there are {known}')
        found += kept if name == EVERY else [name]
    return tuple(found)


class Release:
    """The code of one release."""

    def __init__(self, wheel: Path) -> None:
        self._importer = zipimport.zipimporter(str(wheel))
        self._modules: dict[str, types.ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def module(self, name: str) -> types.ModuleType:
        """Return the release's module of that dotted name; it runs when it is first asked for."""
        if name in self._modules:
            return self._modules[name]
        package, _, last = name.rpartition(".")
        module = types.ModuleType(name)
        module.__dict__["__builtins__"] = self._builtins
        # An importer looks for the last part of a dotted name alone; with slashes it is a path.
        code = self._importer.get_code(name.replace(".", "/"))
        self._modules[name] = module
        exec(code, module.__dict__)
        if package:
            setattr(self.module(package), last, module)
        return module

    def _import(self, name: str, given: Any = None, local: Any = None,
                wanted: tuple[str, ...] = (), level: int = 0) -> Any:
        """Stand for `__import__` in the release's modules."""
        if level or name.partition(".")[0] not in PACKAGES:
            return builtins.__import__(name, given, local, wanted, level)
        module = self.module(name)
        for each in wanted or ():
            if not hasattr(module, each):
                self.module(f"{name}.{each}")
        return module if wanted else self.module(name.partition(".")[0])


@cache
def release(version: str) -> Release:
    """Return a release that is kept. Raises ReleaseMissing."""
    for wheel in (FOLDER / version).glob("*.whl"):
        return Release(wheel)
    raise ReleaseMissing(f"release {version} has no wheel in {FOLDER}")


class ReleasedNode:
    """A node of a release, as today's drivers and listeners know nodes."""

    def __init__(self, of: Release, board: Any, settings: Settings,
                 on_obeyed: Callable[[str, str, Any], None]) -> None:
        parameters = of.module("protocol.coap_parameters").TransmissionParameters()
        kind = of.module("protocol.settings").Settings
        said = {name: getattr(settings, name) for name in kind._fields}
        self._node = of.module("firmware.node").Node(board, kind(**said), parameters)
        self._respond, self._node._respond = self._node._respond, self._answer
        self._on_obeyed = on_obeyed
        for call in ("start", "shutdown", "receive_datagram", "handle_timeout",
                     "next_timeout_ms", "datagrams_to_send"):
            setattr(self, call, getattr(self._node, call))

    def next_event(self) -> Any:
        """Return the next event, as today's class of that name, or None."""
        event = self._node.next_event()
        return None if event is None else _todays(event)

    def _answer(self, event: Any, now_ms: int) -> Any:
        response = self._respond(event, now_ms)
        for operation, path, value in deeds_of(event.request, response):
            self._on_obeyed(operation, path, value)
        return response


def _todays(value: Any) -> Any:
    name = type(value).__name__
    if name in _EVENTS:
        return _EVENTS[name](*(_todays(getattr(value, field)) for field in value._fields))
    if name == "Decimal":
        return Decimal(value.mantissa, value.exponent)
    if name == "ObjectLink":
        return ObjectLink(value.object_id, value.instance_id)
    return value
