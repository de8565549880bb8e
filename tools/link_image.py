"""Link the modules of a node into one, and put aside what a node seldom runs.

On a node each module, each import and each function that merely waits to be needed takes heap.
`link` makes one module, CORE, of all of `protocol/` and `firmware/`: their modules hold only
definitions and constants, so the order of the modules' imports is all that must be kept. What is
not in the list of resident code goes into overlays, small files of their own. They are brought in
by `firmware/adapters/overlays.py` when something of them is used, and forgotten when the heap gets
short:

- the functions of a module: `render(path)` becomes `overlay("m7").render(path)`;
- the methods of classes: a class derives from `Overlaid`, which finds what the class lacks in the
  file named as the method, there under the name of the class, and its constructor in the file
  named as the class. So no file needs a name that is not on the heap anyhow.

Never put aside: public classes, special methods, properties, what is needed while importing, and
methods of one name in related classes unless all of them can be.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterable

from tools.link_classes import Factory, Relations, classes_derived_from
from tools.link_constants import move_constants
from tools.link_groups import groups
from tools.link_names import Renamer, SuperCalls
from tools.link_scopes import (
    CORE,
    WORD,
    Definition,
    Overlay,
    absolute,
    bound_by,
    called_by_super,
    evaluated_at_import,
    foreign_imports,
    imported_scope,
    mark_origins,
    methods,
    module_scope,
    origins_of,
    private_attributes,
    respell_attributes,
    run_by_a_call,
    unparse,
    words_of_strings,
)

LOADER = "firmware.adapters.overlays"
CONSTRUCTOR = "construct"
# Begins the name of an overlay that is named as a method or a class of the code.
AT = "@"
# What an import would find first: MicroPython's own modules, and files and folders of a board.
BUILT_IN = frozenset(
    "array asyncio binascii bluetooth boot cmath collections core deflate errno esp32 framebuf"
    " hashlib heapq json lwip machine main math micropython neopixel network ntptime onewire"
    " platform random select socket ssl state struct time uctypes vfs websocket".split())


class Linker:
    """Links `texts` (by dotted module name, dependencies first).

    `resident` are the names of code that stays in the core: "module function" and
    "module Class.method". `spare` are names that cost no heap and that no text has.
    """

    def __init__(self, texts: dict[str, str], kept: dict[str, str], resident: set[str],
                 spare: Iterable[str] = ()) -> None:
        self.trees = {name: absolute(name, ast.parse(text)) for name, text in texts.items()}
        self.kept = {name: ast.parse(text) for name, text in kept.items()}
        for name, tree in self.trees.items():
            mark_origins(name, tree)
        # What the functions and classes in a file were: "module Class.method", by their names.
        self.origins: dict[str, dict[str, list[str]]] = {}
        self.resident = set(resident)
        self.scopes = {name: module_scope(tree, texts) for name, tree in self.trees.items()}
        self.scopes |= {name: imported_scope(tree, texts) for name, tree in self.kept.items()}
        self.definitions: dict[tuple[str, str], Definition] = {}
        self.overlays: dict[str, Overlay] = {}
        self.uses: dict[int, set[str]] = {}
        for number, (name, tree) in enumerate(self.trees.items()):
            self._find_definitions(name, tree, f"m{number}")
        self.classes = {key: each for key, each in self.definitions.items()
                        if isinstance(each.statement, ast.ClassDef)}
        self.relations = Relations(self.classes.values(), self._used)
        self._spare = iter(spare)
        self._name_classes()
        self.keywords = {node.arg for tree in (*self.trees.values(), *self.kept.values())
                         for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        self._drop_field_lists()
        # Arguments may be given by a map, too.
        self.keywords |= words_of_strings((*self.trees.values(), *self.kept.values()))
        self._share_private_names()
        self._keep_what_importing_needs()
        self._split_modules()
        self._choose_methods()
        self._name_overlaid()

    def _find_definitions(self, module, tree, overlay) -> None:
        for statement in tree.body:
            for name in bound_by(statement):
                found = Definition(module, name, statement)
                found.spelling = f"{name}_{overlay}"
                is_class = isinstance(statement, ast.ClassDef)
                is_function = isinstance(statement, ast.FunctionDef)
                is_aside = is_function or is_class and name.startswith("_")
                if is_aside and f"{module} {name}" not in self.resident and module != LOADER:
                    found.place = overlay
                self.definitions[module, name] = found

    def _name_classes(self) -> None:
        # A class is told its name as a text, and texts are not shortened.
        for number, found in enumerate(self.classes.values()):
            found.spelling = next(self._spare, f"k{number}")

    def _name_overlaid(self) -> None:
        # Each overlay counts anew: a name on the heap stays there for ever.
        counts = Counter()
        for found in self.definitions.values():
            if found.place != CORE:
                found.spelling = f"f{counts[found.place]}_"
                counts[found.place] += 1

    def _drop_field_lists(self) -> None:
        """Take `_fields` from the classes of which nobody asks it."""
        askers = [(name, node.value) for name, tree in (self.trees | self.kept).items()
                  for node in ast.walk(tree)
                  if isinstance(node, ast.Attribute) and node.attr == "_fields"]
        used = [self._used(name, value) for name, value in askers]
        if all(used):
            for found in self.classes.values():
                if found not in used:
                    found.statement.body = [each for each in found.statement.body
                                            if "_fields" not in bound_by(each)]

    def _share_private_names(self) -> None:
        """Spell the private attributes of unrelated classes alike."""
        public = words_of_strings(self.trees.values())
        for tree in self.kept.values():
            public.update(WORD.findall(ast.unparse(tree)))
        for tree in self.trees.values():
            public.update(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                          and getattr(node.value, "id", None) != "self")
        for family in self.relations.families:
            names = {name for each in family for name in private_attributes(each.statement)}
            spelling = {name: f"_s{number}_"
                        for number, name in enumerate(sorted(names - public))}
            for each in family:
                respell_attributes(each.statement, spelling)
                for name in spelling.keys() & self._residents_of(each):
                    self.resident.add(f"{each.module} {each.name}.{spelling[name]}")

    def _residents_of(self, found) -> set[str]:
        head = f"{found.module} {found.name}."
        return {entry[len(head):] for entry in self.resident if entry.startswith(head)}

    def resolve(self, module: str, name: str):
        """Return the Definition that `name` means in `module`, ("module", dotted), or None."""
        target = self.scopes[module].get(name)
        while target is not None and target[0] == "import":
            _, module, name = target
            target = self.scopes[module].get(name)
        if target is None:
            return None
        return target if target[0] == "module" else self.definitions[module, name]

    def _keep_what_importing_needs(self) -> None:
        """Move into the core what its statements use while it is imported.

        An overlay could not be imported then: it takes names from the core.
        """
        waiting = [(found, evaluated_at_import(found.statement))
                   for found in self.definitions.values() if found.place == CORE]
        run = set()
        while waiting:
            found, nodes = waiting.pop()
            for node in nodes:
                used = self._used(found.module, node)
                if not isinstance(used, Definition):
                    continue
                if used.place != CORE:
                    used.place = CORE
                    waiting.append((used, evaluated_at_import(used.statement)))
                if isinstance(node, ast.Call) and id(used) not in run:
                    run.add(id(used))
                    # An instance that is a constant: it needs its constructor at once.
                    self.resident.add(f"{used.module} {used.name}.__init__")
                    waiting.append((used, run_by_a_call(used.statement)))

    def _used(self, module, node):
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Name):
            return self.resolve(module, node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = self.resolve(module, node.value.id)
            if isinstance(holder, tuple):
                return self.resolve(holder[1], node.attr)
        return None

    def _split_modules(self) -> None:
        """Part what a module puts aside by who uses it."""
        used = self._used_elsewhere()
        for module in self.trees:
            aside = {name: found for (of, name), found in self.definitions.items()
                     if of == module and found.place != CORE}
            bodies = {name: found.statement for name, found in aside.items()}
            entries = {name for of, name in used if of == module}
            for number, names in enumerate(groups(bodies, entries)):
                file = next(self._spare, f"{aside[names[0]].place}_{number}")
                for name in names:
                    aside[name].place = file

    def _used_elsewhere(self) -> set[tuple[str, str]]:
        """Return (module, name) of what is used by more than what its module puts aside."""
        used = set()
        for module, tree in (self.trees | self.kept).items():
            for statement in tree.body:
                is_aside = any(self.definitions[module, name].place != CORE
                               for name in bound_by(statement) if module in self.trees)
                for node in ast.walk(statement):
                    found = self._used(module, node)
                    if isinstance(found, Definition) and not (
                            is_aside and found.module == module):
                        used.add((found.module, found.name))
        return used

    # Classes

    def _choose_methods(self) -> None:
        """Find for each class the methods that are put aside."""
        self.aside: dict[str, set[str]] = {}
        # Names that a class or one of its relatives cannot put aside.
        outside = {each.spelling for name, tree in self.kept.items()
                   for each in classes_derived_from(name, tree, self._used)}
        for family in self.relations.families:
            kept = set(BUILT_IN)
            is_foreign = any(self.relations.bases(each) is None or each.spelling in outside
                             for each in family)
            for each in family:
                for method in methods(each.statement):
                    if (is_foreign or each.place != CORE or not self._may_go(each, method)
                            or each.module == LOADER):
                        kept.add(method.name)
                    elif f"{each.module} {each.name}.{method.name}" in self.resident:
                        kept.add(method.name)
                for statement in each.statement.body:
                    kept.update(bound_by(statement)
                                if isinstance(statement, ast.Assign) else ())
            self._keep_callers_of_super(family, kept)
            for each in family:
                names = {method.name for method in methods(each.statement)} - kept
                self.aside[each.spelling] = names

    def _keep_callers_of_super(self, family, kept) -> None:
        # What stays calls what stays by super(); what is put aside names its function.
        count = -1
        while count != (count := len(kept)):
            for each in family:
                for method in methods(each.statement):
                    if method.name in kept:
                        kept.update(called_by_super(method))

    def _may_go(self, found, method) -> bool:
        is_special = method.name.startswith("__") and method.name != "__init__"
        return not is_special and not method.decorator_list

    # Making the files

    def link(self) -> dict[str, str]:
        """Return the texts of the core and its overlays, by the names of their files."""
        # The first time shows what is used where.
        self._texts()
        move_constants(list(self.definitions.values()), self.uses, self.kept)
        return self._texts()

    def _texts(self) -> dict[str, str]:
        self.overlays.clear()
        self.uses.clear()
        self.factory = Factory()
        core = []
        done = set()
        for found in self.definitions.values():
            if id(found.statement) in done:
                continue
            done.add(id(found.statement))
            if found.place == CORE:
                core += self._core_statement(found)
            else:
                for place in sorted(found.copies) if not found.place else [found.place]:
                    self._add(place, found.module, copy.deepcopy(found.statement))
        for found in self.classes.values():
            if found.place == CORE:
                self._make_class_overlays(found)
        texts = {name: self._kept_text(name, tree) for name, tree in self.kept.items()}
        texts[CORE] = foreign_imports(self.trees.values(), self.trees) + unparse(core)
        self.origins[CORE] = origins_of(core)
        for name, overlay in self.overlays.items():
            if name in texts:
                continue
            head = foreign_imports(self.trees.values(), self.trees, unparse(overlay.body))
            aliases = self._distinguish(overlay)
            if overlay.needed:
                head += f"from {CORE} import {', '.join(aliases)}\n"
            texts[name] = head + unparse(overlay.body)
            self.origins[name] = origins_of(overlay.body)
        return texts

    def _distinguish(self, overlay) -> list[str]:
        """Return what to import; a class whose name a method bears here gets another."""
        bears = {getattr(each, "name", None) for each in overlay.body}
        for statement in overlay.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and node.id in bears \
                        and getattr(node, "is_meant_of_core", False):
                    node.id += "_"
        return [f"{name} as {name}_" if name in bears else name
                for name in sorted(overlay.needed)]

    def _kept_text(self, module, tree) -> str:
        """Return the text of a module that is not linked, its imports from the core."""
        body = []
        place = None
        for statement in tree.body:
            is_ours = isinstance(statement, ast.ImportFrom) and any(
                (alias.asname or alias.name) in self.scopes[module] for alias in statement.names)
            if is_ours:
                place = len(body) if place is None else place
            else:
                body.append(Renamer(self, module, module).visit(copy.deepcopy(statement)))
        needed = self.overlays.pop(module, Overlay()).needed
        if needed:
            names = [ast.alias(name) for name in sorted(needed)]
            body.insert(place, ast.ImportFrom(CORE, names, 0))
        return unparse(body)

    def _core_statement(self, found) -> list[ast.stmt]:
        statement = copy.deepcopy(found.statement)
        if isinstance(statement, ast.ClassDef):
            aside = self.aside[found.spelling]
            statement.body = [each for each in statement.body
                              if getattr(each, "name", None) not in aside]
            statement = Renamer(self, found.module, CORE).visit(statement)
            if self._is_overlaid(found):
                loader = self.definitions[LOADER, "Overlaid"].spelling
                statement.bases.append(ast.Name(loader))
            statement.body = statement.body or [ast.Pass()]
            return self.factory.statements(statement)
        return [Renamer(self, found.module, CORE).visit(statement)]

    def _is_overlaid(self, found) -> bool:
        has_any = any(self.aside[each.spelling] for each in self.relations.family(found))
        return has_any and not self.relations.bases(found)

    def _make_class_overlays(self, found) -> None:
        lineage, owner = self.relations.lineage(found), self.relations.owner
        names = {name for each in lineage for name in self.aside[each.spelling]}
        if any(map(self._is_overlaid, lineage)) and not owner(found, "__init__"):
            self._add(AT + found.spelling, found.module,
                      ast.parse(f"def {CONSTRUCTOR}(self): pass").body[0], True)
        for name in sorted(names - {"__init__"}):
            holder = owner(found, name)
            self.add_method(AT + name, holder, name, holder.spelling)
            if holder is not found:
                alias = f"{found.spelling} = {holder.spelling}"
                self.overlays[AT + name].body.append(ast.parse(alias).body[0])
        if "__init__" in names:
            self.add_method(AT + found.spelling, owner(found, "__init__"), "__init__", CONSTRUCTOR)

    def add_method(self, overlay, owner, name, spelling) -> None:
        """Put the method `name` of `owner` into `overlay` as a function, unless it is there."""
        known = self.overlays.get(overlay, Overlay()).body
        if any(getattr(each, "name", None) == spelling for each in known):
            return
        method = next(each for each in methods(owner.statement) if each.name == name)
        method = copy.deepcopy(method)
        method.name = spelling
        method = SuperCalls(self, owner, overlay).visit(method)
        self._add(overlay, owner.module, method, True)

    def _add(self, overlay, module, statement, is_method=False) -> None:
        made = self.overlays.setdefault(overlay, Overlay())
        made.body.append(Renamer(self, module, overlay, is_method).visit(statement))

    def spelled(self, found: Definition, place: str) -> ast.expr:
        """Return the expression by which code in `place` names `found`."""
        self.uses.setdefault(id(found), set()).add(place)
        if found.place == CORE or found.is_in(place):
            if place != CORE and found.place == CORE:
                self.overlays.setdefault(place, Overlay()).needed.add(found.spelling)
            name = ast.Name(found.spelling, ast.Load())
            name.is_meant_of_core = found.place == CORE
            return name
        load = self.spelled(self.definitions[LOADER, "overlay"], place)
        call = ast.Call(load, [ast.Constant(found.place)], [])
        return ast.Attribute(call, found.spelling, ast.Load())
