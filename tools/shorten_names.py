"""Give the names of a node's code other spellings, before its modules are compiled.

MicroPython keeps every name of imported code on the heap, if it has not got it in read-only
memory: functions, classes, arguments and attributes took a fifth of a node's heap. `shorten`
respells them, everywhere alike: as names that every MicroPython has and the code does not use
(tools/interpreter_names.txt), then as short ones. Whatever may be spoken of from outside keeps its
name: what a string, an f-string or a file that is not shortened mentions, and all that Python, its
types and the modules of the device call so. Tracebacks keep files and lines.
"""

import ast
import binascii
import builtins
import collections
import errno
import gc
import hashlib
import io
import itertools
import json
import keyword
import re
import socket
import string
import struct
import sys
import time
import tokenize
from dataclasses import dataclass

from tools import interpreter_names

# Their attributes keep their names; MicroPython's own ones occur in adapters only.
FOREIGN = (builtins, binascii, errno, gc, hashlib, json, socket, struct, sys, time,
           bytearray, bytes, collections.deque, dict, float, int, list, memoryview, set, str,
           tuple, Exception, OSError, io.StringIO, hashlib.sha256())
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
AT = "@"
# Modules that every MicroPython has: no file may be called so.
BUILT_IN = {"gc", "io", "os", "re", "sys", "usb", "esp", "aes", "ssl", "tls"}
# What a file, a class or an error of ours must not be called, for MicroPython finds a meaning in
# it: its modules (urandom is random), what its compiler looks for, and what an exception has.
MEANT = frozenset(
    "args array asyncio binascii bluetooth boot btree builtins bytecode cmath collections"
    " const core cryptolib deflate dht ds18x20 errno esp esp32 espnow ffi framebuf"
    " function gc hashlib heapq io jni json lwip machine main math micropython mip module"
    " mpy native neopixel network ntptime onewire os platform ptr ptr16 ptr32 ptr8 random"
    " re requests select socket ssl state struct sys termios time tls uasyncio uctypes uint"
    " unittest urandom usys value vfs viper websocket".split())


def spare_names(texts) -> list[str]:
    """Return the names that cost no heap and that no one of `texts` has, the shortest first."""
    used = {word for text in texts for word in WORD.findall(text)}
    used |= MEANT.union(keyword.kwlist, keyword.softkwlist, dir(builtins))
    return [word for word in interpreter_names.listed() if word not in used]


def shorten(sources: dict[str, str], kept: list[str]) -> dict[str, str]:
    """Return `sources` (by dotted module name) with names that take less.

    What stands behind a `@` in the name of a module is a name of the code: it is respelled, too.
    `kept` are the texts of the other files that the same node runs.
    """
    spelling = find_spellings(sources, kept)
    return {spelling.of_file(name): respelled(text, spelling.in_module(name))
            for name, text in sources.items()}


@dataclass(frozen=True, slots=True)
class Spellings:
    """The new spelling of names: `shared` of all modules, `private` of each."""

    shared: dict[str, str]
    private: dict[str, dict[str, str]]

    def of_file(self, name: str) -> str:
        return AT.join(self.shared.get(part, part) for part in name.split(AT))

    def in_module(self, name: str) -> dict[str, str]:
        return self.shared | self.private[name]


