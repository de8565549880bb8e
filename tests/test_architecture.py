"""The house rules, each proved on the whole project and on a bad example."""

import pytest

from tests import architecture
from tests.architecture import Source

PYTHON = architecture.python_sources()
TEXTS = architecture.text_sources()


def complaints(rule, sources):
    return [f"{source.path}:{line}: {text}" for source in sources for line, text in rule(source)]


def assert_holds(rule, sources=PYTHON):
    assert not (found := complaints(rule, sources)), "\n" + "\n".join(found)


def assert_refuses(rule, path, *texts):
    for text in texts:
        assert complaints(rule, [Source(path, text)]), f"{text!r} passed in {path}"


def assert_accepts(rule, path, *texts):
    for text in texts:
        assert not complaints(rule, [Source(path, text)]), f"{text!r} was refused in {path}"


def test_every_part_imports_only_what_the_table_of_the_house_allows():
    rule = architecture.forbidden_imports
    assert_holds(rule)
    assert_refuses(rule, "protocol/cbor.py", "import firmware.node", "import time", "import heapq",
                   "from gateway import rows")
    assert_refuses(rule, "firmware/node.py", "from simulator import world", "import asyncio")
    assert_refuses(rule, "gateway/api.py", "from firmware.clock import Clock", "import yaml",
                   "import tests.portable", "import simulator.demo")
    assert_refuses(rule, "simulator/demo.py", "import tests.portable", "import tools.lock")
    assert_accepts(rule, "firmware/objects/device.py", "from ..clock import Clock\nimport struct")


def test_only_the_store_speaks_sql():
    assert_holds(architecture.misplaced_database)
    assert_refuses(architecture.misplaced_database, "gateway/service.py", "import apsw",
                   "def f():\n    import sqlite3")
    assert_accepts(architecture.misplaced_database, "gateway/store_writer.py", "import apsw")


def test_only_adapters_and_boards_touch_the_hardware():
    rule = architecture.misplaced_hardware
    assert_holds(rule)
    assert_refuses(rule, "firmware/runner.py", "import time", "from machine import Pin")
    assert_accepts(rule, "firmware/adapters/clock.py", "import time")
    assert_accepts(rule, "boards/UNIX/main.py", "import socket")


def test_cores_of_the_gateway_do_no_input_or_output():
    rule = architecture.impure_core
    assert_holds(rule)
    assert_refuses(rule, "gateway/sessions.py", "import aiocoap", "import time", "import random")
    assert_refuses(rule, "gateway/commands.py", "import asyncio")


def test_portable_code_imports_no_module_that_micropython_lacks():
    rule = architecture.modules_missing_on_micropython
    assert_holds(rule)
    assert_refuses(rule, "protocol/senml.py", "from typing import Any", "import dataclasses",
                   "try:\n    import enum\nexcept ImportError:\n    pass")


def test_portable_code_keeps_to_the_syntax_of_micropython():
    rule = architecture.syntax_missing_on_micropython
    assert_holds(rule)
    assert_refuses(
        rule, "firmware/clock.py", "match x:\n    case 1:\n        pass", "def f(a, /): pass",
        "x = {**y}", "x = [*y]", "x = (*y, 1)", "class A(metaclass=B): pass",
        "try:\n    f()\nexcept* OSError:\n    pass", "async def f(): pass")
    assert_accepts(rule, "firmware/clock.py", "f(*x, **y)", "a, *b = c", "def f(*, a): pass")


def test_portable_code_uses_no_name_that_micropython_lacks():
    rule = architecture.names_missing_on_micropython
    assert_holds(rule)
    assert_refuses(rule, "protocol/text.py", "x.removeprefix('a')", "(5).bit_length()",
                   "h.hexdigest()", "try:\n    f()\nexcept TimeoutError:\n    pass", "format(1)")
    assert_accepts(rule, "protocol/text.py", "'%d'.format(1)", "x.startswith('a')")


