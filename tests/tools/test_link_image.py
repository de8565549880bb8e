"""Linked code does what its modules did, and holds on the heap what runs often alone."""

import pytest

from tests.tools.linking import Linked
from tools.link_image import CORE

SHAPES = """
class Shape:
    def __init__(self, size=2, name="shape"):
        self.size = size
        self.name = name
    def area(self, factor=1):
        return "area %d" % (self.size * factor)
    def often(self):
        return "often " + self.area()
class Square(Shape):
    def area(self, factor=1):
        return "square " + super().area(factor=self.size * factor)
class Cube(Square):
    pass
"""
USE_SHAPES = """
from shapes import Cube, Shape, Square
print(Shape(3).area(), Square(3).area(factor=2), Cube(size=2).area(), Cube(1).often())
"""


def test_function_goes_into_a_file_and_is_called_from_there(tmp_path):
    linked = Linked(tmp_path, {"a": "def seldom(x):\n    return x + 41\n"},
                    "from a import seldom\nprint(seldom(1))\n")
    assert linked.holder("+ 41") not in (CORE, "main")
    assert linked.run() == ["42"]


def test_resident_function_stays_in_the_core(tmp_path):
    linked = Linked(tmp_path, {"a": "def often(x):\n    return x + 41\n"},
                    "from a import often\nprint(often(1))\n", ["a often"])
    assert linked.holder("+ 41") == CORE
    assert linked.run() == ["42"]


def test_functions_of_one_file_call_each_other_without_the_loader(tmp_path):
    text = "def f(x):\n    return _g(x) * 7\ndef _g(x):\n    return x + 41\n"
    linked = Linked(tmp_path, {"a": text}, "from a import f\nprint(f(-35))\n")
    assert linked.holder("+ 41") == linked.holder("* 7")
    assert "overlay" not in linked.files[linked.holder("* 7")]
    assert linked.run() == ["42"]


def test_methods_and_constructors_are_found_with_all_their_arguments(tmp_path):
    linked = Linked(tmp_path, {"shapes": SHAPES}, USE_SHAPES)
    assert "area %d" not in linked.files[CORE] and "self.size = " not in linked.files[CORE]
    assert linked.run() == ["area 3 square area 18 square area 4 often square area 1"]


def test_method_stays_where_a_relative_of_its_class_needs_it_often(tmp_path):
    linked = Linked(tmp_path, {"shapes": SHAPES}, USE_SHAPES, ["shapes Square.area"])
    assert linked.holder("area %d") == linked.holder("square ") == CORE
    assert linked.run() == ["area 3 square area 18 square area 4 often square area 1"]


def test_method_is_called_by_the_name_of_another_class(tmp_path):
    text = ("class A:\n    def f(self):\n        return 'A'\n"
            "class B(A):\n    def f(self):\n        return 'B' + A.f(self)\n")
    linked = Linked(tmp_path, {"a": text}, "from a import B\nprint(B().f())\n")
    assert linked.run() == ["BA"]


def test_class_of_pythons_keeps_its_methods(tmp_path):
    text = ("class Wrong(Exception):\n    def text(self):\n        return 'wrong'\n"
            "class Worse(Wrong):\n    pass\n")
    main = ("from a import Worse\ntry:\n    raise Worse\n"
            "except Exception as e:\n    print(e.text())\n")
    linked = Linked(tmp_path, {"a": text}, main)
    assert linked.holder("'wrong'") == CORE
    assert linked.run() == ["wrong"]


def test_class_that_a_kept_module_derives_from_keeps_its_methods(tmp_path):
    text = "class Board:\n    def name(self):\n        return 'board'\n"
    main = "from a import Board\nclass Own(Board):\n    pass\nprint(Own().name())\n"
    linked = Linked(tmp_path, {"a": text}, main)
    assert linked.holder("'board'") == CORE
    assert linked.run() == ["board"]


