"""Collect the portable tests a second and a third time, for MicroPython on amd64 and on i386.

`tests/protocol/test_*.py` and `tests/firmware/test_*.py` are ordinary pytest files on CPython;
here each of their functions becomes `name[micropython]` and `name[micropython-i386]` too, run in
one MicroPython process per file. A file may name the i386 heap that must do for it:
`MICROPYTHON_HEAP = "96k"`.
"""

import ast
import json
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.micropython.process import (
    INTERPRETERS,
    ROOT,
    InterpreterDied,
    MicroPythonProcess,
    MicroPythonWorker,
    import_order,
)
from tests.summary import pytest_terminal_summary  # noqa: F401 - a hook that pytest finds here

PORTABLE_AREAS = (ROOT / "tests/protocol", ROOT / "tests/firmware")

# The same examples in every run, and no limit on their time: a slow machine is no failure.
settings.register_profile("default", deadline=None, derandomize=True, print_blob=True,
                          suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("prove", settings.get_profile("default"), derandomize=False,
                          max_examples=5000)
settings.load_profile("default")


def pytest_configure():
    """Let the nodes that tests interrupt hear it: what a shell runs in the background does not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session):
    """In CI a test that did not run is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collect_file(file_path, parent):
    is_portable = any(area in file_path.parents for area in PORTABLE_AREAS)
    if is_portable and file_path.match("test_*.py"):
        return PortableFile.from_parent(parent, path=file_path)
    return None


@pytest.fixture(scope="session", params=INTERPRETERS)
def micropython_worker(request):
    """A MicroPythonWorker, once per interpreter."""
    worker = MicroPythonWorker(request.param)
    yield worker
    worker.close()


class PortableFile(pytest.File):
    """The functions of one portable test file, for each MicroPython."""

    def collect(self):
        tree = ast.parse(self.path.read_text())
        self._heap = declared_heap(tree)
        self._processes = {}
        for interpreter in INTERPRETERS:
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    yield PortableTest.from_parent(
                        self, name=f"{node.name}[{interpreter}]", function=node.name,
                        line=node.lineno, interpreter=interpreter)

    def run(self, interpreter, function):
        """Return the traceback of `function`, or None if it passed."""
        process = self._processes.get(interpreter)
        if process is None or not process.is_running:
            process = self._start(interpreter)
        name, detail = json.loads(process.ask(function))
        assert name == function
        return detail

    def teardown(self):
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def _start(self, interpreter):
        module = ".".join(self.path.relative_to(ROOT).with_suffix("").parts)
        heap = self._heap if interpreter == "micropython-i386" else ""
        process = MicroPythonProcess(interpreter, "run.py", *import_order(module), heap=heap)
        ended = self._processes.pop(interpreter, None)
        if ended:
            ended.close()
        self._processes[interpreter] = process
        return process


class PortableTest(pytest.Item):
    """One function of a portable test file, inside one MicroPython."""

    def __init__(self, *, function, line, interpreter, **options):
        super().__init__(**options)
        self._function = function
        self._line = line
        self._interpreter = interpreter

    def runtest(self):
        detail = self.parent.run(self._interpreter, self._function)
        if detail:
            raise PortableFailure(detail)

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, (PortableFailure, InterpreterDied)):
            return f"in {self._interpreter}:\n{excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self._line - 1, self.name


class PortableFailure(Exception):
    """A test function raised inside MicroPython; the message is its traceback."""


def declared_heap(tree):
    """Return the file's MICROPYTHON_HEAP, or an empty string."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            if getattr(node.targets[0], "id", "") == "MICROPYTHON_HEAP":
                return ast.literal_eval(node.value)
    return ""