def test_portable_code_passes_no_argument_that_micropython_refuses():
    rule = architecture.arguments_missing_on_micropython
    assert_holds(rule)
    assert_refuses(rule, "protocol/tlv.py", "n.to_bytes(2, byteorder='big')",
                   "zip(a, strict=True)", "int.from_bytes(b, 'big', signed=True)",
                   "json.dumps(x, sort_keys=True)")
    assert_accepts(rule, "protocol/tlv.py", "n.to_bytes(2, 'big')")


def test_portable_code_computes_with_integers():
    assert_holds(architecture.floats)
    assert_refuses(architecture.floats, "firmware/sun.py", "x = 0.5", "x = a / b", "x /= 2")
    assert_accepts(architecture.floats, "firmware/sun.py", "x = a // b", "x = 5")


def test_portable_modules_hold_no_state():
    rule = architecture.module_state
    assert_holds(rule)
    assert_refuses(
        rule, "firmware/node.py", "seen = []", "SEEN = []", "QUEUE = deque()",
        "class Node:\n    peers = {}\n    def f(self):\n        self.peers[1] = 2",
        "def f():\n    global x\n    x = 1", "CODES = {1: 2}\ndef f():\n    CODES[3] = 4",
        "CODES = {1: 2}\ndef f():\n    CODES.update(x)")
    assert_accepts(rule, "firmware/node.py", "CODES = {1: 2}", "NAMES = ('a', 'b')")


def test_files_have_at_most_400_lines():
    assert_holds(architecture.long_files)
    assert_refuses(architecture.long_files, "gateway/store.py", "x = 1\n" * 401)


def test_functions_have_at_most_60_lines():
    assert_holds(architecture.long_functions)
    long_function = "def f():\n" + "    x = 1\n" * 60
    assert_refuses(architecture.long_functions, "gateway/api.py", long_function)


def test_file_names_say_what_is_inside():
    assert_holds(architecture.banned_file_names)
    for path in ("gateway/utils.py", "firmware/device_manager.py", "protocol/base.py"):
        assert_refuses(architecture.banned_file_names, path, "")


def test_no_handler_hides_a_bug():
    rule = architecture.swallowed_errors
    assert_holds(rule)
    assert_refuses(rule, "gateway/api.py", "try:\n    f()\nexcept:\n    log()",
                   "try:\n    f()\nexcept Exception:\n    pass")
    assert_refuses(rule, "protocol/cbor.py", "try:\n    f()\nexcept Exception:\n    count()")
    assert_accepts(rule, "gateway/api.py", "try:\n    f()\nexcept Exception:\n    count()")


def test_nothing_is_left_unfinished_in_a_comment():
    assert_holds(architecture.leftovers, TEXTS)
    assert_refuses(architecture.leftovers, "docs/a.md", "TO" + "DO: later", "# FIX" + "ME")


def test_project_names_no_place_on_a_developers_machine():
    assert_holds(architecture.developer_paths, TEXTS)
    assert_refuses(architecture.developer_paths, "Makefile", "cd /wo" + "rk/main", "/ro" + "ot/x")


def test_every_module_says_what_it_is():
    assert_holds(architecture.undocumented_modules)
    assert_refuses(architecture.undocumented_modules, "gateway/api.py", "import os")


def test_portable_tests_need_nothing_but_the_portable_library():
    rule = architecture.unportable_tests
    assert_holds(rule)
    assert_refuses(rule, "tests/protocol/test_cbor.py", "import pytest", "import cbor2",
                   "def test_a(tmp_path): pass", "@mark\ndef test_a(): pass")
    assert_accepts(rule, "tests/protocol/host_test_cbor.py", "import pytest")


@pytest.mark.parametrize("folder", ["protocol", "firmware", "gateway", "simulator"])
def test_sources_of_each_part_were_found(folder):
    assert any(source.folder == folder for source in PYTHON)
