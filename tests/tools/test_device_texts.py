"""What is done to a node's sources before they are compiled changes no behaviour."""

import ast

from tools.inline_constants import inline
from tools.shorten_names import kinds_of_names, shorten

NUMBERS = """
'''Codes.'''
LEFT, RIGHT = range(2)
SIZE = 1 << 10
LIMIT = SIZE * 2  # of both
TEXT = "a longer text"
USED_IN_TEXT = 5
TABLE = (LEFT, LIMIT)
"""
USER = """
from codes import (
    LIMIT,
    TABLE,
)
import codes as unused
from box import codes as c

def f():
    return c.SIZE + LIMIT, f"{c.USED_IN_TEXT}", TABLE
"""


def test_constant_stands_where_it_was_used():
    texts = inline({"codes": "X = 5\nY = -X", "user": "from codes import X, Y\nz = X + 2 * Y\n"})
    assert texts == {"codes": "pass\npass\n", "user": "pass\nz = (5) + 2 * (-5)\n"}


def test_short_text_stands_where_it_was_used():
    texts = inline({"codes": "FULL, REFUSED = 'full', 'it\\'s'\n",
                    "user": "from codes import REFUSED\nz = REFUSED + 'x'\n"})
    assert texts == {"codes": "pass\n", "user": "pass\nz = (\"it's\") + 'x'\n"}


def test_constant_of_a_module_stands_where_it_was_used():
    texts = inline({"box.codes": "X = 1\n", "user": "from box import codes as c\nz = c.X, c.Y\n"})
    assert texts["user"] == "from box import codes as c\nz = (1), c.Y\n"


def test_constant_that_something_may_still_ask_for_stays():
    texts = inline({"codes": "X = 1\nY = 2\n", "user": "import other\nz = other.X\n"})
    assert texts["codes"] == "X = 1\npass\n"
    assert inline({"a": 'X = 1\nz = f"{X}"\n'})["a"] == 'X = 1\nz = f"{X}"\n'


def test_name_that_is_bound_twice_or_is_neither_number_nor_short_text_is_no_constant():
    text = 'X = 1\nX = 2\nY = True\nZ = "a longer text"\nprint(X, Y, Z)\n'
    assert inline({"a": text})["a"] == text


def test_constants_keep_the_lines_of_the_rest():
    texts = inline({"codes": NUMBERS, "box.codes": NUMBERS, "user": USER})
    assert texts["user"].count("\n") == USER.count("\n")
    assert '    return (1024) + (2048), f"{c.USED_IN_TEXT}", TABLE' in texts["user"]
    scope = {}
    exec(texts["codes"], scope)
    assert scope["TABLE"] == (0, 2048)


def test_names_are_shortened_alike_in_all_modules():
    texts = shorten({"a": "def measure(level): return level\n",
                     "b": "from a import measure\nmeasure(level=1)\n"}, [])
    scope = {}
    exec(texts["a"], scope)
    assert "measure" not in scope and "level" not in texts["b"]
    (name,) = [name for name in scope if not name.startswith("__")]
    assert f"from a import {name}\n{name}(" in texts["b"]


def test_names_that_may_be_spoken_of_stay():
    text = ("class Board:\n"
            "    def read_lux(self, distance): return getattr(self, 'read_lux')\n"
            "    def append(self): self.store = 1\n"
            "    def describe(self, name): return f'{self.describe(name)}'\n")
    short = shorten({"a": text}, ["board.store"])["a"]
    assert "distance" not in short and "Board" not in short
    for name in ("read_lux", "append", "store", "describe", "name"):
        assert name in short


def test_attribute_may_be_called_like_a_variable_and_costs_no_name_more():
    text = ("def measure(): return Meter().level\n"
            "class Meter:\n    def __init__(self): self.level = 7\n")
    short = shorten({"a": text}, [])["a"]
    scope = {}
    exec(short, scope)
    functions = [value for name, value in scope.items() if callable(value)]
    (measure,) = [each for each in functions if not isinstance(each, type)]
    assert measure() == 7
    (level,) = vars([each for each in functions if isinstance(each, type)][0]())
    assert level in {"a", *scope}


def test_name_that_a_class_statement_looks_up_is_not_that_of_its_method():
    text = ("def size(): return 3\n"
            "class Box:\n    def hold(self): return 'method'\n"
            "    def f(self, count=size()): return count\n    fixed = size()\n")
    attributes, variables = kinds_of_names([ast.parse(text)])
    assert {"size", "count", "Box"} <= variables and "size" in attributes
    assert {"hold", "f"} <= attributes - variables


def test_private_names_of_two_modules_share_spellings():
    text = "def _first(): return 1\ndef _second(): return _first()\nresult_is = _second()\n"
    texts = shorten({"a": text, "b": text}, ["result_is"])
    assert texts["a"] == texts["b"] and "_first" not in texts["a"]
    scope = {}
    exec(texts["a"], scope)
    assert scope["result_is"] == 1