def test_properties_and_special_methods_stay(tmp_path):
    text = ("class A:\n    @property\n    def size(self):\n        return 3\n"
            "    def __len__(self):\n        return 4\n    def seldom(self):\n        return 5\n")
    linked = Linked(tmp_path, {"a": text},
                    "from a import A\na = A()\nprint(a.size, len(a), a.seldom())\n")
    assert "return 5" not in linked.files[CORE]
    assert linked.run() == ["3 4 5"]


def test_what_importing_needs_is_in_the_core(tmp_path):
    text = ("def _double(x):\n    return _more(x) * 2\ndef _more(x):\n    return x + 1\n"
            "SIZE = _double(20)\ndef f(size=_double(1)):\n    return size + SIZE\n")
    linked = Linked(tmp_path, {"a": text}, "from a import f\nprint(f(), f(0))\n")
    assert linked.holder("* 2") == CORE
    assert linked.run() == ["46 42"]


def test_instance_that_is_a_constant_has_its_constructor_at_once(tmp_path):
    text = "class A:\n    def __init__(self, x):\n        self.x = x\nFIRST = A(9)\n"
    linked = Linked(tmp_path, {"a": text}, "from a import FIRST\nprint(FIRST.x)\n")
    assert linked.holder("self.x = ") == CORE
    assert linked.run() == ["9"]


def test_name_of_a_module_that_a_function_has_for_itself_is_its_own(tmp_path):
    text = ("def size():\n    return 1\n"
            "def f(size):\n    return size + 1\n"
            "def g():\n    size = 5\n    return [size + each for each in (7, 8)]\n"
            "def h():\n    return (lambda size: size * 2)(21), size()\n")
    linked = Linked(tmp_path, {"a": text}, "from a import f, g, h\nprint(f(1), g(), h())\n")
    assert linked.run() == ["2 [12, 13] (42, 1)"]


def test_modules_are_used_by_name_and_by_another_name(tmp_path):
    texts = {"box.a": "def f():\n    return 'f'\n",
             "b": "from box import a\nfrom box.a import f as other\n"
                  "def g():\n    return a.f() + other()\n",
             "c": "def h():\n    from box.a import f as late\n    return late()\n"}
    linked = Linked(tmp_path, texts, "from b import g\nfrom c import h\nprint(g(), h())\n")
    assert linked.run() == ["ff f"]


def test_argument_named_as_a_module_is_no_module(tmp_path):
    texts = {"box.a": "def f():\n    return 'module'\n",
             "b": "from box import a\nclass A:\n    def f(self):\n        return 'argument'\n"
                  "def g(a):\n    return a.f()\ndef h():\n    return g(A()) + a.f()\n"}
    linked = Linked(tmp_path, texts, "from b import h\nprint(h())\n")
    assert linked.run() == ["argumentmodule"]


def test_name_that_a_module_lacks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a has no g"):
        Linked(tmp_path, {"a": "", "b": "import a\nfrom box import a\n", "box.a": "",
                          "c": "from box import a\ndef f():\n    return a.g()\n"}, "import c\n")


def test_field_lists_go_unless_somebody_asks_for_them(tmp_path):
    text = "class A:\n    _fields = ('x',)\nclass B:\n    _fields = ('y',)\n"
    asked = text + "def f():\n    return A._fields\n"
    assert "_fields" not in Linked(tmp_path, {"a": text}, "").files[CORE]
    files = Linked(tmp_path, {"a": asked}, "").files
    assert files[CORE].count("_fields") == 1
    anybody = text + "def f(x):\n    return x._fields\n"
    assert Linked(tmp_path, {"a": anybody}, "").files[CORE].count("_fields") == 2


def test_private_names_of_strangers_are_spelled_alike_and_of_relatives_apart(tmp_path):
    text = ("class A:\n    def __init__(self):\n        self._one = 1\n"
            "class B(A):\n    def __init__(self):\n        super().__init__()\n"
            "        self._two = 2\n    def both(self):\n        return self._one, self._two\n"
            "class C:\n    def __init__(self):\n        self._three = 3\n"
            "    def mine(self):\n        return self._three\n")
    linked = Linked(tmp_path, {"a": text}, "from a import B, C\nprint(B().both(), C().mine())\n")
    assert "_three" not in "".join(linked.files.values())
    assert linked.holder("self._s0_ = 3") != CORE
    assert linked.run() == ["(1, 2) 3"]