def find_spellings(sources: dict[str, str], kept: list[str]) -> Spellings:
    """Return how `shorten` respells the names of `sources`."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    fixed = fixed_names(sources, trees, kept)
    known = named_elsewhere(trees)
    private = {name: private_names(tree, known) - fixed for name, tree in trees.items()}
    shared = {word for tree in trees.values() for word in defined_names(tree)}
    # A method that was put aside is defined by the name of its file alone.
    shared |= {word for name in sources for word in name.split(AT)[1:]}
    shared -= fixed.union(*private.values())
    uses = collections.Counter(word for text in sources.values() for word in WORD.findall(text))
    short = (word for word in spellings() if word not in uses and word not in fixed)
    spare = spare_names([*sources.values(), *kept, *sources])
    fresh = itertools.chain(spare, (word for word in short if word not in spare))
    # Names that only their module knows are respelled alike in every module.
    common = list(itertools.islice(fresh, max(map(len, private.values()), default=0)))
    ranked = sorted(shared, key=lambda word: (-uses[word], word))
    attributes, variables = kinds_of_names(trees.values())
    files = {part for name in sources for part in name.split(AT)[1:]}
    borrowers = [word for word in ranked if word in attributes - variables - files]
    owners = [word for word in ranked if word not in borrowers]
    spelling = dict(zip(owners, fresh))
    # An attribute may be called like a variable, or like a file that is named as no attribute.
    lent = [name for name in sources if AT not in name and name not in BUILT_IN | MEANT]
    lent += [spelling[word] for word in owners if word not in attributes and word not in files]
    spelling |= dict(zip(borrowers, itertools.chain(lent, fresh)))
    return Spellings(spelling,
                     {name: dict(zip(sorted(words), common)) for name, words in private.items()})


def kinds_of_names(trees) -> tuple[set[str], set[str]]:
    """Return the names that are attributes, and those that are looked up in a scope.

    The latter include all of a class statement's own expressions: they see its methods.
    """
    attributes, variables = set(), set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                attributes.add(node.attr)
            elif isinstance(node, ast.Name):
                variables.add(node.id)
            elif isinstance(node, (ast.arg, ast.keyword)):
                variables.add(node.arg)
            elif isinstance(node, ast.alias):
                variables.update((node.name, node.asname))
            elif isinstance(node, ast.ClassDef):
                methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
                attributes.update(each.name for each in methods)
                attributes.update(names_in_class_scope(node, methods))
            elif isinstance(node, ast.ExceptHandler):
                variables.add(node.name)
        variables.update(each.name for each in tree.body
                         if isinstance(each, (ast.FunctionDef, ast.ClassDef)))
    return attributes, variables


def names_in_class_scope(statement, methods):
    """Give the names that a class statement looks up while it runs, in its own scope first."""
    parts = [each for each in statement.body if each not in methods]
    for method in methods:
        parts += [*method.decorator_list, *method.args.defaults]
        parts += [each for each in method.args.kw_defaults if each]
    for part in parts:
        yield from (node.id for node in ast.walk(part) if isinstance(node, ast.Name))


def spellings():
    """Give identifiers, the shortest first."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_letters, repeat=length):
            yield "".join(letters)


def fixed_names(sources, trees, kept) -> set[str]:
    """Return the names that must stay as they are."""
    fixed = set(keyword.kwlist) | set(keyword.softkwlist) | {"__getattr__"} | BUILT_IN
    for foreign in FOREIGN:
        fixed.update(dir(foreign))
    for text in kept:
        fixed.update(WORD.findall(text))
    for name, tree in trees.items():
        fixed.update(name.split("."))
        fixed.update(spoken_names(tree))
        fixed.update(foreign_names(tree, set(trees)))
    return fixed


def spoken_names(tree):
    """Give the words of the strings of `tree`, and the names inside its f-strings."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documents:
            if isinstance(node.value, str):
                yield from WORD.findall(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield from WORD.findall(ast.unparse(node))


def foreign_names(tree, ours: set[str]):
    """Give the names of modules, and what `tree` takes from modules that are not ours."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules.add(alias.asname or alias.name)
                yield from alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            yield from package.split(".")
            if package.split(".")[0] not in {name.split(".")[0] for name in ours}:
                yield from (alias.name for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in modules:
            yield node.attr


def defined_names(tree):
    """Give the names that outlive a call: functions, classes, arguments, attributes, globals."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        if isinstance(node, (ast.Module, ast.ClassDef)):
            yield from bound_names(node.body)


def bound_names(body):
    for statement in body:
        for node in ast.walk(statement) if isinstance(statement, ast.Assign) else ():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def named_elsewhere(trees) -> set[str]:
    """Return the names that are imported, or are an attribute or an argument anywhere."""
    known = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                known.add(node.attr)
            elif isinstance(node, ast.alias):
                known.update((node.name, node.asname))
            elif isinstance(node, (ast.arg, ast.keyword)):
                known.add(node.arg)
    return known


def private_names(tree, known: set[str]) -> set[str]:
    """Return the module's own names that no other module imports and nobody has as attribute."""
    own = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    own |= set(bound_names(tree.body))
    inner = {node.name for parent in ast.walk(tree) if isinstance(parent, ast.ClassDef)
             for node in parent.body if isinstance(node, ast.FunctionDef)}
    return {word for word in own - known - inner if word.startswith("_")}


def respelled(text: str, spelling: dict[str, str]) -> str:
    """Return `text` with its names respelled, line by line."""
    lines = text.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string in spelling:
            row, start = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:start] + spelling[token.string] + line[token.end[1]:]
    return "".join(lines)
