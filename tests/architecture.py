"""The house rules that a program can check, as functions from a source to its complaints."""

import ast
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON_FOLDERS = ("protocol", "firmware", "boards", "gateway", "simulator", "tools", "tests")
TEXT_PATTERNS = ("*.py", "*.toml", "*.sql", "*.service", "*.md", "Makefile", ".ci/*", "*.json")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BANNED_FILE_NAMES = ("manager", "helper", "helpers", "util", "utils", "common", "base")

OURS = frozenset(PYTHON_FOLDERS)
HARDWARE = frozenset(("cryptolib", "machine", "network", "socket", "time"))
PURE = frozenset(("binascii", "hashlib", "json", "struct"))
# What an adapter or a board's main.py may name besides: all of it is on every MicroPython.
DEVICE = PURE | HARDWARE | frozenset(
    ("errno", "esp32", "gc", "micropython", "os", "select", "sys"))
HOST = frozenset(sys.stdlib_module_names)
GATEWAY_PACKAGES = frozenset(
    ("aiocoap", "aiohttp", "apsw", "cbor2", "click", "cryptography", "msgspec", "paho", "rich"))

# Generated for people's eyes, and in no node's image.
HOST_ONLY = frozenset(("protocol/object_names.py",))

# Cores of the gateway: no transport, no database, no clock, no randomness.
GATEWAY_CORES = frozenset(("sessions", "readings", "commands", "ledger", "range_set"))
OUTSIDE = frozenset(("aiocoap", "aiohttp", "apsw", "asyncio", "os", "paho", "random", "secrets",
                     "socket", "threading", "time"))

MISSING_MODULES = frozenset((
    "__future__", "abc", "contextlib", "contextvars", "dataclasses", "datetime", "enum",
    "functools", "logging", "pathlib", "threading", "traceback", "typing", "weakref"))
MISSING_METHODS = frozenset((
    "as_integer_ratio", "bit_count", "bit_length", "capitalize", "cast", "casefold", "expandtabs",
    "format_map", "hexdigest", "is_integer", "isalnum", "isascii", "isdecimal", "isidentifier",
    "isnumeric", "isprintable", "istitle", "ljust", "maketrans", "removeprefix", "removesuffix",
    "rjust", "swapcase", "title", "tobytes", "tolist", "translate", "zfill"))
MISSING_NAMES = frozenset((
    "BaseExceptionGroup", "BlockingIOError", "BrokenPipeError", "ConnectionAbortedError",
    "ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "ExceptionGroup",
    "FileExistsError", "FileNotFoundError", "InterruptedError", "IsADirectoryError",
    "ModuleNotFoundError", "NotADirectoryError", "PermissionError", "ProcessLookupError",
    "RecursionError", "TimeoutError", "UnicodeDecodeError", "UnicodeEncodeError", "Warning",
    "aiter", "anext", "ascii", "breakpoint", "format", "vars"))
MUTABLE_MAKERS = frozenset(("bytearray", "defaultdict", "deque", "dict", "list", "set"))
MUTATORS = frozenset(("add", "append", "clear", "extend", "insert", "pop", "popitem", "remove",
                      "reverse", "setdefault", "sort", "update"))


