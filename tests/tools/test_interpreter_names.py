"""Names that cost a node no heap, because the interpreter has them."""

import subprocess
from pathlib import Path

from tests import debian
from tools import interpreter_names
from tools.shorten_names import MEANT, shorten, spare_names

# Of another release than the one that the list was made with, a few may be missing.
KNOWN_PERCENT_MIN = 95


def test_interpreter_has_the_names_of_the_list():
    debian.program("micropython-i386")
    listed = interpreter_names.listed()
    known = interpreter_names.known(listed)
    assert len(known) * 100 >= KNOWN_PERCENT_MIN * len(listed), set(listed) - set(known)


def test_new_word_is_not_known_and_a_builtin_is():
    debian.program("micropython-i386")
    words = ["append", "no_name_at_all", "sleep_ms", "nor_is_this"]
    assert interpreter_names.known(words) == ["append", "sleep_ms"]


def test_spare_name_means_nothing_to_the_code_or_to_python():
    spare = spare_names(["def acos(): return asin", "'atan2'"])
    assert "cosh" in spare
    assert not {"acos", "asin", "atan2", "abs", "print", "while", "value", "machine"} & set(spare)
    assert not MEANT & set(spare)


def test_spare_name_is_no_module_of_the_interpreter():
    program = "import sys\nfor name in sys.argv[1:]:\n" \
              "    try:\n        __import__(name)\n        print(name)\n" \
              "    except ImportError:\n        pass\n"
    done = subprocess.run([debian.program("micropython-i386"), "-c", program, *spare_names([])],
                          cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_names_are_respelled_as_names_that_cost_nothing():
    text = "def measure(level): return level\nmeasured = measure(level=1)\n"
    short = shorten({"a": text}, [])["a"]
    scope = {}
    exec(short, scope)
    names = {name for name in scope if not name.startswith("__")}
    assert len(names) == 2 and names <= set(interpreter_names.listed())


def test_short_names_follow_when_no_more_cost_nothing():
    count = len(interpreter_names.listed()) + 10
    text = "".join(f"def name_{number}(): return {number}\n" for number in range(count))
    short = shorten({"a": text}, [])["a"]
    scope = {}
    exec(short, scope)
    values = sorted(value() for name, value in scope.items() if not name.startswith("__"))
    assert values == list(range(count)) and "name_" not in short
