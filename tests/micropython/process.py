"""MicroPython processes that answer line by line, as the host's tests hold them."""

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

from tests import debian
from tests.micropython import values
from tools import board_images

ROOT = Path(__file__).resolve().parents[2]
INTERPRETERS = ("micropython", "micropython-i386")
# i386: the heap of an ESP32 with external memory; amd64's words are twice as long.
HEAP_SIZES = {"micropython": "4m", "micropython-i386": "2m"}
ANSWER_TIME_LIMIT_S = 300
PRINTED_MAX = 20_000
RESULT = "@result "


class InterpreterDied(AssertionError):
    """The interpreter ended, or had to be ended; the message holds what it said."""


class LineProcess:
    """A process that answers each line of input with one result line, and prints what it likes.

    `path` is its MICROPYPATH; its standard error goes to where its output goes.
    """

    def __init__(self, command: list[str], cwd: Path, path: str,
                 time_limit_s: float = ANSWER_TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=cwd, env={"MICROPYPATH": path, "PATH": os.defpath})
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._unread = b""

    def ask(self, line: str) -> str:
        """Return the answer to `line`; what the script printed before it goes to our own output.

        Raises InterpreterDied if none comes within the time limit.
        """
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended already: reading says why.
        deadline_s = time.monotonic() + self._time_limit_s
        printed = ""
        while True:
            text = self._read_line(deadline_s)
            if text.startswith(RESULT):
                sys.stdout.write(printed)
                return text[len(RESULT):]
            printed = (printed + text)[-PRINTED_MAX:]
            if not text.endswith("\n"):
                raise InterpreterDied(f"{self._how_it_ended(deadline_s)}; it said:\n{printed}")

    def close(self) -> None:
        """End the process: kindly, and after a second by force."""
        self._selector.close()
        try:
            self._process.communicate(timeout=1)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.communicate()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def _read_line(self, deadline_s: float) -> str:
        # A text without a newline at its end means: no more will come.
        while b"\n" not in self._unread:
            if not self._selector.select(max(0, deadline_s - time.monotonic())):
                break
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                break
            self._unread += data
        line, newline, self._unread = self._unread.partition(b"\n")
        return (line + newline).decode(errors="replace")

    def _how_it_ended(self, deadline_s: float) -> str:
        if time.monotonic() >= deadline_s:
            self._process.kill()
            self._process.wait()
            return f"no answer within {self._time_limit_s} s"
        return f"ended with {self._process.wait()}"


class MicroPythonProcess(LineProcess):
    """One interpreter that runs a script of this folder."""

    def __init__(self, interpreter: str, script: str, *arguments: str, heap: str = "",
                 root: Path = ROOT, time_limit_s: float = ANSWER_TIME_LIMIT_S) -> None:
        heap = heap or HEAP_SIZES[interpreter]
        command = [debian.program(interpreter), "-X", f"heapsize={heap}",
                   str(ROOT / "tests/micropython" / script), str(root), *arguments]
        super().__init__(command, root, ".frozen", time_limit_s)


class MicroPythonWorker:
    """Calls functions inside a MicroPython that stays, to compare it with this Python."""

    def __init__(self, interpreter: str, heap: str = "") -> None:
        self._process = MicroPythonProcess(interpreter, "worker.py", heap=heap)
        self._imported: set[str] = set()

    def outcome(self, module: str, function: str, *arguments) -> tuple:
        """Return `("value", result)` or `("error", class name)` of the call there."""
        return self._answer(module, function, arguments)[:2]

    def call(self, module: str, function: str, *arguments):
        """Return what the call there returns; a failure there fails here."""
        answer = self._answer(module, function, arguments)
        assert answer[0] == "value", f"{module}.{function} raised {answer[1]}: {answer[2]}"
        return answer[1]

    def close(self) -> None:
        self._process.close()

    def _answer(self, module: str, function: str, arguments: tuple) -> tuple:
        imports = [] if module in self._imported else import_order(module)
        self._imported.add(module)
        question = values.dumps([imports, module, function, list(arguments)])
        return values.loads(self._process.ask(question))


def import_order(module: str) -> list[str]:
    """Return the modules of ours to import, `module` the last, so that no import nests."""
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not source.exists():
        return [module]
    needed = board_images.needed_files(source)
    return [board_images.module_name(path) for path in needed if path.name != "__init__.py"]


def outcome_here(module: str, function: str, *arguments) -> tuple:
    """Return the same as `MicroPythonWorker.outcome`, of a call in this Python."""
    called = getattr(__import__(module, None, None, (function,)), function)
    try:
        return values.loads(values.dumps(("value", called(*arguments))))
    except Exception as error:
        return ("error", type(error).__name__)
