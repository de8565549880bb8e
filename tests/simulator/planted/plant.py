"""Plants a bug in the running program: one function gets the code of its own changed text."""

import contextlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType


@dataclass(frozen=True, slots=True)
class Bug:
    """A rule of the product that `function` keeps, and how its text breaks it."""

    name: str
    rule: str
    function: Callable
    old: str
    new: str


@contextlib.contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Let the bug be there; whoever holds the function has it too."""
    function: FunctionType = bug.function
    sound = function.__code__
    function.__code__ = _changed(bug)
    try:
        yield
    finally:
        function.__code__ = sound


def _changed(bug: Bug):
    """Return the code of the changed text; AssertionError where the text is not there once."""
    text = textwrap.dedent(inspect.getsource(bug.function))
    assert text.count(bug.old) == 1, f"{bug.name}: its place is not there once"
    namespace = dict(bug.function.__globals__)
    exec(compile(text.replace(bug.old, bug.new), f"<{bug.name}>", "exec"), namespace)
    return namespace[bug.function.__name__].__code__
