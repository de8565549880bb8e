"""The machinery that runs portable tests inside MicroPython."""

import json

import pytest

from protocol.number import Decimal
from tests.micropython import values
from tests.micropython.process import (
    INTERPRETERS,
    InterpreterDied,
    MicroPythonProcess,
    outcome_here,
)

SAMPLE = """
def test_passes():
    print("said on the way")

def test_fails():
    assert 1 == 2, "one is not two"

def test_leaves():
    raise SystemExit(3)

def test_hangs():
    while True:
        pass

def test_fills_the_heap():
    bytes(1000000)
"""


@pytest.fixture(params=INTERPRETERS)
def start(request, tmp_path):
    (tmp_path / "sample.py").write_text(SAMPLE)
    processes = []

    def start_process(**options):
        process = MicroPythonProcess(request.param, "run.py", "sample", root=tmp_path, **options)
        processes.append(process)
        return process

    yield start_process
    for process in processes:
        process.close()


def test_passing_function_has_no_traceback(start, capsys):
    assert json.loads(start().ask("test_passes")) == ["test_passes", None]
    assert "said on the way" in capsys.readouterr().out


def test_failing_function_gives_its_traceback_and_the_next_one_runs(start):
    process = start()
    name, detail = json.loads(process.ask("test_fails"))
    assert "one is not two" in detail and 'sample.py", line 6' in detail
    assert json.loads(process.ask("test_passes"))[1] is None


def test_function_that_ends_the_interpreter_fails_with_its_exit_code(start):
    with pytest.raises(InterpreterDied, match="ended with 3"):
        start().ask("test_leaves")


def test_function_that_never_returns_fails_at_the_time_limit(start):
    process = start(time_limit_s=0.5)
    with pytest.raises(InterpreterDied, match="no answer within 0.5 s"):
        process.ask("test_hangs")
    assert not process.is_running


def test_heap_is_as_large_as_stated(start):
    assert "MemoryError" in json.loads(start(heap="64k").ask("test_fills_the_heap"))[1]
    assert json.loads(start(heap="32m").ask("test_fills_the_heap"))[1] is None


def test_file_that_cannot_be_imported_fails_with_what_the_interpreter_said(start, tmp_path):
    (tmp_path / "sample.py").write_text("import nowhere")
    with pytest.raises(InterpreterDied, match="no module named 'nowhere'"):
        start().ask("test_passes")


@pytest.mark.parametrize("value", [
    None, True, 0, -1, 2**70, "é\n", b"", b"\x00\xff", [1, [2]], (1, (b"2",)), {}, {(1,): [b"x"]},
    1.1, float("inf"), Decimal(2150, -2),
])
def test_value_crosses_to_micropython_and_back(micropython_worker, value):
    echoed = micropython_worker.call("tests.micropython.values", "loads", values.dumps(value))
    assert echoed == value and type(echoed) is type(value)


def test_worker_tells_the_exception_that_a_call_raised(micropython_worker):
    assert micropython_worker.outcome("binascii", "unhexlify", "0") == ("error", "ValueError")
    assert outcome_here("tests.micropython.values", "loads", "{") == ("error", "JSONDecodeError")


def test_result_here_is_told_as_the_worker_tells_it(micropython_worker):
    call = ("binascii", "hexlify", b"\x01")
    assert micropython_worker.outcome(*call) == outcome_here(*call) == ("value", b"01")
