"""Write constants where they are used, before a node's modules are compiled.

Integers and short texts, that is. On a node a named constant costs an entry in its module's dict,
its interned name, and a lookup at every use. `inline` gives sources that do the same without
them; line numbers stay as they are.
"""

import ast
from collections import Counter
from dataclasses import dataclass

# MicroPython interns texts up to this length: it has each once, wherever it stands.
TEXT_LENGTH_MAX = 10


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a source (lines and bytes, as `ast` counts) and what shall stand there."""

    node: ast.AST
    text: str

    @property
    def start(self) -> tuple[int, int]:
        return self.node.lineno, self.node.col_offset

    @property
    def end(self) -> tuple[int, int]:
        return self.node.end_lineno, self.node.end_col_offset


def inline(sources: dict[str, str]) -> dict[str, str]:
    """Return `sources` (by dotted module name) with their constants in place.

    The definition of a constant goes too, unless its name still occurs anywhere in the sources.
    """
    trees = {name: ast.parse(text) for name, text in sources.items()}
    constants = find_constants(trees)
    replaced = {name: edited(text, list(uses(trees[name], name, constants)))
                for name, text in sources.items()}
    trees = {name: ast.parse(text) for name, text in replaced.items()}
    needed = Counter(word for tree in trees.values() for word in references(tree))
    return {name: edited(text, list(definitions(trees[name], constants.get(name, {}), needed)))
            for name, text in replaced.items()}


def find_constants(trees: dict[str, ast.Module]) -> dict[str, dict[str, int | str]]:
    """Return each module's constants: upper-case names, bound once, to what `evaluate` knows."""
    found = {name: {} for name in trees}
    count = -1
    # Constants are made of other constants, perhaps of a module further down the list.
    while count != (count := sum(map(len, found.values()))):
        for name, tree in trees.items():
            known = found[name] | imported_constants(tree, found)
            bound = Counter(node.id for node in ast.walk(tree)
                            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
            for target, value in bindings(tree):
                constant = evaluate(value, known)
                if target.isupper() and bound[target] == 1 and constant is not None:
                    found[name][target] = constant
    return found


def bindings(tree: ast.Module):
    """Give (name, expression) of the module's assignments; those of a tuple one by one."""
    for statement in tree.body:
        yield from statement_bindings(statement)


def statement_bindings(statement):
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        yield from pairs(statement.targets[0], statement.value)


def pairs(target, value):
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for part, expression in zip(target.elts, value.elts):
            yield from pairs(part, expression)
    elif isinstance(target, ast.Tuple) and is_range(value):
        for number, part in enumerate(target.elts):
            yield from pairs(part, ast.Constant(number))


def is_range(value) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "range" and \
        len(value.args) == 1


def evaluate(value, known: dict[str, int | str]) -> int | str | None:
    """Return the integer or short text that an expression of known constants is, or None."""
    allowed = (ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Load)
    parts = list(ast.walk(value))
    if not all(isinstance(part, allowed) for part in parts):
        return None
    if any(isinstance(part, ast.Name) and part.id not in known for part in parts):
        return None
    result = eval(ast.unparse(value), {"__builtins__": {}}, known)
    is_short = isinstance(result, str) and len(result) <= TEXT_LENGTH_MAX
    return result if type(result) is int or is_short else None


def imported_constants(tree, constants) -> dict[str, int | str]:
    """Return the constants that `tree` imports by name."""
    known = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and statement.module in constants:
            for alias in statement.names:
                if alias.name in constants[statement.module]:
                    known[alias.asname or alias.name] = constants[statement.module][alias.name]
    return known


def imported_modules(tree, constants) -> dict[str, str]:
    """Return the modules that `tree` has under a name of its own."""
    modules = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                module = f"{statement.module}.{alias.name}"
                if module in constants:
                    modules[alias.asname or alias.name] = module
    return modules


def uses(tree, name, constants):
    """Give the edits that put values in the place of names, and take the names from imports."""
    known = constants.get(name, {}) | imported_constants(tree, constants)
    modules = imported_modules(tree, constants)
    hidden = formatted_nodes(tree)
    kept = {getattr(node, "id", None) for node in ast.walk(tree) if id(node) in hidden}
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in known:
            yield Edit(node, f"({known[node.id]!r})")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            constant = constants.get(modules.get(node.value.id), {}).get(node.attr)
            if constant is not None:
                yield Edit(node, f"({constant!r})")
        elif isinstance(node, ast.ImportFrom):
            gone = constants.get(node.module, {}).keys()
            names = [alias for alias in node.names
                     if alias.name not in gone or (alias.asname or alias.name) in kept]
            if len(names) < len(node.names):
                yield Edit(node, import_text(node, names))


def formatted_nodes(tree) -> set[int]:
    """Return the ids of the nodes inside f-strings: Python 3.11 misstates where they are."""
    return {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)}


def import_text(node, names) -> str:
    if not names:
        return "pass"
    return ast.unparse(ast.ImportFrom(node.module, names, node.level))


def references(tree):
    """Give every name that `tree` reads, imports or asks an object for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name


def definitions(tree, constants, needed):
    """Give the edits that take away the definitions which nothing needs any more."""
    for statement in tree.body:
        names = [name for name, _ in statement_bindings(statement)]
        if names and all(name in constants and not needed[name] for name in names):
            yield Edit(statement, "pass")


def edited(text: str, edits: list[Edit]) -> str:
    """Return `text` with `edits` made; as many lines as before."""
    lines = [line.encode() for line in text.splitlines()]
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        (first, start), (last, end) = edit.start, edit.end
        line = lines[first - 1][:start] + edit.text.encode() + lines[last - 1][end:]
        lines[first - 1:last] = [line] + [b""] * (last - first)
    return b"\n".join(lines).decode() + "\n"
