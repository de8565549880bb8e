"""The command line against gateways that go away, and against none."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from gateway.cli import main

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n"
NOTIFICATION = json.dumps({"time_ms": 1000, "values": [
    {"path": "/3416/0/3", "name": "dimming-level", "value": 30, "unit": "/100"}]}).encode() + b"\n"
LINE = b"%x\r\n%s\r\n" % (len(NOTIFICATION), NOTIFICATION)
END = b"0\r\n\r\n"


@contextmanager
def answering(path, answer):
    """A gateway that takes one request, gives this answer and closes the connection."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join()
    listener.close()


def called(tmp_path, answer, *arguments):
    path = tmp_path / "faubourg.sock"
    with answering(path, answer):
        return CliRunner().invoke(main, ["--socket", str(path), *arguments])


@pytest.mark.parametrize("broken", [HEAD + LINE, HEAD + LINE + b"5\r\nab", HEAD + LINE + b"7"])
def test_observation_that_the_gateway_breaks_off_ends_with_one(tmp_path, broken):
    shown = called(tmp_path, broken, "observe", "lamp", "dimming-level")
    assert shown.exit_code == 1
    assert "30 %" in shown.stdout
    assert shown.stderr == "faubourg: the gateway has gone away\n"


def test_observation_that_ends_before_its_time_ends_with_one(tmp_path):
    shown = called(tmp_path, HEAD + LINE + END, "observe", "lamp", "dimming-level", "--for", "1h")
    assert shown.exit_code == 1
    assert "has ended" in shown.stderr


def test_observation_with_all_it_was_to_count_ends_with_zero(tmp_path):
    shown = called(tmp_path, HEAD + LINE, "observe", "lamp", "dimming-level", "--count", "1")
    assert (shown.exit_code, shown.stderr) == (0, "")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{"])
def test_command_that_got_no_answer_may_have_been_kept(tmp_path, answer):
    shown = called(tmp_path, answer, "dim", "lamp", "30")
    assert shown.exit_code == 1
    assert "the gateway has gone away before it answered" in shown.stderr
    assert "faubourg commands list" in shown.stderr


def test_question_that_got_no_answer_has_done_nothing(tmp_path):
    shown = called(tmp_path, b"", "nodes")
    assert shown.exit_code == 1
    assert shown.stderr == "faubourg: the gateway has gone away before it answered\n"


def test_where_no_gateway_is_the_command_says_how_to_start_one(tmp_path):
    shown = CliRunner().invoke(main, ["--socket", str(tmp_path / "none"), "dim", "lamp", "30"])
    assert shown.exit_code == 1
    assert "faubourg run" in shown.stderr


@pytest.mark.parametrize("arguments", [("node", ""), ("ping", " "), ("commands", "cancel", "")])
def test_empty_name_is_wrong_use(arguments):
    shown = CliRunner().invoke(main, ["--socket", "none", *arguments])
    assert shown.exit_code == 2
    assert "empty" in shown.stderr
