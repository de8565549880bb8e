"""How classes are related, for the linker."""

import ast

from tools.link_classes import Relations, classes_derived_from
from tools.link_scopes import Definition

TEXT = """
class A:
    def f(self): pass
    def g(self): pass
class B(A):
    def f(self): pass
class C(B): pass
class D:
    def f(self): pass
class E(D, Exception): pass
class F(A, D): pass
class G: pass
"""


def related(text=TEXT):
    """Return the Relations of the classes in `text`, and these by name."""
    found = {each.name: Definition("a", each.name, each) for each in ast.parse(text).body}

    def used(module, node):
        return found.get(node.id)

    return Relations(found.values(), used), found


def names(classes):
    return [each.name for each in classes]


def test_lineage_is_the_order_in_which_methods_are_looked_for():
    relations, found = related()
    assert names(relations.lineage(found["C"])) == ["C", "B", "A"]
    assert names(relations.lineage(found["F"])) == ["F", "A", "D"]


def test_class_with_a_foreign_base_has_no_bases():
    relations, found = related()
    assert relations.bases(found["E"]) is None
    assert relations.bases(found["A"]) == []
    assert names(relations.lineage(found["E"])) == ["E"]


def test_owner_of_a_method_is_the_nearest_that_defines_it():
    relations, found = related()
    assert relations.owner(found["C"], "f").name == "B"
    assert relations.owner(found["C"], "g").name == "A"
    assert relations.owner(found["C"], "h") is None
    assert relations.owner_above(found["B"], "f").name == "A"


def test_family_is_all_that_is_related_by_anybody():
    relations, found = related()
    assert sorted(names(relations.family(found["C"]))) == ["A", "B", "C", "D", "F"]
    assert names(relations.family(found["G"])) == ["G"]
    assert sum(len(family) for family in relations.families) == len(found)


def test_classes_that_a_module_derives_from():
    _, found = related()
    tree = ast.parse("class X(B): pass\nclass Y(Foreign): pass\nclass Z: pass\n")
    derived = classes_derived_from("main", tree, lambda module, node: found.get(node.id))
    assert names(derived) == ["B"]
