"""Which of a module's seldom used functions go into one file together: see tools/link_image.py.

A file is on the heap as a whole. What encodes and what decodes share little and never run at the
same time: each has a file, and what both call has a third.
"""

import ast

# Shorter texts than this do not pay a file of their own, with its names and its table of them.
LENGTH_MIN = 250


def groups(bodies: dict[str, ast.stmt], entries: set[str]) -> list[list[str]]:
    """Return the names of `bodies` in groups: those that the same `entries` lead to.

    `bodies` are the statements by the names that they define, `entries` the names that other
    modules, or what is not put aside, use. In the order of `bodies`; groups of little text are
    one group.
    """
    calls = {name: {node.id for node in ast.walk(body)
                    if isinstance(node, ast.Name)} & bodies.keys() - {name}
             for name, body in bodies.items()}
    users = {name: set() for name in bodies}
    for entry in entries & bodies.keys():
        waiting = [entry]
        while waiting:
            name = waiting.pop()
            if entry not in users[name]:
                users[name].add(entry)
                waiting.extend(calls[name])
    found: dict[frozenset, list[str]] = {}
    for name in bodies:
        found.setdefault(frozenset(users[name]), []).append(name)
    large = [names for names in found.values() if _length(names, bodies) >= LENGTH_MIN]
    small = [name for name in bodies if not any(name in names for names in large)]
    return [*large, small] if small else large


def _length(names: list[str], bodies: dict[str, ast.stmt]) -> int:
    return sum(len(ast.unparse(bodies[name])) for name in names)
