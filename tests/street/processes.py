"""A gateway and nodes as their users run them: processes, each ended by its own id."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from gateway import private_file
from gateway.cli.connection import ApiClient, ApiError
from protocol import credentials
from protocol import settings as node_settings
from protocol.identity import endpoint_name
from tests import debian
from tests.interrupting import interrupt
from tools.bench import node_heap
from tools.board_images import ROOT

LIMIT_S = 120
PAUSE_S = 0.05
# The figure is that of a node alone whose readings are acknowledged at once. As a process it also
# holds simulated sensors and a socket, prints its events, and keeps readings while nobody listens.
NODE_HEAP_MIN = 96 * 1024
PROCESS_HEAP = 32 * 1024


def until(condition, what=""):
    """Return what `condition()` gives once it gives something; fails after two minutes."""
    end_s = time.monotonic() + LIMIT_S
    while not (found := condition()):
        if time.monotonic() > end_s:
            raise AssertionError(f"waited in vain: {what() if callable(what) else what}")
        time.sleep(PAUSE_S)
    return found


class Process:
    """A program with its output in a file; `close` ends it, however the test went."""

    def __init__(self, folder, name):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        self._process = None

    def run(self, command, **options):
        """Start the program; what it says follows what an earlier start said."""
        with open(self.output, "ab") as output, open(self.errors, "ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, **options)

    @property
    def is_running(self):
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    def end(self, number):
        """Send a signal and return the exit code."""
        if number == signal.SIGINT:
            interrupt(self._process.pid)
        else:
            self._process.send_signal(number)
        return self._process.wait(LIMIT_S)

    def pause(self):
        """Stop it as it is: it hears nothing and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """Let it go on after `pause`."""
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        """Kill it, if it still runs."""
        if self.is_running:
            self._process.kill()
            self._process.wait()

    def said(self):
        """Return the end of what it said, for people."""
        return (self.output.read_text() + self.errors.read_text())[-2000:]


class GatewayProcess(Process):
    """`faubourg run` on loopback `port`, with its settings, data and log in `folder`.

    With `security` "none" it is a bench for peers that have no OSCORE.
    """

    def __init__(self, folder, port, text="", name="street", security="oscore"):
        super().__init__(folder, "gateway")
        self.port = port
        self.security = security
        self.config = folder / "gateway.toml"
        self.readings = folder / "data/readings.jsonl"
        self.config.write_text(
            f'[gateway]\nid = "{name}"\ndata = "data"\nlisten = "127.0.0.1:{port}"\n'
            f'security = "{security}"\ntime = "system"\n[commit]\nmeasurement_ms = 50\n{text}')
        self.api = ApiClient(str(folder / "data/faubourg.sock"))

    def start(self):
        """Start it, and return when it answers."""
        program = Path(sys.executable).with_name("faubourg")
        self.run([program, "run", "--config", self.config])
        until(lambda: self.status() or not self.is_running, self.said)
        assert self.is_running, self.said()
        return self

    def status(self):
        """Return its own state, or None if it does not answer."""
        try:
            return self.api.get("status")
        except ApiError:
            return None

    def count(self, name):
        """Return one of its counters, such as "coap: duplicates"."""
        return self.status()["counters"].get(name, 0)

    def new_keys(self, endpoint):
        """Return the Credentials of a node, which it makes, as the node is to hold them."""
        answer = self.api.post("keys", body={"endpoint": endpoint})
        return credentials.decode(base64.b64decode(answer["credentials"]))

    def node(self, endpoint):
        """Return what it knows of a node, or None."""
        try:
            return self.api.get("nodes", endpoint)
        except ApiError:
            return None

    def state(self, endpoint):
        """Return "registered", "sleeping", "late", "gone", or None."""
        node = self.node(endpoint)
        return node and node["state"]

    def operate(self, endpoint, operation, path, **fields):
        """Do an LwM2M operation at a node; return its answer."""
        body = {"operation": operation, "path": path, **fields}
        return self.api.post("nodes", endpoint, "operations", body=body)

    def key_states(self, endpoint):
        """Return (state, whether a renewal made it) of each of a node's contexts."""
        return [(row["state"], row["id_context"] is not None) for row in self.api.get("keys")
                if row["endpoint"] == endpoint]

    def take_keys(self, other, endpoint):
        """Import the keys that another gateway exports: restored, to be renewed."""
        exported = other.api.post("keys", "export", body={"nodes": [endpoint]})
        imported = self.api.post("keys", "import", body=exported)
        assert imported["imported"] == [endpoint], {**imported, "keys": "..."}

    def read(self, endpoint, path):
        """Return the value of one resource."""
        return self.operate(endpoint, "read", path)["values"][0]["value"]

    def command_line(self, *words):
        """Run `faubourg` against it; return the finished process."""
        program = Path(sys.executable).with_name("faubourg")
        return subprocess.run([program, "--config", self.config, *words], capture_output=True,
                              text=True, timeout=LIMIT_S, check=False)

    def lines(self):
        """Return the packs in the file uplink, whole lines only."""
        if not self.readings.exists():
            return []
        return [json.loads(line) for line in self.readings.read_text().split("\n")[:-1]]

    def log(self):
        """Return the lines of its log."""
        return self.errors.read_text().splitlines()


