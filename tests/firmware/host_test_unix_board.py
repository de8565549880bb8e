"""The UNIX board as a real process against a small server: registers, reports, reacts, leaves."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from protocol import coap_message as coap
from protocol import settings
from protocol.coap_endpoint import Endpoint
from protocol.coap_values import RequestReceived, Response
from tests import debian
from tests.interrupting import interrupt
from tools.board_images import ROOT

END_S = 60
ENVIRONMENT = dict(os.environ, MICROPYPATH=f"{ROOT}:.frozen", PYTHONPATH=str(ROOT))


class Server:
    """A registration server on loopback; `requests` lists what it was asked."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._endpoint = Endpoint(os.urandom)
        self.port = self._socket.getsockname()[1]
        self.requests = []

    def turn(self):
        now_ms = int(time.monotonic() * 1000)
        try:
            datagram, peer = self._socket.recvfrom(2000)
            self._endpoint.receive_datagram(datagram, peer, now_ms)
        except TimeoutError:
            self._endpoint.handle_timeout(now_ms)
        while event := self._endpoint.next_event():
            if isinstance(event, RequestReceived):
                self._answer(event, now_ms)
        for datagram, peer in self._endpoint.datagrams_to_send():
            self._socket.sendto(datagram, peer)

    def _answer(self, event, now_ms):
        request = event.request
        self.requests.append((request.code, request.path[0]))
        response = Response(coap.CHANGED)
        if request.code == coap.DELETE:
            response = Response(coap.DELETED)
        elif request.path == ("rd",):
            response = Response(coap.CREATED, location=("rd", "1"))
        self._endpoint.send_response(event.exchange, response, now_ms)

    def close(self):
        self._socket.close()


class Process:
    """A node's process and the events that it printed."""

    def __init__(self, interpreter, furniture, server, folder):
        self.server = server
        self.world = folder / "world"
        settings_file = folder / "settings.cbor"
        settings_file.write_bytes(settings.encode(settings.Settings(
            server_uri=f"coap://127.0.0.1:{server.port}", registration_spread_s=0,
            security="none",
            furniture={"measure_interval_s": 10} if furniture == "bin" else {})))
        self._output = open(folder / "stdout", "w+")
        self.command = [
            *interpreter, ROOT / "boards/UNIX/main.py", "--settings", settings_file,
            "--state", folder / "state", "--furniture", furniture, "--world", self.world]
        self._process = subprocess.Popen(
            self.command, stdout=self._output, cwd=ROOT, env=ENVIRONMENT)

    def events(self):
        self._output.flush()
        with open(self._output.name) as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def wait_for(self, condition):
        """Serve until an event meets `condition`; return it."""
        end_s = time.monotonic() + END_S
        while time.monotonic() < end_s:
            self.server.turn()
            for event in self.events():
                if condition(event):
                    return event
        raise AssertionError(f"not seen: {self.events()[-5:]}")

    def stop(self):
        interrupt(self._process.pid)
        end_s = time.monotonic() + END_S
        while self._process.poll() is None and time.monotonic() < end_s:
            self.server.turn()
        return self._process.returncode

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._output.close()


INTERPRETERS = {
    "cpython": lambda: [sys.executable],
    "micropython": lambda: [debian.program("micropython"), "-X", "heapsize=1m"],
    "micropython-i386": lambda: [debian.program("micropython-i386"), "-X", "heapsize=512k"],
}


@pytest.fixture(params=INTERPRETERS)
def start(request, tmp_path):
    started = []
    server = Server()

    def start(furniture):
        interpreter = INTERPRETERS[request.param]()
        started.append(Process(interpreter, furniture, server, tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.close()
    server.close()


def test_lamp_registers_shines_and_leaves_on_an_interrupt(start):
    process = start("lamp")
    process.wait_for(lambda event: event["event"] == "Registered")
    process.wait_for(lambda event: event["event"] == "LightSet")
    assert process.stop() == 0
    assert process.server.requests[-1] == (coap.DELETE, "rd")
    assert process.events()[-1] == {"event": "Stopped"}


def test_second_node_on_a_state_folder_is_refused_while_the_first_one_lives(start):
    process = start("lamp")
    process.wait_for(lambda event: event["event"] == "Started")
    second = subprocess.run(
        process.command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, timeout=END_S)
    assert (second.returncode, second.stdout) == (1, b"")
    assert b"/state: another node runs with it" in second.stderr
    process.close()
    start("lamp").wait_for(lambda event: event["event"] == "Registered")


def test_bin_sees_what_the_world_file_says(start):
    process = start("bin")
    process.world.write_text("distance_mm 600\n")
    reading = process.wait_for(
        lambda event: event["event"] == "ReadingTaken" and event["path"] == [3435, 0, 2])
    assert reading["value"] == "50"
    process.wait_for(lambda event: event["event"] == "ReadingsAcknowledged")
    process.world.write_text("distance_mm 600\ncenticelsius 7000\n")
    fire = process.wait_for(lambda event: event.get("path") == [3435, 0, 22])
    assert fire["value"] is True


def test_parking_sees_a_car_that_the_world_file_drives_in(start):
    process = start("parking")
    process.world.write_text("frequency_hz.0 60000\n")
    process.wait_for(lambda event: event["event"] == "Registered")
    process.wait_for(lambda event: event.get("path") == [3318, 0, 5700])
    process.world.write_text("frequency_hz.0 60600\n")
    car = process.wait_for(
        lambda event: event.get("path") == [3431, 0, 1] and event["value"] is True)
    assert car["event"] == "ReadingTaken"


def test_wrong_command_line_shows_the_usage():
    command = [sys.executable, ROOT / "boards/UNIX/main.py", "--colour", "red"]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    result = subprocess.run(command, capture_output=True, env=environment)
    assert result.returncode == 2
    assert b"usage: main.py" in result.stdout