@dataclass(frozen=True)
class Source:
    """One file of the project: `path` relative to the root, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def folder(self) -> str:
        return self.path.split("/")[0]

    @property
    def stem(self) -> str:
        return Path(self.path).stem

    @property
    def is_portable(self) -> bool:
        return self.folder in ("protocol", "firmware", "boards") and self.path not in HOST_ONLY

    def is_under(self, folder: str) -> bool:
        return self.path.startswith(folder + "/")

    def nodes(self, *kinds):
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def imports(self):
        """Give (line, dotted module name) of every import, relative ones as absolute."""
        for node in self.nodes(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            else:
                package = self.path.split("/")[:-1][:len(self.path.split("/")) - node.level]
                prefix = ".".join(package) + "." if node.level else ""
                yield node.lineno, prefix + (node.module or "")


def python_sources() -> list[Source]:
    paths = [path for folder in PYTHON_FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return [read(path) for path in sorted(paths) if "releases" not in path.parts]


def text_sources() -> list[Source]:
    """All that people read or write: the Python sources, documents, settings, scripts."""
    paths = {path for pattern in TEXT_PATTERNS for path in ROOT.glob(pattern)}
    for folder in (*PYTHON_FOLDERS, "docs"):
        for pattern in TEXT_PATTERNS:
            paths.update((ROOT / folder).rglob(pattern))
    return [read(path) for path in sorted(paths) if path.is_file()]


def read(path: Path) -> Source:
    return Source(path.relative_to(ROOT).as_posix(), path.read_text())


def allowed_imports(source: Source) -> frozenset:
    """Return the top-level modules that `source` may import, by the table of docs/internals.md."""
    if source.folder == "protocol":
        return PURE | {"protocol"}
    if source.is_under("firmware/adapters"):
        # A node that is a process says goodbye on SIGTERM, where its Python has signals.
        # On CPython it has no cryptolib. It locks its folder by the one or by the other.
        return DEVICE | {"protocol", "firmware", "signal", "cryptography", "fcntl", "ffi"}
    if source.folder == "firmware":
        return PURE | {"protocol", "firmware"}
    if source.folder == "boards":
        return DEVICE | {"protocol", "firmware", "boards"}
    if source.folder == "gateway":
        return HOST | GATEWAY_PACKAGES | {"protocol", "gateway"}
    return HOST | GATEWAY_PACKAGES | (OURS - {"tools", "tests"})


def forbidden_imports(source):
    allowed = allowed_imports(source)
    if source.folder in ("tools", "tests"):
        return
    for line, name in source.imports():
        if name.split(".")[0] not in allowed:
            yield line, f"{source.folder} may not import {name}"


def misplaced_database(source):
    # The city's consumer is a program of its own, with a database of its own.
    is_place = source.stem.startswith(("store", "city"))
    if source.folder == "gateway" and not is_place:
        yield from named_imports(source, {"apsw", "sqlite3"}, "only gateway/store*.py speaks SQL")


def misplaced_hardware(source):
    is_place = source.is_under("firmware/adapters") or source.folder == "boards"
    if source.is_portable and not is_place:
        yield from named_imports(source, HARDWARE, "only firmware/adapters touches the hardware")


def impure_core(source):
    if source.folder == "gateway" and source.stem in GATEWAY_CORES:
        yield from named_imports(source, OUTSIDE, "a core does no I/O and is told the time")


def named_imports(source, names, reason):
    for line, name in source.imports():
        if name.split(".")[0] in names:
            yield line, f"imports {name}: {reason}"


def modules_missing_on_micropython(source):
    if source.is_portable:
        yield from named_imports(source, MISSING_MODULES, "MicroPython has none")


def syntax_missing_on_micropython(source):
    """Complain about what the compiler of MicroPython 1.24 refuses, or silently does otherwise."""
    if not source.is_portable:
        return
    for node in ast.walk(source.tree):
        for complaint in missing_syntax(node):
            yield getattr(node, "lineno", 1), complaint


def missing_syntax(node):
    if isinstance(node, (ast.Match, ast.TryStar)):
        yield f"MicroPython has no {'match' if isinstance(node, ast.Match) else 'except*'}"
    elif isinstance(node, ast.arguments) and node.posonlyargs:
        yield "MicroPython has no positional-only arguments"
    elif isinstance(node, ast.Dict) and None in node.keys:
        yield "MicroPython has no {**mapping}"
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and is_unpacking(node):
        yield "MicroPython has no [*items]"
    elif isinstance(node, ast.ClassDef) and (node.keywords or node.decorator_list):
        yield "MicroPython has no class keywords, and its classes no decorators of the library"
    elif isinstance(node, (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)):
        yield "the node has no asyncio"


def is_unpacking(display) -> bool:
    is_target = isinstance(getattr(display, "ctx", None), ast.Store)
    return not is_target and any(isinstance(item, ast.Starred) for item in display.elts)


def names_missing_on_micropython(source):
    if not source.is_portable:
        return
    for node in source.nodes(ast.Attribute):
        if node.attr in MISSING_METHODS:
            yield node.lineno, f"MicroPython has no .{node.attr}"
    for node in source.nodes(ast.Name):
        if node.id in MISSING_NAMES:
            yield node.lineno, f"MicroPython has no {node.id}"


def arguments_missing_on_micropython(source):
    absent = {"to_bytes": ("length", "byteorder", "signed"), "from_bytes": ("byteorder", "signed"),
              "sum": ("start",), "zip": ("strict",), "dumps": ("sort_keys",)}
    if not source.is_portable:
        return
    for node in source.nodes(ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for keyword in node.keywords:
            if keyword.arg in absent.get(name, ()):
                yield node.lineno, f"MicroPython's {name} takes no {keyword.arg}="


def floats(source):
    """Complain about floats on the node: an ESP32's have 24 bits of mantissa."""
    if not source.is_portable:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"float {node.value}: use an integer with a named scale"
        elif isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            yield node.lineno, "/ makes a float: use //"