class NodeProcess(Process):
    """A node of `furniture`: the compiled image of boards/UNIX in MicroPython on i386, with the
    `heap` that it is said to need; with `image` None its sources on this CPython.

    `server` is its GatewayProcess, which gives it keys if it wants messages protected; or the
    port of another server, that wants them in clear where there are no `keys`, its Credentials.
    `settings` are the node's, those of its furniture as `own`.
    """

    def __init__(self, folder, furniture, number, server, image, keys=None, **settings):
        super().__init__(folder, "node")
        mac = bytes((2, 0, 0, 0, 0, number))
        self.furniture = furniture
        self.endpoint = endpoint_name(mac)
        self._image = image
        self.heap = heap_size(furniture)
        self._world = folder / "world"
        port, security = server, "none" if keys is None else "oscore"
        if isinstance(server, GatewayProcess):
            port, security = server.port, server.security
        self._server, self._keys = server, keys
        self._keys_file = folder / "keys.cbor" if security == "oscore" else None
        settings = {"server_uri": f"coap://127.0.0.1:{port}", "registration_spread_s": 0,
                    "report_interval_s": 3, "furniture": settings.pop("own", {}),
                    "security": security, **settings}
        file = folder / "settings.cbor"
        file.write_bytes(node_settings.encode(node_settings.Settings(**settings)))
        self._arguments = ["--settings", file, "--state", folder / "state",
                           "--furniture", furniture, "--mac", mac.hex(), "--world", self._world]
        if self._keys_file:
            self._arguments += ["--keys", self._keys_file]

    def start(self):
        """Start it; it registers by itself. With its first start it is given its keys."""
        if self._keys_file and not self._keys_file.exists():
            keys = self._keys or self._server.new_keys(self.endpoint)
            private_file.write_new(self._keys_file, credentials.encode(keys))
        if self._image is None:
            self.run([sys.executable, ROOT / "boards/UNIX/main.py", *self._arguments],
                     cwd=self.folder, env=dict(os.environ, PYTHONPATH=str(ROOT)))
        else:
            program = debian.program("micropython-i386")
            self.run([program, "-X", f"heapsize={self.heap}", "main.py",
                      *self._arguments],
                     cwd=self._image, env={"MICROPYPATH": f"{self._image}:.frozen"})
        return self

    def give_keys(self, file):
        """Have it start with the credentials in `file`, unless it has some."""
        self._arguments += ["--keys", file]

    def see(self, **values):
        """Let the sensors see `values`; None is a sensor that does not answer."""
        lines = [f"{name.replace('__', '.')} {'none' if value is None else value}\n"
                 for name, value in values.items()]
        new = self._world.with_suffix(".new")
        new.write_text("".join(lines))
        new.replace(self._world)

    def events(self, name=""):
        """Return the events so far, as dicts; with `name` those of one kind."""
        text = self.output.read_text() if self.output.exists() else ""
        events = [json.loads(line) for line in text.split("\n")[:-1]]
        return [event for event in events if name in ("", event["event"])]

    def wait_for(self, condition):
        """Return the first event that meets `condition`."""
        return until(lambda: next(filter(condition, self.events()), None), self.said)

    def wait_for_another(self, name):
        """Wait for one more event of a kind."""
        count = len(self.events(name))
        until(lambda: len(self.events(name)) > count, self.said)

    def taken(self):
        """Return {(boot, sequence): [path, value]} of the readings that have their number."""
        return {(event["boot"], event["sequence"]): [event["path"], event["value"]]
                for event in self.events("ReadingTaken")}

    def took(self, path, value):
        """Return whether it ever took the reading `value` at `path`."""
        ids = [int(part) for part in path.strip("/").split("/")]
        return any(event["path"] == ids and event["value"] == value
                   for event in self.events("ReadingTaken"))


def heap_size(furniture):
    """Return the bytes of heap that do for a node of `furniture` as a process, by the figures."""
    needed = node_heap.committed()[furniture]
    return max(needed, NODE_HEAP_MIN) + PROCESS_HEAP
