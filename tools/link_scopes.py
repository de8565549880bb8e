"""What the modules of a node define, import and use: questions to their trees."""

import ast
import re
from dataclasses import dataclass, field

WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
CORE = "core"


@dataclass
class Definition:
    """A name of a module: its statement there, and where that goes.

    A constant may go into several files, `copies` and not `place`.
    """

    module: str
    name: str
    statement: ast.stmt
    place: str = CORE
    spelling: str = ""
    copies: frozenset[str] = frozenset()

    def is_in(self, place: str) -> bool:
        return place == self.place or place in self.copies


@dataclass
class Overlay:
    """A file of seldom used code; `needed` are the names it takes from the core."""

    body: list = field(default_factory=list)
    needed: set = field(default_factory=set)


def mark_origins(module: str, tree) -> None:
    """Write on each function and class of `tree` where it comes from, as "module Class.method"."""
    def mark(parent, head):
        for node in ast.iter_child_nodes(parent):
            name = getattr(node, "name", None)
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                node.origin = f"{module} {head}{name}"
                mark(node, f"{head}{name}.")
            else:
                mark(node, head)

    mark(tree, "")


def origins_of(body) -> dict[str, list[str]]:
    """Return what the names of the functions and classes in `body` were, in order."""
    found: dict[str, list[str]] = {}
    for statement in body:
        for node in ast.walk(statement):
            if hasattr(node, "origin"):
                found.setdefault(node.name, []).append(node.origin)
    return found


def module_scope(tree, texts) -> dict[str, tuple]:
    """Return what the names at the top of a linked module are."""
    own = {name: ("own", name) for statement in tree.body for name in bound_by(statement)}
    return imported_scope(tree, texts) | own


def imported_scope(tree, texts) -> dict[str, tuple]:
    """Return what a module imports at its top from linked ones."""
    scope: dict[str, tuple] = {}
    for statement in tree.body:
        for alias in statement.names if isinstance(statement, ast.ImportFrom) else ():
            name = alias.asname or alias.name
            if f"{statement.module}.{alias.name}" in texts:
                scope[name] = ("module", f"{statement.module}.{alias.name}")
            elif statement.module in texts:
                scope[name] = ("import", statement.module, alias.name)
    return scope


def bound_by(statement):
    """Return the names that a statement at the top of a module defines."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [node.id for target in statement.targets for node in ast.walk(target)
                if isinstance(node, ast.Name)]
    return []


def methods(statement: ast.ClassDef) -> list[ast.FunctionDef]:
    return [each for each in statement.body if isinstance(each, ast.FunctionDef)]


def private_attributes(statement: ast.ClassDef):
    """Give the names with an underscore by which methods know what is theirs."""
    for each in statement.body:
        yield from (name for name in bound_by(each) if is_private(name))
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "self" \
                and is_private(node.attr):
            yield node.attr


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def respell_attributes(statement: ast.ClassDef, spelling: dict[str, str]) -> None:
    for each in statement.body:
        bound = set(bound_by(each))
        if isinstance(each, ast.FunctionDef):
            each.name = spelling.get(each.name, each.name)
        for node in ast.walk(each):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "self":
                node.attr = spelling.get(node.attr, node.attr)
            elif isinstance(node, ast.Name) and node.id in bound and node.id in spelling:
                node.id = spelling[node.id]


def words_of_strings(trees) -> set[str]:
    """Return the words of all strings but docstrings: attributes may be asked for by them."""
    words = set()
    for tree in trees:
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) \
                    and id(node) not in documents:
                words.update(WORD.findall(node.value))
    return words


def called_by_super(method):
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) \
                and getattr(node.value.func, "id", "") == "super":
            yield node.attr


def evaluated_at_import(statement):
    """Give the expressions of a statement that are evaluated when its module is imported."""
    if isinstance(statement, ast.FunctionDef):
        parts = [*statement.args.defaults, *(each for each in statement.args.kw_defaults if each)]
    elif isinstance(statement, ast.ClassDef):
        parts = list(statement.bases)
        for each in statement.body:
            yield from evaluated_at_import(each)
    else:
        parts = [statement]
    waiting = list(parts)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def run_by_a_call(statement):
    """Give the expressions that calling a function, or making an instance, may evaluate."""
    bodies = [statement] if isinstance(statement, ast.FunctionDef) else [
        each for each in methods(statement) if each.name == "__init__"]
    for body in bodies:
        yield from ast.walk(body)


def local_names(function) -> set[str]:
    """Return the names that are a function's own: arguments and all that it binds."""
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    body = function.body if isinstance(function.body, list) else [function.body]
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.ExceptHandler)):
                names.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names.update(alias.asname or alias.name for alias in node.names)
    return names - {None}


def without_docstring(body):
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1:]
    return body


def foreign_imports(trees, ours, only_for: str | None = None) -> str:
    """Return the imports of Python's own modules, those that the text `only_for` needs."""
    words = None
    if only_for is not None:
        words = {node.id for node in ast.walk(ast.parse(only_for)) if isinstance(node, ast.Name)}
    lines = set()
    for tree in trees:
        for statement in tree.body:
            if isinstance(statement, ast.Import):
                lines.update(f"import {alias.name}" for alias in statement.names
                             if words is None or alias.name in words)
            elif isinstance(statement, ast.ImportFrom) and \
                    statement.module.split(".")[0] not in {name.split(".")[0] for name in ours}:
                lines.update(f"from {statement.module} import {alias.name}"
                             for alias in statement.names if words is None or alias.name in words)
    return "".join(line + "\n" for line in sorted(lines))


def unparse(body) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, []))) + "\n"


def absolute(module: str, tree):
    """Return `tree` with its relative imports spelled out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = module.split(".")[:-node.level]
            node.module = ".".join([*package, *([node.module] if node.module else [])])
            node.level = 0
    return tree
