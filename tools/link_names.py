"""The names of a node's code on their way into one module: see tools/link_image.py."""

import ast

from tools.link_scopes import CORE, Definition, Overlay, bound_by, local_names, without_docstring


class SuperCalls(ast.NodeTransformer):
    """Makes `super().f(...)` of a method that was put aside a call of that function."""

    def __init__(self, linker, owner, overlay) -> None:
        self.linker, self.class_, self.overlay = linker, owner, overlay

    def visit_Call(self, node):
        self.generic_visit(node)
        target = node.func
        if not isinstance(target, ast.Attribute):
            return node
        holder = None
        if isinstance(target.value, ast.Call) and getattr(target.value.func, "id", "") == "super":
            name = target.attr
            holder = self.linker.relations.owner_above(self.class_, name)
            node.args.insert(0, ast.Name("self", ast.Load()))
        elif isinstance(target.value, ast.Name):
            named = self.linker.resolve(self.class_.module, target.value.id)
            if isinstance(named, Definition) and isinstance(named.statement, ast.ClassDef):
                # A class that is called by its name: `Client.__init__(self)`.
                holder = self.linker.relations.owner(named, target.attr)
        if holder is None:
            return node
        if target.attr in self.linker.aside[holder.spelling]:
            self.linker.add_method(self.overlay, holder, target.attr, holder.spelling)
            node.func = ast.Name("\0" + holder.spelling, ast.Load())
        else:
            node.func = ast.Attribute(ast.Name("\0" + holder.spelling), target.attr, ast.Load())
            self.linker.overlays.setdefault(self.overlay, Overlay()).needed.add(holder.spelling)
        return node


class Renamer(ast.NodeTransformer):
    """Gives names of modules their spellings in the core or in an overlay."""

    def __init__(self, linker, module: str, place: str, is_method=False) -> None:
        self.linker, self.module, self.place = linker, module, place
        self.is_method = is_method
        self.hidden: list[set[str]] = []
        self.depth = 0

    def _found(self, name):
        if any(name in names for names, _ in self.hidden):
            return None
        return self.linker.resolve(self.module, name)

    def visit_Name(self, node):
        if node.id.startswith("\0"):
            return ast.Name(node.id[1:], node.ctx)
        for names, spelling in reversed(self.hidden):
            if node.id in names:
                return ast.Name(spelling.get(node.id, node.id), node.ctx)
        found = self._found(node.id)
        if isinstance(found, Definition):
            if isinstance(node.ctx, ast.Load):
                return self.linker.spelled(found, self.place)
            return ast.Name(found.spelling, node.ctx)
        return node

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name):
            holder = self._found(node.value.id)
            if isinstance(holder, tuple):
                found = self.linker.resolve(holder[1], node.attr)
                if found is None:
                    raise ValueError(f"{holder[1]} has no {node.attr}")
                return self.linker.spelled(found, self.place)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        if self.depth == 0:
            # A method keeps its name, and so does a function made of one.
            found = self._found(node.name)
            if isinstance(found, Definition) and found.statement.name == node.name \
                    and not self.is_method:
                node.name = found.spelling
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        node.body = without_docstring(node.body)
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self.depth += 1
        self.hidden.append((local_names(node), self._respell_arguments(node.args)))
        node.body = [self.visit(each) for each in node.body]
        node.body = [each for each in node.body if each] or [ast.Pass()]
        self.hidden.pop()
        self.depth -= 1
        return node

    def _respell_arguments(self, arguments) -> dict[str, str]:
        """Call the arguments that nobody names by their place."""
        spelling = {}
        if self.module in self.linker.trees:
            for node in ast.walk(arguments):
                if isinstance(node, ast.arg) and node.arg != "self" \
                        and node.arg not in self.linker.keywords:
                    number = sum(len(names) for _, names in self.hidden) + len(spelling)
                    spelling[node.arg] = f"p{number}_"
                    node.arg = spelling[node.arg]
        return spelling

    def visit_Lambda(self, node):
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        self.hidden.append((local_names(node), self._respell_arguments(node.args)))
        node.body = self.visit(node.body)
        self.hidden.pop()
        return node

    def visit_ClassDef(self, node):
        found = self._found(node.name)
        if found:
            node.name = found.spelling
        node.bases = [self.visit(each) for each in node.bases]
        node.body = without_docstring(node.body)
        self.depth += 1
        names = {name for each in node.body for name in bound_by(each)}
        body = []
        for each in node.body:
            if isinstance(each, ast.FunctionDef):
                body.append(self.visit(each))
            else:
                self.hidden.append((names, {}))
                body.append(self.visit(each))
                self.hidden.pop()
        node.body = body or [ast.Pass()]
        self.depth -= 1
        return node

    def visit_Raise(self, node):
        """Leave away what an error in the core says, if it is always the same."""
        if isinstance(node.exc, ast.Call) and self.place == CORE and node.exc.args \
                and all(isinstance(each, ast.Constant) and isinstance(each.value, str)
                        for each in node.exc.args):
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_ImportFrom(self, node):
        """Make a function's own import of ours an assignment."""
        if self.depth == 0 or node.module not in self.linker.trees:
            return node
        targets = [self.linker.resolve(node.module, alias.name) for alias in node.names]
        return [ast.Assign([ast.Name(alias.asname or alias.name, ast.Store())],
                           self.linker.spelled(found, self.place), lineno=0)
                for alias, found in zip(node.names, targets)]
