"""How the classes of a node's modules are related: see tools/link_image.py."""

import ast
from collections.abc import Callable, Iterable
from functools import cached_property

from tools.link_scopes import Definition, methods


class Relations:
    """Ancestors and families of `classes`; `used(module, node)` gives what an expression names.

    A class with a base that is not ours has no bases here, and counts as foreign.
    """

    def __init__(self, classes: Iterable[Definition], used: Callable) -> None:
        self._classes = list(classes)
        self._used = used

    def bases(self, found: Definition) -> list[Definition] | None:
        """Return the classes of ours that `found` derives from; None if it has a foreign base."""
        bases = [self._used(found.module, base) for base in found.statement.bases]
        return bases if all(isinstance(base, Definition) for base in bases) else None

    def lineage(self, found: Definition) -> list[Definition]:
        """Return the class and its ancestors, as methods are looked for."""
        order = [found]
        for base in self.bases(found) or ():
            order += [each for each in self.lineage(base) if each not in order]
        return order

    def owner(self, found: Definition, name: str) -> Definition | None:
        """Return the class of the lineage of `found` that defines the method `name`."""
        return first_owner(self.lineage(found), name)

    def owner_above(self, found: Definition, name: str) -> Definition | None:
        """Return the class above `found` whose method `super().name` is."""
        return first_owner(self.lineage(found)[1:], name)

    def family(self, found: Definition) -> list[Definition]:
        """Return the classes that derive from `found`, that it derives from, and so on."""
        return self._family_of[id(found)]

    @cached_property
    def families(self) -> list[list[Definition]]:
        """All classes, each in one family."""
        families: list[list[Definition]] = []
        for found in self._classes:
            lineage = {id(each) for each in self.lineage(found)}
            related = [family for family in families
                       if any(id(each) in lineage for each in family)]
            merged = [each for family in related for each in family] + [found]
            families = [each for each in families if each not in related] + [merged]
        return families

    @cached_property
    def _family_of(self) -> dict[int, list[Definition]]:
        return {id(each): family for family in self.families for each in family}


class Factory:
    """Makes classes that have nothing of their own by a call: a third of the heap less each.

    What such classes derive from, and that they have nothing, is one object for all. The two
    names that a class statement notes, its own and its module's, nobody asks for.
    """

    NOTHING = "nothing_"

    def __init__(self) -> None:
        self._bases: dict[str, str] = {}

    def statements(self, made: ast.ClassDef) -> list[ast.stmt]:
        """Return the statements that make the class `made`."""
        is_empty = all(isinstance(each, ast.Pass) for each in made.body)
        if not is_empty or not made.bases or made.decorator_list:
            return [made]
        first = [] if self._bases else ast.parse(f"{self.NOTHING} = {{}}").body
        bases = f"({', '.join(map(ast.unparse, made.bases))},)"
        if bases not in self._bases:
            self._bases[bases] = f"bases{len(self._bases)}_"
            first += ast.parse(f"{self._bases[bases]} = {bases}").body
        call = f"type({made.name!r}, {self._bases[bases]}, {self.NOTHING})"
        (statement,) = ast.parse(f"{made.name} = {call}").body
        # As on the class: see link_scopes.origins_of.
        statement.name, statement.origin = made.name, made.origin
        return [*first, statement]


def first_owner(classes: list[Definition], name: str) -> Definition | None:
    """Return the first of `classes` that defines the method `name`."""
    for each in classes:
        if any(method.name == name for method in methods(each.statement)):
            return each
    return None


def classes_derived_from(module: str, tree: ast.Module, used: Callable) -> list[Definition]:
    """Return the classes of ours from which classes of the module `tree` derive."""
    found = [used(module, base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
             for base in node.bases]
    return [each for each in found if isinstance(each, Definition)]
