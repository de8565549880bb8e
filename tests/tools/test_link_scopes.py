"""Questions to the trees of modules: what they define, use and import."""

import ast

from tools import link_scopes

NUMBERS = """
import struct
from errno import ENOENT
from a import f as g
from box import a
X, (Y, Z) = 1, (2, 3)
def h(first, *rest, last=X, **named): pass
class C(a.Base):
    SIZE = g(X)
    def method(self, size=Y): return hidden
"""


def first(text):
    return ast.parse(text).body[0]


def test_names_that_a_statement_binds():
    bound = [name for statement in ast.parse(NUMBERS).body
             for name in link_scopes.bound_by(statement)]
    assert bound == ["X", "Y", "Z", "h", "C"]


def test_scope_says_of_each_name_where_it_is_from():
    scope = link_scopes.module_scope(ast.parse(NUMBERS), {"a", "box.a"})
    assert scope == {"g": ("import", "a", "f"), "a": ("module", "box.a"), "X": ("own", "X"),
                     "Y": ("own", "Y"), "Z": ("own", "Z"), "h": ("own", "h"), "C": ("own", "C")}


def test_own_names_of_a_function_are_its_arguments_and_all_that_it_binds():
    function = first(
        "def f(a, *b, c=1, **d):\n    import e.g\n    from x import y as z\n"
        "    for i, j in k: pass\n"
        "    with m as n: pass\n    try: pass\n    except E as o: pass\n    def p(): q = 1\n"
        "    r = [s for s in t]\n")
    assert link_scopes.local_names(function) == set("abcdijnopqrs") | {"e.g", "z"}


def test_importing_evaluates_defaults_bases_and_statements_and_no_bodies():
    used = {node.id for statement in ast.parse(NUMBERS).body
            for node in link_scopes.evaluated_at_import(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert used == {"X", "Y", "a", "g"}
    late = first("f = lambda x: hidden(x)")
    assert "hidden" not in {getattr(node, "id", "") for node in
                            link_scopes.evaluated_at_import(late)}


def test_call_runs_a_function_or_a_constructor():
    text = "class A:\n    def __init__(self): made()\n    def f(self): seldom()\n"
    names = {getattr(node, "id", "") for node in link_scopes.run_by_a_call(first(text))}
    assert "made" in names and "seldom" not in names


def test_words_of_strings_pass_over_docstrings():
    tree = ast.parse("'''About things.'''\nx = 'read_lux, write'\nf'{y} spoken'\n")
    assert {"read_lux", "write", "spoken"} <= link_scopes.words_of_strings([tree])
    assert "things" not in link_scopes.words_of_strings([tree])


def test_foreign_imports_are_those_that_a_text_needs():
    trees = [ast.parse(NUMBERS), ast.parse("import gc\nfrom a import b\n")]
    ours = {"a": "", "box.a": ""}
    assert link_scopes.foreign_imports(trees, ours) \
        == "from errno import ENOENT\nimport gc\nimport struct\n"
    assert link_scopes.foreign_imports(trees, ours, "gc.collect()") == "import gc\n"


def test_relative_imports_are_spelled_out():
    tree = link_scopes.absolute("box.inner.a", ast.parse("from . import b\nfrom ..c import d\n"))
    assert ast.unparse(tree) == "from box.inner import b\nfrom box.c import d"


def test_private_attributes_are_respelled_where_they_are_ours():
    statement = first("class A:\n    _x = 1\n    def _f(self):\n"
                      "        return self._x, other._x\n")
    assert set(link_scopes.private_attributes(statement)) == {"_f", "_x"}
    link_scopes.respell_attributes(statement, {"_x": "s0", "_f": "s1"})
    assert ast.unparse(statement) == (
        "class A:\n    s0 = 1\n\n    def s1(self):\n        return (self.s0, other._x)")


def test_every_function_and_class_is_marked_with_where_it_is():
    tree = ast.parse("class A:\n    def f(self):\n        def g(): pass\ndef g(): pass\n")
    link_scopes.mark_origins("box.a", tree)
    assert link_scopes.origins_of(tree.body) == {
        "A": ["box.a A"], "f": ["box.a A.f"], "g": ["box.a A.f.g", "box.a g"]}