def test_private_name_that_is_asked_for_by_a_string_stays(tmp_path):
    text = ("class A:\n    def __init__(self):\n        self._x = 1\n"
            "def f(a):\n    return getattr(a, '_x')\n")
    linked = Linked(tmp_path, {"a": text}, "from a import A, f\nprint(f(A()))\n")
    assert linked.run() == ["1"]


def test_what_an_error_says_is_left_out_of_the_core_alone(tmp_path):
    text = ("def often():\n    raise ValueError('in the core')\n"
            "def seldom():\n    raise ValueError('aside')\n")
    linked = Linked(tmp_path, {"a": text}, "from a import often, seldom\n", ["a often"])
    everything = "".join(linked.files.values())
    assert "aside" in everything and "in the core" not in everything


def test_every_function_is_known_by_where_it_was(tmp_path):
    linked = Linked(tmp_path, {"shapes": SHAPES}, USE_SHAPES, ["shapes Shape.often"])
    origins = [each for names in linked.linker.origins.values() for all_ in names.values()
               for each in all_]
    for name in ("Shape", "Shape.__init__", "Shape.area", "Shape.often", "Square.area"):
        assert f"shapes {name}" in origins


def test_constant_is_in_the_files_that_use_it_and_not_in_the_core(tmp_path):
    text = ("NAMES = {'one': (1, 'a longer text')}\nOFTEN = ('in', 'the', 'core')\n"
            "def f():\n    return NAMES['one'][0]\ndef g():\n    return NAMES['one'][1]\n"
            "def often():\n    return OFTEN\ndef seldom():\n    return OFTEN\n")
    main = "from a import f, g, often, seldom\nprint(f(), g(), often() is seldom())\n"
    other = "from a import NAMES\ndef h():\n    return NAMES\n"
    linked = Linked(tmp_path, {"a": text, "b": other},
                    main + "from b import h\nprint(h())\n", ["a often"])
    holders = [name for name, text in linked.files.items() if "a longer text" in text]
    assert len(holders) == 2 and CORE not in holders
    assert linked.holder("'the'") == CORE
    assert linked.run() == ["1 a longer text True", "{'one': (1, 'a longer text')}"]


def test_constant_that_a_call_makes_is_one(tmp_path):
    text = ("class A:\n    pass\nNOTHING = A()\n"
            "def f():\n    return NOTHING\n")
    other = "from a import NOTHING\ndef g(x):\n    return x is NOTHING\n"
    linked = Linked(tmp_path, {"a": text, "b": other},
                    "from a import f\nfrom b import g\nprint(g(f()))\n")
    assert linked.run() == ["True"]


def test_code_larger_than_the_heap_runs_in_it(tmp_path):
    # Twenty functions of 4 KB, each of which calls the next but one, and that one another.
    texts = {f"a{n}": f"from a{n + 2} import f{n + 2}\ndef f{n}(depth):\n"
                      f"    text = '{chr(65 + n) * 4000}'\n"
                      f"    return text[-1] + (f{n + 2}(depth - 1) if depth else '')\n"
             for n in range(20)}
    texts |= {f"a{n}": f"def f{n}(depth):\n    return '.'\n" for n in (20, 21)}
    main = "import gc\ngc.threshold(2048)\n" + "".join(
        f"from a{n} import f{n}\n" for n in range(20)) + "for turn in range(2):\n" + "".join(
        f"    print(f{n}(2), end='')\n" for n in range(20)) + "    print()\n"
    linked = Linked(tmp_path, texts, main)
    letters = [chr(65 + n) for n in range(20)] + [".", "."]
    line = "".join("".join(letters[n:n + 6:2]) for n in range(20))
    assert linked.run(heap="40k") == [line, line]
