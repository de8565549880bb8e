"""A node as a process: `main.py --settings FILE --state DIR [--furniture F] [--mac HEX]
[--world FILE] [--keys FILE]`.

Runs on MicroPython's unix port and on CPython. Each event of the node and each change of its
light is a line of JSON on stdout. The sensors follow a small simulated day; a line `name value`
in the world file overrides one of them at once, for instance `distance_mm 700`, `centicelsius
6500`, `frequency_hz.0 60480` (bay 0), `lux 3`, `is_present 1`; `none` is a sensor that does not
answer. `--keys` names the node's credentials (protocol/credentials.py), which become its own when
it has none yet: afterwards what it holds counts, for its numbers must never begin anew. A second
node on one state folder is refused. SIGINT, on CPython SIGTERM too, de-registers the node and ends
it.
"""

import gc
import sys

# Garbage between code would split the heap. CPython has no such call.
if hasattr(gc, "threshold"):
    gc.threshold(2048)

from firmware import keys
from firmware.adapters import folder_lock
from firmware.adapters.overlays import overlays
from firmware.adapters.udp import Udp
from firmware.adapters.unix import (
    RestartWanted,
    UnixBoard,
    interrupt_on_sigterm,
    print_error,
    print_event,
    print_line,
)
from firmware.adapters.unix_sensors import fit_sensors
from firmware.adapters.uptime import Uptime
from firmware.node import Node
from firmware.runner import Runner
from protocol import credentials
from protocol import settings as node_settings

IN_USE_EXIT_CODE = 1
RESTART_EXIT_CODE = 3
USAGE_EXIT_CODE = 2


def options_of(arguments):
    """Return the command line as a dict, with defaults; None if it is no command line of ours."""
    options = {"furniture": "lamp", "mac": "020000000001", "world": "", "keys": ""}
    known = ("settings", "state", "furniture", "mac", "world", "keys")
    if len(arguments) % 2:
        return None
    for index in range(0, len(arguments), 2):
        name = arguments[index][2:]
        if arguments[index][:2] != "--" or name not in known:
            return None
        options[name] = arguments[index + 1]
    return options if "settings" in options and "state" in options else None


def take_keys(store, path):
    """Give the node the credentials in the file `path`, if it has none."""
    if store.read(keys.KEY) is None:
        with open(path, "rb") as file:
            given = credentials.decode(file.read())
        store.write(keys.KEY, keys.encode(0, credentials.encode(given)))


def run(options):
    """Run the node that `options` describe until it is stopped; return the exit code."""
    with open(options["settings"], "rb") as file:
        settings = node_settings.decode(file.read())
    uptime = Uptime()
    mac = bytes.fromhex(options["mac"])
    board = UnixBoard(options["furniture"], mac, options["state"])
    lock = folder_lock.hold(options["state"])
    if lock is None:
        sys.stderr.write("--state %s: another node runs with it, or it cannot be locked; "
                         "give each node a folder of its own\n" % options["state"])
        return IN_USE_EXIT_CODE
    if options["keys"]:
        take_keys(board.store, options["keys"])
    fit_sensors(board, settings, uptime, options["world"], print_line)
    node = Node(board, settings)
    print_line({"event": "Started", "endpoint": node.endpoint_name})
    transport = Udp(uptime)
    try:
        Runner(node, transport, uptime, board.watchdog, None, print_event, print_error,
               overlays.forget).run()
    except RestartWanted:
        return RESTART_EXIT_CODE
    finally:
        transport.close()
        lock.close()
    return 0


if __name__ == "__main__":
    given = options_of(sys.argv[1:])
    if given is None:
        print("usage: main.py --settings FILE --state DIR"
              " [--furniture lamp|bin|parking] [--mac HEX] [--world FILE] [--keys FILE]")
        sys.exit(USAGE_EXIT_CODE)
    interrupt_on_sigterm()
    sys.exit(run(given))