def module_state(source):
    """Complain about state outside of objects; a dict literal that nobody changes is a table."""
    if not source.is_portable:
        return
    for node in source.nodes(ast.Global):
        yield node.lineno, "global: all state hangs on self"
    tables = set()
    for scope in source.nodes(ast.Module, ast.ClassDef):
        for node in scope.body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_mutable(node.value):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = getattr(target, "id", "?")
                if isinstance(node.value, ast.Dict):
                    tables.add(name)
                else:
                    yield node.lineno, f"{name} is mutable and belongs to the module"
    for line, name in mutations(source):
        if name in tables:
            yield line, f"{name} belongs to the module and is changed"


def is_mutable(value) -> bool:
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", getattr(value.func, "attr", "")) in MUTABLE_MAKERS
    kinds = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    return isinstance(value, kinds)


def mutations(source):
    for node in source.nodes(ast.Subscript):
        if not isinstance(node.ctx, ast.Load):
            yield node.lineno, getattr(node.value, "id", getattr(node.value, "attr", ""))
    for node in source.nodes(ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            owner = node.func.value
            yield node.lineno, getattr(owner, "id", getattr(owner, "attr", ""))


def long_files(source):
    count = len(source.text.splitlines())
    if count > FILE_LINES_MAX:
        yield count, f"{count} lines; at most {FILE_LINES_MAX}"


def long_functions(source):
    for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        count = node.end_lineno - node.lineno + 1
        if count > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {count} lines; at most {FUNCTION_LINES_MAX}"


def banned_file_names(source):
    words = source.stem.split("_")
    if any(word in BANNED_FILE_NAMES for word in words):
        yield 1, "the name says nothing of what is inside"


def swallowed_errors(source):
    """Complain about handlers that hide bugs: bare ones, and broad ones that do nothing."""
    for node in source.nodes(ast.ExceptHandler):
        broad = getattr(node.type, "id", "") in ("Exception", "BaseException")
        if node.type is None:
            yield node.lineno, "bare except"
        elif broad and source.folder == "protocol":
            yield node.lineno, "a parser names the errors that it expects"
        elif broad and all(isinstance(part, (ast.Pass, ast.Continue)) for part in node.body):
            yield node.lineno, "an outermost loop logs and counts what it catches"


def leftovers(source):
    # Written in two parts, so that this file does not complain about itself.
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", line):
            yield number, "an unfinished matter"


def developer_paths(source):
    places = ("/wo" "rk/", "/ro" "ot/", "../sha" "red", "/tmp/fau" "bourg", ".lib" "rary/")
    for number, line in enumerate(source.text.splitlines(), 1):
        for place in places:
            if place in line:
                yield number, f"names {place}: the project stands alone"


def undocumented_modules(source):
    if source.folder != "tests" and source.text.strip() and not ast.get_docstring(source.tree):
        yield 1, "no sentence that says what the module is"


def unportable_tests(source):
    """Complain about a portable test file that needs pytest, a fixture or another library."""
    is_portable = source.is_under("tests/protocol") or source.is_under("tests/firmware")
    if not is_portable or not source.stem.startswith("test_"):
        return
    allowed = DEVICE | {"protocol", "firmware", "boards", "simulator"}
    for line, name in source.imports():
        is_ours = name == "tests.portable" or re.match(r"tests\.(protocol|firmware)\.", name)
        if not is_ours and name.split(".")[0] not in allowed:
            yield line, f"imports {name}"
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            if node.args.args or node.decorator_list:
                yield node.lineno, f"{node.name} needs pytest"
